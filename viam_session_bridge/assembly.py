# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""What the parameters mean for the core: settings in, its objects out. Starts nothing."""

from dataclasses import replace
from typing import Any

from viam_session_bridge.core.actuator import ActuatorSettings
from viam_session_bridge.core.emergency import EmergencySettings
from viam_session_bridge.core.group import Resource
from viam_session_bridge.core.presence import Policy, UnsupervisedPolicy
from viam_session_bridge.core.sessions import SessionSettings
from viam_session_bridge.core.setpoints import JointLimits, Limits, VelocityLimits
from viam_session_bridge.core.stop import JointRest, RestSettings
from viam_session_bridge.ros.parameter_components import PositionedConfig
from viam_session_bridge.ros.parameter_velocity import VelocityFeedbackTable
from viam_session_bridge.ros.parameters import (
    BaseConfig,
    BridgeConfig,
    ButtonConfig,
    GenericConfig,
    MotorConfig,
    ResourceConfig,
    SwitchConfig,
)


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
    if isinstance(config, (PositionedConfig, SwitchConfig, ButtonConfig, GenericConfig)):
        return JointLimits()
    raise _unknown(config)


def resource_of(config: ResourceConfig) -> Resource:
    """Return what the core knows of a resource."""
    return Resource(config.api, config.name, limits_of(config), ActuatorSettings(
        command_rate=config.control_rate, repeat_rate=config.repeat_rate,
        stop_hold=config.stop_hold, stop_timeout=config.stop_timeout,
        rest=_rest_of(config) if config.feedback_topic else None,
        move_start_timeout=getattr(config, 'move_start_timeout', 0.0),
        acknowledged=config.acknowledged, ready_timeout=config.ready_timeout, leads=config.leads,
        require_path=config.require_stop_path, stop_on_start=config.stop_on_start))


def _rest_of(config: Any) -> RestSettings:
    settings = RestSettings(
        dwell=config.rest_dwell, patience=config.feedback_timeout,
        by_positions=config.rest_by == 'positions', source=config.feedback_topic)
    joints = _joints_of(config)
    if joints:
        return replace(settings, joints=joints)
    if not isinstance(config, VelocityFeedbackTable):
        raise _unknown(config)
    settings = replace(
        settings, linear=config.rest_linear, angular=config.rest_angular,
        pose_noise=config.pose_noise, heading_noise=config.heading_noise,
        pose_source=config.odometry_topic)
    if isinstance(config, BaseConfig):
        settings = replace(
            settings, fastest_linear=config.max_linear_speed,
            fastest_angular=config.max_angular_speed)
    return settings


def _joints_of(config: Any) -> tuple[JointRest, ...]:
    """Return the joints that are measured; none where a whole robot is."""
    if isinstance(config, GenericConfig) and config.joint_states_topic:
        return tuple(JointRest(name, 'rad or m', config.rest_speed) for name in config.joints)
    if isinstance(config, MotorConfig):
        return (JointRest(config.joint, 'rad', config.rest_speed),)
    if isinstance(config, PositionedConfig):
        return tuple(JointRest(name, unit, pace.slowest) for name, unit, pace in zip(
            config.names, config.units, config.paces, strict=True))
    return ()


def _unknown(config: ResourceConfig) -> TypeError:
    return TypeError(f'{config.name}: nothing is known of api {config.api}')
