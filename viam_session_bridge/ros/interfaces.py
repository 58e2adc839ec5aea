# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""The interfaces of the locked supervisor and of a driver that `ros` uses. Protocols only."""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Protocol

from viam_session_bridge.core.events import Command, Output, Outputs, ServiceCommand
from viam_session_bridge.core.setpoints import ServiceCall, Setpoint
from viam_session_bridge.core.states import State
from viam_session_bridge.core.stop import Sample


class Round(Protocol):
    """The result of one poll: outputs first, then release the waiting calls."""

    @property
    def outputs(self) -> Outputs:
        """Return the outputs for drivers, and the events for the log."""

    @property
    def service_commands(self) -> tuple[ServiceCommand, ...]:
        """Return the commands that run beside motion."""

    def release(self, untold: Collection[Output] = ()) -> None:
        """Answer the calls whose motion began or ended; untold: outputs that were not sent."""


class Supervision(Protocol):
    """The locked supervisor, as `ros` uses it. Every method is thread-safe and quick."""

    def now(self) -> float:
        """Return seconds on the steady clock."""

    def poll(self) -> Round:
        """Advance to now."""

    def wait(self, until: float) -> None:
        """Sleep until an instant (s) or a change."""

    def held_up(self, late: float, untold: Collection[Output]) -> None:
        """Stop every motion: these outputs were decided this long (s) ago, and were not sent."""

    def wake(self) -> None:
        """Wake the sleeper."""

    def path(self, name: str, problem: str) -> None:
        """Record whether a stop would reach the driver."""

    def feedback(self, name: str, problem: str, is_wrong: bool = False) -> None:
        """Record why feedback cannot arrive; is_wrong: it is published as another type."""

    def contested(self, name: str, text: str) -> None:
        """Note that another node has just commanded what is being stopped; text names the node."""

    def driver_appeared(self, name: str) -> None:
        """Record that a driver has just appeared."""

    def expect(self, name: str, source: str, has_pose: bool | None = None) -> None:
        """Do not judge stops of a resource before this source was seen; before the pump runs."""

    def seen(self, name: str, source: str) -> None:
        """Record that a source exists; samples show it by themselves."""

    def measured(self, name: str, sample: Sample) -> None:
        """Take a feedback sample that has just been received."""

    def stop_answered(self, name: str, epoch: int, problem: str) -> None:
        """Take the outcome of an acknowledged stop; an empty problem is success."""

    def motion_answered(self, name: str, epoch: int, problem: str, detail: str = '') -> None:
        """Take the result of a motion that the driver answers."""

    def goals(self, name: str, action: str, goals: tuple[str, ...]) -> None:
        """Take the ids of our own goals of an action, which a stop would cancel."""

    def moved_late(self, name: str) -> None:
        """Record that a call was answered only after the stop that was to end its motion."""

    def prepared(self, name: str, epoch: int, problem: str) -> None:
        """Take the result of getting ready."""

    def runs_late(self, name: str, epoch: int, late: float) -> None:
        """Record that a motion will end this much (s) later than requested."""

    def contradiction(self, name: str) -> str:
        """Return how the feedback of a resource contradicts itself; empty where it does not."""

    def speed(self, name: str) -> str:
        """Return topic and measured speed of a resource as text; empty if it is unknown."""
        ...

    def states(self) -> dict[str, State]:
        """Return the state of every resource."""

    def awaited(self) -> dict[str, str]:
        """Return the sources that were not seen yet, by resource; only where there are any."""

    def arrivals(self) -> dict[str, tuple[float, float]]:
        """Return age (s) and rate (Hz) of the feedback of every resource that has received any."""

    def failures(self) -> dict[str, str]:
        """Return why the last stop was not confirmed, by resource; only where it was not."""

    def troubles(self) -> dict[str, str]:
        """Return the problems that concern no single resource, by subject."""

    def reset(self) -> list[str]:
        """Clear unconfirmed stops and the emergency stop. Raises EmergencyStopped."""

    def concern(self) -> Collection[str]:
        """Return the resources to stop if no decision is possible any more; takes no lock."""


class EmergencyStopping(Protocol):
    """The locked supervisor of a bridge, as an operator sees it; a guard has none."""

    def stop_all(self) -> None:
        """Stop every resource."""

    def expire_sessions(self) -> int:
        """End every session, so that what they hold stops; returns how many there were."""

    def commands(self) -> Mapping[str, Command]:
        """Return the last command that each resource has accepted."""
        ...

    def press_emergency(self, reason: str) -> None:
        """Stop everything and refuse motion until a reset."""

    def hear_emergency(self, pressed: bool) -> None:
        """Take the state of the configured emergency stop."""

    def emergency(self) -> str:
        """Return why the emergency stop refuses motion; empty when it does not."""


class SharedOutput(Protocol):
    """An output that several drivers share; the pump flushes it at the end of a pass."""

    @property
    def resources(self) -> Collection[str]:
        """Return the names of the resources that share it."""

    def flush(self) -> None:
        """Send what was noted, if anything was; must return at once."""


class PartsDriver(Protocol):
    """The additional methods of a driver whose resource has stop outputs or commands."""

    def prepare(self, setpoint: Setpoint, epoch: int) -> None:
        """
        Get ready before the first motion after a stop, without moving; must return at once.

        Reports to Supervision.prepared.
        """

    def adopt(self, goals: Iterable[str]) -> None:
        """Add these ids (hexadecimal) to the goals to cancel; on the executor's thread."""

    def call(self, call: ServiceCall, answer: Callable[[str, str], None]) -> None:
        """
        Begin a command that does not move the resource; must return at once.

        answer is called once, on any thread, with the error (empty: none) and the message.
        """


class Driver(Protocol):
    """
    One way to move and stop one resource.

    send and stop are called by the pump's thread alone and must return at once; path_problem by
    the executor's thread alone. Later results (the response of a service) are reported to
    Supervision with the epoch of the call; a stop keeps its epoch for as long as it lasts.

    A driver may have path_warning as well: it returns what on its path impairs commands without
    blocking them, and what to do; empty if nothing does. Motion is still accepted.
    """

    def send(self, setpoint: Setpoint, epoch: int) -> None:
        """Send a setpoint, which holds until the next call."""

    def stop(self, epoch: int) -> None:
        """Send a stop; called repeatedly until the stop is done."""

    def path_problem(self) -> str:
        """Return why a stop would not arrive; empty when it would."""
