# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
What the drivers of position-controlled joints share: the positions to command now.

A receiver of plain positions moves to each of them as fast as it can, and a bridge that was killed
could not revoke a distant one. So these drivers command small steps: at every tick they send the
position for the next tick. If the bridge is killed, the joints stay at the last position sent.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from viam_session_bridge.core.setpoints import Setpoint, Trajectory, Waypoint
from viam_session_bridge.ros.position_hold import PositionHold, PositionHoldSettings
from viam_session_bridge.ros.sources.joint_states import JointReading

# What a stop sends: the measured position, the last one sent, or a fixed number of the driver.
HOLD, LAST, NUMBER = 'hold', 'last', 'number'

# A hold of an old measurement takes up to this time (s) longer: the joints may have moved on, and
# must not be pulled back faster than they moved.
MOST_PATIENCE = 2.0


@dataclass(frozen=True)
class Joints:
    """
    The joints of a resource, for its driver.

    names: in the resource's order. hold: how the stop of each behaves. period: seconds between two
    ticks. clock: steady, in seconds. feedback_problem: returns why there is no fresh measurement;
    None if there is no feedback at all.
    """

    names: tuple[str, ...]
    hold: tuple[PositionHoldSettings, ...]
    period: float
    clock: Callable[[], float]
    feedback_problem: Callable[[], str] | None = None


class Positions:
    """
    The positions to command: in a motion, in a stop, and without a command beside other resources.

    leads: command the position for the next tick; otherwise the final position.
    """

    def __init__(self, resource: str, joints: Joints | None, stop: str = HOLD,
                 leads: bool = True) -> None:
        if joints is None:
            raise TypeError(f'{resource}: it has no joints that could go to positions')
        self._leads = leads
        self._resource = resource
        self.joints = joints
        self._stop = stop
        self._hold = PositionHold(joints.hold)
        self._lead: Lead | None = None
        self._led: Setpoint | None = None
        self._commanded: tuple[float, ...] | None = None
        # The offset (whole turns) of the command's coordinates from those of clients, which keep
        # counting where a continuous joint jumps. Replaced as a whole by the executor's thread.
        self._shift = self._led_shift = (0.0,) * len(joints.names)

    def observe(self, positions: tuple[float, ...], reading: JointReading) -> None:
        """Take a measurement; positions: in the coordinates of the command."""
        # Where one joint is not plausible, nothing else in the same message is trusted.
        if reading.is_known:
            self._hold.observe(positions, reading)
            self._shift = tuple(
                own - theirs for own, theirs in zip(positions, reading.positions, strict=True))

    def handed_over(self, trajectory: Trajectory, ends_at: float) -> Trajectory:
        """
        Note that a trajectory is sent as a whole, and when (s) it ends.

        Returns it in the coordinates of the command.
        """
        shifted = _shifted(trajectory, self._shift)
        self._commanded = shifted.end.positions
        self._hold.command(self._commanded, ends_at)
        return shifted

    def moving(self, setpoint: Setpoint, epoch: int) -> tuple[float, ...]:
        """Return the positions to command now. Raises TypeError."""
        now = self.joints.clock()
        if not self._leads:
            self._commanded = _shifted(self.checked(setpoint), self._shift).end.positions
            self._hold.command(self._commanded, now)
            return self._commanded
        if self._lead is None or self._lead.epoch != epoch:
            self._lead = Lead(
                epoch, _shifted(self.checked(setpoint), self._shift), self._hold.present(now), now)
            self._led, self._led_shift = setpoint, self._shift
        elif self._led is not setpoint:
            # In the coordinates of its start: a joint that has wrapped must not be led back by a
            # turn.
            self._lead.go_on(_shifted(self.checked(setpoint), self._led_shift), now)
            self._led = setpoint
        # The command holds until the next tick; half a tick more, because ticks may be early, and
        # the last one must be the end.
        self._commanded = self._lead.at(now + 1.5 * self.joints.period)
        self._hold.command(self._commanded, now)
        return self._commanded

    @property
    def velocities(self) -> tuple[float, ...]:
        """Return the velocities until the next tick."""
        if self._lead is None:
            return (0.0,) * len(self.joints.names)
        return self._lead.velocities(self.joints.clock())

    def stopping(self, epoch: int) -> tuple[float, ...] | None:
        """
        Return the positions that a stop sends; None if it sends none.

        Raises NoMeasurement if they should hold the measured position and there is none. LAST
        holds the measured position while nothing was sent yet, if there is feedback; joints with
        two positions only cannot.
        """
        self._lead = None
        if self._stop == NUMBER:
            return None
        is_blind = self.joints.feedback_problem is None
        if self._stop == LAST and (self._commanded is not None or is_blind or not self._leads):
            return self._commanded
        return self._hold.stop(epoch, self.joints.clock())

    def idle(self) -> tuple[float, ...] | None:
        """Return the positions to send without a command; None if unknown."""
        return self._hold.idle(self.joints.clock())

    def hold_duration(self, least: float) -> float:
        """Return the duration (s) of a hold, so that no joint is jerked back."""
        way, age = self._hold.behind(self.joints.clock())
        return max(least, way) + min(age, MOST_PATIENCE)

    def checked(self, setpoint: Setpoint) -> Trajectory:
        """Return a setpoint that is a trajectory of these joints. Raises TypeError."""
        joints = len(self.joints.names)
        if not isinstance(setpoint, Trajectory) or len(setpoint.end.positions) != joints:
            raise TypeError(f'{self._resource}: {joints} joint(s) cannot do {setpoint}')
        return setpoint

    def path_problem(self) -> str:
        """Return why a stop could not hold the measured position; empty when it could."""
        if self._stop != HOLD or self.joints.feedback_problem is None:
            return ''
        return self.joints.feedback_problem()


class Lead:
    """
    An active trajectory: the planned positions at an instant.

    start: where they begin, at rest; None if unknown: then they go to the first point at once.
    began: when (s). Between points with velocities the path is cubic, as controllers interpolate;
    otherwise it is straight.
    """

    def __init__(self, epoch: int, trajectory: Trajectory, start: Sequence[float | None],
                 began: float) -> None:
        self.epoch = epoch
        first = trajectory.points[0]
        here = tuple(at if one is None else one
                     for one, at in zip(start, first.positions, strict=True))
        ahead = [point for point in trajectory.points if point.time > 0.0]
        self._points = [
            Waypoint(0.0, here, (0.0,) * len(here)), *(ahead or [trajectory.end])]
        self._began = began

    def go_on(self, trajectory: Trajectory, instant: float) -> None:
        """Continue from an instant (s) with an extended trajectory."""
        elapsed, first = instant - self._began, trajectory.points[0]
        kept = [point for point in self._points if point.time < first.time]
        passed = sum(point.time <= elapsed for point in kept)
        # The last point that was passed is the start of the current segment.
        self._points = [*kept[max(0, passed - 1):], *trajectory.points]

    def at(self, instant: float) -> tuple[float, ...]:
        """Return the planned positions at an instant (s)."""
        return tuple(position for position, _ in self._states(instant))

    def velocities(self, instant: float) -> tuple[float, ...]:
        """Return the planned velocities at an instant (s); 0 from the end on."""
        return tuple(velocity for _, velocity in self._states(instant))

    def _states(self, instant: float) -> list[tuple[float, float]]:
        elapsed = max(0.0, instant - self._began)
        for before, after in zip(self._points, self._points[1:], strict=False):
            if elapsed < after.time:
                return [_between(before, after, joint, elapsed)
                        for joint in range(len(after.positions))]
        return [(position, 0.0) for position in self._points[-1].positions]


def _shifted(trajectory: Trajectory, shift: Sequence[float]) -> Trajectory:
    """Return the trajectory with its positions shifted (by whole turns)."""
    return Trajectory(tuple(replace(point, positions=tuple(
        position + turns for position, turns in zip(point.positions, shift, strict=True)))
        for point in trajectory.points)) if any(shift) else trajectory


def _between(before: Waypoint, after: Waypoint, joint: int,
             elapsed: float) -> tuple[float, float]:
    """Return position and velocity of a joint between two points, s after the beginning."""
    span = after.time - before.time
    share = (elapsed - before.time) / span
    a, b = before.positions[joint], after.positions[joint]
    if before.velocities is None or after.velocities is None:
        return a + (b - a) * share, (b - a) / span
    # The cubic with these positions and slopes at its ends (Hermite).
    slope, start, end = b - a, before.velocities[joint] * span, after.velocities[joint] * span
    bend, curve = 3.0 * slope - 2.0 * start - end, start + end - 2.0 * slope
    return (a + share * (start + share * (bend + share * curve)),
            (start + share * (2.0 * bend + share * 3.0 * curve)) / span)
