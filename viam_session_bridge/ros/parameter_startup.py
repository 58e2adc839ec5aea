# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Explains in one line why ROS could not even read the arguments or the parameter file.

rclpy then raises from `init` or from the constructor of Node, with texts about lines of C files
and sometimes without naming the parameter. The file is read again here to say what is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
import re
from typing import Any

import yaml  # type: ignore[import-untyped]

_ROS_KEY = 'ros__parameters'


def explain_startup_error(error: BaseException, argv: Sequence[str]) -> str:
    """
    Return one line that says what is wrong with the parameter files or arguments in `argv`.

    Where they are in order, the line is the first one of the exception's own text.
    """
    for path in _parameter_files(argv):
        problem = _file_problem(path)
        if problem is not None:
            return f'parameter file {path}: {problem}'
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


def _parameter_files(argv: Sequence[str]) -> Iterator[str]:
    for flag, path in zip(argv, argv[1:], strict=False):
        if flag == '--params-file':
            yield path


def _file_problem(path: str) -> str | None:
    try:
        with open(path, encoding='utf-8') as file:
            return _node_problem(yaml.compose(file, yaml.SafeLoader))
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


def _node_problem(tree: Any) -> str | None:
    """Return what makes valid YAML no parameter file, searching as deep as the ROS key."""
    shape = f"accepted: a node's name as key, under it '{_ROS_KEY}', under that the parameters"
    if not isinstance(tree, yaml.MappingNode):
        return f'is not a parameter file; {shape}'
    for key, value in tree.value:
        if key.value == _ROS_KEY:
            problem = _parameters_problem('', value)
        elif isinstance(value, yaml.MappingNode):
            problem = _node_problem(value)
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
