# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""What the parameters mean for core and rpc: settings in, their objects out. Starts nothing."""

from viam_session_bridge.core.actuator import ActuatorSettings
from viam_session_bridge.core.claims import UnsupervisedPolicy
from viam_session_bridge.core.emergency import EmergencySettings
from viam_session_bridge.core.fleet import Resource
from viam_session_bridge.core.presence import Policy
from viam_session_bridge.core.rest import RestSettings
from viam_session_bridge.core.sessions import SessionSettings
from viam_session_bridge.core.setpoints import JointLimits, Limits, VelocityLimits
from viam_session_bridge.ros.parameters import (
    BaseConfig,
    BridgeConfig,
    MotorConfig,
    ResourceConfig,
)
from viam_session_bridge.rpc.base_service import BaseProperties
from viam_session_bridge.rpc.motor_service import MotorProperties


def policy_of(config: BridgeConfig, poll_period: float) -> Policy:
    """
    Return the rules of supervision that the parameters ask for.

    poll_period (s): the pump polls that often at least.
    """
    return Policy(
        sessions=SessionSettings(config.sessions.heartbeat_window, config.sessions.max_sessions),
        stop_on_disconnect=config.sessions.stop_on_disconnect,
        unsupervised=UnsupervisedPolicy(config.sessions.unsupervised),
        stall_limit=config.guard.patience / 2.0, poll_period=poll_period)


def emergency_of(config: BridgeConfig) -> EmergencySettings:
    """Return what is listened to for an emergency stop."""
    return EmergencySettings(config.estop.topic, config.estop.timeout)


def limits_of(config: ResourceConfig) -> Limits:
    """Return a resource's limits in SI units."""
    if isinstance(config, BaseConfig):
        return VelocityLimits(
            config.max_linear_speed, config.max_angular_speed, config.holonomic)
    if isinstance(config, MotorConfig):
        return JointLimits(config.max_speed)
    raise _unknown(config)


def resource_of(config: ResourceConfig) -> Resource:
    """Return what the core knows of a resource."""
    return Resource(config.api, config.name, limits_of(config), ActuatorSettings(
        command_rate=config.command_rate, stop_hold=config.stop_hold,
        stop_timeout=config.stop_timeout,
        rest=_rest_of(config) if config.feedback_topic else None,
        require_path=config.require_stop_path, stop_on_start=config.stop_on_start))


def properties_of(config: ResourceConfig) -> BaseProperties | MotorProperties:
    """Return what a resource says about itself."""
    if isinstance(config, BaseConfig):
        return BaseProperties(
            config.width_meters, config.turning_radius_meters, config.wheel_circumference_meters,
            config.size_meters, config.max_move_duration, config.linear_deceleration,
            config.angular_deceleration)
    if isinstance(config, MotorConfig):
        return MotorProperties(
            config.max_move_duration, config.deceleration, one_way=config.message == 'bool')
    raise _unknown(config)


def _rest_of(config: ResourceConfig) -> RestSettings:
    if isinstance(config, BaseConfig):
        return RestSettings(
            config.rest_linear, config.rest_angular, config.rest_dwell, config.feedback_timeout)
    if isinstance(config, MotorConfig):
        return RestSettings(
            config.rest_speed, dwell=config.rest_dwell, patience=config.feedback_timeout)
    raise _unknown(config)


def _unknown(config: ResourceConfig) -> TypeError:
    return TypeError(f'{config.name}: nothing is known of api {config.api}')
