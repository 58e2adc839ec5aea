# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
What the services of all components have in common; nothing that only one of them knows.

A module of this package whose name ends in `_service` declares the service of a component: it
derives from ComponentService, or from ActuatedService where something moves, names its API, and
adds its own methods. What a method needs of the configuration is marked beside it, and
docs/methods.md shows it. A mark is no behaviour: a method that is marked still refuses by itself
what it cannot do.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
import importlib
import inspect
import pkgutil
from typing import Any, ClassVar, TypeVar

from viam_session_bridge import rpc
from viam_session_bridge.core.errors import unknown_resource, UnknownResource
from viam_session_bridge.core.group import Resource
from viam_session_bridge.rpc import proto

Configs = Mapping[str, Any]
FeedbackOf = Callable[[str], Any]

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


class ComponentService:
    """
    Serves the components of one API. Methods are spelled as in the proto.

    Before a method runs, its wrapper has found the resource that the request names (calls.py).

    API: its name, such as base. configs: the configuration of each resource, by name; those of
    other APIs may be among them. feedback: returns, for a name, an object with `description` and
    `pose`, each if it is configured; for a resource without an actuator, its source.
    """

    API: ClassVar[str]
    _BY_API: ClassVar[dict[str, 'type[ComponentService]']] = {}

    def __init_subclass__(cls) -> None:
        if 'API' in vars(cls):
            ComponentService._BY_API[cls.API] = cls

    def __init__(self, configs: Configs, feedback: FeedbackOf) -> None:
        self.configs = configs
        self._feedback = feedback

    async def GetGeometries(self, request: Any, call: Any) -> Any:
        """Answer none: like a viam-server where no shape is configured."""
        return proto.common.GetGeometriesResponse()

    def resource(self, name: str) -> Resource:
        """Return a resource. Raises UnknownResource, also for a name of another API."""
        if name not in self.configs or self.configs[name].api != self.API:
            raise self._unknown(name)
        return Resource(self.API, name)

    def _unknown(self, name: str) -> UnknownResource:
        if name not in self.configs:
            return unknown_resource(name, self.configs)
        return UnknownResource(f'{name!r} is a {self.configs[name].api}, not a {self.API}')


def components() -> dict[str, type[ComponentService]]:
    """Return the classes of all components, by the full names of their services."""
    for module in pkgutil.iter_modules(rpc.__path__):
        if module.name.endswith('_service'):
            importlib.import_module(f'{rpc.__name__}.{module.name}')
    return {proto.service_of(api).full_name: service
            for api, service in sorted(ComponentService._BY_API.items())}
