# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
viam.component.base.v1.BaseService: converts units and axes of Viam to SI and ROS, and back.

Viam: +y forward, +x right, +z up, mm/s and deg/s, positive z turns left. ROS (REP 103): +x
forward, +y left, +z up, m/s and rad/s, positive z turns left.
"""

import math
from typing import Any

from viam_session_bridge.core.errors import InvalidCommand
from viam_session_bridge.core.move import Along, Motion, MoveProfile
from viam_session_bridge.core.setpoints import finite_vector, require_finite, Vector, Velocity
from viam_session_bridge.rpc import proto
from viam_session_bridge.rpc.actuated_service import ActuatedService
from viam_session_bridge.rpc.calls import Call
from viam_session_bridge.rpc.component_service import sends

MM = 1e-3


class BaseService(ActuatedService):
    """viam.component.base.v1.BaseService."""

    API = 'base'

    @sends(Velocity)
    async def SetPower(self, request: Any, call: Call) -> None:
        """Move at a share, -1 to 1, of the configured limits until a new command; zero stops."""
        limits = call.resource.limits
        await call.command(request.name, Motion(Velocity(
            _in_ros(request, 'linear', limits.linear, shares=True),
            _in_ros(request, 'angular', limits.angular, shares=True))))

    @sends(Velocity)
    async def SetVelocity(self, request: Any, call: Call) -> None:
        """Move at mm/s and deg/s, within the limits, until a new command; zero stops."""
        await call.command(request.name, Motion(Velocity(
            _in_ros(request, 'linear', MM), _in_ros(request, 'angular', math.pi / 180.0))))

    @sends(Velocity)
    async def MoveStraight(self, request: Any, call: Call) -> None:
        """
        Drive a distance (mm) at a speed (mm/s); returns when it is done.

        A negative product drives backwards; no distance or no speed is a Stop. Controlled by
        odometry if it is configured, else timed.
        """
        limits = call.resource.limits
        distance = request.distance_mm * MM
        speed = require_finite('mm_per_sec', request.mm_per_sec) * MM
        course = MoveProfile(
            Along.PATH, math.copysign(distance, distance * speed),
            min(abs(speed), limits.linear) if distance else 0.0,
            self.configs[request.name].linear_deceleration)
        await call.move(request.name, self._motion(
            request.name, course, f'distance_mm: {request.distance_mm} mm'))

    @sends(Velocity)
    async def Spin(self, request: Any, call: Call) -> None:
        """
        Turn by an angle (deg, positive to the left) at a speed (deg/s); returns when it is done.

        No speed is a Stop; no angle is refused, as by Viam's own bases. Controlled by odometry if
        it is configured, else timed.
        """
        limits = call.resource.limits
        angle = math.radians(require_finite('angle_deg', request.angle_deg))
        speed = math.radians(require_finite('degs_per_sec', request.degs_per_sec))
        if speed and abs(request.angle_deg) < 1e-3:
            raise InvalidCommand(
                f'angle_deg: {request.angle_deg:g} is too small; expected 0.001 degrees or more')
        course = MoveProfile(
            Along.YAW, math.copysign(angle, angle * speed), min(abs(speed), limits.angular),
            self.configs[request.name].angular_deceleration)
        await call.move(request.name, self._motion(
            request.name, course, f'angle_deg: {request.angle_deg:g} degrees'))

    async def GetProperties(self, request: Any, call: Call) -> Any:
        """Return the configured width, turning radius and wheel circumference (m)."""
        own = self.configs[request.name]
        return proto.base.GetPropertiesResponse(
            width_meters=own.width_meters, turning_radius_meters=own.turning_radius_meters,
            wheel_circumference_meters=own.wheel_circumference_meters)

    async def GetGeometries(self, request: Any, call: Call) -> Any:
        """Return the configured box, centred above the base frame's origin; or none."""
        reply = proto.common.GetGeometriesResponse()
        size = self.configs[request.name].size_meters
        if size:
            length, width, height = (part / MM for part in size)
            box = reply.geometries.add(label=request.name)
            box.center.o_z = 1.0
            box.center.z = height / 2.0
            # Viam's x points right and its y forward.
            box.box.dims_mm.x, box.box.dims_mm.y, box.box.dims_mm.z = width, length, height
        return reply

    def _motion(self, name: str, course: MoveProfile, what: str) -> Motion:
        """Return a course as a motion. Raises InvalidCommand if it would last too long."""
        if course.speed == 0.0:
            return Motion(Velocity())
        return self._finite(
            name, course, what, 'odometry_topic', bool(self.configs[name].odometry_topic))


def _in_ros(request: Any, field: str, unit: float, shares: bool = False) -> Vector:
    """
    Return a Vector3 of a request in SI units and the axes of REP 103; an absent one is zero.

    Viam: x right, y forward. REP 103: x forward, y left. unit: the value of 1. shares: none
    exceeds 1; larger ones are scaled down together, so that the direction stays. Raises
    InvalidCommand for NaN and infinity.
    """
    vector = getattr(request, field)
    right, forward, up = finite_vector(field, (vector.x, vector.y, vector.z))
    if shares:
        unit /= max(1.0, abs(right), abs(forward), abs(up))
    return forward * unit, -right * unit, up * unit
