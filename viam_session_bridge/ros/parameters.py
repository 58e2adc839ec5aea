# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Binds the parameters to a node: declares and describes them, and handles their changes.

Their definitions are in the package `parameters`. The result is one frozen BridgeConfig or one
ConfigurationError with every mistake. Create the node with
`automatically_declare_parameters_from_overrides=True`: otherwise rclpy hides undeclared names, and
a misspelt one would be ignored silently.
`python -m viam_session_bridge.ros.parameters` prints all parameters as a document.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
import functools
import re
import sys
from typing import Any

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rcl_interfaces.srv import SetParameters, SetParametersAtomically
from rclpy.exceptions import NameValidationException
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.validate_namespace import validate_namespace
from rclpy.validate_topic_name import validate_topic_name
import yaml  # type: ignore[import-untyped]

from viam_session_bridge.core.errors import shown
from viam_session_bridge.parameters.checks import first_line, GraphNames
from viam_session_bridge.parameters.document import document
from viam_session_bridge.parameters.load import judge
from viam_session_bridge.parameters.schema import accepted, Entry, Form, Kind, SafeChange
from viam_session_bridge.parameters.shared import BridgeConfig

NODE_NAME = 'viam_session_bridge'
GUARD_NAME = 'viam_session_bridge_guard'


class ConfigurationError(Exception):
    """The parameters do not make a configuration. `errors` has one sentence per mistake."""

    def __init__(self, errors: list[str]) -> None:
        """Keep the sentences; the text of the exception lists them all."""
        super().__init__('\n'.join(f'- {each}' for each in errors))
        self.errors = errors


def read(node: Node) -> BridgeConfig:
    """
    Return the configuration that the node's parameters describe, and declare every parameter.

    Raises ConfigurationError with all mistakes; the node's parameters are then as before.
    """
    verdict = judge(_found(node), _surroundings(node))
    if verdict.config is None:
        raise ConfigurationError(verdict.errors)
    declare(node, verdict.values)
    return verdict.config


def watch(node: Node, config: BridgeConfig, apply: Callable[[BridgeConfig], None],
          changed: Callable[[Mapping[str, tuple[str, str]]], None] = lambda changes: None) -> None:
    """
    Let the mutable parameters change at run time; `config` is what `read` returned.

    A change is validated together with everything else and refused with a reason; once the node
    has taken it over, `apply` gets the new configuration, in the thread that set the parameter
    (for `ros2 param set`: the executor's). `changed` then gets the values before and after, by
    name. Read-only and unknown names are refused by rclpy.
    """
    watcher = _Watcher(node, config, apply, changed)
    node.add_pre_set_parameters_callback(watcher.convert)
    node.add_on_set_parameters_callback(watcher.check)
    node.add_post_set_parameters_callback(watcher.take_over)


def refuse_unknown_types(node: Node) -> None:
    """
    Let a node refuse requests to set a parameter to a value of a type that does not exist.

    Any node can send one, and rclpy raises on it, which would end the thread of the executor.
    """
    for service in node.services:
        if service.srv_type in (SetParameters, SetParametersAtomically):
            service.callback = functools.partial(_set_known_types, service.callback)


def _set_known_types(set_all: Callable[[Any, Any], Any], request: Any, response: Any) -> Any:
    unknown = next((each for each in request.parameters if each.value.type not in _KNOWN), None)
    if unknown is None:
        return set_all(request, response)
    result = SetParametersResult(successful=False, reason=(
        f'{shown(unknown.name)}: found a value of type {unknown.value.type}, '
        f'accepted: {min(_KNOWN)} to {max(_KNOWN)} (rcl_interfaces/msg/ParameterType)'))
    if isinstance(response, SetParametersAtomically.Response):
        response.result = result
    else:
        response.results = [result for _ in request.parameters]
    return response


_KNOWN = frozenset(each.value for each in Parameter.Type)


class _Watcher:
    """The three callbacks of one change, in the order rclpy calls them."""

    def __init__(self, node: Node, config: BridgeConfig,
                 apply: Callable[[BridgeConfig], None],
                 changed: Callable[[Mapping[str, tuple[str, str]]], None]) -> None:
        self._node = node
        self._config = config
        self._apply = apply
        self._changed = changed
        self._around = _surroundings(node)
        # Other parts of the node may have declared their own parameters meanwhile.
        self._start = judge(_found(node), self._around).values
        self._kinds = {name: entry.kind for name, (entry, _) in self._start.items()}
        self._values = {name: str(value) for name, (_, value) in self._start.items()}

    def convert(self, parameters: list[Parameter[Any]]) -> list[Parameter[Any]]:
        """Return the parameters, with integers converted where a number is declared."""
        return [
            Parameter(each.name, Parameter.Type.DOUBLE, float(each.value))
            if each.type_ == Parameter.Type.INTEGER
            and self._kinds.get(each.name) is Kind.FLOAT else each
            for each in parameters]

    def check(self, parameters: list[Parameter[Any]]) -> SetParametersResult:
        """Check the configuration with the change; accept parameters that are not ours."""
        changes = {each.name: each.value for each in parameters if each.name in self._kinds}
        if not changes:
            return SetParametersResult(successful=True)
        verdict = judge({**self._current(), **changes}, self._around)
        errors = verdict.errors
        if not self._config.run_time.allow_less_safe:
            errors += [problem for name in changes if name in verdict.values
                       for problem in self._less_safe(name, *verdict.values[name])]
        return SetParametersResult(successful=not errors, reason='; '.join(errors))

    def _less_safe(self, name: str, entry: Entry, value: Any) -> Iterator[str]:
        """Yield why a value may be less safe than the one with which the bridge started."""
        start, change = self._start[name][1], entry.spec.safe_change
        if value == start or change is SafeChange.ANY:
            return
        is_limit = change is SafeChange.LOWER and isinstance(start, (int, float))
        if is_limit and value < start:
            return
        yield (f'{name}: found {value!r}, accepted at run time: {"up to " if is_limit else ""}'
               f'{start!r}, as when the bridge started; run_time.allow_less_safe: true in the '
               'parameter file permits more')

    def take_over(self, parameters: list[Parameter[Any]]) -> None:
        """Apply the new configuration once the node has stored it."""
        if not any(each.name in self._kinds for each in parameters):
            return
        config = judge(self._current(), self._around).config
        if config is not None and config != self._config:
            self._config = config
            self._apply(config)
            values = {each.name: str(each.value) for each in parameters
                      if each.name in self._kinds}
            self._changed({name: (self._values[name], value) for name, value in values.items()
                           if value != self._values[name]})
            self._values.update(values)

    def _current(self) -> dict[str, Any]:
        return {name: self._node.get_parameter(name).value for name in self._kinds}


def _found(node: Node) -> dict[str, Any]:
    return {name: each.value for name, each in node.get_parameters_by_prefix('').items()}


def _surroundings(node: Node) -> GraphNames:
    return GraphNames(
        node.get_fully_qualified_name(), node.get_namespace(), node.resolve_topic_name,
        node.resolve_service_name, NAME_PROBLEMS)


def _topic_problem(text: str) -> str | None:
    try:
        validate_topic_name(text)
    except NameValidationException as error:
        return first_line(error)
    return None


def _node_problem(text: str) -> str | None:
    # A full node name and a namespace obey the same grammar.
    try:
        validate_namespace(text)
    except NameValidationException as error:
        return first_line(error)
    return 'the root namespace is not a node' if text == '/' else None


# The checks of ROS names.
NAME_PROBLEMS: Mapping[Form, Callable[[str], str | None]] = {
    **dict.fromkeys((Form.OUTPUT_TOPIC, Form.FEEDBACK_TOPIC, Form.SERVICE, Form.ACTION),
                    _topic_problem), Form.NODE: _node_problem}


# ---- declaring ----------------------------------------------------------------------------------

_TYPES = {
    Kind.BOOL: Parameter.Type.BOOL,
    Kind.INT: Parameter.Type.INTEGER,
    Kind.FLOAT: Parameter.Type.DOUBLE,
    Kind.TEXT: Parameter.Type.STRING,
    Kind.FLOATS: Parameter.Type.DOUBLE_ARRAY,
    Kind.TEXTS: Parameter.Type.STRING_ARRAY,
}


def declare(node: Node, values: Mapping[str, tuple[Entry, Any]]) -> None:
    """Declare each parameter with its value; rclpy's automatic declarations are replaced."""
    for name, (entry, value) in values.items():
        if node.has_parameter(name):
            node.undeclare_parameter(name)
        if value == ():
            _declare_empty_list(node, name, entry)
            continue
        plain = list(value) if isinstance(value, tuple) else value
        described = descriptor(entry)
        # rclpy allows no other parameter to be without a value: a request for a static one with
        # others, as `ros2 param dump` sends it, returns none of them.
        described.dynamic_typing = value is None
        node.declare_parameter(name, plain, described, ignore_override=True)


def descriptor(entry: Entry) -> ParameterDescriptor:
    """Return what `ros2 param describe` shows of a parameter."""
    spec = entry.spec
    made = ParameterDescriptor(
        type=_TYPES[entry.kind].value,
        description=spec.description + (f' [{spec.unit}]' if spec.unit else ''),
        additional_constraints=f'accepted: {accepted(entry)}',
        read_only=not spec.mutable)
    if entry.kind is Kind.FLOAT:
        made.floating_point_range = [
            FloatingPointRange(from_value=float(spec.low), to_value=float(spec.high))]
    elif entry.kind is Kind.INT:
        made.integer_range = [
            IntegerRange(from_value=int(spec.low), to_value=int(spec.high), step=1)]
    return made


def _declare_empty_list(node: Node, name: str, entry: Entry) -> None:
    # rclpy infers a list of bytes from an empty list and then refuses the intended type: declare a
    # dynamically typed value first, and then set the descriptor that fixes both.
    node.declare_parameter(
        name, [], ParameterDescriptor(dynamic_typing=True), ignore_override=True)
    node.set_parameters([Parameter(name, _TYPES[entry.kind], [])])
    node.set_descriptor(name, descriptor(entry))


# ---- why ROS could not even read its arguments --------------------------------------------------

_ROS_KEY = 'ros__parameters'

# The names of the files that launch_ros makes from single parameters.
_LAUNCH_ARGUMENTS = 'launch_params_'


def explain_startup_error(error: BaseException, argv: Sequence[str]) -> str:
    """
    Return one line with the problem of the parameter files or arguments in `argv`.

    rclpy raises from `init` or from the constructor of Node, with texts about lines of C files and
    sometimes without the name of the parameter, so the file is read again here.

    If they are correct, the line is the first one of the exception's own text.
    """
    for path in _parameter_files(argv):
        problem = _file_problem(path)
        if problem is not None:
            return f'parameter file {_origin(path)}: {problem}'
    text = ' '.join(str(error).split())
    rule = re.search(r"parameter override rule: '(.*?)'\.", text)
    if rule:
        return (f'argument {rule.group(1)!r}: accepted: -p name:=value, with a value that is YAML '
                'and no empty list')
    if 'PARAMETER_NOT_SET' in text:
        empty = [each for each in argv if re.search(r':=\s*\[\s*\]$', each)]
        return (f'argument {" ".join(empty)!r}: an empty list has no type in ROS; leave it out'
                if empty else 'a parameter has an empty list or no value; leave its line out')
    # What follows names lines of C files.
    return re.split(r',? at /', text)[0] or type(error).__name__


def where_from(argv: Sequence[str]) -> str:
    """Return the heading of mistakes: the parameter files that were read."""
    files = [_origin(path) for path in _parameter_files(argv)]
    if not files:
        return 'The parameters are wrong, and no parameter file was given (--params-file)'
    return f'The parameters are wrong; parameter file: {", ".join(files)}'


def _origin(path: str) -> str:
    """Return where the parameters of a file come from: from launch, or the file itself."""
    is_of_launch = path.rpartition('/')[2].startswith(_LAUNCH_ARGUMENTS)
    return 'the arguments of launch' if is_of_launch else path


def _parameter_files(argv: Sequence[str]) -> Iterator[str]:
    for flag, path in zip(argv, argv[1:], strict=False):
        if flag == '--params-file':
            yield path


def _file_problem(path: str) -> str | None:
    try:
        with open(path, encoding='utf-8') as file:
            return _tree_problem(yaml.compose(file, yaml.SafeLoader))
    except OSError as error:
        return f'cannot be read: {error.strerror}'
    except UnicodeDecodeError as error:
        return f'is not YAML: byte {error.start} is not UTF-8'
    except yaml.MarkedYAMLError as error:
        return f'is not YAML: {error.problem}{_at(error.problem_mark)}'
    except yaml.YAMLError as error:
        return f'is not YAML: {" ".join(str(error).split())}'
    except RecursionError:
        return 'is nested too deeply; accepted: names, their values, and lists of values'


def _at(mark: Any) -> str:
    return f' (line {mark.line + 1}, column {mark.column + 1})' if mark else ''


def _tree_problem(tree: Any) -> str | None:
    """Return why valid YAML is no parameter file, checked down to the ROS key."""
    shape = f"accepted: a node's name as key, under it '{_ROS_KEY}', under that the parameters"
    if not isinstance(tree, yaml.MappingNode):
        return f'is not a parameter file; {shape}'
    for key, value in tree.value:
        if key.value == _ROS_KEY:
            problem = _parameters_problem('', value)
        elif isinstance(value, yaml.MappingNode):
            problem = _tree_problem(value)
        else:
            where = _at(key.start_mark)
            problem = f'{key.value!r} is not under a key {_ROS_KEY!r}{where}; {shape}'
        if problem is not None:
            return problem
    return None


def _parameters_problem(prefix: str, node: Any) -> str | None:
    name = prefix.rstrip('.') or _ROS_KEY
    if isinstance(node, yaml.MappingNode):
        if not node.value:
            return f'{name}: found an empty block{_at(node.start_mark)}; leave it out'
        found = (_parameters_problem(f'{prefix}{key.value}.', value)
                 for key, value in node.value)
        return next((each for each in found if each is not None), None)
    where = _at(node.start_mark)
    if isinstance(node, yaml.SequenceNode):
        if not node.value:
            return f'{name}: found an empty list{where}, which has no type in ROS; ' \
                   'leave the line out'
        if len({each.tag for each in node.value}) > 1:
            return f'{name}: found a list of mixed types{where}; accepted: elements of one type ' \
                   '(write 1.0, not 1, among numbers with a point)'
    if node.tag == 'tag:yaml.org,2002:null':
        return f'{name}: found no value{where}; give one or leave the line out'
    return None


if __name__ == '__main__':
    sys.stdout.write(document())
