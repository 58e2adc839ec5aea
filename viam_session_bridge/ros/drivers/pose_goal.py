# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
An arm whose tip can be sent to a pose: geometry_msgs/PoseStamped, beside the driver of its joints.

The node that receives the goal moves the joints by itself until the goal is reached. So a stop
sends it the measured pose of the tip, and the driver of the joints holds them as always. A driver
that has not sent anything yet (of a guard, or of a bridge that replaced another one) does not know
whether a goal is active, and sends that pose as well.
"""

import math

from geometry_msgs.msg import PoseStamped

from viam_session_bridge.core.setpoints import PoseGoal, Setpoint
from viam_session_bridge.parameters.arm import ArmConfig
from viam_session_bridge.ros.interfaces import Driver
from viam_session_bridge.ros.plugins import OwnTools

# After a stop began, the measured pose is followed for this time (s) and then held: see hold.
FOLLOWING = 0.3

# If the pose is lost during a motion, a pose of up to this age (s) is sent: without one, the node
# that pursues the goal would continue to its end. An older one could cause an unexpected motion.
OLDEST = 5.0

# A tip that is this near (m) to its goal has reached it.
REACHED = 0.02


class PoseGoalDriver:
    """Publishes pose goals; the driver of the joints does everything else."""

    def __init__(self, config: ArmConfig, tools: OwnTools, joints: Driver) -> None:
        if tools.pose is None:
            raise TypeError(f'{config.name}: a pose goal needs the measured pose')
        self._node = tools.node
        self._joints = joints
        self._frame = config.pose_frame
        self._measured = tools.pose
        self._clock = tools.clock
        # The goal that may still be active; before the first message, one of another process.
        self._goal: PoseGoal | None = None
        self._goal_is_known = False
        self._epoch: int | None = None
        self._began = 0.0
        self._held: PoseGoal | None = None
        # driver_node is the controller of the joints; poses are received by another node.
        self._output = tools.output(
            PoseStamped, config.pose_goal_topic, driver_node='', choice='another topic',
            chosen_by='pose_goal_topic', named_by='pose_goal_topic')

    def send(self, setpoint: Setpoint, epoch: int) -> None:
        """Publish a pose, or command the joints."""
        if isinstance(setpoint, PoseGoal):
            self._goal, self._epoch, self._held = setpoint, None, None
            self._goal_is_known = True
            self._publish(setpoint)
            return
        if self._has_active_goal:
            # The node that pursues the goal would work against the joint command. The two may
            # arrive in any order; after a stop this is not needed.
            self._hold(epoch)
        self._goal, self._goal_is_known = None, True
        self._joints.send(setpoint, epoch)

    def stop(self, epoch: int) -> None:
        """Hold the joints, and the pose of the tip if a goal may be active."""
        try:
            self._joints.stop(epoch)
        finally:
            if self._goal is not None or not self._goal_is_known:
                self._hold(epoch)

    def path_problem(self) -> str:
        """Return why a stop would not arrive; empty when it would."""
        return self._joints.path_problem() or self._output.path_problem()

    @property
    def _has_active_goal(self) -> bool:
        """Return whether a goal may be active: neither reached nor stopped since it was sent."""
        if self._held is not None:
            return False
        if self._goal is None:
            return not self._goal_is_known
        here = self._measured()
        return here is None or math.dist(here.position, self._goal.position) > REACHED

    def _hold(self, epoch: int) -> None:
        now = self._clock()
        if epoch != self._epoch:
            self._epoch, self._began, self._held = epoch, now, None
        if self._held is None or now - self._began < FOLLOWING:
            self._held = self._measured() or self._held or self._measured.within(OLDEST)
        if self._held is not None:
            self._publish(self._held)

    def _publish(self, pose: PoseGoal) -> None:
        message = PoseStamped()
        message.header.frame_id = pose.frame or self._frame
        message.header.stamp = self._node.get_clock().now().to_msg()
        place, turn = message.pose.position, message.pose.orientation
        place.x, place.y, place.z = pose.position
        turn.x, turn.y, turn.z, turn.w = pose.orientation
        self._output.publish(message)
