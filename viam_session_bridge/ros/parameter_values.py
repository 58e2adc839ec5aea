# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Checks of one parameter value against its entry in the tables.

Every refusal is a sentence that names the full parameter, what was found and what is accepted.
Values against each other are checked in `parameter_rules`.
"""

from __future__ import annotations

import array
from collections.abc import Callable, Mapping
import ipaddress
from typing import Any

from rclpy.exceptions import NameValidationException
from rclpy.validate_namespace import validate_namespace
from rclpy.validate_topic_name import validate_topic_name

from viam_session_bridge.ros.parameter_spec import accepted, Entry, Form, Kind


class Mistake(ValueError):
    """One wrong value; the text is a whole sentence for the user."""

    def __init__(self, name: str, found: str, wanted: str) -> None:
        """Compose the sentence from the full name, what was found and what is accepted."""
        super().__init__(f'{name}: found {found}; accepted: {wanted}')


def check_value(name: str, entry: Entry, found: Any) -> Any:
    """
    Return `found` converted to the type of the parameter, or raise Mistake.

    Integers pass for numbers, because YAML calls `1` an integer where a person means 1.0. None
    passes for a number that may be left unset.
    """
    wanted = accepted(entry)
    if isinstance(found, (list, tuple, array.array)):
        found = tuple(found)
    if found is None and entry.default is None:
        return None
    mistake = Mistake(name, shown(found), wanted)
    if entry.kind is Kind.TEXT and isinstance(found, str):
        return _check_text(name, entry, found)
    if entry.kind is Kind.BOOL and isinstance(found, bool):
        return found
    if entry.kind is Kind.INT and isinstance(found, int) and not isinstance(found, bool):
        if entry.spec.low <= found <= entry.spec.high:
            return found
    if entry.kind is Kind.FLOAT and _is_number(found) and _in_range(float(found), entry):
        return float(found)
    if entry.kind is Kind.FLOATS and isinstance(found, tuple):
        if not found and not entry.spec.empty:
            raise mistake
        if found and len(found) != (entry.spec.length or len(found)):
            raise mistake
        if all(_is_number(each) and _in_range(float(each), entry) for each in found):
            return tuple(float(each) for each in found)
    if entry.kind is Kind.TEXTS and isinstance(found, tuple):
        if all(isinstance(each, str) for each in found):
            return found
    raise mistake


def shown(found: Any) -> str:
    """Return a value the way a YAML file shows it, with its type where that may surprise."""
    if isinstance(found, bool):
        return f'{str(found).lower()} (true or false)'
    if isinstance(found, str):
        return f'{found!r} (a string)'
    if isinstance(found, tuple):
        return f'{list(found)!r} (a list)'
    return f'{found!r} (an integer)' if isinstance(found, int) else repr(found)


def _is_number(found: Any) -> bool:
    return isinstance(found, (int, float)) and not isinstance(found, bool)


def _in_range(value: float, entry: Entry) -> bool:
    spec = entry.spec
    above = value > spec.low if spec.low_excluded else value >= spec.low
    # Every table has finite bounds, and NaN compares false with both.
    return above and value <= spec.high


def _check_text(name: str, entry: Entry, text: str) -> str:
    spec = entry.spec
    if not text and spec.empty:
        return text
    problem = None
    if spec.choices:
        problem = spec.refused.get(text, '') if text not in spec.choices else None
    elif not text.strip():
        problem = ''
    elif spec.form in _FORMS:
        problem = _FORMS[spec.form](text)
    if problem is None:
        return text
    raise Mistake(name, repr(text) + (f' ({problem})' if problem else ''), accepted(entry))


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


def _frame_problem(text: str) -> str | None:
    return '' if text.startswith('/') or any(each.isspace() for each in text) else None


def _host_problem(text: str) -> str | None:
    if _address(text) is not None:
        return None
    allowed = all(each.isascii() and (each.isalnum() or each in '-._') for each in text)
    return None if allowed else ''


_FORMS: Mapping[Form, Callable[[str], str | None]] = {
    Form.OUTPUT_TOPIC: _topic_problem,
    Form.SERVICE: _topic_problem,
    Form.ACTION: _topic_problem,
    Form.FEEDBACK_TOPIC: _topic_problem,
    Form.NODE: _node_problem,
    Form.FRAME: _frame_problem,
    Form.HOST: _host_problem,
}


def first_line(error: Exception) -> str:
    """Return the first line of rclpy's multi-line message on a bad name."""
    return str(error).splitlines()[0].rstrip(':')


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def is_loopback(host: str) -> bool:
    """Return whether a server bound to `host` can be reached from this machine alone."""
    address = _address(host)
    if isinstance(address, ipaddress.IPv4Address):
        return address in ipaddress.ip_network('127.0.0.0/8')
    return address == ipaddress.ip_address('::1') or host == 'localhost'
