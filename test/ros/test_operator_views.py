# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
What Foxglove and rqt_robot_monitor show: config/foxglove_layout.json, and rules of diagnostics.

Both are compared with the names, types and messages of the nodes of the demo's bridge and guard.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from importlib import import_module
import json
from pathlib import Path
import re
from typing import Any, NamedTuple

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
import pytest

from observer import spinning_node
from processes import new_namespace, wait_until
from viam_session_bridge.core.events import Command
from viam_session_bridge.core.move import Motion
from viam_session_bridge.core.presence import Caller, Policy
from viam_session_bridge.core.setpoints import Velocity
from viam_session_bridge.locked_supervisor import locked_bridge
from viam_session_bridge.parameters.shared import EventsConfig
from viam_session_bridge.ros.escalations import Escalations
from viam_session_bridge.ros.journal import sinks_of
from viam_session_bridge.ros.node import BridgeNode, Report
from viam_session_bridge.ros.parameters import read

ROOT = Path(__file__).resolve().parents[2]
LAYOUT = json.loads((ROOT / 'config' / 'foxglove_layout.json').read_text(encoding='utf-8'))
PANELS: dict[str, dict[str, Any]] = LAYOUT['configById']
NODES = ('viam_session_bridge', 'viam_session_bridge_guard')

# Panel -> the settings that name a topic, a message path or a service.
PATHS = {'Indicator': ('path',), 'RawMessages': ('topicPath',)}
TOPICS = {'DiagnosticSummary': ('topicToRender',), 'DiagnosticStatusPanel': ('topicToRender',),
          'RosOut': ('topicToRender',)}
# Every node publishes it, without a publisher of rclpy.
ROSOUT = {'/rosout': 'rcl_interfaces/msg/Log'}


class Interface(NamedTuple):
    """Names without the namespace: topics with their types, services; and diagnostics."""

    topics: dict[str, str]
    services: set[str]
    arrays: dict[str, DiagnosticArray]

    @property
    def statuses(self) -> dict[str, DiagnosticStatus]:
        """Return each status, by its name."""
        return {one.name: one for array in self.arrays.values() for one in array.status}


def type_of(kind: type) -> str:
    return f'{kind.__module__.split(".")[0]}/msg/{kind.__name__}'


@pytest.fixture(scope='module')
def interface() -> Iterator[Interface]:
    """Return the interface of bridge and guard with config/demo.yaml, with every detail."""
    space = new_namespace()
    topics, services, arrays = dict(ROSOUT), set[str](), dict[str, DiagnosticArray]()

    def bare(text: str) -> str:
        return text.replace(f'{space}/', '/')

    def received(array: DiagnosticArray) -> None:
        node = array.status[0].name.partition(':')[0]
        if node.startswith(f'{space}/'):
            for one in array.status:
                one.name, one.hardware_id = bare(one.name), bare(one.hardware_id)
            arrays[bare(node)] = array

    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        viewer = stack.enter_context(spinning_node('viewer', namespace=space))
        patch.setattr(Escalations, 'outcomes', lambda self: {'base': ['failed', 'not tried']})
        subscription = viewer.create_subscription(DiagnosticArray, '/diagnostics', received, 10)
        kept = list[Any]()
        for name in NODES:
            node = stack.enter_context(spinning_node(
                name, namespace=space, automatically_declare_parameters_from_overrides=True,
                args=['--ros-args', '--params-file', str(ROOT / 'config' / 'demo.yaml')]))
            config = read(node)
            supervisor = locked_bridge([one.resource for one in config.actuated], Policy())
            command = Command(
                Caller('0b57ac6e', 7, 'lab', 'ipv4:10.0.0.9:1', 'x/SetPower', 'python'),
                Motion(Velocity((0.2, 0.0, 0.0))), supervisor.now())
            patch.setattr(supervisor, 'commands', lambda command=command: {'base': command})
            kept += [BridgeNode(
                node, supervisor, config, dict, lambda: None,
                emergency=supervisor if name == NODES[0] else None,
                reports=lambda: [Report('gRPC', 'it serves', {'sessions': '0'})]),
                sinks_of(node, EventsConfig(), name != NODES[0])]
            for one in (*node.publishers, *node.subscriptions):
                topics[bare(one.topic_name)] = type_of(one.msg_type)
            services |= {bare(one.service_name) for one in node.services}
        wait_until(lambda: {f'/{name}' for name in NODES} <= arrays.keys(), 'diagnostics of both')
        yield Interface(topics, services, arrays)
        viewer.destroy_subscription(subscription)
        del kept


# ---- Foxglove -----------------------------------------------------------------------------------

def placed(tree: Any) -> Iterator[str]:
    """Yield the panels of a layout."""
    if isinstance(tree, str):
        yield tree
        return
    assert tree['direction'] in ('row', 'column') and 0 < tree['splitPercentage'] < 100
    yield from (*placed(tree['first']), *placed(tree['second']))


def paths() -> Iterator[str]:
    """Yield every message path and every topic of the layout."""
    for panel, settings in PANELS.items():
        kind = panel.partition('!')[0]
        for name in (*PATHS.get(kind, ()), *TOPICS.get(kind, ())):
            yield settings[name]
        yield from (one['value'] for one in settings.get('paths', ()))


def test_each_panel_of_the_layout_has_settings_and_one_place() -> None:
    assert sorted(placed(LAYOUT['layout'])) == sorted(PANELS)
    known = {*PATHS, *TOPICS, 'CallService', 'Plot', 'StateTransitions'}
    assert {panel.partition('!')[0] for panel in PANELS} == known


@pytest.mark.parametrize('path', list(paths()))
def test_a_message_path_of_the_layout_exists(interface: Interface, path: str) -> None:
    topic, *fields = re.sub(r'\{[^}]*\}|\[:\]', '', path).split('.')
    kind = interface.topics[topic]
    for field in fields:
        package, *_, name = kind.split('/')
        declared = getattr(import_module(f'{package}.msg'), name).get_fields_and_field_types()
        assert field in declared, (kind, field)
        kind = re.sub(r'^sequence<(.*)>$', r'\1', declared[field])


def test_the_layout_plots_the_command_and_the_feedback_topic_of_the_demo(
        interface: Interface) -> None:
    shown = {path.partition('.')[0] for path in paths()}
    assert {'/cmd_vel', '/odom'} <= shown
    assert interface.topics['/cmd_vel'] == 'geometry_msgs/msg/Twist'


@pytest.mark.parametrize('panel', [one for one in PANELS if one.startswith('CallService!')])
def test_a_service_of_the_layout_exists(interface: Interface, panel: str) -> None:
    settings = PANELS[panel]
    assert settings['serviceName'] in interface.services
    # A button only: nobody has to edit a request in an emergency.
    assert settings['editingMode'] is False and json.loads(settings['requestPayload']) == {}


def test_the_statuses_and_keys_that_the_layout_selects_are_published(
        interface: Interface) -> None:
    for path in paths():
        for name in re.findall(r'\{name=="([^"]*)"\}', path):
            keys = {one.key for one in interface.statuses[name].values}
            assert keys.issuperset(re.findall(r'\{key=="([^"]*)"\}', path))
    settings = PANELS['DiagnosticStatusPanel!base']
    assert interface.statuses[settings['selectedName']].hardware_id == (
        settings['selectedHardwareId'])


# ---- diagnostics --------------------------------------------------------------------------------

def test_each_status_is_named_by_its_node_and_part_once(interface: Interface) -> None:
    for node, array in interface.arrays.items():
        names = [one.name for one in array.status]
        assert len(set(names)) == len(names)
        # diagnostic_aggregator groups by the beginning of the name; '/' would be a further level.
        assert all(re.fullmatch(f'{node}: [^/:]+', name) for name in names), names
        assert array.header.stamp.sec > 0, 'the aggregator warns of messages without a stamp'


def test_each_status_has_a_hardware_id_a_message_and_a_level(interface: Interface) -> None:
    levels = (DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR)
    for name, one in interface.statuses.items():
        assert re.fullmatch('/[^/]+', one.hardware_id) and one.message, name
        assert one.level in levels, name


def test_no_key_of_a_status_is_repeated_or_empty(interface: Interface) -> None:
    """Foxglove and the aggregator take one value for a key."""
    for name, one in interface.statuses.items():
        keys = [pair.key for pair in one.values]
        assert len(set(keys)) == len(keys) and all(keys), (name, keys)
        assert all(pair.value for pair in one.values), name
    base = {one.key: one.value for one in interface.statuses[f'/{NODES[0]}: base'].values}
    assert base['escalation'] == 'failed; not tried' and 'last command' in base
