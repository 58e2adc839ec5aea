# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""The bridge is killed and started again on its port, while a Viam SDK program keeps running."""

import time

from processes import base, Programs, settings, wait_until


def test_a_client_drives_on_under_a_new_session(programs: Programs) -> None:
    """
    While the bridge is away, calls fail. Then one is refused: SESSION_EXPIRED.

    The next one begins a new session, on the same handles. (Where a beat was under way when the
    bridge was killed, the SDK has dropped the old session before, and its first call is that one.)
    """
    parameters = {'base': base(stop_on_start=True)}
    bridge = programs.bridge(settings(parameters))
    driver = programs.driver(bridge.topic())
    bridge.wait_drivers()
    client = programs.client(bridge.address)
    wait_until(lambda: client.ask('set_power', base='base', linear=1.0)['ok'], 'a command')
    driver.wait_motion(bridge.topic(), 0.0)
    session = client.do('session')

    killed = bridge.kill()
    assert not client.ask('set_power', base='base', linear=1.0)['ok']

    again = programs.bridge(settings(parameters, port=bridge.port), namespace=bridge.namespace)
    again.wait_logged('base: stopped')
    driver.check_no_motion(bridge.topic(), driver.wait_zero(bridge.topic(), killed).at)
    since = time.monotonic()
    first = client.ask('set_power', base='base', linear=1.0)
    if not first['ok']:
        assert first['text'] == 'SESSION_EXPIRED', first
        driver.check_no_motion(bridge.topic(), since)
    client.do('set_power', base='base', linear=1.0)
    driver.wait_motion(bridge.topic(), since)
    assert client.do('session') not in ('', session)
    driver.check_stop(bridge.topic(), client.kill(), 0.0)
