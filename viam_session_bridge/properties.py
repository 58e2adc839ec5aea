# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""What the parameters let each resource say about itself: configuration in, rpc's objects out."""

from collections.abc import Callable
from typing import Any

from viam_session_bridge.parameters.arm import ArmConfig
from viam_session_bridge.parameters.base import BaseConfig
from viam_session_bridge.parameters.button import ButtonConfig
from viam_session_bridge.parameters.gantry import GantryConfig
from viam_session_bridge.parameters.generic import GenericConfig
from viam_session_bridge.parameters.gripper import GripperConfig
from viam_session_bridge.parameters.motor import MotorConfig
from viam_session_bridge.parameters.resources import ResourceConfig
from viam_session_bridge.parameters.servo import ServoConfig
from viam_session_bridge.parameters.switch import SwitchConfig
from viam_session_bridge.ros.senses import Senses
from viam_session_bridge.rpc.arm_service import ArmProperties
from viam_session_bridge.rpc.base_service import BaseProperties
from viam_session_bridge.rpc.button_service import ButtonProperties
from viam_session_bridge.rpc.commands import CommandInfo
from viam_session_bridge.rpc.gantry_service import GantryProperties
from viam_session_bridge.rpc.generic_service import GenericProperties
from viam_session_bridge.rpc.gripper_service import GripperProperties
from viam_session_bridge.rpc.motor_service import MotorProperties
from viam_session_bridge.rpc.servo_service import ServoProperties
from viam_session_bridge.rpc.switch_service import SwitchProperties


def properties_of(config: ResourceConfig, senses: Senses) -> Any:
    """Return what a resource says about itself; senses: what else is measured of it."""
    for kind, make in _MAKERS.items():
        if isinstance(config, kind):
            return make(config, senses)
    raise TypeError(f'{config.name}: nothing is known of api {config.api}')


def _commands(config: ResourceConfig) -> dict[str, CommandInfo]:
    return {each.name: CommandInfo(each.moves, each.kind) for each in config.commands}


def _base(config: BaseConfig, senses: Senses) -> BaseProperties:
    return BaseProperties(
        config.width_meters, config.turning_radius_meters, config.wheel_circumference_meters,
        config.size_meters, config.max_move_duration, config.linear_deceleration,
        config.angular_deceleration, bool(config.odometry_topic),
        allow_timed_moves=config.allow_timed_moves, commands=_commands(config))


def _motor(config: MotorConfig, senses: Senses) -> MotorProperties:
    return MotorProperties(
        config.max_move_duration, config.deceleration, one_way=config.message == 'bool',
        has_speed=not config.takes_effort, allow_timed_moves=config.allow_timed_moves,
        commands=_commands(config))


def _arm(config: ArmConfig, senses: Senses) -> ArmProperties:
    return ArmProperties(
        config.joints,
        tuple(zip(config.joint_minimums, config.joint_maximums, strict=True)),
        config.max_joint_speed, config.tolerance, config.max_move_duration,
        prismatic_max_speed=config.prismatic_max_speed,
        prismatic_tolerance=config.prismatic_tolerance, pose_tolerance=config.pose_tolerance,
        has_feedback=True, description=senses.description, pose=senses.pose,
        takes_poses=bool(config.pose_goal_topic), prismatic=config.prismatic_joints,
        joint_scale=config.scale_of_joints, commands=_commands(config))


def _gantry(config: GantryConfig, senses: Senses) -> GantryProperties:
    return GantryProperties(
        config.joints, config.lengths_m, config.offsets_m or (0.0,) * len(config.joints),
        config.max_speed, config.tolerance, config.max_move_duration, config.home_m,
        has_feedback=True, description=senses.description, joint_scale=config.scale_of_joints,
        commands=_commands(config))


def _gripper(config: GripperConfig, senses: Senses) -> GripperProperties:
    return GripperProperties(
        config.open_position, config.closed_position, config.max_speed, config.tolerance,
        config.max_move_duration, bool(config.feedback_topic), config.joints,
        config.prismatic, between=config.driver != 'float' or config.message != 'bool',
        description=senses.description, joint_scale=config.scale_of_joints,
        commands=_commands(config))


def _servo(config: ServoConfig, senses: Senses) -> ServoProperties:
    return ServoProperties(
        config.minimum_deg, config.maximum_deg, config.max_speed_deg_s, config.tolerance_deg,
        bool(config.feedback_topic), config.offset_deg, config.max_move_duration,
        commands=_commands(config))


def _switch(config: SwitchConfig, senses: Senses) -> SwitchProperties:
    return SwitchProperties(
        len(config.position_labels), config.position_labels, config.safe_index, config.answers,
        commands=_commands(config))


def _button(config: ButtonConfig, senses: Senses) -> ButtonProperties:
    return ButtonProperties(config.answers, commands=_commands(config))


def _generic(config: GenericConfig, senses: Senses) -> GenericProperties:
    return GenericProperties(commands=_commands(config))


_MAKERS: dict[type, Callable[[Any, Senses], Any]] = {
    BaseConfig: _base, MotorConfig: _motor, ArmConfig: _arm, GantryConfig: _gantry,
    GripperConfig: _gripper, ServoConfig: _servo, SwitchConfig: _switch, ButtonConfig: _button,
    GenericConfig: _generic}
