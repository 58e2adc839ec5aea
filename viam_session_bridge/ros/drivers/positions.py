# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
What the drivers of position-controlled joints share: where the joints are told to be, now.

A receiver that takes bare positions goes to each of them as fast as it can, and a dead bridge
could not take a far one back. So these drivers lead the joints along: at every tick they tell them
where they should be by the next one. When the bridge dies, they stay where they were told last.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from viam_session_bridge.core.setpoints import Setpoint, Trajectory, Waypoint
from viam_session_bridge.ros.position_hold import PositionHold, PositionHoldSettings
from viam_session_bridge.ros.sources.joint_states import JointReading

# What a stop tells the joints: the measured position, the last one that was told, or a fixed
# number that the driver knows.
HOLD, LAST, NUMBER = 'hold', 'last', 'number'

# A hold of what was measured long ago takes so much longer (s) at most: the joints may have moved
# on, and must not be pulled back faster than they came.
MOST_PATIENCE = 2.0


@dataclass(frozen=True)
class Joints:
    """
    The joints of a resource, for its driver.

    names: in the resource's order. hold: how the stop of each behaves. period: seconds between two
    ticks. clock: steady, in seconds. feedback_problem: says why there is no fresh measurement;
    None where there is no feedback at all.
    """

    names: tuple[str, ...]
    hold: tuple[PositionHoldSettings, ...]
    period: float
    clock: Callable[[], float]
    feedback_problem: Callable[[], str] | None = None


class Positions:
    """
    What the joints are told: while they move, while they stop, and beside others that move.

    leads: they are told where to be by the next tick; otherwise where to be in the end.
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
        self._told: tuple[float, ...] | None = None
        # How far (whole turns) the coordinates of the command are from those of clients, which go
        # on counting where a continuous joint jumps. Replaced as a whole by the executor's thread.
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
        Note that a trajectory is handed over as a whole, and when (s) the joints will be there.

        Returns it in the coordinates of the command.
        """
        shifted = _shifted(trajectory, self._shift)
        self._told = shifted.end.positions
        self._hold.tell(self._told, ends_at)
        return shifted

    def moving(self, setpoint: Setpoint, epoch: int) -> tuple[float, ...]:
        """Return where the joints are told to be now. Raises TypeError."""
        now = self.joints.clock()
        if not self._leads:
            self._told = _shifted(self.checked(setpoint), self._shift).end.positions
            self._hold.tell(self._told, now)
            return self._told
        if self._lead is None or self._lead.epoch != epoch:
            self._lead = Lead(
                epoch, _shifted(self.checked(setpoint), self._shift), self._hold.present(now), now)
            self._led, self._led_shift = setpoint, self._shift
        elif self._led is not setpoint:
            # In the coordinates that it began in: a joint that has wrapped round must not be led
            # back by a turn.
            self._lead.go_on(_shifted(self.checked(setpoint), self._led_shift), now)
            self._led = setpoint
        # What is told now holds until the next tick; half of one more, because ticks may come
        # early, and the last of them must be the end.
        self._told = self._lead.at(now + 1.5 * self.joints.period)
        self._hold.tell(self._told, now)
        return self._told

    @property
    def velocities(self) -> tuple[float, ...]:
        """Return how fast the joints should be until the next tick."""
        if self._lead is None:
            return (0.0,) * len(self.joints.names)
        return self._lead.velocities(self.joints.clock())

    def stopping(self, epoch: int) -> tuple[float, ...] | None:
        """
        Return what a stop tells the joints; None where there is nothing to tell.

        Raises Unmeasured when they should hold the measured position and there is none. LAST does
        so while nothing was told yet, where they are measured; joints that know two positions
        only cannot.
        """
        self._lead = None
        if self._stop == NUMBER:
            return None
        is_blind = self.joints.feedback_problem is None
        if self._stop == LAST and (self._told is not None or is_blind or not self._leads):
            return self._told
        return self._hold.stop(epoch, self.joints.clock())

    def idle(self) -> tuple[float, ...] | None:
        """Return what they are told beside others that move; None where nothing is known."""
        return self._hold.idle(self.joints.clock())

    def hold_duration(self, least: float) -> float:
        """Return how long (s) a hold may take to be reached, so that no joint is jerked back."""
        way, age = self._hold.behind(self.joints.clock())
        return max(least, way) + min(age, MOST_PATIENCE)

    def checked(self, setpoint: Setpoint) -> Trajectory:
        """Return a setpoint that is a trajectory of these joints. Raises TypeError."""
        joints = len(self.joints.names)
        if not isinstance(setpoint, Trajectory) or len(setpoint.end.positions) != joints:
            raise TypeError(f'{self._resource}: {joints} joint(s) cannot do {setpoint}')
        return setpoint

    def path_problem(self) -> str:
        """Say why a stop could not hold the measured position; empty when it could."""
        if self._stop != HOLD or self.joints.feedback_problem is None:
            return ''
        return self.joints.feedback_problem()


class Lead:
    """
    A trajectory under way: where the joints should be at an instant.

    start: where they begin, at rest; None where that is not known, so that they go to the first
    point at once. began: when (s). Between points with velocities the way is cubic, as controllers
    interpolate; else it is straight.
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
        """Go on, from an instant (s), along what is left of the way, as it is known now."""
        elapsed, first = instant - self._began, trajectory.points[0]
        kept = [point for point in self._points if point.time < first.time]
        passed = sum(point.time <= elapsed for point in kept)
        # Of those that are behind, the last is where it comes from.
        self._points = [*kept[max(0, passed - 1):], *trajectory.points]

    def at(self, instant: float) -> tuple[float, ...]:
        """Return where the joints should be at an instant (s)."""
        return tuple(position for position, _ in self._states(instant))

    def velocities(self, instant: float) -> tuple[float, ...]:
        """Return how fast the joints should be at an instant (s); 0 from the end on."""
        return tuple(velocity for _, velocity in self._states(instant))

    def _states(self, instant: float) -> list[tuple[float, float]]:
        elapsed = max(0.0, instant - self._began)
        for before, after in zip(self._points, self._points[1:], strict=False):
            if elapsed < after.time:
                return [_between(before, after, joint, elapsed)
                        for joint in range(len(after.positions))]
        return [(position, 0.0) for position in self._points[-1].positions]


def _shifted(trajectory: Trajectory, shift: Sequence[float]) -> Trajectory:
    """Return a trajectory whose joints are so far (whole turns) from where they were."""
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
