# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""The driver of a resource that has none: it has commands and stop outputs only."""

from viam_session_bridge.core.setpoints import Setpoint


class NoDriver:
    """Refuses to move, and has nothing to stop."""

    def __init__(self, resource: str) -> None:
        self._resource = resource

    def send(self, setpoint: Setpoint, epoch: int) -> None:
        """Refuse."""
        raise TypeError(f'{self._resource}: it has commands only and cannot do {setpoint}')

    def stop(self, epoch: int) -> None:
        """Nothing moves by it."""

    def path_problem(self) -> str:
        """Nothing has to arrive."""
        return ''
