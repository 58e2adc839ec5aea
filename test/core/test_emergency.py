# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The emergency stop: each press stops everything, and only a reset permits motion.

Two bases without feedback; ann has a session, with a window of 2 s.
"""

import math

import pytest

from viam_session_bridge.core.emergency import EmergencySettings
from viam_session_bridge.core.errors import EmergencyStopped
from viam_session_bridge.core.events import Emergency, Outputs
from viam_session_bridge.core.group import ActuatedResource
from viam_session_bridge.core.move import Motion
from viam_session_bridge.core.presence import Caller, Policy
from viam_session_bridge.core.setpoints import Velocity, VelocityLimits
from viam_session_bridge.core.states import Reason, State
from viam_session_bridge.core.supervisor import Supervisor

AHEAD = Motion(Velocity((0.5, 0.0, 0.0)))
ANN = Caller('ann', 1)
SILENT_ALLOWED = EmergencySettings('/estop')
WATCHED = EmergencySettings('/estop', timeout=0.5)


class Rig:
    """A supervisor with ann's session."""

    def __init__(self, settings: EmergencySettings = SILENT_ALLOWED) -> None:
        self.supervisor = Supervisor(
            [ActuatedResource('base', name, VelocityLimits(1.0, 1.0))
             for name in ('left', 'right')],
            Policy(stop_on_disconnect=False), lambda: 'ann', settings)
        self.now = 100.0
        for name in ('left', 'right'):
            self.supervisor.path(name, '', self.now)
        self.supervisor.start_session(ANN, '', self.now)
        self.wake = math.inf
        self.poll()

    def poll(self, later: float = 0.0) -> Outputs:
        """Let time pass with a punctual pump and a beating client; returns the last poll."""
        until = self.now + later
        outputs = self.supervisor.poll(self.now)
        while self.now < until:
            self.now = min(until, max(self.now, outputs.wake), self.now + 0.5)
            self.supervisor.beat('ann', ANN, self.now)
            outputs = self.supervisor.poll(self.now)
        self.wake = outputs.wake
        return outputs

    def command(self, name: str = 'left') -> None:
        """Ann drives."""
        self.supervisor.beat('ann', ANN, self.now)
        self.supervisor.command(name, AHEAD, ANN, self.now)

    @property
    def states(self) -> dict[str, State]:
        """Return the states of both."""
        return self.supervisor.states()


@pytest.mark.parametrize('press', [
    lambda rig: rig.supervisor.press_emergency('a service call', rig.now),
    lambda rig: rig.supervisor.hear_emergency(True, rig.now)], ids=['service', 'topic'])
def test_a_press_stops_everything_also_what_is_idle(press: object) -> None:
    """What others move is stopped, too; the waiting call receives the reason."""
    rig = Rig()
    rig.command()
    rig.poll()
    press(rig)  # type: ignore[operator]
    outputs = rig.poll()
    assert {(one.resource, one.setpoint) for one in outputs.outputs} == {
        ('left', None), ('right', None)}
    assert [ended.reason for ended in outputs.ended] == [Reason.EMERGENCY]
    assert [type(event) for event in outputs.events].count(Emergency) == 1
    with pytest.raises(EmergencyStopped, match='~/reset'):
        rig.command()


def test_every_press_stops_everything_anew() -> None:
    """Somebody presses because something moves, whatever was pressed before."""
    rig = Rig()
    rig.supervisor.press_emergency('a service call', rig.now)
    rig.poll(3.0)
    assert rig.states == dict.fromkeys(('left', 'right'), State.IDLE)
    rig.supervisor.press_emergency('another service call', rig.now)
    outputs = rig.poll()
    assert {(one.resource, one.setpoint) for one in outputs.outputs} == {
        ('left', None), ('right', None)}
    rig.poll(3.0)
    # So does a topic when it is pressed, and not while it stays so.
    for received, stopped in ((True, True), (True, False), (False, False), (True, True)):
        rig.supervisor.hear_emergency(received, rig.now)
        assert bool(rig.poll().outputs) is stopped
        rig.poll(3.0)


def test_sessions_stay_alive_and_a_reset_moves_nothing() -> None:
    """Only a new command does."""
    rig = Rig()
    rig.command()
    rig.supervisor.press_emergency('a service call', rig.now)
    rig.poll(3.0)
    assert rig.states == dict.fromkeys(('left', 'right'), State.IDLE)
    assert 'a service call' in rig.supervisor.emergency(rig.now)
    assert rig.supervisor.reset(rig.now) == ['the emergency stop']
    outputs = rig.poll(1.0)
    assert outputs.outputs == () and rig.supervisor.emergency(rig.now) == ''
    rig.command()
    assert rig.states['left'] is State.MOVING


def test_no_reset_while_it_is_pressed() -> None:
    """And nothing is cleared then."""
    rig = Rig()
    rig.supervisor.hear_emergency(True, rig.now)
    with pytest.raises(EmergencyStopped, match='/estop is still pressed'):
        rig.supervisor.reset(rig.now)
    rig.supervisor.hear_emergency(False, rig.now)
    # It was released, but it latches: it needs a reset.
    with pytest.raises(EmergencyStopped, match='pressed at /estop'):
        rig.command()
    rig.supervisor.reset(rig.now)
    rig.command()


def test_silence_counts_as_pressed_where_so_configured() -> None:
    """At that exact instant, with a wake-up for it; a new message is no reset."""
    rig = Rig(WATCHED)
    with pytest.raises(EmergencyStopped, match='no message of the emergency stop'):
        rig.command()
    rig.supervisor.hear_emergency(False, rig.now)
    rig.command()
    rig.poll()
    received = rig.now
    rig.poll(0.49)
    assert rig.states['left'] is State.MOVING and rig.wake <= received + 0.5
    rig.poll(0.01)
    assert rig.states['left'] is State.STOPPING
    with pytest.raises(EmergencyStopped, match='silent'):
        rig.supervisor.reset(rig.now)
    rig.supervisor.hear_emergency(False, rig.now)
    with pytest.raises(EmergencyStopped, match='silent for 0.5 s'):
        rig.command()
    rig.supervisor.reset(rig.now)
    rig.command()


def test_silence_is_nothing_where_it_is_allowed() -> None:
    """Many publish on change only."""
    rig = Rig()
    rig.supervisor.hear_emergency(False, rig.now)
    rig.command()
    rig.poll(30.0)
    assert rig.states['left'] is State.MOVING


def test_a_stop_is_accepted_while_it_is_latched() -> None:
    """Always, from every client."""
    rig = Rig()
    rig.supervisor.press_emergency('a service call', rig.now)
    rig.poll(3.0)
    rig.supervisor.stop('left', rig.now)
    outputs = rig.poll()
    assert [(one.resource, one.setpoint) for one in outputs.outputs] == [('left', None)]
