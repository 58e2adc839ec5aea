# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Joints behind the topic of a joint_trajectory_controller: trajectory_msgs/JointTrajectory.

A controller rejects an empty trajectory, one that lacks joints, and one that does not end at rest,
and then continues the previous one. So a stop is a trajectory of one point that names every joint
with the position to hold. It starts at once (stamp 0) and has a short duration: without one, it
would jerk the joints back to where they were one message ago.
"""

import math

from builtin_interfaces.msg import Duration
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from viam_session_bridge.core.setpoints import Setpoint, Trajectory, Waypoint
from viam_session_bridge.parameters.joints import PositionedConfig, TrajectoryTable
from viam_session_bridge.ros.drivers.following import Following
from viam_session_bridge.ros.drivers.positions import Positions
from viam_session_bridge.ros.plugins import OwnTools
from viam_session_bridge.ros.sources.joint_states import JointReading


class JointTrajectoryDriver:
    """
    Publishes trajectories as a whole; the controller follows them by itself.

    hold_time: how long (s) the controller may take to come to rest where a stop holds the joints.
    """

    NAME = 'joint_trajectory'
    APIS = ('arm', 'gantry', 'gripper', 'servo')
    TABLE = TrajectoryTable

    def __init__(self, config: PositionedConfig, tools: OwnTools) -> None:
        self._resource = config.name
        self._supervision = tools.supervision
        self._names = list(config.names)
        self._hold_time = config.hold_time
        self._positions = Positions(config.name, tools.joints)
        self._joints = self._positions.joints
        self._following: Following | None = None
        self._epoch: int | None = None
        # Replaced as a whole by the executor's thread.
        self._reading: JointReading | None = None
        self._output = tools.output(JointTrajectory, config.topic)

    def observe(self, reading: JointReading) -> None:
        """Take a measurement; called by the executor's thread."""
        # As published: a controller compares its commands with what its joints publish.
        self._positions.observe(reading.raw, reading)
        if reading.is_known:
            self._reading = reading

    def send(self, setpoint: Setpoint, epoch: int) -> None:
        """Publish a trajectory, or its remainder where another one extends it."""
        trajectory, now, seen = self._positions.checked(setpoint), self._joints.clock(), self._seen
        if self._following is None or epoch != self._epoch:
            self._epoch = epoch
            trajectory = _ahead(trajectory, self._hold_time)
            self._following = Following(self._joints.hold, trajectory, now, seen)
        else:
            trajectory = self._following.go_on(trajectory, now, seen)
            self._supervision.runs_late(self._resource, epoch, self._following.late)
        sent = self._positions.handed_over(trajectory, self._following.ends_at)
        self._output.publish(JointTrajectory(
            joint_names=self._names, points=[_point(one) for one in _resting(sent)]))

    @property
    def _seen(self) -> JointReading | None:
        """Return the latest joint reading; None if there is no fresh one."""
        reading, oldest = self._reading, min(each.patience for each in self._joints.hold)
        if reading is None or self._joints.clock() - reading.at >= oldest:
            return None
        return reading

    def stop(self, epoch: int) -> None:
        """Publish the position that each joint holds. Raises NoMeasurement if one is unknown."""
        held = self._positions.stopping(epoch)
        if held is None:
            return
        time = self._positions.hold_duration(self._hold_time)
        self._output.publish(JointTrajectory(
            joint_names=self._names, points=[_point(Waypoint(time, held, (0.0,) * len(held)))]))

    def path_problem(self) -> str:
        """Return why a stop would not arrive, or could not hold; empty when it would."""
        return self._output.path_problem() or self._positions.path_problem()


def _ahead(trajectory: Trajectory, least: float) -> Trajectory:
    """
    Return the points after the least time.

    A point at time 0 is where the joints are: the controller begins there by itself, and a joint
    with a small offset would be jerked to it.
    """
    ahead = tuple(point for point in trajectory.points if point.time > 0.0)
    return Trajectory(ahead or (Waypoint(least, trajectory.end.positions),))


def _resting(trajectory: Trajectory) -> list[Waypoint]:
    """Return the points as a controller accepts them: at rest at the last."""
    ahead, last = list(trajectory.points), trajectory.end
    if last.velocities is not None and any(last.velocities):
        ahead[-1] = Waypoint(last.time, last.positions, (0.0,) * len(last.positions))
    # All points or none: a controller rejects a mixture.
    if any(point.velocities is None for point in ahead):
        ahead = [Waypoint(point.time, point.positions) for point in ahead]
    return ahead


def _point(waypoint: Waypoint) -> JointTrajectoryPoint:
    fraction, seconds = math.modf(waypoint.time)
    return JointTrajectoryPoint(
        positions=list(waypoint.positions), velocities=list(waypoint.velocities or ()),
        time_from_start=Duration(sec=int(seconds), nanosec=int(fraction * 1e9)))
