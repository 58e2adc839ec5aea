# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""When a rule runs: once its inputs are valid, and for drivers that have them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from viam_session_bridge.parameters import rules
from viam_session_bridge.parameters.load import APIS, Filling
from viam_session_bridge.parameters.outputs import Escalation, StopOutputConfig
from viam_session_bridge.parameters.rules import below, check_rules, Own, rule
from viam_session_bridge.parameters.schema import Block, BlockConfig, described, table_entries
from viam_session_bridge.parameters.shared import GLOBAL_BLOCKS


@dataclass(frozen=True, kw_only=True)
class Slow:
    """Parameters of driver 'slow'."""

    delay: float = field(default=1.0, metadata=described('Delay', unit='s', low=0.0, high=9.0))


@dataclass(frozen=True, kw_only=True)
class Fast:
    """Parameters of driver 'fast': none."""


@dataclass(frozen=True, kw_only=True)
class Step(BlockConfig):
    """A block that a list names."""

    wait: float = field(metadata=described('Wait', unit='s', low=0.0, high=9.0))


@dataclass(frozen=True, kw_only=True)
class Table(Slow):
    """A resource."""

    DRIVERS = {'slow': Slow, 'fast': Fast}

    driver: str = field(metadata=described('Driver'))
    limit: float = field(default=2.0, metadata=described('Limit', unit='s', low=0.0, high=9.0))
    steps: tuple[Step, ...] = field(default=(), metadata=described('Steps', blocks=Step))


REGISTERED = tuple(rules._RULES)


@pytest.fixture(autouse=True)
def no_other_rules(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Rules of this test end with it."""
    monkeypatch.setattr(rules, '_RULES', [])
    yield


def errors(**values: Any) -> list[str]:
    """Return the mistakes of a resource 'it' beside a block 'guard'."""
    found = {f'it.{name.replace("__", ".")}': value for name, value in values.items()}
    filling = Filling(found)
    block = Block('it', Table)
    filling.fill(block)
    top = {'it': block, 'guard': Block('guard', Step, values={'wait': 3.0})}
    check_rules(block, top, filling.errors, [])
    return filling.errors


def test_a_rule_gets_the_values_that_it_declares_and_names_parameters_in_full() -> None:
    @rule(Table, 'delay', 'limit')
    def check(own: Own, delay: float, limit: float) -> None:
        own.wrong('delay', f'{delay:g}', f'less than {own.limit} ({limit:g} s)')

    assert errors(driver='slow') == ['it.delay: found 1; accepted: less than it.limit (2 s)']


@pytest.mark.parametrize('values', [
    {'driver': 'slow', 'limit': -1.0}, {'driver': 'slow', 'limit': 'x'}])
def test_a_rule_with_an_invalid_input_is_skipped(values: dict[str, Any]) -> None:
    """One mistake is reported once."""
    below(Table, 'delay', 'limit')
    assert len(errors(delay=5.0, **values)) == 1
    assert len(errors(delay=5.0, driver='slow')) == 1, 'the rule itself'


def test_a_rule_is_skipped_for_a_driver_that_does_not_have_an_input() -> None:
    below(Table, 'delay', 'limit')
    assert errors(driver='fast', limit=0.5) == []
    assert len(errors(driver='slow', limit=0.5)) == 1


def test_an_input_may_be_of_the_block_around_or_of_the_top_level() -> None:
    below(Step, 'wait', '..limit', ' s')

    @rule(Step, '/guard.wait')
    def check(own: Own, wait: float) -> None:
        own.wrong('wait', f'{wait:g}', f'as in {own.around.limit}')

    assert errors(driver='slow', steps=['one'], one__wait=4.0) == [
        'it.one.wait: found 4; accepted: less than it.limit (2 s)',
        'it.one.wait: found 3; accepted: as in it.limit']


def test_a_rule_that_names_a_parameter_that_its_table_does_not_have_fails() -> None:
    @rule(Table, 'limit')
    def check(own: Own, limit: float) -> None:
        own.wrong('limit', f'{limit:g}', f'more than {own.lmit}')

    with pytest.raises(AttributeError, match='it has no parameter lmit'):
        errors(driver='slow')


@pytest.mark.parametrize('one', REGISTERED, ids=lambda one: f'{one.table.__name__} {one.inputs}')
def test_every_input_of_a_rule_is_a_parameter_of_its_tables(one: Any) -> None:
    """Otherwise the rule would never run."""
    tables = [each for each in (
        *APIS.values(), *GLOBAL_BLOCKS.values(), *StopOutputConfig.KINDS.values(),
        *Escalation.KINDS.values()) if issubclass(each, one.table)]
    assert tables
    for table in tables:
        known = {entry.name for entry in table_entries(table)}
        assert {name for name in one.inputs if name[0] not in './'} <= known, table
        assert not known & set(dir(Own)), 'own.<name> is the name of the parameter in full'
