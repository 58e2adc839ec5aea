# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""The pictures of the documents are those of the code."""

import importlib.util
from pathlib import Path
import re
import sys
from typing import Any
from xml.etree import ElementTree

import pytest

from viam_session_bridge.cli import plot
from viam_session_bridge.cli.observer import Command, Sample, Track
from viam_session_bridge.cli.timeline import Report
from viam_session_bridge.core.states import State, TRANSITIONS

ROOT = Path(__file__).resolve().parent.parent


def load_tool(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, ROOT / 'tools' / f'{name}.py')
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TOOL = load_tool('pictures')
RECORDING = load_tool('recording')


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


# ---- recordings ----


def delays(drawn: str) -> list[float]:
    return [float(each) for each in re.findall(r'animation-delay:([\d.]+)s', drawn)]


def texts_of(drawn: str) -> list[str]:
    return [one.text or '' for one in ElementTree.fromstring(drawn).iter()
            if one.tag.endswith('text')]


def test_recording_shows_each_line_when_it_was_printed_with_short_pauses() -> None:
    lines = [RECORDING.Line(0.5, 'starts'), RECORDING.Line(0.6, ''),
             RECORDING.Line(90.6, '  a < b & "c"')]
    drawn = RECORDING.drawing(['make', 'demo', 'ARGS=a b'], lines)
    assert texts_of(drawn) == ["$ make demo 'ARGS=a b'", 'starts', '  a < b & "c"']
    assert delays(drawn) == pytest.approx([0.5, 0.6 + RECORDING.LONGEST_PAUSE])


def test_recording_of_a_command_has_its_status_and_its_lines_in_order() -> None:
    status, lines = RECORDING.record(
        [sys.executable, '-c', 'print("one"); print("two"); raise SystemExit(3)'])
    assert status == 3 and [line.text for line in lines] == ['one', 'two']
    assert 0.0 < lines[0].instant <= lines[1].instant


def test_recording_of_the_demo_is_of_a_run_that_passed_and_is_small() -> None:
    drawn = (ROOT / 'docs' / 'pictures' / 'demo.svg').read_text(encoding='utf-8')
    texts = texts_of(drawn)
    assert texts[0].startswith('$ make demo') and texts[-1].startswith('All scenarios passed')
    assert 'robot at rest' in drawn and 'prefers-color-scheme: dark' in drawn
    assert len(delays(drawn)) == len(texts) - 1 and len(drawn) < 80_000
