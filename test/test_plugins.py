# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Drivers that other packages bring: found by their entry point, and refused with a reason."""

from pathlib import Path
import sys
from typing import Any

import pytest

from viam_session_bridge import plugin
from viam_session_bridge.parameters import plugins
from viam_session_bridge.parameters.base import BaseConfig
from viam_session_bridge.parameters.checks import GraphNames
from viam_session_bridge.parameters.load import judge
from viam_session_bridge.ros import parameter_spec
from viam_session_bridge.ros import plugins as ros_plugins
from viam_session_bridge.ros.parameters import NAME_PROBLEMS

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / 'examples' / 'driver'

AROUND = GraphNames(
    '/bridge', '/', lambda topic: f'/{topic.lstrip("/")}',
    lambda service: f'/{service.lstrip("/")}', NAME_PROBLEMS)

BASE: dict[str, Any] = {
    'resources': ['base'], 'base.topic': 'wheels', 'base.driver': 'wheels',
    'base.receiver_timeout': 0.5, 'base.wheel_radius': 0.1, 'base.wheel_distance': 0.4}

TABLE = """
from dataclasses import dataclass

@dataclass(frozen=True, kw_only=True)
class Table:
    pass
"""

COMPLETE = f"""
from dataclasses import field
from viam_session_bridge.ros.parameter_spec import described
{TABLE}
class Driver:
    APIS = ('base',)
    TABLE = Table
    send = stop = path_problem = lambda self: None
"""
FIELD = "max_linear_speed: float = field(default=1.0, metadata=described('Speed', low=0, high=1))"


@pytest.fixture
def bring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Install a package with an entry point, and its module, for this test."""
    def bring(entry: str, module: str, text: str, package: str = 'brought') -> None:
        info = tmp_path / f'{package}-1.0.dist-info'
        info.mkdir()
        (info / 'METADATA').write_text(f'Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n')
        (info / 'entry_points.txt').write_text(f'[viam_session_bridge.drivers]\n{entry}\n')
        (tmp_path / f'{module}.py').write_text(text)

    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    yield bring
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.fixture
def wheels(bring: Any) -> None:
    """Bring the example's driver."""
    bring('wheels = wheels_driver:WheelsDriver', 'wheels_driver',
          (EXAMPLE / 'wheels_driver' / '__init__.py').read_text(encoding='utf-8'))


def errors(**changes: Any) -> list[str]:
    """Return the mistakes in BASE, changed (None takes a value away)."""
    values = {**BASE, **{f'base.{name}': value for name, value in changes.items()}}
    return judge(
        {name: value for name, value in values.items() if value is not None}, AROUND).errors


def test_its_parameters_are_those_of_the_resource(wheels: None) -> None:
    """Beside those of the API, and without those of other drivers."""
    verdict = judge(BASE, AROUND)
    assert verdict.config is not None, verdict.errors
    [base] = verdict.config.resources
    assert isinstance(base, BaseConfig) and base.driver == 'wheels'
    assert getattr(base, 'wheel_radius') == 0.1  # noqa: B009  no table here has it
    assert 'base.wheel_radius' in verdict.values and 'base.stamp' not in verdict.values
    again = judge(BASE, AROUND).config
    assert again == verdict.config, 'a change at run time compares them'


@pytest.mark.parametrize(('changes', 'says'), [
    ({'wheel_radius': None}, 'base.wheel_radius: found nothing; accepted: a number above 0'),
    ({'wheel_radius': -1.0}, 'base.wheel_radius: found -1.0'),
    ({'wheel_raduis': 1.0}, "did you mean 'base.wheel_radius'?"),
    ({'stamp': 'now'}, "base.stamp: found a parameter that driver 'wheels' does not have"),
    ({'topic': 'no topic'}, 'base.topic: found'),
    ({'receiver_timeout': 0.0}, 'base.receiver_timeout: found 0')])
def test_its_mistakes_are_reported_like_all_others(
        wheels: None, changes: dict[str, Any], says: str) -> None:
    """By the rules of its table, and of all resources."""
    [error] = errors(**changes)
    assert says in error


def test_a_driver_that_no_package_provides_is_unknown() -> None:
    """As ever."""
    [error] = [each for each in errors() if each.startswith('base.driver')]
    assert "found 'wheels'" in error and "'twist' or 'twist_stamped'" in error


@pytest.mark.parametrize(('text', 'says'), [
    ('raise RuntimeError("out of wheels")', 'cannot be loaded: RuntimeError: out of wheels'),
    ('class Driver: pass', 'no collection APIS'),
    ('class Driver: APIS = ("motor",)', "for api 'motor' only"),
    ('class Driver: APIS = ("base",)', 'TABLE is no @dataclass'),
    (f'{TABLE.replace("frozen=True, ", "")}\nclass Driver:\n'
     '    APIS = ("base",)\n    TABLE = Table', 'TABLE is no @dataclass(frozen=True'),
    (f'{TABLE}\nclass Driver:\n    APIS = ("base",)\n    TABLE = Table\n    stop = None\n'
     '    def send(self, setpoint, epoch): pass', 'no method stop and no path_problem'),
    (f'{COMPLETE.replace("pass", "gain: float = 1.0", 1)}', 'has no described(...) for gain'),
    (COMPLETE.replace('pass', 'names: list = field(metadata=described("Names"))', 1),
     "TABLE has a type that no parameter can have: KeyError: <class 'list'>; a field is"),
    (f'{COMPLETE.replace("pass", FIELD, 1)}',
     'TABLE has max_linear_speed, which is a parameter of every base')])
def test_a_driver_that_does_not_fit_is_refused_with_the_reason(
        bring: Any, text: str, says: str) -> None:
    """And with the package that provides it."""
    bring('wheels = odd_wheels:Driver', 'odd_wheels', text)
    [error] = errors()
    assert error.startswith("base.driver: found 'wheels', brought by brought (odd_wheels:Driver)")
    assert says in error


def test_a_generic_component_with_it_is_judged_as_any_other(bring: Any) -> None:
    """Its table is another then, with the same rules."""
    bring('arms = odd_arms:Driver', 'odd_arms', COMPLETE.replace("('base',)", "('generic',)"))
    [error] = judge({
        'resources': ['helper'], 'helper.api': 'generic', 'helper.driver': 'arms',
        'helper.accept_no_timeout': True, 'helper.joints': ['a']}, AROUND).errors
    assert error.startswith("helper.joints: found ['a']; accepted: joints only together with")


def test_two_that_bring_the_same_name_are_one_mistake(bring: Any) -> None:
    """It is not known which is meant."""
    for package in ('one', 'other'):
        bring(f'wheels = {package}_wheels:Driver', f'{package}_wheels', TABLE, package)
    [error] = errors()
    assert 'brought by one (one_wheels:Driver) and by other (other_wheels:Driver)' in error


def test_one_with_the_name_of_ours_is_warned_of(bring: Any) -> None:
    """Ours is used: a package that is installed changes no robot that does not use it."""
    bring('twist = odd_wheels:Driver', 'odd_wheels', COMPLETE)
    verdict = judge({**{name: value for name, value in BASE.items() if 'wheel_' not in name},
                     'base.driver': 'twist'}, AROUND)
    assert verdict.config is not None, verdict.errors
    [warning] = verdict.config.warnings
    assert "base.driver is 'twist'" in warning and 'brought (odd_wheels:Driver)' in warning


def test_the_disk_is_searched_once_for_all_resources(
        monkeypatch: pytest.MonkeyPatch) -> None:
    """A change at run time is judged by the executor thread."""
    searched: list[str] = []
    monkeypatch.setattr(plugins, 'entry_points', lambda group: searched.append(group) or ())
    found: dict[str, Any] = {'resources': [f'base{number}' for number in range(20)]}
    for name in found['resources']:
        found |= {
            f'{name}.driver': 'twist', f'{name}.topic': name, f'{name}.receiver_timeout': 0.5}
    assert judge(found, AROUND).config is not None
    assert searched == [plugins.GROUP]


def test_what_drivers_imported_before_the_public_module_is_the_same() -> None:
    """A package that was written for the first version continues to work."""
    assert (parameter_spec.described, parameter_spec.Form) == (plugin.described, plugin.Form)
    assert ros_plugins.Tools is plugin.Tools


@pytest.mark.parametrize('name', ['setup.py', 'wheels_driver/__init__.py', 'wheels.yaml'])
def test_the_document_shows_the_example_as_it_is(name: str) -> None:
    """Without the licence's lines."""
    document = (ROOT / 'docs' / 'drivers.md').read_text(encoding='utf-8')
    lines = (EXAMPLE / name).read_text(encoding='utf-8').splitlines()
    assert '\n'.join(lines[2:]).strip('\n') in document
