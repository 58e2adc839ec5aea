# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""A stop that was not confirmed: the escalation steps in order, and their log."""

import time

from observer import Observer
from processes import base, new_namespace, Programs, settings, wait_until
from servers import serving

TIMEOUT = 1.0  # s


def test_escalations_run_step_by_step_and_every_outcome_is_logged(
        programs: Programs, observer: Observer) -> None:
    """A brake that refuses, a power switch that hangs and an emergency stop that is received."""
    namespace = new_namespace()
    # The services are there before the bridge, which discovers them while it starts.
    with serving() as servers:
        servers.order('serve', kind='trigger', name=f'{namespace}/brake')
        servers.order('serve', kind='set_bool', name=f'{namespace}/motor_power')
        servers.order('say', name=f'{namespace}/brake', mode='no')
        servers.order('say', name=f'{namespace}/motor_power', delay=1.0)
        servers.order('listen', topic=f'{namespace}/pressed')
        bridge = programs.bridge(settings({'base': base(
            odometry_topic='odom', stop_hold=0.5, stop_timeout=TIMEOUT,
            escalations=['brake', 'power', 'button'],
            brake={'kind': 'trigger', 'service': 'brake', 'patience': 0.0},
            power={'kind': 'set_bool', 'service': 'motor_power', 'value': False,
                   'patience': 0.2, 'call_timeout': 0.5},
            button={'kind': 'bool', 'topic': 'pressed', 'value': True})}), namespace=namespace)
        driver = programs.driver(bridge.topic(), odometry=bridge.topic('odom'))
        bridge.wait_drivers()
        client = programs.client(bridge.address)
        client.do('set_power', base='base', linear=1.0)
        driver.wait_motion(bridge.topic(), 0.0)
        # A stop that works begins no step; meanwhile the services are discovered.
        client.do('stop', base='base')
        bridge.wait_logged(r'base: stopped \(verified\)')
        time.sleep(2.0)
        client.do('set_power', base='base', linear=1.0)
        driver.odometry('moving')
        at = time.monotonic()
        client.do('stop', base='base')
        bridge.wait_logged('base: STOP NOT CONFIRMED')
        pressed = servers.wait_called(bridge.topic('pressed'), at, 3)
        assert pressed.data is True
        steps = [servers.wait_called(bridge.topic(name), at).at
                 for name in ('brake', 'motor_power', 'pressed')]
        assert steps == sorted(steps) and steps[0] - at >= TIMEOUT
        assert not servers.called(bridge.topic('brake'), steps[0] + 0.001)
        for outcome in (r'failed: .*brake: the answer was no', r'failed: .*motor_power has not',
                        r'.*pressed \(true\) is published'):
            bridge.wait_logged(f'base: escalation: {outcome}')
        assert observer.wait_status('base', 2, at)
        # Stops go on, whatever else is tried.
        later = time.monotonic()
        driver.wait_zero(bridge.topic(), later)
        # Rest that is seen ends the steps; the next failure begins with the first one.
        driver.send(do='odometry', mode='rest')
        wait_until(lambda: client.do('is_moving', base='base') is False, 'rest')
        quiet = time.monotonic() + 0.5
        wait_until(lambda: time.monotonic() > quiet + 0.5, 'a moment')
        assert not servers.called(bridge.topic('pressed'), quiet)
