# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Runs faults one after the other, and keeps a scene while the next fault can use it."""

from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
import time

import dds_environment
from draw import Drawn
from parts import guard_exists, Stalls
from profiles import VARIANTS
from scene import Scene, scratch
from trial import CouldNotRun, Result, Trial

# Scenes take turns: a domain is used again when Fast DDS has forgotten who was killed in it.
DOMAINS = 8


def claim_domains() -> Iterator[int]:
    """Return ROS domains that no other test run uses, again and again."""
    return cycle([dds_environment.claim_domain() for _ in range(DOMAINS)])


class Stage:
    """
    One scene at a time.

    domains: where scenes may be, see claim_domains. guard: whether they have one; by default where
    this version has it. breakage: see scene.Scene.
    """

    def __init__(self, folder: Path, domains: Iterator[int], *, guard: bool | None = None,
                 breakage: str = '') -> None:
        scratch(folder)
        self._folder = folder
        self._guard = guard_exists() if guard is None else guard
        self._breakage = breakage
        self._domains = domains
        self._scene: Scene | None = None
        self._stalls = Stalls()
        self._stalls.wait_ready()
        self.last_log = ''

    def play(self, drawn: Drawn) -> Result:
        """Make one fault and judge it."""
        kind = drawn.kind
        result = Result(kind.name, drawn.seed, drawn.variant, kind.bound)
        result.not_shown = kind.missing()
        if result.not_shown:
            return result
        began = time.monotonic()
        log = ''
        try:
            scene = self._fitting(drawn)
            trial = Trial(scene, drawn.seed, self._stalls)
            try:
                kind.act(trial)
                trial.judge(result, kind.reasons)
            finally:
                log = f'{scene.logs()}\n--- robot\n{trial.timeline()}'
                trial.spoiled |= kind.spoils
                self._clean_up(trial)
        # No success, and no proof of anything else either.
        except (CouldNotRun, AssertionError, OSError) as problem:
            result.could_not_run = True
            result.problems.append(f'{type(problem).__name__}: {problem}')
            self._end_scene()
        if not result.good:
            self.last_log = log
            self._end_scene()
        result.took = time.monotonic() - began
        return result

    def close(self) -> None:
        """End everything."""
        self._end_scene()
        self._stalls.finish()

    def _fitting(self, drawn: Drawn) -> Scene:
        scene, variant = self._scene, VARIANTS[drawn.variant]
        if scene is not None and scene.alive and (
                scene.profile == drawn.kind.profile and scene.variant == variant):
            return scene
        self._end_scene()
        self._scene = Scene(self._folder, drawn.kind.profile, variant, next(self._domains),
                            guard=self._guard, breakage=self._breakage)
        return self._scene

    def _clean_up(self, trial: Trial) -> None:
        trial.clean_up()
        if trial.spoiled or not trial.scene.alive:
            self._end_scene()

    def _end_scene(self) -> None:
        scene, self._scene = self._scene, None
        if scene is not None:
            scene.close()
