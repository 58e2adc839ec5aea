# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Starts the bridge and its guard with a parameter file.

The guard stops the robot when the bridge fails or hangs; nothing moves without it, unless it is
left out on purpose (guard:=false). It ends with the bridge. The output of both is on the screen
and in launch's own log; neither writes a log file itself. For empty arguments the values of the
parameter file apply. The parameter file goes to both as it is; its key `/**` works in every
namespace: that of the argument, and one that a group has pushed (PushRosNamespace).
"""

from pathlib import Path
from typing import Any

from launch import Action, LaunchContext, LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    EmitEvent,
    OpaqueFunction,
    RegisterEventHandler,
)
from launch.event_handlers import OnProcessExit
from launch.events import matches_action
from launch.events.process import ProcessExited, ShutdownProcess
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

# The exit status of bridge and guard when their parameters are wrong.
MISCONFIGURED = 2

PACKAGE = 'viam_session_bridge'
NODE = 'viam_session_bridge'

# Launch argument -> the parameter it overrides, and how its text becomes a value.
OVERRIDES = {
    'host': ('grpc.host', str),
    'port': ('grpc.port', int),
    'use_sim_time': ('use_sim_time', bool),
    'guard_required': ('guard.required', bool),
}

# A guard is started again at once: without one, motion is stopped and refused.
GUARD_RESPAWN_DELAY = 0.5
TRUTH = {'true': True, '1': True, 'false': False, '0': False}


def generate_launch_description() -> LaunchDescription:
    """Return bridge and guard, and their arguments."""
    return LaunchDescription([
        DeclareLaunchArgument(
            'params_file',
            default_value=PathJoinSubstitution([FindPackageShare(PACKAGE), 'config', 'base.yaml']),
            description='Parameter file of the bridge. The default drives one base on /cmd_vel.'),
        DeclareLaunchArgument(
            'namespace', default_value='',
            description='Namespace of the node; relative topic names resolve in it.'),
        DeclareLaunchArgument(
            'log_level', default_value='info',
            description='Least severity logged: debug, info, warn, error or fatal.'),
        DeclareLaunchArgument(
            'host', default_value='',
            description='Address to listen on for Viam clients (grpc.host). '
                        'Empty: as in the parameter file.'),
        DeclareLaunchArgument(
            'port', default_value='',
            description='TCP port to listen on for Viam clients (grpc.port). '
                        'Empty: as in the parameter file.'),
        DeclareLaunchArgument(
            'use_sim_time', default_value='',
            description='Stamp messages with the time on /clock: true or false. Deadlines never '
                        'use it. Empty: as in the parameter file.'),
        DeclareLaunchArgument(
            'guard', default_value='true',
            description='Start the guard, which stops the robot when the bridge itself fails or '
                        'hangs, and start it again whenever it ends: true or false.'),
        DeclareLaunchArgument(
            'guard_required', default_value='',
            description='Refuse motion while no guard answers (guard.required): true or false. '
                        'Empty: true with guard:=true, else as in the parameter file.'),
        DeclareLaunchArgument(
            'respawn', default_value='false',
            description='Start the bridge again whenever it exits, for whatever reason: '
                        'true or false.'),
        DeclareLaunchArgument(
            'respawn_delay', default_value='2.0',
            description='Seconds to wait before starting it again.'),
        OpaqueFunction(function=start_bridge),
    ])


def start_bridge(context: LaunchContext) -> list[Action]:
    """Return the processes for the arguments."""
    def argument(name: str) -> str:
        text = str(LaunchConfiguration(name).perform(context))
        return 'true' if name == 'guard_required' and guarded and not text else text

    guarded = parse('guard', str(LaunchConfiguration('guard').perform(context)), bool)
    respawn = parse('respawn', argument('respawn'), bool)
    params_file = argument('params_file')
    # launch_ros would start both without it.
    if not Path(params_file).is_file():
        raise ValueError(f"launch argument params_file is '{params_file}', which is no file")
    parameters: list[Any] = [params_file]
    overrides = {
        parameter: ParameterValue(parse(name, argument(name), kind), value_type=kind)
        for name, (parameter, kind) in OVERRIDES.items() if argument(name)}
    if overrides:
        parameters.append(overrides)
    common: dict[str, Any] = {
        'package': PACKAGE, 'namespace': argument('namespace'), 'output': 'both',
        'parameters': parameters, 'ros_arguments': ['--log-level', argument('log_level')]}
    bridge = Node(
        executable='bridge', name=NODE, respawn=respawn,
        respawn_delay=parse('respawn_delay', argument('respawn_delay'), float), **common)
    if not guarded:
        return [bridge]
    # No name here: the guard reads its parameters as the bridge's node, and then has its own name.
    guard = Node(
        executable='guard', respawn=True, respawn_delay=GUARD_RESPAWN_DELAY, **common)
    end = EmitEvent(event=ShutdownProcess(process_matcher=matches_action(guard)))
    ending = RegisterEventHandler(OnProcessExit(target_action=bridge, on_exit=[end]))
    return [no_respawn_after_mistakes(bridge), no_respawn_after_mistakes(guard), guard,
            *([] if respawn else [ending]), bridge]


def no_respawn_after_mistakes(process: Node) -> RegisterEventHandler:
    """Do not restart a process whose parameters are wrong: it would fail again."""
    end = EmitEvent(event=ShutdownProcess(process_matcher=matches_action(process)))

    def on_exit(event: ProcessExited, context: LaunchContext) -> list[Action]:
        # launch waits with a respawn until this is done, and for the delay after that.
        return [end] if event.returncode == MISCONFIGURED else []

    return RegisterEventHandler(OnProcessExit(target_action=process, on_exit=on_exit))


def parse(name: str, text: str, kind: type) -> Any:
    """Return the text of an argument as a value, or fail and name the argument."""
    try:
        return TRUTH[text.lower()] if kind is bool else kind(text)
    except (KeyError, ValueError):
        accepted = {bool: 'true or false', int: 'a whole number', float: 'a number'}[kind]
        raise ValueError(f"launch argument {name} is '{text}', must be {accepted}") from None
