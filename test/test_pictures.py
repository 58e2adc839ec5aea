# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""The pictures of the documents are those of the code."""

import importlib.util
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from viam_session_bridge.cli import plot
from viam_session_bridge.cli.observer import Command, Sample, Track
from viam_session_bridge.cli.timeline import Report
from viam_session_bridge.core.states import State, TRANSITIONS

ROOT = Path(__file__).resolve().parent.parent


def load_tool() -> Any:
    spec = importlib.util.spec_from_file_location('pictures', ROOT / 'tools' / 'pictures.py')
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TOOL = load_tool()


@pytest.mark.parametrize('name', TOOL.PICTURES)
def test_picture_is_current(name: str) -> None:
    """Run tools/pictures.py after a change."""
    assert (TOOL.FOLDER / name).read_text(encoding='utf-8') == TOOL.PICTURES[name]()


def test_picture_of_the_states_has_each_state_and_each_event_that_changes_it() -> None:
    texts = {one.text for one in ElementTree.fromstring(TOOL.states()).iter()}
    assert {state.value for state in State} <= texts
    assert {event.value for (before, event), after in TRANSITIONS.items()
            if before is not after} <= texts


def recorded() -> tuple[Report, Track]:
    """Return a program that is killed at 1 s, and a robot that rests at 1.2 s."""
    track = Track()
    track.samples = [Sample(number / 50.0, 0.0, 0.0, 0.5 if number < 60 else 0.0, 0.0)
                     for number in range(150)]
    track.commands = [Command(number / 20.0, 0.5 if number < 20 else 0.0, 0.0)
                      for number in range(60)]
    report = Report(zero=1.0)
    report.event(1.0, 'program A was killed')
    report.event(1.01, 'the first zero')
    return report, track


def test_timeline_of_a_stop_names_its_events(tmp_path: Path) -> None:
    pytest.importorskip('matplotlib', reason='matplotlib is not installed: no timeline')
    plot.write(tmp_path / 'stop.svg', 'A program is killed', *recorded())
    drawn = (tmp_path / 'stop.svg').read_text(encoding='utf-8')
    # matplotlib writes texts as outlines, with the text in a comment.
    for text in ('A program is killed', 'program A was killed', 'the first zero', 'cmd_vel'):
        assert text in drawn


def test_timeline_in_an_unknown_format_is_refused(tmp_path: Path) -> None:
    pytest.importorskip('matplotlib', reason='matplotlib is not installed: no timeline')
    with pytest.raises(plot.PlotError, match='stop.xyz'):
        plot.write(tmp_path / 'stop.xyz', 'A program is killed', *recorded())
