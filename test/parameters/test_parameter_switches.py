# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Parameters of switches, buttons and generic components, and what a mistake is answered."""

from typing import Any

import pytest

from viam_session_bridge.parameters.button import ButtonConfig
from viam_session_bridge.parameters.checks import GraphNames
from viam_session_bridge.parameters.generic import GenericConfig
from viam_session_bridge.parameters.load import CheckedChange, judge
from viam_session_bridge.parameters.switch import SetBoolPosition, SwitchConfig, TriggerPosition

AROUND = GraphNames('/viam_session_bridge', '/', '/{}'.format, '/{}'.format)

LASER: dict[str, Any] = {
    'resources': ['laser'], 'laser.api': 'switch', 'laser.driver': 'float',
    'laser.topic': 'power', 'laser.labels': ['off', 'on'], 'laser.numbers': [0.0, 1.0],
    'laser.safe_position': 'off', 'laser.accept_no_timeout': True}

FAN: dict[str, Any] = {
    'resources': ['fan'], 'fan.api': 'switch', 'fan.driver': 'service',
    'fan.positions': ['still', 'turning'], 'fan.still.kind': 'set_bool',
    'fan.still.service': 'fan', 'fan.still.value': False, 'fan.turning.kind': 'trigger',
    'fan.turning.service': 'fan/turn'}

BELL: dict[str, Any] = {
    'resources': ['bell'], 'bell.api': 'button', 'bell.driver': 'service', 'bell.kind': 'trigger',
    'bell.service': 'ring'}

HELPER: dict[str, Any] = {
    'resources': ['helper'], 'helper.api': 'generic', 'helper.commands': ['lights'],
    'helper.lights.kind': 'set_bool', 'helper.lights.service': 'lights',
    'helper.lights.moves': False}


def verdict(values: dict[str, Any], **changes: Any) -> CheckedChange:
    (name,) = values['resources']
    changed = {**values, **{f'{name}.{short}': value for short, value in changes.items()}}
    return judge({name: value for name, value in changed.items() if value is not None}, AROUND)


def config(values: dict[str, Any], **changes: Any) -> Any:
    found = verdict(values, **changes)
    assert found.config is not None, found.errors
    return found.config.resources[0]


def test_a_switch_of_numbers() -> None:
    """Which number is safe follows from its label; a message has no answer."""
    laser = config(LASER)
    assert laser == SwitchConfig(
        name='laser', api='switch', driver='float', topic='power', labels=('off', 'on'),
        numbers=(0.0, 1.0), safe_position='off', accept_no_timeout=True)
    assert (laser.position_labels, laser.safe_index) == (('off', 'on'), 0)
    assert not laser.answers and not laser.acknowledged


def test_a_switch_of_services() -> None:
    """Its stop is answered where there is one."""
    fan = config(FAN)
    assert isinstance(fan, SwitchConfig)
    assert fan.positions == (
        SetBoolPosition(name='still', kind='set_bool', service='fan', value=False),
        TriggerPosition(name='turning', kind='trigger', service='fan/turn'))
    assert fan.position_labels == ('still', 'turning')
    assert fan.answers and fan.safe_index is None and not fan.acknowledged
    safe = config(FAN, safe_position='still', accept_no_timeout=True)
    assert safe.safe_index == 0 and safe.acknowledged


def test_buttons_and_generic_components_are_short() -> None:
    """Nothing continues to move when the bridge fails, so nothing has to be accepted."""
    bell, helper = config(BELL), config(HELPER)
    assert isinstance(bell, ButtonConfig) and bell.answers
    assert isinstance(helper, GenericConfig) and helper.driver == 'commands'
    assert not config({**BELL, 'bell.driver': 'message', 'bell.kind': None, 'bell.service': None,
                       'bell.topic': 'ring'}).answers


@pytest.mark.parametrize(('values', 'changes', 'name', 'says'), [
    (LASER, {'labels': None}, 'laser.labels', ['nothing']),
    (LASER, {'labels': [False, True]}, 'laser.labels', ['a list of strings']),
    (LASER, {'labels': ['off'], 'numbers': [0.0]}, 'laser.labels', ['at least 2 names']),
    (LASER, {'labels': ['off', 'off']}, 'laser.labels', ['each once']),
    (LASER, {'numbers': [0.0]}, 'laser.numbers', ['1 numbers', '2 numbers, one for each of']),
    (LASER, {'numbers': []}, 'laser.numbers', ['numbers']),
    (LASER, {'numbers': [1.0, 1.0]}, 'laser.numbers', ['[1.0, 1.0]', 'each number once']),
    (LASER, {'numbers': [0.0, float('nan')]}, 'laser.numbers', ['nan']),
    (LASER, {'message': 'int16', 'numbers': [0.0, 0.5]}, 'laser.numbers',
     ['0.5', 'whole numbers from -32768 to 32767']),
    (LASER, {'message': 'bool', 'numbers': [0.0, 2.0]}, 'laser.numbers', ['from 0 to 1']),
    (LASER, {'safe_position': 'of'}, 'laser.safe_position', ["'of'", '(off, on)']),
    (LASER, {'accept_no_timeout': None}, 'laser.receiver_timeout', ['laser.accept_no_timeout']),
    (LASER, {'positions': ['off', 'on']}, 'laser.positions', ["driver 'float' does not have"]),
    (FAN, {'positions': None}, 'fan.positions', ['at least 2 names']),
    (FAN, {'still.value': None}, 'fan.still.value', ['nothing', 'true or false']),
    (FAN, {'turning.service': 'fan'}, 'fan.turning.kind', ["'trigger'", "'set_bool'", '/fan']),
    (FAN, {'safe_position': 'off'}, 'fan.safe_position', ['(still, turning)']),
    (BELL, {'kind': 'set_bool'}, 'bell.kind', ["'trigger' or 'empty'"]),
    (BELL, {'topic': 'ring'}, 'bell.topic', ["driver 'service' does not have"]),
    (HELPER, {'lights.moves': True, 'accept_no_timeout': True}, 'helper.stop_outputs',
     ['nothing', 'lights']),
    (HELPER, {'joint_states_topic': 'joint_states'}, 'helper.joints',
     ['nothing', 'helper.joint_states_topic', 'each once']),
    (HELPER, {'joint_states_topic': 'joint_states', 'joints': ['lift', 'lift']}, 'helper.joints',
     ["['lift', 'lift']", 'each once']),
    (HELPER, {'joints': ['lift']}, 'helper.joints', ["['lift']", 'only together with']),
    (HELPER, {'joint_states_topic': 'joint_states', 'joints': ['lift'], 'odometry_topic': 'odom'},
     'helper.joint_states_topic', ['helper.odometry_topic', 'one of them'])])
def test_a_mistake_is_named(
        values: dict[str, Any], changes: dict[str, Any], name: str, says: list[str]) -> None:
    """The first mistake with the full name of its parameter; some have consequences."""
    errors = verdict(values, **changes).errors
    found = [each for each in errors if each.startswith(f'{name}: found ')]
    assert len(found) == 1, errors
    assert all(each in found[0] for each in says), found[0]


def test_what_moves_by_commands_needs_its_receivers_to_be_thought_of() -> None:
    """As any other motion: it would continue if the bridge failed."""
    stopped = {'lights.moves': True, 'stop_outputs': ['halt'], 'halt.kind': 'trigger',
               'halt.service': 'halt'}
    [error] = verdict(HELPER, **stopped).errors
    assert error.startswith('helper.receiver_timeout: found nothing')
    assert config(HELPER, **stopped, accept_no_timeout=True).acknowledged


def test_a_generic_component_without_commands_is_suspect() -> None:
    """Clients can do nothing with it."""
    found = verdict({'resources': ['helper'], 'helper.api': 'generic'})
    assert found.config is not None
    assert 'helper.commands' in found.config.warnings[0]
