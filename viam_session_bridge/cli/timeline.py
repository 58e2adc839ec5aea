# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""The report of a scenario: a timeline, and the checks that it passed or failed."""

from collections.abc import Iterator
from dataclasses import dataclass, field
import textwrap

WIDTH = 92


@dataclass
class Report:
    """A scenario's result. Times are s on the steady clock; they are shown relative to `zero`."""

    zero: float
    summary: str = ''
    events: list[tuple[float, str]] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    checks: list[tuple[bool, str]] = field(default_factory=list)

    def event(self, instant: float | None, text: str, otherwise: str = '') -> None:
        """Add an event to the timeline, or a remark if it did not happen."""
        if instant is None:
            self.remarks.append(otherwise or f'never: {text}')
        else:
            self.events.append((instant, text))

    unsafe: bool = False
    # Whether the machine prevented reports of the robot, so that the result does not count.
    disturbed: bool = False

    def check(self, held: bool, text: str, safety: bool = False) -> None:
        """
        Add a check: a text that fits both outcomes, and whether it holds.

        safety: if it does not hold, the motion was unsafe, and the scenario is not repeated.
        """
        self.checks.append((held, text))
        self.unsafe = self.unsafe or (safety and not held)

    @property
    def passed(self) -> bool:
        """Return whether all checks hold."""
        return bool(self.checks) and all(held for held, _ in self.checks)

    def lines(self) -> Iterator[str]:
        """Yield the timeline and the verdicts, ready to print."""
        for instant, text in sorted(self.events):
            yield f'  {instant - self.zero:+9.3f} s   {text}'
        for text in self.remarks:
            yield f'  {"":9}     {text}'
        yield ''
        for held, text in self.checks:
            yield f'  {"ok  " if held else "FAIL"}  {text}'


def paragraph(text: str, indent: str = '  ') -> str:
    """Return a text broken into lines."""
    return textwrap.fill(text, WIDTH, initial_indent=indent, subsequent_indent=indent)


def seconds(duration: float) -> str:
    """Return a duration (s) for people."""
    return f'{duration:.3f} s'
