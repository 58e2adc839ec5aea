# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
viam.component.motor.v1.MotorService: converts revolutions and rpm to rad and rad/s, and back.

Positions are relative to a home that ResetZeroPosition sets; until then, to the joint's zero.
"""

import math
from typing import Any

from viam_session_bridge.core.errors import InvalidCommand
from viam_session_bridge.core.move import Along, Motion, MoveProfile
from viam_session_bridge.core.setpoints import JointLimits, Power, require_finite, Speed
from viam_session_bridge.rpc import proto
from viam_session_bridge.rpc.actuated_service import ActuatedService
from viam_session_bridge.rpc.calls import Call
from viam_session_bridge.rpc.component_service import needs, sends
from viam_session_bridge.rpc.status import unimplemented

RPM = math.tau / 60.0

# The slowest speed (rpm) of GoFor and GoTo, as for Viam's own motors.
SLOWEST_RPM = 0.1

# A GoTo closer than this (rad) is complete at once.
ARRIVED = 1e-3


class MotorService(ActuatedService):
    """viam.component.motor.v1.MotorService."""

    API = 'motor'

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        # Position (rad) of each motor's home.
        self._homes: dict[str, float] = {}

    @sends(Power)
    async def SetPower(self, request: Any, call: Call) -> None:
        """Turn at a share, -1 to 1, of full power until a new command; zero stops."""
        power = require_finite('power_pct', request.power_pct)
        self._require_direction(request.name, 'power_pct', power)
        await call.command(request.name, Motion(Power(power)))

    @sends(Speed)
    async def SetRPM(self, request: Any, call: Call) -> None:
        """Turn at rpm, within the limit, until a new command; zero stops."""
        rpm = require_finite('rpm', request.rpm)
        if rpm != 0.0:
            self._require_speed(request.name, 'SetRPM')
        self._require_direction(request.name, 'rpm', rpm)
        await call.command(request.name, Motion(Speed(rpm * RPM)))

    @sends(Speed)
    async def GoFor(self, request: Any, call: Call) -> None:
        """
        Turn by revolutions at rpm; returns when it is done.

        A negative product turns backwards. Controlled by the joint's position if joint states are
        configured, else timed.
        """
        self._require_speed(request.name, 'GoFor')
        speed = _speed(request.rpm)
        revolutions = require_finite('revolutions', request.revolutions)
        if revolutions == 0.0:
            raise InvalidCommand(
                'revolutions: 0 is not a move; expected another number (SetRPM turns without end)')
        amount = math.copysign(1.0, speed) * revolutions * math.tau
        self._require_direction(request.name, 'revolutions', amount)
        await call.move(request.name, self._motion(
            request.name, amount, speed, f'revolutions: {request.revolutions:g}'))

    @needs('joint_states_topic')
    @sends(Speed)
    async def GoTo(self, request: Any, call: Call) -> None:
        """
        Turn to a position, in revolutions from home, at rpm; returns when it has arrived.

        The direction follows from the target. Needs joint states. At the target already, it stops.
        """
        self._require_speed(request.name, 'GoTo')
        speed = _speed(request.rpm)
        target = require_finite('position_revolutions', request.position_revolutions) * math.tau
        [position] = self._measured(request.name, 'GoTo').positions
        amount = target + self._homes.get(request.name, 0.0) - position
        if abs(amount) < ARRIVED:
            await call.command(request.name, Motion(Speed(0.0)))
            return
        self._require_direction(request.name, 'position_revolutions', amount)
        await call.move(request.name, self._motion(
            request.name, amount, speed,
            f'position_revolutions: {request.position_revolutions:g}', position))

    @needs('joint_states_topic')
    async def ResetZeroPosition(self, request: Any, call: Call) -> None:
        """Set the home to the present position plus an offset in revolutions, without motion."""
        # GoTo of other clients counts from it.
        call.rights.require_command(request.name)
        offset = require_finite('offset', request.offset) * math.tau
        [position] = self._measured(request.name, 'ResetZeroPosition').positions
        self._homes[request.name] = position + offset

    @needs('joint_states_topic')
    async def GetPosition(self, request: Any, call: Call) -> Any:
        """Return the measured position in revolutions from home."""
        [position] = self._measured(request.name, 'GetPosition').positions
        return proto.motor.GetPositionResponse(
            position=(position - self._homes.get(request.name, 0.0)) / math.tau)

    async def GetProperties(self, request: Any, call: Call) -> Any:
        """Return whether the position is measured."""
        return proto.motor.GetPropertiesResponse(
            position_reporting=call.resource.actuator.rest is not None)

    async def IsPowered(self, request: Any, call: Call) -> Any:
        """Return the present setpoint as a share of full power; 0 while it stops."""
        limits, setpoint, share = (
            call.resource.limits, self._supervisor.setpoint(request.name), 0.0)
        if isinstance(setpoint, Power):
            share = setpoint.value
        elif isinstance(setpoint, Speed) and isinstance(limits, JointLimits):
            share = setpoint.value / limits.speed
        # The effect of a DoCommand on the motor is unknown.
        return proto.motor.IsPoweredResponse(
            is_on=isinstance(setpoint, (Power, Speed)), power_pct=share)

    def _motion(self, name: str, amount: float, speed: float, what: str,
                origin: float | None = None) -> Motion:
        own, limits = self.configs[name], self._supervisor.resource(name).limits
        fastest = limits.speed if isinstance(limits, JointLimits) else math.inf
        return self._finite(name, MoveProfile(
            Along.JOINT, amount, min(abs(speed), fastest), own.deceleration, origin),
            what, 'joint_states_topic')

    def _require_speed(self, name: str, method: str) -> None:
        if self.configs[name].takes_effort:
            raise unimplemented(
                f'{name}: {method} needs a driver that accepts a speed, and {name}.command is '
                "'effort': a share of the torque does not determine the speed of the motor; "
                'SetPower is served')

    def _require_direction(self, name: str, field: str, value: float) -> None:
        if value < 0.0 and self.configs[name].one_way:
            raise InvalidCommand(
                f'{field}: backwards; the driver of {name} can only turn it forwards '
                f'({name}.message is bool)')


def _speed(rpm: float) -> float:
    """Return the speed of a finite move, rad/s, signed. Raises InvalidCommand."""
    if abs(require_finite('rpm', rpm)) < SLOWEST_RPM:
        raise InvalidCommand(
            f'rpm: {rpm:g} is too slow for a move; expected {SLOWEST_RPM} or more, or as much '
            'below 0')
    return rpm * RPM
