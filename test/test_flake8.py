# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Code style: ament_flake8, and flake8 with the plugins and options that it has in ROS 2."""

from configparser import ConfigParser
from pathlib import Path
import sys

import pytest

import linting

# The plugins of ament_flake8, by the module that each installs.
PLUGINS = (
    'flake8_blind_except', 'flake8_builtins', 'flake8_class_newline', 'flake8_comprehensions',
    'flake8_deprecated', 'flake8_docstrings', 'flake8_import_order', 'flake8_quotes',
)


def files() -> list[str]:
    """Return what is checked."""
    return [str(path.relative_to(linting.ROOT)) for path in linting.python_files()]


@pytest.fixture
def config(tmp_path: Path) -> str:
    """Return a copy of our flake8 options that also knows the modules beside bench and test."""
    parser = ConfigParser(interpolation=None)
    parser.read(linting.ROOT / 'setup.cfg', encoding='utf-8')
    beside = {path.stem for path in linting.python_files()
              if path.relative_to(linting.ROOT).parts[0] in ('bench', 'test')}
    own = ['viam_session_bridge', *sorted(beside - sys.stdlib_module_names)]
    options = ConfigParser(interpolation=None)
    options['flake8'] = {**parser['flake8'], 'application-import-names': ','.join(own)}
    path = tmp_path / 'flake8.ini'
    with path.open('w', encoding='utf-8') as file:
        options.write(file)
    return str(path)


@pytest.mark.flake8
@pytest.mark.linter
def test_flake8(config: str) -> None:
    if not linting.available('flake8', *PLUGINS):
        linting.lacking('flake8 with the plugins of ament_flake8 is not installed')
    result = linting.run_module('flake8', '--config', config, *files())
    assert result.returncode == 0, result.stdout


@pytest.mark.flake8
@pytest.mark.linter
def test_ament_flake8(config: str) -> None:
    linting.run_ament('ament_flake8', '--config', config, *files())


@pytest.mark.flake8
@pytest.mark.linter
def test_the_configuration_finds_faults(tmp_path: Path, config: str) -> None:
    """Plain flake8 with our options and every plugin: one that is missing would be silent."""
    if not linting.available('flake8', *PLUGINS):
        linting.lacking('flake8 with the plugins of ament_flake8 is not installed')
    samples = {
        'E501': 'x = 1  # ' + 'x' * 99,
        'I100': 'import viam_session_bridge\n\nimport rclpy',
        'Q000': 'x = "double"',
        'D300': "def f():\n    '''Do it.'''",
        'A001': 'id = 3',
        'C405': 'x = set([1])',
        'CNL100': 'class A:\n    def f(self):\n        pass',
        'B901': 'try:\n    pass\nexcept:\n    pass',
    }
    for code, source in samples.items():
        (tmp_path / f'{code}.py').write_text(source + '\n', encoding='utf-8')
    result = linting.run_module('flake8', '--config', config, str(tmp_path))
    silent = [code for code in samples if f'{code}.py:' not in result.stdout
              or f' {code} ' not in result.stdout]
    assert not silent, f'not found: {silent}\n{result.stdout}'
