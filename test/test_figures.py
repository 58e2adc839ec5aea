# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""The figures of tools/figures.py: what counts as a code line, and the paths that are traced."""

from importlib.util import module_from_spec, spec_from_file_location
import json
from pathlib import Path
import re
import subprocess
import sys
import threading
import types
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
TOOL = ROOT / 'tools' / 'figures.py'

pytest.importorskip('rclpy')


def load_tool() -> Any:
    spec = spec_from_file_location('figures', TOOL)
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


figures = load_tool()


@pytest.fixture(scope='module')
def traced() -> dict[str, tuple[list[str], int]]:
    done = subprocess.run(
        [sys.executable, str(TOOL), '--json'], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return {name: (files, calls) for name, (files, calls) in json.loads(done.stdout).items()}


@pytest.mark.parametrize(('source', 'expected'), [
    ('', 0), ('# a comment\n', 0), ('"""A docstring."""\n', 0), ('x = 1  # a comment\n', 1),
    ('x = (\n    1,\n\n    2)\n', 3), ('x = """a\nb"""\n', 2),
    ('def f():\n    """\n    A docstring.\n    """\n    return 1\n', 2),
])
def test_a_code_line_holds_a_token_that_is_no_docstring(source: str, expected: int) -> None:
    assert figures.code_lines(source) == expected


def test_each_module_that_imports_another_counts_once() -> None:
    found = figures.importers()
    assert found['guard'] == 0, 'a process is imported by no module'
    assert found['rpc.server'] == 1


def test_a_call_has_the_name_of_its_thread_if_another_one_had_its_identifier_before() -> None:
    recorder = figures.Recorder()
    recorder.begin()

    def record(name: str) -> int | None:
        """Record a call in a thread of this name; returns the identifier of the thread."""
        code = types.SimpleNamespace(co_filename=f'{figures.PACKAGE}/pump.py', co_name='run')
        thread = threading.Thread(
            target=recorder, args=(types.SimpleNamespace(f_code=code), 'call', None), name=name)
        thread.start()
        thread.join()
        return thread.ident

    gone = record('gone')
    later = next((name for name in map('pump {}'.format, range(1000)) if record(name) == gone), '')
    assert later, 'no thread has had the identifier of the first one'
    assert [recorder.calls[0].thread, recorder.calls[-1].thread] == ['gone', later]


def test_the_path_of_most_runs_is_shown_with_the_median_of_their_calls() -> None:
    usual = [figures.Trace(['a', 'b'], calls) for calls in (9, 5, 7)]
    stalled = [figures.Trace(['b', 'a'], 3), figures.Trace(['a'], 1)]
    assert figures.typical(stalled + usual) == figures.Trace(['a', 'b'], 7)


@pytest.mark.parametrize('count', [4, 5])
def test_no_path_is_shown_after_few_runs_or_without_a_majority(count: int) -> None:
    paths = [figures.Trace(['a'], 1)] * 2 + [figures.Trace(['b'], 1)] * 2
    assert figures.typical([*paths, figures.Trace(['c'], 1)][:count]) is None


@pytest.mark.parametrize('name', ['command', 'death'])
def test_a_path_leads_from_rpc_through_the_core_to_the_driver(
        traced: dict[str, tuple[list[str], int]], name: str) -> None:
    files, calls = traced[name]
    assert files[0].startswith('rpc/'), files
    assert files[-1].startswith('ros/drivers/'), files
    assert any(file.startswith('core/') for file in files), files
    assert 'ros/pump.py' in files, files
    assert len(files) <= calls


@pytest.mark.parametrize('name', ['command', 'death'])
def test_the_design_lists_the_files_of_a_path_in_order(
        traced: dict[str, tuple[list[str], int]], name: str) -> None:
    heading = figures.HEADINGS[name]
    text = (ROOT / 'docs' / 'design.md').read_text(encoding='utf-8')
    found = re.search(rf'^#+ {heading}$(.*?)(?=^#|\Z)', text, re.MULTILINE | re.DOTALL)
    if found is None:
        pytest.skip(f'docs/design.md has no section "{heading}"')
    listed = re.findall(r'^\d+\. `([^`]+)`', found[1], re.MULTILINE)
    assert listed == traced[name][0], f'write what {TOOL.name} prints into docs/design.md'
