# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""viam.component.generic.v1.GenericService: has only DoCommand; see commands.py."""

from viam_session_bridge.rpc.actuated_service import ActuatedService


class GenericService(ActuatedService):
    """viam.component.generic.v1.GenericService."""

    API = 'generic'
