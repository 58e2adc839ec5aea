# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""The float driver as receivers in other processes see it: every message and number type."""

from itertools import count
import time
from typing import Any

import pytest
from rclpy.node import Node

from processes import Motors, Programs, wait_until
from viam_session_bridge.core.presence import Policy
from viam_session_bridge.core.setpoints import Power, Setpoint, Speed, Velocity
from viam_session_bridge.locked_supervisor import locked_bridge
from viam_session_bridge.parameters.motor import MotorConfig
from viam_session_bridge.ros.drivers.number import MESSAGES, Scaling
from viam_session_bridge.ros.factory import Factory
from viam_session_bridge.ros.interfaces import Driver

_topics = count(1)

PLAIN: dict[str, Any] = {'command': 'velocity', 'neutral': 0.0}
PULSE: dict[str, Any] = {
    'command': 'power', 'neutral': 1500.0, 'scale': 400.0, 'offset': 1500.0, 'minimum': 1100.0,
    'maximum': 1900.0}


def motor(**own: Any) -> MotorConfig:
    return MotorConfig(
        name='motor', api='motor', driver='float', topic=f'motor{next(_topics)}', max_speed=20.0,
        **own)


def driver_on(node: Node, config: MotorConfig) -> Driver:
    supervisor = locked_bridge([config.resource], Policy())
    return Factory(node, supervisor).driver(config, lambda: None)


@pytest.mark.parametrize(('config', 'setpoint', 'number'), [
    (PLAIN, Speed(2.5), 2.5),
    (PLAIN, Power(-0.5), -10.0),
    (PULSE, Power(0.5), 1700.0),
    (PULSE, Speed(-10.0), 1300.0),
    (PULSE, Power(3.0), 1900.0),
    (PULSE, Power(-3.0), 1100.0)])
def test_a_setpoint_becomes_a_number(
        config: dict[str, Any], setpoint: Setpoint, number: float) -> None:
    """In the unit that the driver expects, within its bounds."""
    assert Scaling.of_motor(motor(**config)).number(setpoint) == pytest.approx(number)


def test_a_setpoint_of_a_base_is_refused_for_a_joint(node: Node) -> None:
    """A setpoint of another kind raises an error."""
    with pytest.raises(TypeError, match='cannot do'):
        driver_on(node, motor(**PLAIN)).send(Velocity((1.0, 0.0, 0.0)), 1)


def test_a_velocity_is_refused_for_an_effort_command() -> None:
    """The speed of a joint under a torque depends on its load."""
    effort = Scaling('effort', 20.0, neutral=0.0)
    assert effort.number(Power(0.5)) == 0.5
    with pytest.raises(TypeError, match='effort cannot do'):
        effort.number(Speed(1.0))


@pytest.fixture(scope='module')
def pairs(node: Node, shared: Programs) -> dict[str, tuple[Driver, Motors]]:
    """Start a subscriber of every type, all at once."""
    scalings: dict[str, dict[str, Any]] = {
        'int16': PULSE, 'int32': PULSE, 'bool': {'command': 'power', 'neutral': 1.0}}
    started = {}
    for message in MESSAGES:
        config = motor(message=message, **scalings.get(message, PLAIN))
        started[message] = driver_on(node, config), shared.motors(
            node.resolve_topic_name(config.topic), type=message, ready=False)
    for driver, _ in started.values():
        wait_until(lambda driver=driver: not driver.path_problem(), 'a match')
    return started


@pytest.mark.parametrize(('message', 'setpoint', 'moving', 'neutral'), [
    ('float64', Speed(0.1), 0.1, 0.0),
    ('float32', Speed(-0.5), -0.5, 0.0),
    ('int16', Power(0.4999), 1700, 1500),
    ('int32', Power(-0.5), 1300, 1500),
    ('bool', Power(0.2), False, True)])
def test_motion_and_stop_arrive(
        pairs: dict[str, tuple[Driver, Motors]], message: str, setpoint: Setpoint, moving: Any,
        neutral: Any) -> None:
    """Integers are rounded; the stop is the neutral number as it is."""
    driver, listener = pairs[message]

    # Best-effort readers may miss the first messages, and those that were repeated may be late.
    for act, wanted in (
            (lambda: driver.send(setpoint, 1), moving), (lambda: driver.stop(2), neutral)):
        def arrived(act: Any = act, wanted: Any = wanted, since: float = time.monotonic()) -> bool:
            act()
            return any(one.data == (wanted,) for one in listener.since(since))
        wait_until(arrived, f'{wanted}')
    assert listener.heard[-1].data == (neutral,)
    assert {one.data for one in listener.heard} <= {(moving,), (neutral,)}


def test_a_subscriber_of_another_type_is_named(node: Node, programs: Programs) -> None:
    """With what to change."""
    config = motor(**PLAIN)
    driver = driver_on(node, config)
    programs.motors(node.resolve_topic_name(config.topic), type='float32')
    wait_until(lambda: 'Float32' in driver.path_problem(), 'the problem')
    assert 'choose motor.message accordingly' in driver.path_problem()
