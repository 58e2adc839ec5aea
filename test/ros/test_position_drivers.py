# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Drivers of position-controlled joints, as simulated joints in other processes see them."""

from collections.abc import Callable, Iterator
import functools
from itertools import count
import math
import time
from typing import Any

import pytest
from rclpy.node import Node

from processes import Programs, wait_until
from simulated_joints import SimulatedJoints, Told
from viam_session_bridge.core.group import ActuatedResource
from viam_session_bridge.core.presence import Policy
from viam_session_bridge.core.setpoints import JointLimits, Speed, Trajectory, Waypoint
from viam_session_bridge.locked_supervisor import locked_bridge
from viam_session_bridge.parameters.arm import ArmConfig
from viam_session_bridge.parameters.joints import PositionedConfig
from viam_session_bridge.parameters.motor import MotorConfig
from viam_session_bridge.parameters.resources import ActuatedConfig
from viam_session_bridge.parameters.servo import ServoConfig
from viam_session_bridge.ros.drivers.positions import Joints, Lead, Positions
from viam_session_bridge.ros.factory import Factory
from viam_session_bridge.ros.position_hold import PositionHoldSettings
from viam_session_bridge.ros.sources.joint_states import JointGroup, JointReading

NAMES = ('shoulder', 'elbow')
START = (0.5, -0.5)
HOLD = PositionHoldSettings(tolerance=0.02, rest_speed=0.05, fastest=2.0)
TICK = 0.05

_numbers = count(1)


def arm(driver: str, topic: str, **own: Any) -> PositionedConfig:
    """Return an arm with the settings HOLD and the period TICK."""
    return ArmConfig(**{
        'name': 'arm', 'api': 'arm', 'driver': driver, 'topic': topic, 'joints': NAMES,
        'max_joint_speed': 2.0, 'rest_speed': 0.05, 'stop': 'hold', **own})


def supervision(config: ActuatedConfig) -> Any:
    return locked_bridge([ActuatedResource(config.api, config.name, JointLimits())], Policy())


class Rig:
    """A driver, the joints that it drives, and the joint states between them."""

    def __init__(self, node: Node, programs: Programs, names: tuple[str, ...],
                 start: tuple[float, ...], make: Callable[..., PositionedConfig],
                 type: str, **options: Any) -> None:  # noqa: A002
        self._start = start
        prefix = f'{node.get_namespace()}/rig{next(_numbers)}'
        config = make(f'{prefix}/command', joint_states_topic=f'{prefix}/states')
        self.appeared = 0
        self.late: list[tuple[int, float]] = []
        supervisor = supervision(config)
        supervisor.runs_late = lambda name, *late: self.late.append(late)
        factory = Factory(node, supervisor)
        self.driver: Any = factory.driver(config, self._on_appear)
        self._group = JointGroup('arm', names, lambda reading: None)
        # The driver's own subscription: what is read here, the driver has measured.
        [states] = factory._read.values()
        states.watch(self._group)
        self.joints: SimulatedJoints = programs.add(SimulatedJoints(
            f'{prefix}/command', *names, type=type, start=start,
            joint_states=f'{prefix}/states', **options), ready=False)

    def _on_appear(self) -> None:
        self.appeared += 1

    def wait_ready(self) -> None:
        """Wait until they receive: a best-effort reader may be matched seconds late."""
        self.joints.wait_ready()
        wait_until(lambda: not self.driver.path_problem(), 'a stop path')
        self.repeat(lambda: self.driver.send(way(*self._start, time=0.1), 0), lambda told: True)

    @property
    def positions(self) -> tuple[float, ...]:
        assert self._group.reading is not None
        return self._group.reading.positions

    def is_at(self, *positions: float) -> bool:
        """Return whether the joints are measured at rest there."""
        reading = self._group.reading
        return (
            reading is not None and reading.positions == pytest.approx(positions)
            and max(map(abs, reading.velocities)) < HOLD.rest_speed)

    def repeat(self, act: Callable[[], None], until: Callable[[Told], bool]) -> Told:
        """Act at every tick until the joints receive a message, and return it."""
        since, tick = time.monotonic(), [0.0]

        def told() -> Told | None:
            if time.monotonic() >= tick[0]:
                tick[0] = time.monotonic() + TICK
                act()
            return next(filter(until, self.joints.since(since)), None)
        return wait_until(told, 'a message to the joints')


def way(*positions: float, time: float = 1.0, **options: Any) -> Trajectory:
    return Trajectory((Waypoint(time, positions, **options),))


@pytest.fixture(scope='module')
def trajectories(node: Node, shared: Programs) -> Iterator[Rig]:
    """Give joints behind a controller that follows trajectories."""
    rig = Rig(node, shared, NAMES, START, functools.partial(arm, 'joint_trajectory'), 'trajectory')
    rig.wait_ready()
    yield rig


def test_a_trajectory_arrives_whole(trajectories: Rig) -> None:
    """Every joint by its name, and at rest at the end, or the controller would reject it."""
    asked = Trajectory((
        Waypoint(0.0, START, (0.0, 0.0)), Waypoint(0.5, (0.6, -0.5), (0.1, 0.0)),
        Waypoint(1.0, (0.7, -0.4), (0.2, 0.1))))
    since = time.monotonic()
    # A message that was sent before may arrive late.
    told = trajectories.repeat(
        lambda: trajectories.driver.send(asked, next(_numbers)),
        lambda told: told.kind == 'trajectory' and told.end == [0.7, -0.4])
    assert told.what['names'] == list(NAMES)
    assert told.what['points'] == [
        {'time': 0.5, 'positions': [0.6, -0.5], 'velocities': [0.1, 0.0]},
        {'time': 1.0, 'positions': [0.7, -0.4], 'velocities': [0.0, 0.0]}]
    wait_until(lambda: trajectories.positions == pytest.approx((0.7, -0.4)), 'arrival')
    assert not trajectories.joints.since(since, 'rejected')


@pytest.mark.parametrize(('asked', 'points'), [
    (way(0.7, -0.4, time=0.0), [{'time': 0.2, 'positions': [0.7, -0.4], 'velocities': []}]),
    (Trajectory((Waypoint(0.5, (0.7, -0.4), (0.1, 0.1)), Waypoint(1.0, (0.7, -0.4)))),
     [{'time': time, 'positions': [0.7, -0.4], 'velocities': []} for time in (0.5, 1.0)])])
def test_what_a_controller_would_reject_is_corrected(
        trajectories: Rig, asked: Trajectory, points: list[dict[str, Any]]) -> None:
    """A trajectory without duration, and velocities that only some points have."""
    since = time.monotonic()
    # A message that was sent before may arrive late.
    trajectories.repeat(
        lambda: trajectories.driver.send(asked, next(_numbers)),
        lambda told: told.kind == 'trajectory' and told.what['points'] == points)
    assert not trajectories.joints.since(since, 'rejected')


def test_the_remainder_of_a_trajectory_goes_through_all_its_points(trajectories: Rig) -> None:
    """A controller begins a new one where the joints are, a little behind its setpoint."""
    begin, driver = trajectories.positions, trajectories.driver
    points = [Waypoint(index / 10.0, tuple(at + index / 50.0 for at in begin))
              for index in range(1, 11)]
    began, epoch = time.monotonic(), next(_numbers)
    driver.send(Trajectory(tuple(points[:5])), epoch)
    begun = time.monotonic()
    wait_until(lambda: time.monotonic() - began >= 0.3, 'some of the way')
    seen, since = trajectories.positions, time.monotonic()
    driver.send(Trajectory(tuple(points)), epoch)
    sent = time.monotonic()
    told = trajectories.joints.wait_told(
        'the rest', lambda told: told.end == list(points[-1].positions), since)
    rest = told.what['points']
    assert [one['positions'] for one in rest] == [
        list(point.positions) for point in points[-len(rest):]]
    # Left out is what the joints have passed: at least what was seen, at most what was due.
    passed = 5.0 * (seen[0] - begin[0])
    left_out = (len(points) - len(rest)) / 10.0
    assert passed - 0.1 <= left_out <= sent - began + 0.1
    late = [one['time'] - (point.time - (since - began))
            for one, point in zip(rest, points[-len(rest):], strict=True)]
    assert late[-1] <= late[0] + 1e-6, 'the lag is reduced'
    assert since - sent - 0.01 <= late[-1] and late[0] <= since - began - passed + 0.05
    # At its end, as sent; the driver read its clock from began to begun, and since to sent.
    [*_, (told_epoch, reported)] = trajectories.late
    assert told_epoch == epoch
    assert began - begun - 0.01 <= reported - late[-1] <= sent - since + 0.01
    wait_until(lambda: trajectories.positions == pytest.approx(points[-1].positions), 'arrival')
    assert not trajectories.joints.since(began, 'rejected')


def test_a_way_back_at_once_keeps_the_speed_limit_of_a_joint(trajectories: Rig) -> None:
    """Whatever time it has: a point that is due at once is a jerk."""
    begin, epoch = trajectories.positions, next(_numbers)
    there = tuple(at + 0.4 for at in begin)
    trajectories.driver.send(way(*there, time=0.4), epoch)
    wait_until(lambda: trajectories.positions == pytest.approx(there), 'arrival')
    since = time.monotonic()
    trajectories.driver.send(way(*begin, time=0.01), epoch)
    told = trajectories.joints.wait_told('the way back', lambda told: True, since)
    assert [point['time'] for point in told.what['points']] == [
        pytest.approx(0.4 / HOLD.fastest, abs=0.001)]
    wait_until(lambda: trajectories.positions == pytest.approx(begin), 'the way back')


def test_a_stop_on_the_way_is_a_hold_that_does_not_turn_back(trajectories: Rig) -> None:
    """One point, all joints, measured positions, no velocity; and then it stands."""
    begin = trajectories.positions
    goal = tuple(position + 2.0 for position in begin)
    trajectories.repeat(
        lambda: trajectories.driver.send(way(*goal, time=4.0), 5),
        lambda told: told.kind == 'trajectory' and told.end == list(goal))
    wait_until(lambda: trajectories.positions[0] > begin[0] + 0.3, 'motion')
    since, stopped_at = time.monotonic(), trajectories.positions
    trajectories.repeat(lambda: trajectories.driver.stop(6), lambda told: _stands(trajectories))
    holds = [told for told in trajectories.joints.since(since) if told.end != list(goal)]
    assert not trajectories.joints.since(since, 'rejected')
    for told in holds:
        [point] = told.what['points']
        assert told.what['names'] == list(NAMES) and point['velocities'] == [0.0, 0.0]
        assert 0.2 <= point['time'] < 0.5
    first = [told.end[0] for told in holds]
    assert first == sorted(first), 'a hold went back'
    assert stopped_at[0] - 0.05 <= trajectories.positions[0] < begin[0] + 1.5
    last = trajectories.repeat(
        lambda: trajectories.driver.stop(6), lambda told: told.kind == 'trajectory')
    assert last.end == holds[-1].end, 'a frozen hold changed'


def _stands(rig: Rig) -> bool:
    reading = rig._group.reading
    return reading is not None and max(map(abs, reading.velocities)) < HOLD.rest_speed and len(
        set(map(str, [told.end for told in rig.joints.told[-4:]]))) == 1


def test_another_setpoint_raises(trajectories: Rig) -> None:
    """Of another kind, or for another number of joints."""
    for setpoint in (Speed(1.0), way(1.0)):
        with pytest.raises(TypeError, match='2 joint'):
            trajectories.driver.send(setpoint, 1)


def test_without_joint_states_there_is_no_stop_path(node: Node, programs: Programs) -> None:
    """There is no position that a stop could hold; a stop then raises."""
    rig = Rig(
        node, programs, NAMES, START, functools.partial(arm, 'joint_trajectory'), 'trajectory')
    with pytest.raises(RuntimeError, match='no position .* was ever measured'):
        rig.driver.stop(1)
    rig.wait_ready()
    rig.joints.send(publish=False)
    problem = wait_until(rig.driver.path_problem, 'silence')
    assert 'arm.joint_states_topic' in problem and 'shoulder, elbow' in problem
    rig.repeat(lambda: rig.driver.stop(2), lambda told: told.end == list(START))


def test_joint_states_command_positions(node: Node, programs: Programs) -> None:
    """Step by step, with velocities; a stop holds."""
    rig = Rig(node, programs, NAMES, START, functools.partial(
        arm, 'joint_state', with_velocities=True), 'state')
    rig.wait_ready()
    since = time.monotonic()
    rig.repeat(lambda: rig.driver.send(way(1.0, 0.0, time=2.0), 1),
               lambda told: told.end == [1.0, 0.0])
    told = rig.joints.since(since)
    first = [one.end[0] for one in told]
    assert first == sorted(first) and len(first) > 4 and first[0] < 0.8
    assert all(one.what['velocities'] in ([0.25, 0.25], [0.0, 0.0]) for one in told)
    # A joint that is not measured at rest yet is held where it is measured.
    wait_until(lambda: rig.is_at(1.0, 0.0), 'arrival')
    stop = rig.repeat(lambda: rig.driver.stop(2), lambda told: told.kind == 'state')
    assert stop.end == [1.0, 0.0] and stop.what['velocities'] == [0.0, 0.0]


def test_a_motor_is_commanded_by_joint_states(node: Node, programs: Programs) -> None:
    """With its velocity only."""
    topic = f'{node.get_namespace()}/rig{next(_numbers)}'
    config = MotorConfig(
        name='motor', api='motor', driver='joint_state', topic=topic, joint='wheel',
        joint_scale=2.0, max_speed=20.0, command='', neutral=0.0)
    driver = Factory(node, supervision(config)).driver(config, lambda: None)
    joints = programs.add(SimulatedJoints(topic, 'wheel', type='state'))
    for act, velocity in ((lambda: driver.send(Speed(3.0), 1), 1.5), (lambda: driver.stop(2), 0)):
        def told(act: Callable[[], None] = act, velocity: float = velocity) -> list[Told]:
            act()
            return [one for one in joints.told if one.what['velocities'] == [velocity]]
        [first, *_] = wait_until(told, 'a velocity')
        assert first.what['names'] == ['wheel'] and first.what['positions'] == []


SERVO: dict[str, Any] = {
    'name': 'pan', 'api': 'servo', 'driver': 'float', 'message': 'int16', 'joint': 'pan',
    'scale': 600.0, 'offset': 1500.0, 'minimum': 600.0, 'maximum': 2400.0, 'stop_number': 0.0,
    'max_speed_deg_s': math.degrees(HOLD.fastest), 'tolerance_deg': math.degrees(HOLD.tolerance),
    'rest_speed': HOLD.rest_speed}


@pytest.mark.parametrize(('stop', 'number'), [('hold', None), ('last', None), ('number', 0)])
def test_a_servo_is_led_and_stops_as_configured(
        node: Node, programs: Programs, stop: str, number: int | None) -> None:
    """By numbers; halfway the measured one, the last one, or a fixed one."""
    rig = Rig(node, programs, ('pan',), (0.0,), lambda topic, **states: ServoConfig(
        topic=topic, stop=stop, **SERVO, **states), 'int16', scale=600.0, offset=1500.0)
    rig.wait_ready()
    begun = time.monotonic()
    rig.repeat(lambda: rig.driver.send(way(1.0, time=4.0), 1), lambda told: told.end[0] > 1700)
    told = [one.end[0] for one in rig.joints.since(begun)]
    assert told == sorted(told) and told[0] < 1700
    since = time.monotonic()

    def stops() -> list[float]:
        return [one.end[0] for one in rig.joints.since(since)]

    # Steps of the motion may still be under way when the first stop is sent.
    rig.repeat(lambda: rig.driver.stop(2),
               lambda _: len(stops()) > 2 and len({*stops()[-3:]}) == 1)
    if number is not None:
        assert stops()[-1] == number
    elif stop == 'last':
        assert stops()[-1] == max(told + stops())
    else:
        assert stops()[-1] == pytest.approx(1500 + 600 * rig.positions[0], abs=60)


def test_a_servo_without_feedback_and_command_receives_no_stop(node: Node) -> None:
    """Its first number would be a motion, and there is no last one to repeat."""
    positions = Positions(
        'pan', Joints(('pan',), (HOLD,), TICK, time.monotonic), stop='last')
    assert positions.stopping(1) is None and positions.path_problem() == ''
    assert positions.moving(way(1.0), 2) == (1.0,)
    assert positions.stopping(3) == (1.0,)


def test_a_resource_without_joints_cannot_have_positions() -> None:
    """A driver of another package for a base, for example: it is refused with the reason."""
    with pytest.raises(TypeError, match='base: it has no joints'):
        Positions('base', None)


@pytest.mark.parametrize('stop', ['hold', 'last'])
def test_a_servo_without_a_command_holds_where_it_is_measured(stop: str) -> None:
    """Whatever its stop repeats later; without a measurement the stop raises."""
    positions = Positions(
        'pan', Joints(('pan',), (HOLD,), TICK, lambda: 10.0, lambda: ''), stop)
    with pytest.raises(RuntimeError, match='ever measured'):
        positions.stopping(1)
    positions.observe((0.3,), JointReading((0.3,), (0.0,), (0.3,), 0.0, 10.0))
    assert positions.stopping(2) == (0.3,)


def test_a_motion_begins_where_a_joint_was_measured_last_within_its_limits() -> None:
    """Not at an implausible reading."""
    now = [10.0]
    positions = Positions(
        'arm', Joints(('a',), (HOLD,), TICK, lambda: now[0], lambda: ''))
    positions.observe((0.5,), JointReading((0.5,), (0.0,), (0.5,), 10.0))
    now[0] = 10.1
    positions.observe((math.nan,), JointReading(
        (math.nan,), (0.0,), (math.nan,), 10.1, problem='joint a is measured at 100 rad'))
    assert positions.moving(way(1.5, time=1.0), 1) == (pytest.approx(0.575),)
    assert positions.stopping(2) == (pytest.approx(0.5),)


def test_other_resources_in_an_array_stay_where_they_are(node: Node, programs: Programs) -> None:
    """Two resources, three places."""
    prefix = f'{node.get_namespace()}/rig{next(_numbers)}'
    names, start = ('a', 'b', 'c'), (0.1, 0.2, 0.3)
    configs = [
        arm('float_array', f'{prefix}/command', name=name, index=index, joints=joints,
            joint_states_topic=f'{prefix}/states')
        for name, index, joints in (('left', 0, names[:1]), ('right', 1, names[1:]))]
    supervisor = locked_bridge([one.resource for one in configs], Policy())
    factory = Factory(node, supervisor)
    drivers = {one.name: factory.driver(one, lambda: None) for one in configs}
    [array] = factory.shared
    simulated: SimulatedJoints = programs.add(SimulatedJoints(
        f'{prefix}/command', *names, type='array', start=start, joint_states=f'{prefix}/states'))
    wait_until(lambda: not any(one.path_problem() for one in drivers.values()), 'a stop path')

    def pass_(act: Callable[[], None]) -> None:
        act()
        array.flush()
    since = time.monotonic()
    wait_until(lambda: pass_(lambda: drivers['right'].send(way(0.4, 0.5, time=0.2), 2))
               or [one for one in simulated.since(since) if one.end == [0.1, 0.4, 0.5]],
               'both joints of the right')
    assert {one.end[0] for one in simulated.since(since)} == {0.1}
    wait_until(lambda: pass_(lambda: drivers['left'].stop(3)) or [
        one for one in simulated.since(since) if one.end[1:] == [0.4, 0.5]], 'the stop')
    simulated.send(publish=False)
    problem = wait_until(drivers['right'].path_problem, 'silence')
    assert problem.startswith('left.joint_states_topic'), 'another position is unknown'


def test_an_array_goes_out_when_something_was_noted_and_all_are_known(
        node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """It refreshes members without a command, and publishes nothing otherwise."""
    topic = f'{node.get_namespace()}/rig{next(_numbers)}'
    configs = [
        arm('float_array', topic, name=name, index=index, joints=(name,), joint_states_topic='')
        for index, name in enumerate(NAMES)]
    factory = Factory(node, locked_bridge([one.resource for one in configs], Policy()))
    drivers: list[Any] = [factory.driver(one, lambda: None) for one in configs]
    array: Any = factory.shared[0]
    sent: list[list[float]] = []
    monkeypatch.setattr(
        array._output, 'publish', lambda message: sent.append(list(message.data)))
    drivers[0].send(way(1.0), 1)
    with pytest.raises(RuntimeError, match='measured of elbow'):
        array.flush()
    for driver, position in zip(drivers, START, strict=True):
        driver.observe(JointReading((position,), (0.0,), (position,), time.monotonic()))
    drivers[0].stop(2)
    for _ in range(5):
        array.flush()
    assert sent == [list(START)]


def test_a_trajectory_has_the_requested_speed() -> None:
    """Straight without velocities, cubic with them; at rest after its end."""
    straight = Lead(1, way(2.0, time=2.0), (0.0,), began=10.0)
    assert [straight.at(10.0 + t) for t in (-1.0, 0.0, 0.5, 1.0, 2.0, 9.0)] == [
        (0.0,), (0.0,), (0.5,), (1.0,), (2.0,), (2.0,)]
    assert straight.velocities(11.0) == (1.0,) and straight.velocities(12.0) == (0.0,)
    cubic = Lead(1, way(2.0, time=2.0, velocities=(0.0,)), (0.0,), began=10.0)
    assert [cubic.at(10.0 + t) for t in (0.0, 0.5, 1.0, 2.0)] == [
        (0.0,), (pytest.approx(0.3125),), (1.0,), (2.0,)]
    assert cubic.velocities(11.0) == (pytest.approx(1.5),)
    unknown = Lead(1, way(2.0, time=2.0), (None,), began=10.0)
    assert unknown.at(10.0) == (2.0,)


def test_an_extended_trajectory_continues_as_if_it_had_been_known_as_a_whole() -> None:
    points = [Waypoint(float(index), (index ** 2 / 10.0,), (index / 5.0,))
              for index in range(1, 6)]
    whole = Lead(1, Trajectory(tuple(points)), (0.0,), began=10.0)
    pieces = Lead(1, Trajectory(tuple(points[:3])), (0.0,), began=10.0)
    pieces.go_on(Trajectory(tuple(points[1:4])), 11.5)
    assert pieces.at(11.7) == whole.at(11.7)
    pieces.go_on(Trajectory(tuple(points[3:])), 12.9)
    for instant in (12.9, 12.95, 13.5, 14.5, 16.0):
        assert pieces.at(instant) == whole.at(instant)
        assert pieces.velocities(instant) == whole.velocities(instant)


def test_an_extended_trajectory_keeps_the_coordinates_of_its_start() -> None:
    """The joint has wrapped meanwhile."""
    now = [10.0]
    positions = Positions('arm', Joints(('a',), (HOLD,), TICK, lambda: now[0]))
    positions.observe((3.0,), JointReading((3.0,), (0.0,), (3.0,), 10.0))
    positions.moving(way(3.4, time=0.4), 1)
    now[0] = 10.3
    wrapped = 3.3 - math.tau
    positions.observe((wrapped,), JointReading((3.3,), (1.0,), (wrapped,), 10.3))
    more = Trajectory((Waypoint(0.4, (3.4,)), Waypoint(1.0, (4.0,))))
    assert positions.moving(more, 1) == (pytest.approx(3.375),)
    assert positions.moving(more, 1) == (pytest.approx(3.375),)


def test_a_continuous_joint_is_commanded_as_it_is_measured() -> None:
    """Positions of clients keep counting; the robot's jumped by a turn, and must not turn back."""
    positions = Positions('arm', Joints(('a', 'b'), (HOLD, HOLD), TICK, time.monotonic))
    counted, published = (3.3, 0.5), (3.3 - math.tau, 0.5)
    positions.observe(published, JointReading(
        counted, (0.0, 0.0), published, time.monotonic()))
    asked = Trajectory((Waypoint(1.0, (3.4, 0.6), (0.1, 0.1)), Waypoint(2.0, (3.5, 0.7))))
    told = positions.handed_over(asked, 2.0)
    assert [point.positions for point in told.points] == [
        (pytest.approx(3.4 - math.tau), 0.6), (pytest.approx(3.5 - math.tau), 0.7)]
    assert told.points[0].velocities == (0.1, 0.1)
    assert positions.moving(way(3.4, 0.6, time=10.0), 1) == pytest.approx(published, abs=0.01)
