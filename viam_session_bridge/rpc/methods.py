# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
What a method needs of the configuration, said beside the method; docs/methods.md shows it.

Here belongs no behaviour: a method that is marked still refuses by itself what it cannot do.
"""

from collections.abc import Callable
from dataclasses import dataclass
import inspect
from typing import Any, TypeVar

_Method = TypeVar('_Method', bound=Callable[..., Any])


@dataclass(frozen=True)
class Served:
    """
    How a method is served.

    meaning: in a sentence. needs: the parameters of the resource without which it answers
    UNIMPLEMENTED. never: it does so whatever is configured. tells: the kinds of setpoint that it
    has the resource told.
    """

    meaning: str = ''
    needs: tuple[str, ...] = ()
    never: bool = False
    tells: tuple[type, ...] = ()


def needs(*parameters: str) -> Callable[[_Method], _Method]:
    """Mark a method that is served only where these parameters of the resource are set."""
    def mark(method: _Method) -> _Method:
        method.__dict__['needs'] = parameters
        return method

    return mark


def tells(*setpoints: type) -> Callable[[_Method], _Method]:
    """Mark a method that has its resource told setpoints of these kinds."""
    def mark(method: _Method) -> _Method:
        method.__dict__['tells'] = setpoints
        return method

    return mark


def never(method: _Method) -> _Method:
    """Mark a method that only says why it is not served."""
    method.__dict__['never'] = True
    return method


def how_served(servicer: type, name: str) -> Served:
    """Return how the method of this name is served by a class of services."""
    method = getattr(servicer, name, None)
    if method is None:
        return Served(never=True)
    text = inspect.getdoc(method) or ''
    return Served(
        ' '.join(text.partition('\n\n')[0].split()), method.__dict__.get('needs', ()),
        method.__dict__.get('never', False), method.__dict__.get('tells', ()))
