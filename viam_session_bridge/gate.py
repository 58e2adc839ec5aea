# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The gate: the door by which callers come in, with sessions, commands and evidence of connections.

Each method is one decision under the door's lock. What a caller waits for is told by the pump.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from viam_session_bridge.core.claims import Caller
from viam_session_bridge.core.errors import StopOutstanding
from viam_session_bridge.core.events import Ended, Errand
from viam_session_bridge.core.motion import Motion
from viam_session_bridge.core.presence import Policy
from viam_session_bridge.core.sessions import Session
from viam_session_bridge.core.setpoints import Call, Limits
from viam_session_bridge.door import Door


class Gate(Door):
    """Each public method takes the door's lock, for one decision of the supervisor."""

    # ---- sessions -------------------------------------------------------------------------------

    def start_session(self, caller: Caller, resume: str = '') -> Session:
        """Start a session or resume one; see SessionTable.start."""
        with self._lock:
            # The pump sleeps without end while there is nothing to do: let it plan the sweep.
            self._wake_locked()
            return self._supervisor.start_session(caller, resume, self.now())

    def beat(self, session_id: str, caller: Caller) -> None:
        """Renew a session. Raises SessionExpired."""
        with self._lock:
            self._supervisor.beat(session_id, caller, self.now())

    def admit(self, caller: Caller) -> None:
        """Check and renew the session of a monitored call. Raises SessionExpired."""
        with self._lock:
            self._supervisor.admit(caller, self.now())

    def sessions(self) -> list[Session]:
        """Return copies of the sessions that are alive, oldest first."""
        with self._lock:
            return [replace(session, sockets=dict(session.sockets))
                    for session in self._supervisor.sessions.living(self.now())]

    # ---- commands -------------------------------------------------------------------------------

    def command(self, name: str, motion: Motion, caller: Caller,
                on_end: Callable[[Ended], None] | None = None, turn: int | None = None) -> int:
        """
        Check, renew, take ownership and set the new motion in one step; returns its epoch.

        on_end is called once, on the pump's thread, after the drivers were told. Raises a
        BridgeError; then on_end is never called, and nothing has changed but the renewed session,
        and that StopOutstanding may have stopped what has to end first.
        """
        with self._lock:
            epoch = self._command_locked(name, motion, caller, turn)
            if on_end is not None:
                self._waiters.for_end(epoch, on_end)
            return epoch

    def begin(self, name: str, motion: Motion, caller: Caller,
              on_begun: Callable[[Ended | None], None],
              turn: int | None = None) -> tuple[int, bool]:
        """
        Command what holds until something ends it; returns its epoch, and whether it has to wait.

        Where the guard or the driver has to get ready first, on_begun is called once, on the
        pump's thread: with None after the driver was told, or with the end that came before.
        """
        with self._lock:
            epoch = self._command_locked(name, motion, caller, turn)
            waits = self._supervisor.is_held_back(name)
            if waits:
                self._waiters.for_begin(epoch, on_begun)
            return epoch, waits

    def _command_locked(self, name: str, motion: Motion, caller: Caller,
                        turn: int | None) -> int:
        try:
            epoch = self._supervisor.command(name, motion, caller, self.now(), turn)
        except StopOutstanding:
            self._wake_locked()
            raise
        self._wake_locked()
        return epoch

    def go_on(self, name: str, epoch: int, motion: Motion, passed: float) -> bool:
        """Replace what was left of a motion after so much of its way (s); see Supervisor.go_on."""
        with self._lock:
            goes_on = self._supervisor.go_on(name, epoch, motion, self.now(), passed)
            self._wake_locked()
            return goes_on

    def passed(self, name: str, epoch: int) -> float | None:
        """Return how much of its way (s) a motion has made; see Supervisor.passed."""
        with self._lock:
            return self._supervisor.passed(name, epoch, self.now())

    def turn(self, name: str) -> int:
        """Return the place in line of a command that begins to form. Raises UnknownResource."""
        with self._lock:
            return self._supervisor.turn(name)

    def errand(self, name: str, call: Call, on_answer: Callable[[str, str], None]) -> None:
        """
        Have the driver run a command that does not move the robot. Raises UnknownResource.

        on_answer is called once, on any thread, with what was wrong (empty: nothing) and what the
        driver was told.
        """
        with self._lock:
            self._supervisor.resource(name)
            self._waiters.errand(Errand(name, call, on_answer))
            self._wake_locked()

    def stop(self, name: str) -> None:
        """Stop a resource; always accepted. Raises UnknownResource only."""
        with self._lock:
            self._supervisor.stop(name, self.now())
            self._wake_locked()

    def stop_all(self) -> None:
        """Stop every resource."""
        with self._lock:
            self._supervisor.stop_all(self.now())
            self._wake_locked()

    def cancel(self, name: str, epoch: int) -> bool:
        """End the motion of this epoch if it still runs; tells whether it did."""
        with self._lock:
            cancelled = self._supervisor.cancel(name, epoch, self.now())
            self._wake_locked()
            return cancelled

    def reset(self) -> list[str]:
        """
        Clear every stop that was not confirmed, and the emergency stop; never starts motion.

        Raises EmergencyStopped, and clears nothing, while that is pressed.
        """
        with self._lock:
            cleared = self._supervisor.reset(self.now())
            self._wake_locked()
            return cleared

    def press_emergency(self, reason: str) -> None:
        """Stop everything and refuse motion until a reset."""
        with self._lock:
            self._supervisor.press_emergency(reason, self.now())
            self._wake_locked()

    def hear_emergency(self, pressed: bool) -> None:
        """Take what the configured emergency stop says."""
        with self._lock:
            self._supervisor.hear_emergency(pressed, self.now())
            self._wake_locked()

    def emergency(self) -> str:
        """Say why the emergency stop refuses motion; empty when it does not."""
        with self._lock:
            return self._supervisor.emergency(self.now())

    def troubles(self) -> dict[str, str]:
        """Return what is wrong that concerns no single resource, by subject."""
        return {}

    def shut_down(self) -> None:
        """Refuse motion from now on, and stop everything that is not idle."""
        with self._lock:
            self._supervisor.shut_down(self.now())
            self._wake_locked()

    def configure(self, policy: Policy, limits: Mapping[str, Limits]) -> None:
        """Replace policy and limits at run time."""
        with self._lock:
            self._supervisor.configure(policy, limits)
            self._wake_locked()

    # ---- evidence -------------------------------------------------------------------------------

    def look(self, taken_at: float, open_sockets: frozenset[int]) -> None:
        """Take a look at the open connections, begun at taken_at (s)."""
        with self._lock:
            if self._supervisor.look(open_sockets, taken_at, self.now()):
                self._wake_locked()

    def watched_sockets(self) -> frozenset[int]:
        """Return the connections that a motion depends on now."""
        with self._lock:
            return self._supervisor.watched_sockets(self.now())

    def watch_backlog(self) -> None:
        """Note that backlog_paused will be called when draining tells that it matters."""
        with self._lock:
            self._supervisor.backlog.watch()

    def draining(self) -> bool:
        """Tell whether calls are refused until none is left that came during a freeze."""
        with self._lock:
            return self._supervisor.backlog.draining(self.now())

    def backlog_paused(self, since: float) -> None:
        """Note that every call was read at once, and none came for a moment, since then (s)."""
        with self._lock:
            self._supervisor.backlog.paused(since)
