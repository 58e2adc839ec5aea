# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Rules that relate the parameters of arms, gantries, grippers and servos to each other."""

from __future__ import annotations

from collections.abc import Iterator
import math
from typing import Any

from viam_session_bridge.ros.parameter_blocks import Block
from viam_session_bridge.ros.parameter_components import PositionedConfig
from viam_session_bridge.ros.parameter_joint_rules import RANGES
from viam_session_bridge.ros.parameter_positions import UNSET
from viam_session_bridge.ros.parameter_values import Mistake

# What a stop may send, by driver.
_STOPS = {
    'joint_state': ('hold', 'last'),
    'float': ('hold', 'last', 'number'),
    'float_array': ('hold', 'number'),
}

# For these, any number that is not where they are would be a motion.
_HOLDING = ('arm', 'gantry')

# So near is the number of a position that is a Bool.
EXACT = 1e-6


def check_positions(block: Block, errors: list[str], warnings: list[str]) -> None:
    """Check a resource that goes to positions; others pass."""
    if not issubclass(block.table, PositionedConfig):
        return
    check = _Check(block, errors, warnings)
    check.stop()
    check.number()
    check.boolean()
    check.reach()
    check.joints()
    check.limits()
    check.angles()
    check.axes()
    check.ends()
    check.pose()


class _Check:
    """The checks of one block. A value that did not pass its own check is None here."""

    def __init__(self, block: Block, errors: list[str], warnings: list[str]) -> None:
        self._block = block
        self._errors = errors
        self._warnings = warnings

    def __getitem__(self, short: str) -> Any:
        return self._block.values.get(short)

    def _wrong(self, short: str, found: str, wanted: str) -> None:
        self._errors.append(str(Mistake(self._block.full(short), found, wanted)))

    def stop(self) -> None:
        """Check that a stop is chosen, possible, and known where it holds a position."""
        driver, stop = self['driver'], self['stop']
        possible: tuple[str, ...] = _STOPS.get(driver or '', ())
        if self['api'] in _HOLDING:
            possible = tuple(each for each in possible if each not in ('last', 'number'))
        elif self['api'] == 'gripper':
            # A Bool cannot name the position that is measured, half way.
            # A number may open it.
            possible = ('last',) if self._is_bool else tuple(
                each for each in possible if each != 'number')
        if possible and stop is not None and stop not in possible:
            self._wrong('stop', repr(stop) if stop else 'nothing',
                        ' or '.join(map(repr, possible))
                        + f', because {self._block.full("driver")} is {driver!r} and '
                        + (f"{self._block.full('message')} 'bool'" if possible == ('last',)
                           else f'{self._block.full("api")} {self["api"]!r}'))
        holds = driver == 'joint_trajectory' or stop == 'hold'
        if holds and self['joint_states_topic'] == '':
            self._wrong('joint_states_topic', 'nothing',
                        'the topic that shows the positions which a stop holds'
                        + ('' if driver == 'joint_trajectory'
                           else f', because {self._block.full("stop")} is {stop!r}'))
        if stop == 'number' and stop in possible and self['stop_number'] == UNSET:
            self._wrong('stop_number', 'nothing',
                        f'the number that a stop sends, because {self._block.full("stop")} is '
                        "'number'")

        if stop == 'last' and stop in possible and self['joint_states_topic'] == '':
            self._warnings.append(
                f"{self._block.full('stop')} is 'last' without "
                f'{self._block.full("joint_states_topic")}: until a process has sent its first '
                'command, its stops send nothing, because it knows no position')

    @property
    def _is_bool(self) -> bool:
        return bool(self['driver'] == 'float' and self['message'] == 'bool')

    def boolean(self) -> None:
        """Check that a Bool is for a gripper, and that its two positions are False and True."""
        if not self._is_bool:
            return
        if self['api'] != 'gripper':
            self._wrong('message', "'bool'", 'a number, because '
                        f'{self._block.full("api")} is {self["api"]!r}: a Bool only tells a '
                        'gripper to open or to close')
            return
        ends = ('open_position', 'closed_position')
        given = [self[each] for each in ('scale', 'offset', 'minimum', 'maximum', *ends)]
        if None in given or self['scale'] == 0.0:
            return
        scale, offset, low, high, *positions = given
        opened, closed = (min(high, max(low, offset + scale * at)) for at in positions)
        if max(abs(opened - (1.0 - closed)), abs(closed * opened)) > EXACT:
            self._wrong('closed_position', f'{closed:g}, and {opened:g} for '
                        f'{self._block.full("open_position")}, as numbers',
                        f'0 and 1, either way round, after {self._block.full("scale")} and '
                        f'{self._block.full("offset")}, because {self._block.full("message")} '
                        "is 'bool'")

    def reach(self) -> None:
        """Check that no position that is accepted, nor a stop, is a number that would be cut."""
        given = [self[each] for each in ('scale', 'offset', 'minimum', 'maximum')]
        if self['driver'] not in ('float', 'float_array') or self._is_bool or None in given:
            return
        scale, offset, low, high = given
        if low >= high or scale == 0.0:
            return
        # What is cut by less than the tolerance arrives all the same: scales are rounded numbers.
        near = math.radians(self['tolerance_deg'] or 0.0) or self['tolerance'] or 0.0
        cut = EXACT + abs(scale) * near
        for short, shown, position in self._farthest():
            number = offset + scale * position
            if not low - cut <= number <= high + cut:
                self._wrong(short, f'{shown:g}, which is the number {number:g}',
                            f'what lies within {self._block.full("minimum")} ({low:g}) and '
                            f'{self._block.full("maximum")} ({high:g})')
        number = self['stop_number']
        if self['stop'] == 'number' and number not in (None, UNSET) and not low <= number <= high:
            self._wrong('stop_number', f'{number:g}',
                        f'a number from {self._block.full("minimum")} ({low:g}) to '
                        f'{self._block.full("maximum")} ({high:g})')

    def _farthest(self) -> Iterator[tuple[str, float, float]]:
        """Return the ends of what is accepted: parameter, what it says, position (rad or m)."""
        for short in ('minimum_deg', 'maximum_deg'):
            if None not in (self[short], self['offset_deg']):
                yield short, self[short], math.radians(self[short] + self['offset_deg'])
        for short in ('open_position', 'closed_position'):
            if self[short] is not None:
                yield short, self[short], self[short]
        for short in ('joint_minimums', 'joint_maximums'):
            yield from ((short, each, each) for each in self[short] or ())
        lengths = self['lengths_m'] or ()
        zeros = self['offsets_m'] or (0.0,) * len(lengths)
        for zero, length in zip(zeros, lengths, strict=False):
            yield 'offsets_m', zero, zero
            yield 'lengths_m', length, zero + length

    def number(self) -> None:
        """Check that different positions are different numbers."""
        if self['scale'] == 0.0:
            self._wrong('scale', '0', 'another number, or every position would be the same')
        low, high = self['minimum'], self['maximum']
        if low is not None and high is not None and low >= high:
            self._wrong('minimum', f'{low:g}',
                        f'less than {self._block.full("maximum")} ({high:g})')
        number, message = self['stop_number'], self['message']
        if (number in (None, UNSET) or message not in RANGES or self._is_bool
                or self['driver'] != 'float'):
            return
        least, most = RANGES[message]
        if number != round(number) or not least <= number <= most:
            self._wrong('stop_number', f'{number:g}',
                        f'a whole number from {least} to {most}, because '
                        f'{self._block.full("message")} is {message!r}')

    def joints(self) -> None:
        """Check that each joint has a name of its own, and that lists of joints name some."""
        named = self['driver'] in ('joint_trajectory', 'joint_state')
        # With joint states, the rule of all single joints says so.
        if named and self['joint'] == '' and not self['joint_states_topic']:
            self._wrong('joint', 'nothing', 'the name of the joint')
        joints = self['joints']
        if joints is None:
            return
        if not joints or '' in joints:
            self._wrong('joints', repr(list(joints)), 'a list with the name of each joint')
        if len(set(joints)) != len(joints):
            self._wrong('joints', repr(list(joints)), 'each joint once')
        if self['driver'] == 'float' and len(joints) > 1:
            self._wrong('joints', f'{len(joints)} joints',
                        f"one, because {self._block.full('driver')} 'float' tells one number")
        for short in ('continuous_joints', 'prismatic_joints'):
            strangers = [each for each in self[short] or () if each not in joints]
            if strangers:
                self._wrong(short, ', '.join(map(repr, strangers)),
                            f'names from {self._block.full("joints")}: ' + ', '.join(joints))

    def limits(self) -> None:
        """Check that the lowest position of each joint is below its highest."""
        lows, highs = self['joint_minimums'], self['joint_maximums']
        for short, values in (('joint_minimums', lows), ('joint_maximums', highs)):
            self._as_many(short, values)
        if lows is None or highs is None:
            return
        if bool(lows) != bool(highs):
            missing = 'joint_maximums' if lows else 'joint_minimums'
            given = 'joint_minimums' if lows else 'joint_maximums'
            self._wrong(missing, 'nothing',
                        f'a number for each joint, together with {self._block.full(given)}')
        for joint, low, high in zip(self['joints'] or (), lows, highs, strict=False):
            if low >= high:
                self._wrong('joint_minimums', f'{low:g} for {joint}',
                            f'less than its {self._block.full("joint_maximums")} ({high:g})')

    def angles(self) -> None:
        """Check that the smallest angle is below the largest."""
        low, high = self['minimum_deg'], self['maximum_deg']
        if low is not None and high is not None and low >= high:
            self._wrong('minimum_deg', f'{low:g}',
                        f'less than {self._block.full("maximum_deg")} ({high:g})')

    def axes(self) -> None:
        """Check that each axis of a gantry has a length, and a home within it."""
        for short in ('lengths_m', 'offsets_m', 'home_m'):
            self._as_many(short, self[short], needed=short == 'lengths_m')
        for joint, home, length in zip(
                self['joints'] or (), self['home_m'] or (), self['lengths_m'] or (),
                strict=False):
            if home > length:
                self._wrong('home_m', f'{home:g} for {joint}',
                            f'at most its {self._block.full("lengths_m")} ({length:g})')

    def ends(self) -> None:
        """Check that open and closed are told apart by the tolerance."""
        opened, closed, near = (
            self[each] for each in ('open_position', 'closed_position', 'tolerance'))
        if None not in (opened, closed, near) and abs(opened - closed) <= 2.0 * near:
            self._wrong('closed_position', f'{closed:g}',
                        f'a position that is more than 2 * {self._block.full("tolerance")} '
                        f'({near:g}) from {self._block.full("open_position")} ({opened:g})')

    def pose(self) -> None:
        """Check that poses are only sent to where the present one is known."""
        if self['pose_goal_topic'] and self['pose_topic'] == '':
            self._wrong('pose_topic', 'nothing',
                        'the topic of the measured pose, because '
                        f'{self._block.full("pose_goal_topic")} is given: nothing else tells '
                        'whether a goal is reached, and what a stop holds')

    def _as_many(self, short: str, values: Any, needed: bool = False) -> None:
        joints = self['joints']
        if values is None or joints is None or (not values and not needed):
            return
        if len(values) != len(joints):
            self._wrong(short, f'{len(values)} numbers',
                        f'{len(joints)}, one for each of {self._block.full("joints")}')
