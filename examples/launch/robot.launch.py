# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""A robot's own launch file that includes bridge and guard, in the namespace of the robot."""

from launch import LaunchDescription
from launch.actions import GroupAction, IncludeLaunchDescription
from launch.substitutions import PathJoinSubstitution
from launch_ros.actions import PushRosNamespace
from launch_ros.substitutions import FindPackageShare


def generate_launch_description() -> LaunchDescription:
    """Return the bridge of robot1; add the drivers of the robot to the same group."""
    share = FindPackageShare('viam_session_bridge')
    return LaunchDescription([GroupAction([
        PushRosNamespace('robot1'),
        IncludeLaunchDescription(
            PathJoinSubstitution([share, 'launch', 'bridge.launch.py']),
            launch_arguments={
                # A file of your package; this one is a base on cmd_vel.
                'params_file': PathJoinSubstitution([share, 'config', 'base.yaml']),
                'port': '8080',
            }.items()),
    ])])
