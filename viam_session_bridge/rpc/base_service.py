# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
viam.component.base.v1.BaseService: units and axes of Viam into SI and ROS, and back.

Viam: +y forward, +x right, +z up, mm/s and deg/s, positive z turns left. ROS (REP 103): +x
forward, +y left, +z up, m/s and rad/s, positive z turns left.
"""

from dataclasses import dataclass
import math
from typing import Any

from viam_session_bridge.core.actuator import State
from viam_session_bridge.core.course import Along, Course
from viam_session_bridge.core.errors import InvalidCommand, UnknownResource
from viam_session_bridge.core.motion import Motion
from viam_session_bridge.core.setpoints import require_finite, Velocity, VelocityLimits
from viam_session_bridge.gate import Gate
from viam_session_bridge.rpc import proto
from viam_session_bridge.rpc.calls import Call
from viam_session_bridge.rpc.status import unimplemented

API = 'base'
MM = 1e-3

# A steered move may take this many times its duration at full speed, and so much longer (s).
TIME_LIMIT_FACTOR = 3.0
TIME_LIMIT_MARGIN = 5.0


@dataclass(frozen=True)
class BaseProperties:
    """
    What a base says about itself, in metres; 0 where unknown.

    size: length (x), width (y), height (z) of its box, or empty. max_move_duration: the longest
    MoveStraight or Spin that is accepted, s. The decelerations (m/s2, rad/s2) shape the end of
    moves that are steered by odometry.
    """

    width: float = 0.0
    turning_radius: float = 0.0
    wheel_circumference: float = 0.0
    size: tuple[float, ...] = ()
    max_move_duration: float = 120.0
    linear_deceleration: float = 0.5
    angular_deceleration: float = 1.0


class BaseService:
    """Serves the bases of a gate. Methods are spelled as in the proto."""

    def __init__(self, gate: Gate, properties: dict[str, BaseProperties]) -> None:
        self._gate = gate
        self.properties = properties

    async def SetPower(self, request: Any, call: Call) -> Any:
        """Move at a share, -1 to 1, of the configured limits until told otherwise; zero stops."""
        limits = self._limits(request.name)
        linear, angular = _share(request, 'linear'), _share(request, 'angular')
        await call.command(request.name, Motion(Velocity(
            _scaled(_axes(linear), limits.linear), _scaled(_axes(angular), limits.angular))))
        return proto.base.SetPowerResponse()

    async def SetVelocity(self, request: Any, call: Call) -> Any:
        """Move at mm/s and deg/s, within the limits, until told otherwise; zero stops."""
        self._limits(request.name)
        linear, angular = _vector(request, 'linear'), _vector(request, 'angular')
        await call.command(request.name, Motion(Velocity(
            _scaled(_axes(linear), MM), _scaled(_axes(angular), math.pi / 180.0))))
        return proto.base.SetVelocityResponse()

    async def MoveStraight(self, request: Any, call: Call) -> Any:
        """
        Drive a distance (mm) at a speed (mm/s); answers when it is done.

        A negative product drives backwards; no distance or no speed is a Stop. Steered by odometry
        where it is configured, else timed.
        """
        limits = self._limits(request.name)
        distance = request.distance_mm * MM
        speed = require_finite('mm_per_sec', request.mm_per_sec) * MM
        course = Course(
            Along.PATH, math.copysign(distance, distance * speed),
            min(abs(speed), limits.linear) if distance else 0.0,
            self.properties[request.name].linear_deceleration)
        await call.move(request.name, self._motion(
            request.name, course, f'distance_mm: {request.distance_mm} mm'))
        return proto.base.MoveStraightResponse()

    async def Spin(self, request: Any, call: Call) -> Any:
        """
        Turn by an angle (deg, positive to the left) at a speed (deg/s); answers when done.

        No speed is a Stop; no angle is refused, as Viam's own bases do. Steered by odometry where
        it is configured, else timed.
        """
        limits = self._limits(request.name)
        angle = math.radians(require_finite('angle_deg', request.angle_deg))
        speed = math.radians(require_finite('degs_per_sec', request.degs_per_sec))
        if speed and abs(request.angle_deg) < 1e-3:
            raise InvalidCommand(
                f'angle_deg: {request.angle_deg:g} is no turn; expected 0.001 degrees or more')
        course = Course(
            Along.YAW, math.copysign(angle, angle * speed), min(abs(speed), limits.angular),
            self.properties[request.name].angular_deceleration)
        await call.move(request.name, self._motion(
            request.name, course, f'angle_deg: {request.angle_deg:g} degrees'))
        return proto.base.SpinResponse()

    async def Stop(self, request: Any, call: Call) -> Any:
        """Stop; always accepted, from anybody."""
        self._gate.stop(request.name)
        return proto.base.StopResponse()

    async def IsMoving(self, request: Any, call: Call) -> Any:
        """Answer from odometry where configured; else whether a motion or stop is under way."""
        self._limits(request.name)
        return proto.base.IsMovingResponse(is_moving=self._gate.is_moving(request.name))

    async def GetProperties(self, request: Any, call: Call) -> Any:
        """Answer the configured width, turning radius and wheel circumference (m)."""
        self._limits(request.name)
        own = self.properties[request.name]
        return proto.base.GetPropertiesResponse(
            width_meters=own.width, turning_radius_meters=own.turning_radius,
            wheel_circumference_meters=own.wheel_circumference)

    async def GetGeometries(self, request: Any, call: Call) -> Any:
        """Answer the configured box, centred above the base frame's origin; or none."""
        self._limits(request.name)
        reply = proto.common.GetGeometriesResponse()
        size = self.properties[request.name].size
        if size:
            length, width, height = (part / MM for part in size)
            box = reply.geometries.add(label=request.name)
            box.center.o_z = 1.0
            box.center.z = height / 2.0
            # Viam's x points right and its y forward.
            box.box.dims_mm.x, box.box.dims_mm.y, box.box.dims_mm.z = width, length, height
        return reply

    async def GetStatus(self, request: Any, call: Call) -> Any:
        """Answer the state of the stop machine and whether the base moves."""
        self._limits(request.name)
        reply = proto.common.GetStatusResponse()
        state = self._gate.states()[request.name]
        reply.result.update({
            'state': state.value, 'is_moving': self._gate.is_moving(request.name),
            'stop_confirmed': state is not State.UNCONFIRMED})
        return reply

    async def DoCommand(self, request: Any, call: Call) -> Any:
        """Refuse: a base has no commands of its own."""
        self._limits(request.name)
        raise unimplemented(
            f'{request.name}: no commands are configured for DoCommand on this base')

    def _limits(self, name: str) -> VelocityLimits:
        """Return a base's limits. Raises UnknownResource, also for a name of another API."""
        resource = self._gate.resource(name)
        if resource.api != API or not isinstance(resource.limits, VelocityLimits):
            raise UnknownResource(f'{name!r} is a {resource.api}, not a {API}')
        return resource.limits

    def _motion(self, name: str, course: Course, what: str) -> Motion:
        """Return a course as a motion. Raises InvalidCommand when it would last absurdly long."""
        if course.speed == 0.0:
            return Motion(Velocity())
        duration = abs(course.amount) / course.speed
        longest = self.properties[name].max_move_duration
        if duration > longest:
            raise InvalidCommand(
                f'{what} would take {duration:.6g} s at the speed given; {name}.max_move_duration '
                f'allows {longest:g} s')
        velocity = course.velocity(course.speed)
        if self._gate.resource(name).actuator.rest is None:
            return Motion(velocity, duration)
        return Motion(velocity, duration * TIME_LIMIT_FACTOR + TIME_LIMIT_MARGIN, course)


def _vector(request: Any, field: str) -> tuple[float, float, float]:
    """Return a Vector3 of a request; an absent one is zeros. Raises InvalidCommand for NaN."""
    vector = getattr(request, field)
    x, y, z = (require_finite(f'{field}.{axis}', getattr(vector, axis)) for axis in 'xyz')
    return x, y, z


def _share(request: Any, field: str) -> tuple[float, float, float]:
    """Return a Vector3 of shares of full power, none beyond 1, the direction kept."""
    vector = _vector(request, field)
    return _scaled(vector, 1.0 / max(1.0, *map(abs, vector)))


def _axes(viam: tuple[float, float, float]) -> tuple[float, float, float]:
    """Turn Viam's axes (x right, y forward) into those of REP 103 (x forward, y left)."""
    right, forward, up = viam
    return forward, -right, up


def _scaled(vector: tuple[float, float, float], factor: float) -> tuple[float, float, float]:
    return vector[0] * factor, vector[1] * factor, vector[2] * factor
