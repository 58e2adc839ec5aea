# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""viam.component.generic.v1.GenericService: all it does is DoCommand; see commands.py."""

from viam_session_bridge.rpc.actuated_service import ActuatedService


class GenericService(ActuatedService):
    """Serves the generic components of a gate. Methods are spelled as in the proto."""

    API = 'generic'
