# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""What the services of components with joints have in common: where they are, and goals."""

import math
from typing import Any

import grpc

from viam_session_bridge.core.errors import NoFeedback
from viam_session_bridge.core.move import Arrival, Motion
from viam_session_bridge.core.setpoints import Trajectory
from viam_session_bridge.core.stop import JointSample
from viam_session_bridge.rpc import proto, urdf
from viam_session_bridge.rpc.actuated_service import ActuatedService
from viam_session_bridge.rpc.status import CallError, unimplemented


class JointService(ActuatedService):
    """Serves components whose configuration is a PositionedConfig."""

    def _measured(self, name: str, method: str) -> JointSample:
        """Return where the joints are and how fast. Raises CallError or NoFeedback."""
        if not self.configs[name].joint_states_topic:
            raise unimplemented(
                f'{name}: {method} needs to know where the joints are; configure '
                f'{name}.joint_states_topic')
        sample = self._supervisor.sample(name)
        if not isinstance(sample, JointSample):
            raise NoFeedback(
                f'{name}: {method} needs to know where the joints are, and no joint state of all '
                f'of them has arrived lately on {name}.joint_states_topic'
                f'{self._why_silent(name)}')
        return sample

    def _kinematics(self, name: str, mounted: bool = False) -> Any:
        """
        Return the URDF of a component's chain, as GetKinematics answers it. Raises CallError.

        mounted: it begins where the component is mounted, not at the robot's root.
        """
        own = self.configs[name]
        if not own.robot_description_topic:
            raise unimplemented(
                f'{name}: GetKinematics needs the URDF; configure '
                f'{name}.robot_description_topic')
        description = self._feedback(name).description()
        if not description:
            raise CallError(
                grpc.StatusCode.UNAVAILABLE,
                f'{name}: no robot description has arrived yet; is '
                f'{name}.robot_description_topic published (robot_state_publisher does)?')
        try:
            text = urdf.chain(description, own.joints, self._counting(own), mounted)
        except urdf.NoChain as problem:
            raise CallError(
                grpc.StatusCode.FAILED_PRECONDITION,
                f'{name}: {problem} (see {name}.joints)') from problem
        return proto.common.GetKinematicsResponse(
            format=proto.common.KINEMATICS_FILE_FORMAT_URDF, kinematics_data=text.encode())

    def _counting(self, own: Any) -> urdf.Counting:
        """Return how clients count the joints of the URDF."""
        return urdf.Counting(own.scale_of_joints)

    def _goal(self, name: str, trajectory: Trajectory, anywhere: bool = False,
              monitored: bool = True, passed: float = 0.0) -> Motion:
        """
        Return a trajectory as a motion: seen to arrive where there is feedback, else timed.

        anywhere: it is over, too, when the joints come to stand short of the goal. passed: so much
        of it (s) is over already. A slow move may take max_move_duration beside that.
        """
        own, end, left = (
            self.configs[name], trajectory.end, max(0.0, trajectory.end.time - passed))
        if not own.joint_states_topic:
            return Motion(trajectory, left, once=True, settles=True, monitored=monitored)
        tolerances = (math.inf,) * len(end.positions) if anywhere else own.tolerances
        return Motion(
            trajectory, max(own.max_move_duration, left), Arrival(end.positions, tolerances),
            once=True, settles=True, earliest=left, monitored=monitored)
