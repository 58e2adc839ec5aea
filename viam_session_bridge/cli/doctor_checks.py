# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
What `doctor` finds in the data that it has collected. Functions of data: no graph, no clock.

A finding names the parameter, what was measured, why it matters, and the line to change.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
import itertools
import math
import re
import statistics
from typing import NamedTuple

from rclpy.duration import Duration, Infinite
from rclpy.qos import qos_check_compatible, QoSCompatibility, QoSProfile
from rclpy.topic_endpoint_info import TopicEndpointInfo

from viam_session_bridge.core.events import Echo, Pulse
from viam_session_bridge.core.stop import BaseSample, RestSettings
from viam_session_bridge.ros.profiles import COMMAND_QOS
from viam_session_bridge.ros.stop_path import is_known, node_name

# A certificate that expires sooner (days) is reported.
SOON = 30.0

# Pose and twist are compared over steps of so long (s), and only where the robot has moved or
# turned by so much (m, rad) in all.
STEP = 0.2
LEAST_TRAVEL = 0.05
LEAST_TURN = 0.1

# Of two that measure the same motion, one that shows less than this share of it stands.
STANDS = 0.25
# Cosines of the angle between two motions: alike, opposite, across.
ALIKE, AGAINST, ACROSS = 0.9, -0.7, 0.5
# Lengths that differ by this factor are in different units, or one is calibrated wrongly.
SCALE = 1.5


@dataclass(frozen=True)
class Finding:
    """
    One mistake.

    parameter: its full name; empty where no parameter is concerned. what: what was found.
    why: what happens because of it. change: the line to write, or what to do.
    """

    parameter: str
    what: str
    why: str
    change: str


@dataclass(frozen=True)
class Wire:
    """
    A topic or service as the bridge uses it.

    parameter: which names it, in full. name: its full name. kind: the ROS type; empty where it is
    not known. qos: what a reader asks for. timeout: age (s) after which messages count as stale;
    None where silence is in order.
    """

    parameter: str
    name: str
    kind: str
    qos: QoSProfile = field(default_factory=lambda: COMMAND_QOS, compare=False)
    timeout: float | None = None

    @property
    def block(self) -> str:
        """Return the block of the parameter."""
        return self.parameter.rpartition('.')[0]

    @property
    def loss(self) -> str:
        """Say what it means that nothing usable arrives."""
        if self.timeout is None:
            return 'the bridge receives nothing of it'
        if self.block == 'estop':
            return 'silence counts as a pressed emergency stop'
        if self.parameter.endswith('.topic'):
            return 'clients that read it get an error'
        return 'no stop is verified by it, and no move is steered by it'


# ---- the graph ----------------------------------------------------------------------------------

_VELOCITIES = {'geometry_msgs/msg/Twist': 'twist', 'geometry_msgs/msg/TwistStamped':
               'twist_stamped'}
_MESSAGES = {f'std_msgs/msg/{name}': name.lower()
             for name in ('Float64', 'Float32', 'Int16', 'Int32', 'Bool')}


def command_findings(wire: Wire, subscribers: Sequence[TopicEndpointInfo],
                     publishers: Sequence[TopicEndpointInfo], candidates: Sequence[str],
                     namespace: str = '/', driver_node: str = '') -> Iterator[Finding]:
    """
    Check a topic that the bridge commands.

    subscribers, publishers: those of others. candidates: topics that may be meant instead, the
    most likely first. namespace: of the bridge.
    """
    yield from _subscriber_findings(wire, subscribers, candidates, namespace, driver_node)
    others = sorted({node_name(one) for one in publishers if is_known(one)})
    if others:
        yield Finding(
            wire.parameter, f'{wire.name} is also published by {" and ".join(others)}',
            'two publishers on one command topic alternate: a zero of the bridge is followed by '
            'a command of the other one, so that a stop cannot be confirmed',
            f'a topic of its own for each, with a mux (twist_mux) behind them, and '
            f'{wire.parameter}: the topic of the mux that is for the bridge')


def _subscriber_findings(wire: Wire, subscribers: Sequence[TopicEndpointInfo],
                         candidates: Sequence[str], namespace: str,
                         driver_node: str) -> Iterator[Finding]:
    if not subscribers:
        yield Finding(
            wire.parameter, f'{wire.name} has no subscriber'
            + (f' (expected one of {wire.kind})' if wire.kind else ''),
            'a stop would reach no driver, so the bridge refuses every motion',
            _instead(wire, candidates, namespace)
            or 'start the driver, or name the topic that it subscribes to')
        return
    fitting = [one for one in subscribers if not wire.kind or one.topic_type == wire.kind]
    if not fitting:
        found = sorted({one.topic_type for one in subscribers})
        yield Finding(
            wire.parameter, f'{node_name(subscribers[0])} subscribes to {wire.name} as '
            f'{" and ".join(found)}; the bridge publishes {wire.kind}',
            'DDS delivers nothing between different types: neither commands nor stops arrive',
            _line_for_type(wire, found[0]))
        return
    refused = {node_name(one): reason for one in fitting
               if (reason := _incompatible(COMMAND_QOS, one.qos_profile))}
    receiving = {node_name(one) for one in fitting} - refused.keys()
    if not receiving or driver_node in refused:
        name = driver_node if driver_node in refused else min(refused)
        yield Finding(
            wire.parameter, f'the QoS of {name} on {wire.name} does not match: {refused[name]}',
            'commands are published RELIABLE and VOLATILE, since an old motion must never be '
            'replayed; this subscriber receives none of them, and no stop',
            f'the subscription of {name}: durability VOLATILE, no deadline or liveliness; or '
            f'{wire.parameter}: another topic')
    elif driver_node and driver_node not in receiving:
        yield Finding(
            f'{wire.block}.driver_node', f'{driver_node} does not subscribe to {wire.name}; '
            f'found: {", ".join(sorted(receiving))}',
            'the bridge refuses motion until this node receives its stops',
            f'{wire.block}.driver_node: {min(receiving)}')


def feedback_findings(wire: Wire, publishers: Sequence[TopicEndpointInfo],
                      candidates: Sequence[str], namespace: str = '/') -> Iterator[Finding]:
    """Check whether a topic that the bridge reads can be received."""
    why = wire.loss
    if not publishers:
        yield Finding(
            wire.parameter, f'{wire.name} has no publisher (expected {wire.kind})', why,
            _instead(wire, candidates, namespace) or 'start what publishes it, or name its topic')
        return
    fitting = [one for one in publishers if one.topic_type == wire.kind]
    if not fitting:
        found = ' and '.join(sorted({one.topic_type for one in publishers}))
        yield Finding(
            wire.parameter,
            f'{node_name(publishers[0])} publishes {wire.name} as {found}; expected {wire.kind}',
            f'DDS delivers nothing between different types: {why}',
            _instead(wire, candidates, namespace)
            or f'{wire.parameter}: a topic of {wire.kind}')
        return
    reasons = [_incompatible(one.qos_profile, wire.qos) for one in fitting]
    if all(reasons):
        yield Finding(
            wire.parameter,
            f'the QoS of {node_name(fitting[0])} on {wire.name} does not match: {reasons[0]}',
            why, f'the publisher: a QoS that matches {wire.qos.reliability.name} and '
            f'{wire.qos.durability.name}')


def service_findings(wire: Wire, served: Sequence[str],
                     candidates: Sequence[str]) -> Iterator[Finding]:
    """Check a service or action; served: the types under its name."""
    if wire.kind in served:
        return
    what = 'action' if wire.parameter.endswith('.action') else 'service'
    found = (f'{what} {wire.name} is of type {" and ".join(served)}; expected {wire.kind}'
             if served else f'no node offers the {what} {wire.name}')
    yield Finding(
        wire.parameter, found, 'a stop or command that calls it is never answered: stops of '
        f'{wire.parameter.partition(".")[0]} cannot be confirmed',
        f'{wire.parameter}: {candidates[0]}' if candidates else
        f'start the server, or name the {what} that it offers')


def relay_findings(wire: Wire, stamp: str, smoother: str,
                   unstamped: Sequence[str]) -> Iterator[Finding]:
    """
    Check what nodes on the way do to the stamps of commands.

    smoother: the velocity_smoother that gets them. unstamped: nodes that take the stamped topic
    and publish Twist without a stamp.
    """
    if smoother and stamp == 'zero':
        yield Finding(
            f'{wire.block}.stamp', f'commands on {wire.name} have no stamp and pass {smoother}',
            'it adds the time since the last command to the empty stamp, so that a controller '
            'drops commands and stops as too old',
            f'{wire.block}.stamp: now')
    if unstamped and stamp == 'now':
        yield Finding(
            f'{wire.block}.stamp', f'{" and ".join(unstamped)} takes TwistStamped on {wire.name} '
            'and publishes Twist: the stamps are dropped',
            'no receiver behind it can reject an old command by its stamp',
            f'{wire.block}.driver: twist, on a topic behind this relay; or a relay that keeps '
            'stamps')


def hold_findings(wire: Wire, stop_hold: float,
                  timeouts: Mapping[str, float]) -> Iterator[Finding]:
    """Check the hold of a stop against the timeouts (s) of the inputs of muxes, by mux."""
    for mux, timeout in timeouts.items():
        if timeout >= stop_hold:
            yield Finding(
                f'{wire.block}.stop_hold', f'the longest timeout of an input of {mux} is '
                f'{timeout:g} s; {wire.block}.stop_hold is {stop_hold:g} s',
                'while an input of higher priority has not timed out, the mux drops the zeros of '
                'the bridge; they end before it passes them on',
                f'{wire.block}.stop_hold: {timeout + 0.5:g}')


def _instead(wire: Wire, candidates: Sequence[str], namespace: str) -> str:
    if not candidates:
        return ''
    near = candidates[0]
    inner = wire.name if namespace == '/' else wire.name.removeprefix(namespace)
    change = f'{wire.parameter}: {near}'
    if near.endswith(inner) and near != inner:
        missing = near.removesuffix(inner)
        change = (f'start bridge and guard in the namespace {missing} (launch: '
                  f'namespace:={missing}; doctor: --namespace {missing}), or {change}')
    return change


def _line_for_type(wire: Wire, found: str) -> str:
    """Return the line by which the bridge publishes another type."""
    drivers = _VELOCITIES if wire.kind in _VELOCITIES else {}
    short = wire.parameter.rpartition('.')[2]
    if short == 'topic' and found in drivers and wire.block.count('.') == 0:
        return f'{wire.block}.driver: {drivers[found]}'
    if short == 'topic' and found in drivers:
        return f'{wire.block}.stamped: {"true" if found.endswith("Stamped") else "false"}'
    if wire.kind in _MESSAGES and found in _MESSAGES:
        return f'{wire.block}.message: {_MESSAGES[found]}'
    return f'{wire.block}.driver: one that publishes {found}; or {wire.parameter}: another topic'


def _incompatible(publisher: QoSProfile, subscriber: QoSProfile) -> str:
    """Say why a subscription does not match; empty where it does, as far as is known."""
    verdict, reason = qos_check_compatible(_comparable(publisher), _comparable(subscriber))
    if verdict != QoSCompatibility.ERROR:
        return ''
    return ' '.join(reason.replace('ERROR:', '').replace(';', ' ').split())


def _comparable(qos: QoSProfile) -> QoSProfile:
    """Return a profile for comparison: the graph says 'infinite' where a program says nothing."""
    return QoSProfile(
        depth=1, reliability=qos.reliability, durability=qos.durability,
        liveliness=qos.liveliness, deadline=_finite(qos.deadline),
        liveliness_lease_duration=_finite(qos.liveliness_lease_duration))


def _finite(duration: Duration) -> Duration:
    return Duration() if duration == Infinite else duration


# ---- clocks and times ---------------------------------------------------------------------------


class Arrival(NamedTuple):
    """A message: when it was received (s, steady), its stamp, and its age by that; None: none."""

    at: float
    stamp: float | None = None
    age: float | None = None


def timing_findings(wire: Wire, arrivals: Sequence[Arrival], seconds: float,
                    stall: float = 0.0) -> Iterator[Finding]:
    """
    Check rate and age of what was received within some seconds.

    stall: for so long (s) this machine has kept the doctor itself from running.
    """
    timeout = wire.timeout
    if timeout is None:
        return
    why = wire.loss
    limit = 'estop.timeout' if wire.block == 'estop' else f'{wire.block}.feedback_timeout'
    if not arrivals:
        if seconds > timeout:
            yield Finding(
                wire.parameter, f'nothing arrived on {wire.name} for {seconds:g} s, although it '
                f'has a publisher; {limit} is {timeout:g} s', why,
                'find out why its publisher is silent')
        return
    new = [one for one, before in zip(arrivals, (None, *arrivals), strict=False)
           if one.stamp is None or before is None or one.stamp != before.stamp]
    if len(arrivals) > 1 and len(new) == 1 and new[0].stamp is not None:
        yield Finding(
            wire.parameter, f'the stamp of the messages on {wire.name} does not change: '
            f'{new[0].stamp:.3f} in {len(arrivals)} messages',
            f'such messages are repeated, not measured, and are ignored: {why}',
            'the publisher: the time of the measurement as the stamp of each message')
        return
    yield from _rate_findings(wire, new, seconds, stall, limit, why)
    ages = [one.age for one in new if one.age is not None]
    if ages and wire.block != 'estop' and abs(age := statistics.median(ages)) > timeout:
        yield _old(wire, age, limit, timeout)


def _old(wire: Wire, age: float, limit: str, timeout: float) -> Finding:
    found = f'are {age:.3g} s old' if age > 0.0 else f'are {-age:.3g} s in the future'
    return Finding(
        wire.parameter, f'the messages on {wire.name} {found} by their stamp when they arrive '
        f'(median); {limit} is {timeout:g} s',
        'the bridge would judge rest and moves by what the robot did before, not by what it does',
        'the publisher: the time of the measurement as the stamp, and the clocks of both machines '
        'synchronized (chrony); with simulated time, use_sim_time: true')


def _rate_findings(wire: Wire, arrivals: Sequence[Arrival], seconds: float, stall: float,
                   limit: str, why: str) -> Iterator[Finding]:
    timeout = wire.timeout or math.inf
    gaps = [later.at - earlier.at for earlier, later in itertools.pairwise(arrivals)]
    usual = statistics.median(gaps) if gaps else seconds
    if usual >= timeout:
        yield Finding(
            wire.parameter, f'messages on {wire.name} arrive every {usual:.2g} s '
            f'({1.0 / usual:.2g} Hz); {limit} is {timeout:g} s', why,
            f'the publisher: at least {3.0 / timeout:.2g} Hz; or {limit}: {3.0 * usual:.2g}')
    elif gaps and (pause := max(gaps) - stall) >= timeout:
        yield Finding(
            wire.parameter, f'messages on {wire.name} arrive every {usual:.2g} s, but once none '
            f'arrived for {pause:.2g} s; {limit} is {timeout:g} s', why,
            f'a network or a publisher without such pauses; or {limit}: {2.0 * pause:.2g}')


def clock_findings(use_sim_time: bool, publishers: int) -> Iterator[Finding]:
    """Check the source of ROS time."""
    if use_sim_time and not publishers:
        yield Finding(
            'use_sim_time', 'use_sim_time is true, and /clock has no publisher',
            'ROS time stands at 0: stamps of commands are 0, and receivers that check them drop '
            'commands and stops',
            'use_sim_time: false, or start the simulation that publishes /clock')


def headroom_findings(latest: float, patience: float, seconds: float) -> Iterator[Finding]:
    """Check how late (s) a loop was woken at most against the patience (s) of the guard."""
    if latest > patience / 2.0:
        yield Finding(
            'guard.patience', f'a loop that only sleeps was woken {latest * 1e3:.0f} ms late '
            f'within {seconds:g} s; half of guard.patience is {patience * 500.0:.0f} ms',
            'a bridge that is held up so long stops every motion, and after guard.patience its '
            'guard does',
            f'guard.patience: {min(5.0, math.ceil(latest * 80.0) / 20.0):g}, or fewer programs '
            'on this machine, or a real-time priority for bridge and guard')


# ---- bridge and guard ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Peers:
    """
    What was received from bridge and guard.

    unverified: how many messages were not signed with the key of guard.key_file. guards: how many
    nodes publish as a guard.
    """

    pulses: Sequence[Pulse] = ()
    echoes: Sequence[Echo] = ()
    unverified: int = 0
    guards: int = 0


def peer_findings(peers: Peers, fingerprint: str, required: bool,
                  start: str) -> Iterator[Finding]:
    """Check guard and bridge; fingerprint: of the parameter file. start: starts a guard."""
    if peers.unverified:
        yield Finding(
            'guard.key_file', f'{peers.unverified} messages of bridge or guard are signed with '
            'another key than that of this user',
            'bridge and guard ignore each other where their keys differ, and motion is refused',
            'guard.key_file: one file for bridge and guard, or a copy of it for each user')
    if not peers.pulses:
        return
    running = peers.pulses[-1].sender.configuration
    if running != fingerprint:
        yield Finding(
            '', f'the bridge that runs has the configuration {running}; that of this file is '
            f'{fingerprint}',
            'what is checked here is not what drives the robot',
            'start bridge and guard anew with this file, or check the file that they have')
    strangers = {one.configuration for one in peers.echoes} - {running}
    if strangers:
        yield Finding(
            '', f'the guard has the configuration {" and ".join(sorted(strangers))}, the bridge '
            f'{running}: it was started with another parameter file, namespace or remapping',
            'it would stop something else than the bridge moves, so the bridge refuses motion',
            f'start the guard with the arguments of the bridge: {start}')
    if required and not peers.echoes and not peers.unverified:
        yield Finding(
            'guard.required', ('the guard that runs answers no pulse' if peers.guards else
                               'no guard runs') + '; guard.required is true, in the file or by '
            'default of the launch file',
            'the bridge refuses every motion: nothing would stop the robot if it died', start)
    for echo in {one.guard: one for one in peers.echoes}.values():
        if echo.unreached and not strangers:
            yield Finding(
                '', f'the guard reaches no driver of {", ".join(echo.unreached)}',
                'it could not stop them if the bridge died, so the bridge refuses to move them',
                'the guard on the same machine, ROS_DOMAIN_ID and user as the bridge')


def port_findings(host: str, port: int, problem: str, holder: str,
                  bridge: int) -> Iterator[Finding]:
    """
    Check the port; problem: why it cannot be bound. holder: names the process that has it.

    bridge: the process of the bridge that runs; 0 where none does.
    """
    if not problem or (bridge and holder.startswith(f'process {bridge} ')):
        return
    if not holder:
        yield Finding('grpc.host', f'{host}:{port} cannot be bound: {problem}',
                      'the bridge does not start', 'grpc.host: an address of this machine, or '
                      'grpc.port: one above 1023')
        return
    yield Finding(
        'grpc.port', f'port {port} is in use by {holder}', 'the bridge does not start',
        f'end that process, or grpc.port: {port + 1 if port < 65535 else port - 1}')


# ---- does the robot measure what it does? -------------------------------------------------------


class Step(NamedTuple):
    """
    A base within some time (s): how pose and integrated twist say that it moved (m, rad).

    moved: of the pose, in the base frame. turned: of the heading. told: of the twist. yaw: the
    heading (rad) in the middle.
    """

    begin: float
    end: float
    moved: tuple[float, float]
    turned: float
    told: tuple[float, float]
    spun: float
    yaw: float


def steps(samples: Sequence[tuple[float, BaseSample]], settings: RestSettings) -> list[Step]:
    """Return how a base moved, from samples and when they were received (s)."""
    found, pending = list[Step](), list[tuple[float, BaseSample]]()
    for at, sample in samples:
        if not (sample.has_pose and sample.is_finite):
            continue
        if pending and settings.is_jump(pending[-1][1], sample, at - pending[-1][0]):
            pending = []
        pending.append((at, sample))
        if at - pending[0][0] >= STEP:
            found.append(_step(pending, settings))
            pending = [(at, sample)]
    return found


def _step(samples: Sequence[tuple[float, BaseSample]], settings: RestSettings) -> Step:
    (begin, first), (end, last) = samples[0], samples[-1]
    turned = math.remainder(last.yaw - first.yaw, math.tau)
    yaw = first.yaw + turned / 2.0
    east, north = last.x - first.x, last.y - first.y
    moved = (math.cos(yaw) * east + math.sin(yaw) * north,
             math.cos(yaw) * north - math.sin(yaw) * east)
    told, spun = [0.0, 0.0], 0.0
    for (before, one), (after, other) in itertools.pairwise(samples):
        for axis in (0, 1):
            told[axis] += (one.linear[axis] + other.linear[axis]) / 2.0 * (after - before)
        spun += (one.angular[2] + other.angular[2]) / 2.0 * (after - before)
    # What counts as rest is none of it.
    if math.hypot(*moved) <= settings.pose_noise:
        moved = 0.0, 0.0
    if math.hypot(*told) <= settings.linear * (end - begin):
        told = [0.0, 0.0]
    return Step(
        begin, end, moved, turned if abs(turned) > settings.heading_noise else 0.0,
        (told[0], told[1]), spun if abs(spun) > settings.angular * (end - begin) else 0.0, yaw)


def odometry_findings(parameter: str, topic: str, moves: Sequence[Step]) -> Iterator[Finding]:
    """Check pose against twist while somebody drives."""
    block = parameter.rpartition('.')[0]
    moved, told = _length(one.moved for one in moves), _length(one.told for one in moves)
    turned = sum(abs(one.turned) for one in moves)
    spun = sum(abs(one.spun) for one in moves)
    summary = (f'the pose moved by {moved:.3g} m and {turned:.3g} rad, the twist adds up to '
               f'{told:.3g} m and {spun:.3g} rad')
    if (told >= LEAST_TRAVEL and moved < STANDS * told) or (
            spun >= LEAST_TURN and turned < STANDS * spun):
        yield Finding(
            parameter, f'the pose on {topic} is frozen while the twist is not: {summary}',
            'moves that are steered by the pose end as failed, and no stop is verified',
            f'{parameter}: a topic whose pose is measured; where only a velocity is, '
            f'{block}.velocity_topic')
        return
    if (moved >= LEAST_TRAVEL and told < STANDS * moved) or (
            turned >= LEAST_TURN and spun < STANDS * turned):
        yield Finding(
            parameter, f'the twist on {topic} is zero while the pose moves: {summary}',
            'pose and twist contradict each other: the log warns at each stop',
            f'the publisher: the measured velocity as twist; or {block}.rest_by: positions')
        return
    yield from _axis_findings(parameter, topic, moves, moved, told)
    if turned >= LEAST_TURN and spun >= LEAST_TURN and _cosine(
            [(one.turned,) for one in moves], [(one.spun,) for one in moves]) < AGAINST:
        yield Finding(
            parameter, f'the twist on {topic} turns against its pose: {_turns(moves)}',
            _REVERSED, 'the publisher: angular.z positive counterclockwise (REP 103), as the '
            f'heading of the pose; or {block}.rest_by: positions')


_REVERSED = ('speeds towards a goal are taken for speeds away from it: steered moves overshoot or '
             'end as failed')


def _axis_findings(parameter: str, topic: str, moves: Sequence[Step], moved: float,
                   told: float) -> Iterator[Finding]:
    if moved < LEAST_TRAVEL or told < LEAST_TRAVEL:
        return
    block = parameter.rpartition('.')[0]
    pose, twist = [one.moved for one in moves], [one.told for one in moves]
    alike = _cosine(pose, twist)
    measured = f'pose {_sum(pose)} m, twist {_sum(twist)} m, both in the base frame'
    if alike < AGAINST:
        yield Finding(
            parameter, f'the twist on {topic} has the reversed sign of its pose: {measured}',
            _REVERSED, 'the publisher: linear.x positive forwards, linear.y positive to the left '
            f'(REP 103); or {block}.rest_by: positions')
    elif abs(alike) < ACROSS:
        yield Finding(
            parameter, f'the axes of twist and pose on {topic} are swapped: {measured}',
            'speeds along one axis are taken for speeds along the other: steered moves fail',
            'the publisher: the twist in child_frame_id (the base frame, x forwards), the pose in '
            f'frame_id; or {block}.rest_by: positions')
    elif alike > ALIKE and not 1.0 / SCALE < moved / told < SCALE:
        yield Finding(
            parameter, f'pose and twist on {topic} differ by a factor of {moved / told:.2g}: '
            f'{measured}', 'one of them has another unit or calibration: moves are too far or '
            'too short', 'the publisher: m and m/s, with the right wheel radius')


class Commanded(NamedTuple):
    """What the bridge has commanded, as of an instant (s): m/s and rad/s; None: at rest."""

    at: float
    velocity: tuple[float, float, float] | None


_VELOCITY = re.compile(r'linear \(([^)]+)\) m/s, angular \(([^)]+)\) rad/s')


def commanded(at: float, values: Mapping[str, str]) -> Commanded:
    """Return what the values of a diagnostic status say of the command."""
    found = _VELOCITY.search(values.get('last command', ''))
    if values.get('state') != 'moving' or not found:
        return Commanded(at, None)
    try:
        linear, angular = ([float(one) for one in group.split(',')] for group in found.groups())
        return Commanded(at, (linear[0], linear[1], angular[2]))
    except (ValueError, IndexError):
        return Commanded(at, None)


def direction_findings(parameter: str, topic: str, commands: Sequence[Commanded],
                       moves: Sequence[Step]) -> Iterator[Finding]:
    """
    Check the measured motion against the commands while somebody drives.

    Only where the same was commanded at two instants before a step and at one after it: then the
    robot has had the time to follow.
    """
    pairs = [(one, velocity) for one in moves if (velocity := _steady(commands, one))]
    wished = [velocity[:2] for _, velocity in pairs]
    pose = [one.moved for one, _ in pairs]
    block = parameter.partition('.')[0]
    why = ('a client that drives forwards moves the robot elsewhere; moves that are steered by '
           'odometry run away until they end as failed')
    where = f'commanded {_mean(wished)} m/s, measured on {topic} {_sum(pose)} m, in the base frame'
    if _length(pose) >= LEAST_TRAVEL and any(map(any, wished)):
        alike = _cosine(pose, wished)
        if alike < AGAINST:
            yield Finding(
                parameter, f'the robot moves against what is commanded (reversed sign): {where}',
                why, f'the driver of {block} or its odometry: x positive forwards (REP 103)')
        elif abs(alike) < ACROSS:
            yield Finding(
                parameter, f'the robot moves across what is commanded (swapped axes): {where}',
                why, f'the driver of {block} or its odometry: x forwards, y to the left (REP 103)')
    turns = [(one.turned,) for one, _ in pairs]
    wished_turns = [velocity[2:] for _, velocity in pairs]
    if _length(turns) >= LEAST_TURN and any(map(any, wished_turns)) and _cosine(
            turns, wished_turns) < AGAINST:
        yield Finding(
            parameter, 'the robot turns against what is commanded (reversed sign): commanded '
            f'{_mean(wished_turns)} rad/s, measured on {topic} {_sum(turns)} rad', why,
            f'the driver of {block} or its odometry: z positive counterclockwise (REP 103)')


def _steady(commands: Sequence[Commanded], step: Step) -> tuple[float, float, float] | None:
    before = [one.velocity for one in commands if one.at <= step.begin][-2:]
    after = next((one.velocity for one in commands if one.at >= step.end), None)
    return after if len(before) == 2 and before[0] == before[1] == after else None


Vectors = Sequence[tuple[float, ...]]


def _length(vectors: Vectors | Iterator[tuple[float, ...]]) -> float:
    return sum(math.hypot(*one) for one in vectors)


def _cosine(these: Vectors, those: Vectors) -> float:
    """Return how alike two series of vectors are: 1 the same way, -1 the opposite one."""
    size = math.sqrt(sum(part ** 2 for one in these for part in one)
                     * sum(part ** 2 for one in those for part in one))
    product = sum(left * right for one, other in zip(these, those, strict=True)
                  for left, right in zip(one, other, strict=True))
    return product / size if size else 1.0


def _sum(vectors: Vectors) -> str:
    return '(' + ', '.join(f'{sum(parts) + 0.0:.2g}' for parts in zip(*vectors, strict=True)) + ')'


def _mean(vectors: Vectors) -> str:
    count = len(vectors)
    return '(' + ', '.join(
        f'{sum(parts) / count + 0.0:.2g}' for parts in zip(*vectors, strict=True)) + ')'


def _turns(moves: Sequence[Step]) -> str:
    return (f'pose {sum(one.turned for one in moves):.2g} rad, twist '
            f'{sum(one.spun for one in moves):.2g} rad')
