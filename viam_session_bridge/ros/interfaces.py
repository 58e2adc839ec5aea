# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""What `ros` needs of the locked supervisor, and the pump of a driver. Protocols only."""

from collections.abc import Callable, Collection, Iterable
from typing import Protocol

from viam_session_bridge.core.events import Output, Outputs, ServiceCommand
from viam_session_bridge.core.setpoints import ServiceCall, Setpoint
from viam_session_bridge.core.states import State
from viam_session_bridge.core.stop import Sample


class Round(Protocol):
    """One poll's result: outputs first, then release the calls that waited."""

    @property
    def outputs(self) -> Outputs:
        """Return what drivers are told, and what to log."""
        ...

    @property
    def service_commands(self) -> tuple[ServiceCommand, ...]:
        """Return the commands that run beside motion."""
        ...

    def release(self, untold: Collection[Output] = ()) -> None:
        """Answer the calls whose motion began or ended; untold: what drivers were not told."""
        ...


class Supervision(Protocol):
    """The locked supervisor, as `ros` sees it. Every method is thread-safe and quick."""

    def now(self) -> float:
        """Return seconds on the steady clock."""
        ...

    def poll(self) -> Round:
        """Advance to now."""
        ...

    def wait(self, until: float) -> None:
        """Sleep until an instant (s) or a change."""
        ...

    def held_up(self, late: float, untold: Collection[Output]) -> None:
        """Stop every motion: these were decided so long (s) ago, and have not been told."""
        ...

    def wake(self) -> None:
        """Wake the sleeper."""
        ...

    def path(self, name: str, problem: str) -> None:
        """Record whether a stop would reach the driver."""
        ...

    def feedback(self, name: str, problem: str, is_wrong: bool = False) -> None:
        """Record why feedback cannot arrive; is_wrong: it is published as something else."""
        ...

    def contested(self, name: str, text: str) -> None:
        """Note that others have just commanded what is being stopped; text says who."""
        ...

    def driver_appeared(self, name: str) -> None:
        """Record that a driver has just come up."""
        ...

    def expect(self, name: str, source: str, has_pose: bool | None = None) -> None:
        """Judge no stop of a resource before this source was seen once; before the pump runs."""
        ...

    def seen(self, name: str, source: str) -> None:
        """Record that a source exists; samples tell that by themselves."""
        ...

    def measured(self, name: str, sample: Sample) -> None:
        """Take a feedback sample that has just been received."""
        ...

    def stop_answered(self, name: str, epoch: int, problem: str) -> None:
        """Take the outcome of an acknowledged stop; an empty problem is success."""
        ...

    def motion_answered(self, name: str, epoch: int, problem: str, detail: str = '') -> None:
        """Take what a driver says of a motion that it answers."""
        ...

    def goals(self, name: str, action: str, goals: tuple[str, ...]) -> None:
        """Take the ids of the goals of an action that a stop would cancel as our own."""
        ...

    def moved_late(self, name: str) -> None:
        """Record that a call was answered only after the stop that was to end its motion."""
        ...

    def prepared(self, name: str, epoch: int, problem: str) -> None:
        """Take what a driver says about getting ready."""
        ...

    def runs_late(self, name: str, epoch: int, late: float) -> None:
        """Record that a driver will be so much (s) later at the end than it was told."""
        ...

    def contradiction(self, name: str) -> str:
        """Say how the feedback of a resource contradicts itself; empty where it does not."""
        ...

    def states(self) -> dict[str, State]:
        """Return the state of every resource."""
        ...

    def awaited(self) -> dict[str, str]:
        """Return the sources that were not seen yet, of every resource that has any."""
        ...

    def failures(self) -> dict[str, str]:
        """Return why stops were not confirmed, of every resource whose last one was not."""
        ...

    def troubles(self) -> dict[str, str]:
        """Return what is wrong that concerns no single resource, by subject."""
        ...

    def reset(self) -> list[str]:
        """Clear unconfirmed stops and the emergency stop. Raises EmergencyStopped."""
        ...

    def concern(self) -> Collection[str]:
        """Return what must be stopped when nothing can be decided any more; takes no lock."""
        ...


class EmergencyStopping(Protocol):
    """The locked supervisor of a bridge, as its emergency stop sees it; a guard has none."""

    def press_emergency(self, reason: str) -> None:
        """Stop everything and refuse motion until a reset."""
        ...

    def hear_emergency(self, pressed: bool) -> None:
        """Take what the configured emergency stop says."""
        ...

    def emergency(self) -> str:
        """Say why the emergency stop refuses motion; empty when it does not."""
        ...


class SharedOutput(Protocol):
    """What several drivers only note things for; the pump flushes it at the end of a pass."""

    @property
    def resources(self) -> tuple[str, ...]:
        """Return the names of those who share it."""
        ...

    def flush(self) -> None:
        """Tell the hardware what was noted, if anything was; must return at once."""
        ...


class PartsDriver(Protocol):
    """What a driver has besides, if its resource has stop outputs or commands."""

    def prepare(self, setpoint: Setpoint, epoch: int) -> None:
        """
        Get ready before the first motion after a stop, without moving; must return at once.

        Reports to Supervision.prepared.
        """
        ...

    def adopt(self, goals: Iterable[str]) -> None:
        """Take these ids (hexadecimal) for goals to cancel; on the executor's thread."""
        ...

    def call(self, call: ServiceCall, answer: Callable[[str, str], None]) -> None:
        """
        Begin a command that does not move the resource; must return at once.

        answer is called once, on any thread, with what was wrong (empty: nothing) and what was
        said.
        """
        ...


class Driver(Protocol):
    """
    One way of moving and stopping one resource.

    send and stop are called by the pump's thread alone and must return at once; path_problem by
    the executor's thread alone. What a driver learns later (the answer of a service) it reports to
    Supervision with the epoch it was given; a stop keeps its epoch for as long as it lasts.

    A driver may have path_warning as well: it says what on its path spoils commands without
    closing it, and what to do; empty when nothing does. Motion is accepted all the same.
    """

    def send(self, setpoint: Setpoint, epoch: int) -> None:
        """Tell the hardware to move so, until it hears otherwise."""
        ...

    def stop(self, epoch: int) -> None:
        """Tell the hardware to stop; called again and again until the stop is done."""
        ...

    def path_problem(self) -> str:
        """Say why a stop would not arrive; empty when it would."""
        ...
