# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""The commands of the README, as tools/readme_check.py finds them; CI runs them (.ci/run)."""

import importlib.util
import sys

import pytest

import linting

FILE = linting.ROOT / 'tools' / 'readme_check.py'
spec = importlib.util.spec_from_file_location('readme_check', FILE)
assert spec is not None and spec.loader is not None
readme_check = importlib.util.module_from_spec(spec)
sys.modules['readme_check'] = readme_check
spec.loader.exec_module(readme_check)

README = (linting.ROOT / 'README.md').read_text(encoding='utf-8')


def test_commands_are_found_in_code_blocks_and_in_the_text_in_their_order() -> None:
    text = 'First `make demo`, see `x.py`.\n```\nmake bridge  # a robot\nros2 launch a b\n```\n'
    assert list(readme_check.commands(text)) == ['make demo', 'make bridge', 'ros2 launch a b']


def test_the_check_knows_each_command_of_the_readme() -> None:
    written = [step.written for step in readme_check.steps(README)]
    bridge = written.index('make bridge')
    assert bridge < written.index('.venv/bin/python examples/python/drive.py localhost:8080')
    assert not [each for each in written[:bridge] if ':8080' in each]


def test_a_command_that_the_check_does_not_know_is_an_error() -> None:
    with pytest.raises(readme_check.Unknown, match='make coffee'):
        readme_check.steps('`make coffee`')


def test_python_blocks_of_the_readme_are_complete_programs() -> None:
    programs = readme_check.blocks(README, 'python')
    assert programs
    for program in programs:
        compile(program, 'README.md', 'exec')
