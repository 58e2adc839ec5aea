# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""What the services of components with joints have in common: where they are, and goals."""

from viam_session_bridge.core.course import Arrival, JointSample
from viam_session_bridge.core.errors import NoFeedback
from viam_session_bridge.core.motion import Motion
from viam_session_bridge.core.setpoints import Trajectory
from viam_session_bridge.rpc.component_service import (
    ComponentService,
    TIME_LIMIT_FACTOR,
    TIME_LIMIT_MARGIN,
)
from viam_session_bridge.rpc.status import unimplemented


class JointService(ComponentService):
    """Serves components whose properties tell joints, has_feedback, tolerance and standing."""

    def _measured(self, name: str, method: str) -> JointSample:
        """Return where the joints are and how fast. Raises CallError or NoFeedback."""
        self._resource(name)
        if not self.properties[name].has_feedback:
            raise unimplemented(
                f'{name}: {method} needs to know where the joints are; configure '
                f'{name}.joint_states_topic')
        sample = self._gate.sample(name)
        if not isinstance(sample, JointSample):
            raise NoFeedback(
                f'{name}: {method} needs to know where the joints are, and no joint state of all '
                f'of them has arrived lately on {name}.joint_states_topic'
                f'{self._why_silent(name)}')
        return sample

    def _goal(self, name: str, trajectory: Trajectory, anywhere: bool = False,
              monitored: bool = True, passed: float = 0.0) -> Motion:
        """
        Return a trajectory as a motion: seen to arrive where there is feedback, else timed.

        anywhere: it is over, too, when the joints come to stand short of the goal. passed: so much
        of it (s) is over already.
        """
        own, end, left = self.properties[name], trajectory.end, trajectory.end.time - passed
        if not own.has_feedback:
            return Motion(trajectory, left, once=True, settles=True, monitored=monitored)
        tolerance = float('inf') if anywhere else own.tolerance
        return Motion(
            trajectory, left * TIME_LIMIT_FACTOR + TIME_LIMIT_MARGIN,
            Arrival(end.positions, tolerance, own.standing), once=True, settles=True,
            earliest=left, monitored=monitored)
