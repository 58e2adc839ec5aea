# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Joints behind the topic of a joint_trajectory_controller: trajectory_msgs/JointTrajectory.

A controller rejects an empty trajectory, one that lacks joints, and one that does not end at rest,
and then goes on with what it was doing. So a stop is a trajectory of one point that names every
joint with the position it is to hold, to start at once (stamp 0) and to be reached in a moment:
sooner would jerk the joints back to where they were one message ago.
"""

from collections.abc import Callable
from dataclasses import replace
import math

from builtin_interfaces.msg import Duration
from rclpy.node import Node
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from viam_session_bridge.core.setpoints import Setpoint, Trajectory, Waypoint
from viam_session_bridge.ros.drivers.output import OutputTopic
from viam_session_bridge.ros.drivers.positions import Joints, Positions
from viam_session_bridge.ros.joint_states import JointReading


class JointTrajectoryDriver:
    """
    Publishes trajectories as a whole; the controller follows them by itself.

    hold_time: how long (s) the controller may take to come to rest where a stop holds the joints.
    """

    def __init__(self, node: Node, resource: str, topic: str, joints: Joints, *,
                 hold_time: float, driver_node: str, on_appear: Callable[[], None]) -> None:
        self._names = list(joints.names)
        self._hold_time = hold_time
        self._positions = Positions(resource, joints)
        self._output = OutputTopic(
            node, resource, JointTrajectory, topic, driver_node=driver_node, on_appear=on_appear,
            choice=f'another {resource}.driver')

    @property
    def topic(self) -> str:
        """Return the topic's full name, after namespace and remapping."""
        return self._output.name

    def observe(self, reading: JointReading) -> None:
        """Take a measurement; called by the executor's thread."""
        # As published: a controller compares its commands with what its joints publish.
        self._positions.observe(reading.raw, reading)

    def send(self, setpoint: Setpoint, epoch: int) -> None:
        """Publish a trajectory, or what is left of it where it goes on as another."""
        trajectory = self._positions.trajectory(setpoint)
        since = self._positions.since(epoch)
        points = _ahead(trajectory, self._hold_time) if since == 0.0 else _left(
            trajectory, since, self._hold_time)
        self._positions.sent(trajectory)
        self._output.publish(JointTrajectory(
            joint_names=self._names, points=[_point(one) for one in points]))

    def stop(self, epoch: int) -> None:
        """Publish where every joint is to hold. Raises Unmeasured when nobody knows where."""
        held = self._positions.stopping(epoch)
        if held is None:
            return
        time = self._positions.hold_duration(self._hold_time)
        self._output.publish(JointTrajectory(
            joint_names=self._names, points=[_point(Waypoint(time, held, (0.0,) * len(held)))]))

    def path_problem(self) -> str:
        """Say why a stop would not arrive, or could not hold; empty when it would."""
        return self._output.path_problem() or self._positions.path_problem()


def _ahead(trajectory: Trajectory, least: float) -> list[Waypoint]:
    """
    Return the points that lie ahead, the last of them at rest.

    A point at time 0 is where the joints are: the controller begins there by itself, and one that
    is not quite there would be jerked to it.
    """
    ahead = [point for point in trajectory.points if point.time > 0.0]
    return _resting(ahead or [Waypoint(least, trajectory.end.positions)])


def _left(trajectory: Trajectory, since: float, least: float) -> list[Waypoint]:
    """
    Return the points that lie ahead of a trajectory that began so long (s) ago.

    The controller begins anew where the joints are, a little behind where it had them. From there
    to a point that is due at once they would have to go faster than they may.
    """
    ahead = [replace(point, time=point.time - since) for point in trajectory.points]
    return _resting([point for point in ahead if point.time >= least]
                    or [replace(ahead[-1], time=least)])


def _resting(ahead: list[Waypoint]) -> list[Waypoint]:
    """Return these points as a controller takes them: at rest at the last."""
    last = ahead[-1]
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
