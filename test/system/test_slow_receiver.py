# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""A receiver that takes 0.5 s for each message and queues 100 of them, as serial drivers do."""

from processes import base, Programs, settings, wait_until

WORK = 0.5

# So many commands may still be executed after the stop was sent: the one at work, and those that
# came while the machine was busy. Repeated at 20 Hz, there would be nine times as many as had been
# executed before.
BACKLOG = 5


def test_a_receiver_without_timeout_has_no_backlog_when_its_client_is_killed(
        programs: Programs) -> None:
    """Its commands were repeated no faster than it handles them; judged by order and number."""
    bridge = programs.bridge(settings({'base': base(receiver_timeout=0.0)}))
    assert not bridge.logged('receiver_timeout is not set')
    topic = bridge.topic()
    slow = programs.driver(topic, node=f'{bridge.namespace}/slow', depth=100, work=WORK)
    witness = programs.driver(topic, node=f'{bridge.namespace}/witness')
    bridge.wait_drivers()
    client = programs.client(bridge.address)
    client.do('set_power', base='base', linear=1.0)
    wait_until(lambda: len(slow.heard(topic)) >= 8, 'eight commands that were executed', 60.0)
    client.kill()
    sent = witness.wait_zero(topic, 0.0)
    zero = slow.wait_zero(topic, 0.0)
    executed = [one for one in slow.heard(topic) if one.at < zero.at]
    late = [one for one in executed if one.at >= sent.at]
    assert len(late) <= BACKLOG, f'{len(late)} of {len(executed)} commands came after the stop'
    # Nothing moves it again: what follows the zero is zeros.
    wait_until(lambda: len(slow.heard(topic, zero.at)) >= 4, 'more zeros')
    assert all(one.is_zero for one in slow.heard(topic, zero.at))
