# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Starts the bridge with a parameter file.

Arguments left empty leave to the parameter file what it says. Parameter files name the node
`viam_session_bridge`; they work in a namespace, too.
"""

from tempfile import NamedTemporaryFile
from typing import Any

from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare
import yaml

PACKAGE = 'viam_session_bridge'
NODE = 'viam_session_bridge'

# Launch argument -> the parameter it overrides, and how its text becomes a value.
OVERRIDES = {
    'host': ('grpc.host', str),
    'port': ('grpc.port', int),
    'use_sim_time': ('use_sim_time', bool),
}
TRUTH = {'true': True, '1': True, 'false': False, '0': False}


def generate_launch_description() -> LaunchDescription:
    """Return the bridge and its arguments."""
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
            'respawn', default_value='false',
            description='Start the bridge again whenever it exits, for whatever reason: '
                        'true or false.'),
        DeclareLaunchArgument(
            'respawn_delay', default_value='2.0',
            description='Seconds to wait before starting it again.'),
        OpaqueFunction(function=start_bridge),
    ])


def start_bridge(context: LaunchContext) -> list[Node]:
    """Return the node as the arguments want it."""
    def argument(name: str) -> str:
        return str(LaunchConfiguration(name).perform(context))

    parameters: list[Any] = [parameter_file(argument('params_file'), argument('namespace'))]
    overrides = {
        parameter: ParameterValue(parse(name, argument(name), kind), value_type=kind)
        for name, (parameter, kind) in OVERRIDES.items() if argument(name)}
    if overrides:
        parameters.append(overrides)
    return [Node(
        package=PACKAGE, executable='bridge', name=NODE, namespace=argument('namespace'),
        output='screen', parameters=parameters,
        ros_arguments=['--log-level', argument('log_level')],
        respawn=parse('respawn', argument('respawn'), bool),
        respawn_delay=parse('respawn_delay', argument('respawn_delay'), float))]


def parse(name: str, text: str, kind: type) -> Any:
    """Return the text of an argument as a value, or fail and name the argument."""
    try:
        return TRUTH[text.lower()] if kind is bool else kind(text)
    except (KeyError, ValueError):
        accepted = {bool: 'true or false', int: 'a whole number', float: 'a number'}[kind]
        raise ValueError(f"launch argument {name} is '{text}', must be {accepted}") from None


def parameter_file(path: str, namespace: str) -> str:
    """
    Return the parameter file to give to the node: the one named, or a copy that fits a namespace.

    rcl takes the plain node name at the top of a file as one in the root namespace and ignores
    that block, without a word, for a node in another. The copy names the node in full.
    """
    inner = namespace.strip('/')
    if not inner:
        return path
    with open(path, encoding='utf-8') as file:
        content = yaml.safe_load(file)
    if not isinstance(content, dict) or NODE not in content:
        return path
    content[f'/{inner}/{NODE}'] = content.pop(NODE)
    with NamedTemporaryFile('w', prefix=f'{NODE}_', suffix='.yaml', delete=False) as copy:
        yaml.safe_dump(content, copy, sort_keys=False)
    return copy.name
