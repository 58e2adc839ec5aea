# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The motion of a differential-drive robot: numbers in, numbers out.

No ROS and no clock here; the caller passes the elapsed time.
"""

from dataclasses import dataclass
import math


@dataclass
class Axis:
    """
    One speed (m/s or rad/s) that follows a target as fast as the motors and the brakes allow.

    acceleration and deceleration are in m/s² or rad/s²; 0 means at once.
    """

    acceleration: float = 0.0
    deceleration: float = 0.0
    speed: float = 0.0
    target: float = 0.0

    def advance(self, duration: float) -> float:
        """Let time (s) pass; returns the distance (m or rad) covered in it."""
        # To reverse means to brake first.
        goal = 0.0 if self.speed * self.target < 0.0 else self.target
        rate = self.deceleration if abs(goal) < abs(self.speed) else self.acceleration
        needed = abs(goal - self.speed) / rate if rate else 0.0
        before = self.speed
        if needed > duration:
            self.speed += math.copysign(rate * duration, goal - before)
            return (before + self.speed) / 2.0 * duration
        self.speed = goal
        covered = (before + goal) / 2.0 * needed
        if goal != self.target:
            return covered + self.advance(duration - needed)
        return covered + goal * (duration - needed)


@dataclass
class DiffDrive:
    """A robot that drives forward and turns; pose in m and rad, x ahead at the start, y left."""

    forward: Axis
    turn: Axis
    x: float = 0.0
    y: float = 0.0
    heading: float = 0.0

    def command(self, forward: float, turn: float) -> None:
        """Set the wanted speeds in m/s and rad/s."""
        self.forward.target = forward
        self.turn.target = turn

    def advance(self, duration: float) -> None:
        """Let time (s) pass. Exact for constant speeds, close for steps of some milliseconds."""
        way = self.forward.advance(duration)
        half_turn = self.turn.advance(duration) / 2.0
        # The chord of an arc: shorter than the arc, and half a turn off the old heading.
        chord = way * (math.sin(half_turn) / half_turn if abs(half_turn) > 1e-9 else 1.0)
        self.x += chord * math.cos(self.heading + half_turn)
        self.y += chord * math.sin(self.heading + half_turn)
        self.heading = math.remainder(self.heading + 2.0 * half_turn, math.tau)
