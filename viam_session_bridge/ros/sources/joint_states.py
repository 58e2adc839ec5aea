# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Feedback: sensor_msgs/JointState as positions and speeds of a resource's joints.

Only new samples count: a joint whose stamp does not advance is frozen and is ignored. Names may be
in any order, and the joints of one resource may be spread over several messages: a reading is
complete when each joint has a new sample. A position that is not a number, or is outside of the
limits of its joint, is not measured.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
import functools
import itertools
import math
import time
from typing import Any

from rclpy.node import Node
from sensor_msgs.msg import JointState

from viam_session_bridge.core.stop import JointSample
from viam_session_bridge.parameters.joints import JointRange
from viam_session_bridge.ros.profiles import FEEDBACK_QOS
from viam_session_bridge.ros.sources.tools import SourceTools
from viam_session_bridge.ros.stop_path import publisher_problem, type_name

# How many of the received joints an error names, and how many are kept.
_MOST_NAMES = 12
_MOST_KEPT = 1000

# Velocities that are not reported are estimated over this time (s).
ESTIMATE_OVER = 0.1


@dataclass(frozen=True)
class JointReading:
    """
    All joints of a resource, in its order, each received since the previous reading.

    positions (rad or m) and velocities (rad/s or m/s, signed) are scaled, and keep counting
    beyond a turn for a continuous joint; raw are the positions as they were published, NaN
    where not measured. velocities are estimated from positions where none is reported, and NaN
    where neither is known; reported has NaN where none is reported. at: when it was received (s,
    steady clock). problem: why a position that was published is not plausible; empty when each is.
    """

    positions: tuple[float, ...]
    velocities: tuple[float, ...]
    raw: tuple[float, ...]
    at: float
    reported: tuple[float, ...] = ()
    problem: str = ''

    @property
    def sample(self) -> JointSample:
        """Return it as evidence for the supervisor."""
        return JointSample(self.positions, self.reported, self.problem)

    @property
    def is_known(self) -> bool:
        """All positions are finite."""
        return all(map(math.isfinite, self.raw))


class JointStates:
    """One subscription for all readers of joints of one topic. clock: steady, in seconds."""

    def __init__(self, node: Node, topic: str,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._node = node
        self._clock = clock
        self._groups: list[JointGroup] = []
        self._names: set[str] = set()
        self._subscription = node.create_subscription(
            JointState, topic, self._on_joints, FEEDBACK_QOS)

    def watch(self, group: 'JointGroup') -> None:
        """Let a group take every message from now on, on the executor's thread."""
        self._groups.append(group)

    def problem(self, group: 'JointGroup') -> str:
        """Return why there is no fresh reading of a group; empty when there is one."""
        if group.is_fresh:
            return ''
        topic = self._subscription.topic_name
        where = f'{group.resource}.joint_states_topic'
        wrong = publisher_problem(
            topic, type_name(JointState), self._node.get_publishers_info_by_topic(topic))
        if wrong:
            return f'{where}: {wrong}'
        missing = [joint for joint in group.joints if joint not in self._names]
        if missing and self._names:
            found = ', '.join(sorted(self._names)[:_MOST_NAMES])
            return (f'{where}: nothing is known of {", ".join(missing)}; the joints on {topic} '
                    f'are {found}')
        if group.implausible:
            return (f'{where}: {group.implausible}, so the position that a stop must hold is not '
                    'known')
        silent = ', '.join(group.silent)
        return (f'{where}: no joint states of {silent} have arrived on {topic} within '
                f'{group.patience:g} s, so the position that a stop must hold is not known')

    def _on_joints(self, message: JointState) -> None:
        at = self._clock()
        # Once for all groups: with many joints, a search of each in the message is slow.
        places = {name: index for index, name in enumerate(message.name)}
        if len(self._names) < _MOST_KEPT:
            self._names.update(itertools.islice(places, _MOST_KEPT))
        for group in self._groups:
            group.update(message, places, at)


class JointGroup:
    """
    The joints of one resource.

    take: receives every complete reading. scale: factor from what is published to the resource.
    continuous: joints whose position jumps by a turn at the end of a turn. patience: age (s) from
    which a reading is stale. ranges: the plausible positions of each, scaled; without them, any.
    """

    def __init__(self, resource: str, joints: Sequence[str],
                 take: Callable[[JointReading], None], *, scale: float = 1.0,
                 continuous: Sequence[str] = (), patience: float = 0.5,
                 ranges: Sequence[JointRange] = (),
                 clock: Callable[[], float] = time.monotonic) -> None:
        self.resource = resource
        self.joints = tuple(joints)
        self.patience = patience
        self._take = take
        self._clock = clock
        self._watched = {
            joint: _Joint(joint, scale, joint in continuous, limits) for joint, limits in zip(
                joints, ranges or (JointRange(),) * len(self.joints), strict=True)}
        # The newest with all positions: a single sample without one is dropped. Replaced as a
        # whole: the pump reads it while the executor's thread writes it.
        self.reading: JointReading | None = None

    @property
    def is_fresh(self) -> bool:
        """Whether all positions were measured recently."""
        reading = self.reading
        return reading is not None and self._clock() - reading.at < self.patience

    @property
    def silent(self) -> list[str]:
        """Return the joints without a recent sample."""
        now = self._clock()
        return [name for name, joint in self._watched.items()
                if not (math.isfinite(joint.raw) and now - joint.received_at < self.patience)]

    @property
    def implausible(self) -> str:
        """Return which joints were recently measured at implausible positions; empty if none."""
        now = self._clock()
        return '; '.join(joint.problem for joint in self._watched.values()
                         if joint.problem and now - joint.received_at < self.patience)

    def update(self, message: JointState, places: Mapping[str, int], at: float) -> None:
        """Take a message received at an instant (s); places: the index of each joint in it."""
        news = False
        for name, joint in self._watched.items():
            if name in places and joint.update(message, places[name], at):
                news = True
        joints = self._watched.values()
        if not news or not all(
                joint.renewed and at - joint.received_at < self.patience for joint in joints):
            return
        reading = JointReading(
            tuple(joint.position for joint in joints), tuple(joint.velocity for joint in joints),
            tuple(joint.raw for joint in joints), at, tuple(joint.reported for joint in joints),
            '; '.join(joint.problem for joint in joints if joint.problem))
        for joint in joints:
            joint.renewed = False
        if reading.is_known:
            self.reading = reading
        self._take(reading)


class _Joint:
    """The samples of one joint; estimates its velocity if it is not reported."""

    def __init__(self, name: str, scale: float, continuous: bool, limits: JointRange) -> None:
        self._name = name
        self._scale = scale
        self._continuous = continuous
        self._limits = limits.over_turns() if continuous else limits
        # Why the position that was published last is not plausible.
        self.problem = ''
        # The last raw position that was a number, and its unwrapped position.
        self._counted: tuple[float, float] | None = None
        self._stamp: float | None = None
        # Time (s) and position of the newest samples, over which the velocity is estimated.
        self._past: deque[tuple[float, float]] = deque()
        self.raw = math.nan
        self.position = math.nan
        self.velocity = math.nan
        self.reported = math.nan
        self.received_at = -math.inf
        self.renewed = False

    def update(self, message: JointState, index: int, received_at: float) -> bool:
        """Take its sample in a message; returns whether that is new."""
        stamp = message.header.stamp.sec + message.header.stamp.nanosec * 1e-9
        if stamp == self._stamp and stamp != 0.0:
            return False
        # An array that is too short has no value for this joint.
        raw, velocity = (
            values[index] if index < len(values) else math.nan
            for values in (message.position, message.velocity))
        self.problem = self._limits.problem(self._name, raw * self._scale)
        if self.problem:
            raw = math.nan
        self.position = self._unwrapped(raw)
        self.reported = velocity * self._scale if math.isfinite(velocity) else math.nan
        # Without a stamp, the time of receipt is used.
        estimated = self._estimated(stamp or received_at)
        self.velocity = estimated if math.isnan(self.reported) else self.reported
        self._stamp, self.raw, self.received_at = stamp, raw, received_at
        self.renewed = True
        return True

    def _estimated(self, at: float) -> float:
        """Return the mean velocity over ESTIMATE_OVER: one encoder step is no motion."""
        past = self._past
        if not math.isfinite(self.position) or (past and at <= past[-1][0]):
            past.clear()
        if not math.isfinite(self.position):
            return math.nan
        past.append((at, self.position))
        while len(past) > 2 and past[1][0] <= at - ESTIMATE_OVER:
            past.popleft()
        elapsed = at - past[0][0]
        return (self.position - past[0][1]) / elapsed if elapsed > 0.0 else math.nan

    def _unwrapped(self, raw: float) -> float:
        """Return the position, scaled, and unwrapped for a continuous joint."""
        if not math.isfinite(raw):
            return math.nan
        position = raw * self._scale
        if self._continuous and self._counted is not None:
            last, counted = self._counted
            # Each within a turn: the difference of two arbitrary numbers may be infinite.
            here, before = (math.remainder(each, math.tau) for each in (raw, last))
            position = counted + math.remainder(here - before, math.tau) * self._scale
        self._counted = raw, position
        return position


def joint_states(config: Any, tools: SourceTools) -> Callable[[], str]:
    """Read the joints of a resource; returns a function with the reason for no fresh reading."""
    topic = tools.node.resolve_topic_name(config.joint_states_topic)
    if topic not in tools.shared:
        tools.shared[topic] = JointStates(tools.node, config.joint_states_topic, tools.clock)
    states: JointStates = tools.shared[topic]

    def take(reading: JointReading) -> None:
        for observe in tools.observers:
            observe(reading)
        tools.measured(reading.sample)

    group = JointGroup(
        config.name, [each.name for each in config.joint_rests], take,
        scale=config.scale_of_joints, continuous=config.continuous_joints,
        patience=config.feedback_timeout, ranges=config.ranges, clock=tools.clock)
    states.watch(group)
    return functools.partial(states.problem, group)


SOURCES = {'joint_states_topic': joint_states}
