# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""The common base of the services of components with joints: measured positions, and goals."""

from collections.abc import Sequence
import math
from typing import Any

import grpc

from viam_session_bridge.core.move import Arrival, Motion
from viam_session_bridge.core.setpoints import Trajectory, Waypoint
from viam_session_bridge.rpc import proto, urdf
from viam_session_bridge.rpc.actuated_service import ActuatedService
from viam_session_bridge.rpc.status import CallError, unimplemented
from viam_session_bridge.rpc.trajectories import Pace, timed


class JointService(ActuatedService):
    """The service of components whose configuration is a PositionedConfig."""

    def _kinematics(self, name: str, mounted: bool = False) -> Any:
        """
        Return the response of GetKinematics: the URDF of a component's chain. Raises CallError.

        mounted: the chain begins at the link the component is mounted on, not at the robot's root.
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
        """Return the joint scale and offsets that clients use."""
        return urdf.Counting(own.scale_of_joints)

    def _way(self, name: str, stations: Sequence[tuple[float, ...]], pace: Pace, field: str, *,
             whole: tuple[float, ...] = (), anywhere: bool = False,
             monitored: bool = True) -> Motion:
        """
        Return the motion through these positions (rad or m) at this pace.

        field: the field of the request, for errors. whole: the range of each joint, if the
        component also moves without feedback: it then takes the time of the whole range. See _goal
        for the others. Raises CallError, NoFeedback or InvalidCommand.
        """
        own = self.configs[name]
        if whole and not own.joint_states_topic:
            trajectory = Trajectory((Waypoint(pace.seconds(whole), stations[-1]),))
        else:
            here = self._measured(name, 'moving').positions
            trajectory = timed(here, stations, pace, own.max_move_duration, field)
        return self._goal(name, trajectory, anywhere, monitored)

    def _goal(self, name: str, trajectory: Trajectory, anywhere: bool = False,
              monitored: bool = True, passed: float = 0.0) -> Motion:
        """
        Return a trajectory as a motion: its end is measured if there is feedback, else timed.

        anywhere: the move also ends if the joints come to rest before the goal. passed: the time
        (s) of the trajectory that has passed already. A slow move may take max_move_duration.
        """
        own, end, left = (
            self.configs[name], trajectory.end, max(0.0, trajectory.end.time - passed))
        if not own.joint_states_topic:
            return Motion(trajectory, left, once=True, settles=True, monitored=monitored)
        tolerances = (math.inf,) * len(end.positions) if anywhere else own.tolerances
        return Motion(
            trajectory, max(own.max_move_duration, left), Arrival(end.positions, tolerances),
            once=True, settles=True, earliest=left, monitored=monitored)
