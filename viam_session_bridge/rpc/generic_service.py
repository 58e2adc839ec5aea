# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""viam.component.generic.v1.GenericService: all it does is DoCommand; see commands.py."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from viam_session_bridge.rpc import proto
from viam_session_bridge.rpc.commands import CommandInfo
from viam_session_bridge.rpc.component_service import ComponentService


@dataclass(frozen=True)
class GenericProperties:
    """What the service must know of a generic component: the commands of DoCommand."""

    commands: Mapping[str, CommandInfo] = field(default_factory=dict)


class GenericService(ComponentService):
    """Serves the generic components of a gate. Methods are spelled as in the proto."""

    API = 'generic'
    MESSAGES = proto.generic
