# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""A generic component whose command moves the robot: its stop is done when it is seen to rest."""

import time
from typing import Any

from processes import base, Client, Programs, settings, wait_until
from servers import serving

HELPER: dict[str, Any] = {
    'api': 'generic', 'commands': ['dock'], 'stop_outputs': ['halt'], 'accept_no_timeout': True,
    'dock': {'kind': 'trigger', 'service': 'dock', 'moves': True},
    'halt': {'kind': 'trigger', 'service': 'halt'},
    'rest_dwell': 0.3, 'stop_hold': 0.3, 'stop_timeout': 20.0}


def helper(client: Client, method: str, *arguments: Any) -> Any:
    return client.ask('call', component='generic', name='helper', method=method,
                      arguments=arguments)


def test_its_stop_lasts_until_the_robot_rests(programs: Programs) -> None:
    bridge = programs.bridge(settings({
        'helper': {**HELPER, 'odometry_topic': 'odom'}, 'base': base('cmd_vel')}))
    with serving() as servers:
        for name in ('dock', 'halt'):
            servers.order('serve', kind='trigger', name=bridge.topic(name))
        wheels = programs.driver(bridge.topic('cmd_vel'), odometry=bridge.topic('odom'))
        bridge.wait_drivers('base')
        driver, victim = (programs.client(bridge.address) for _ in range(2))
        wait_until(lambda: helper(victim, 'do_command', {'command': 'dock'})['ok'], 'the dock')
        # The robot moves on after halt: here another process drives it.
        wait_until(lambda: driver.ask('set_power', base='base', linear=0.5)['ok'], 'motion')
        wheels.wait_motion(bridge.topic('cmd_vel'), 0.0)
        killed = victim.kill()
        servers.wait_called(bridge.topic('halt'), killed)
        wait_until(lambda: time.monotonic() - killed > 1.5, 'much longer than the hold')
        assert helper(driver, 'get_status')['value']['state'] == 'stopping'
        driver.do('stop', base='base')
        wait_until(lambda: helper(driver, 'get_status')['value']['state'] == 'idle', 'rest')
        # The first was at the start.
        wait_until(lambda: bridge.text.count('helper: stopped (verified)') == 2, 'the log')


def test_joints_show_rest_as_well(programs: Programs) -> None:
    """All of them; here another process turns one after halt."""
    bridge = programs.bridge(settings({
        'helper': {**HELPER, 'joint_states_topic': 'joints', 'joints': ['lift', 'tilt']},
        'motor': {'api': 'motor', 'driver': 'float_array', 'command': 'velocity', 'neutral': 0.0,
                  'topic': 'motors', 'max_speed': 5.0, 'accept_no_timeout': True, 'index': 0},
        'other': {'api': 'motor', 'driver': 'float_array', 'command': 'velocity', 'neutral': 0.0,
                  'topic': 'motors', 'max_speed': 5.0, 'accept_no_timeout': True, 'index': 1}}))
    with serving() as servers:
        for name in ('dock', 'halt'):
            servers.order('serve', kind='trigger', name=bridge.topic(name))
        programs.motors(bridge.topic('motors'), 'lift', 'tilt', type='array',
                        joint_states=bridge.topic('joints'))
        bridge.wait_drivers('motor', 'other')
        driver, victim = (programs.client(bridge.address) for _ in range(2))
        wait_until(lambda: helper(victim, 'do_command', {'command': 'dock'})['ok'], 'the dock')
        assert driver.ask('call', component='motor', name='other', method='set_power',
                          arguments=[0.5])['ok']
        wait_until(lambda: helper(driver, 'get_status')['value']['is_moving'], 'motion')
        killed = victim.kill()
        servers.wait_called(bridge.topic('halt'), killed)
        wait_until(lambda: time.monotonic() - killed > 1.5, 'much longer than the hold')
        assert helper(driver, 'get_status')['value']['state'] == 'stopping'
        driver.do('call', component='motor', name='other', method='stop', arguments=[])
        wait_until(lambda: helper(driver, 'get_status')['value']['state'] == 'idle', 'rest')
        # The first was at the start.
        wait_until(lambda: bridge.text.count('helper: stopped (verified)') == 2, 'the log')
