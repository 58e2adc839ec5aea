# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
What the stops of one resource are judged by: its feedback, and the servers that answer stops.

A source that was not seen yet since the process started may simply start later. Until each was
seen once, a stop is sent and held like any other, but it is not judged: a resource that did not
move triggers no escalation. Where there is evidence of motion, it is judged at once.
"""


class Sources:
    """The sources of one resource, by a text that names topic or server and its parameter."""

    def __init__(self) -> None:
        # Those that were not seen yet, and whether samples of each have a pose; None for servers.
        self._unseen: dict[str, bool | None] = {}
        self._moved = False
        self._rested = False

    def expect(self, source: str, has_pose: bool | None) -> None:
        """
        Wait for a source, such as a server.

        has_pose: it is feedback, and samples with a pose, or without one, are the evidence that
        it exists.
        """
        self._unseen[source] = has_pose

    def seen(self, source: str) -> None:
        """Note that a source exists."""
        self._unseen.pop(source, None)

    def stopped(self) -> None:
        """Note that a stop begins: rest before it proves nothing."""
        self._rested = False

    def measured(self, has_pose: bool, moving: bool, rested: bool) -> None:
        """
        Take a sample. moving, rested: since the stop began.

        Motion after rest is no evidence: the stop worked, and somebody else moves the robot.
        """
        self._unseen = {
            source: evidence for source, evidence in self._unseen.items()
            if evidence is not has_pose}
        self._rested = self._rested or rested
        self._moved = self._moved or (moving and not self._rested)

    def moved(self) -> None:
        """Note that the resource may move: a bridge is known to have commanded it."""
        self._moved = True

    def forget_motion(self) -> None:
        """Forget the evidence of motion: it is about a stop that is over, or was reset."""
        self._moved = False

    @property
    def awaited(self) -> str:
        """Name the sources that were not seen yet; empty when all were."""
        return ', '.join(self._unseen)

    @property
    def delay(self) -> str:
        """Name what the verdict on a stop waits for; empty when a stop is judged as usual."""
        return '' if self._moved else self.awaited
