# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The common base of the services of all components.

A module of this package whose name ends in `_service` declares the service of a component: it
derives from ComponentService, or from ActuatedService if the component moves, names its API, and
adds its own methods. A method that returns None sends the empty response. Decorators state which
parameters a method needs, and what it sends; docs/methods.md shows both.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
import importlib
import inspect
import pkgutil
from typing import Any, ClassVar, TypeVar

from viam_session_bridge import rpc
from viam_session_bridge.core.errors import unknown_resource, UnknownResource
from viam_session_bridge.core.group import Resource
from viam_session_bridge.rpc import proto
from viam_session_bridge.rpc.status import unimplemented

Configs = Mapping[str, Any]
FeedbackOf = Callable[[str], Any]

_Method = TypeVar('_Method', bound=Callable[..., Any])


@dataclass(frozen=True)
class Served:
    """
    The properties of a method, for the documentation.

    meaning: in a sentence. needs: the parameters of the resource without which it returns
    UNIMPLEMENTED. never: it returns UNIMPLEMENTED with any configuration. sends: the types of
    setpoint that it sends to the driver.
    """

    meaning: str = ''
    needs: tuple[str, ...] = ()
    never: bool = False
    sends: tuple[type, ...] = ()


def needs(*parameters: str) -> Callable[[_Method], Any]:
    """Serve a method only if these parameters of the resource are set."""
    def mark(method: _Method) -> Any:
        @wraps(method)
        async def served(self: 'ComponentService', request: Any, call: Any) -> Any:
            name = request.name
            for parameter in parameters:
                if not getattr(self.configs[name], parameter):
                    raise unimplemented(
                        f'{name}: {method.__name__} needs a parameter; configure '
                        f'{name}.{parameter}')
            return await method(self, request, call)

        served.__dict__['needs'] = parameters
        return served

    return mark


def sends(*setpoints: type) -> Callable[[_Method], _Method]:
    """Mark a method that sends setpoints of these types to the driver."""
    def mark(method: _Method) -> _Method:
        method.__dict__['sends'] = setpoints
        return method

    return mark


def never(method: _Method) -> _Method:
    """Mark a method that is never served; it only returns the reason."""
    method.__dict__['never'] = True
    return method


def how_served(servicer: type, name: str) -> Served:
    """Return the properties of the method of this name in a service class."""
    method = getattr(servicer, name, None)
    if method is None:
        return Served(never=True)
    text = inspect.getdoc(method) or ''
    return Served(
        ' '.join(text.partition('\n\n')[0].split()), method.__dict__.get('needs', ()),
        method.__dict__.get('never', False), method.__dict__.get('sends', ()))


class ComponentService:
    """
    Serves the components of one API. Methods are spelled as in the proto.

    Before a method runs, its wrapper has resolved the resource of the request (calls.py).

    API: its name, such as base. configs: the configurations of all resources, by name, also of
    other APIs. feedback: returns, by name, the data sources of the resource besides its motion
    feedback: `description` and `pose`, each if it is configured; for a resource without an
    actuator, its source.
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
        """Return no geometries, as a viam-server without configured shapes."""
        return proto.common.GetGeometriesResponse()

    def resource(self, name: str) -> Resource:
        """Return a resource. Raises UnknownResource, also for a resource of another API."""
        if name not in self.configs or self.configs[name].api != self.API:
            raise self._unknown(name)
        return Resource(self.API, name)

    def _unknown(self, name: str) -> UnknownResource:
        if name not in self.configs:
            return unknown_resource(name, self.configs)
        return UnknownResource(f'{name!r} is a {self.configs[name].api}, not a {self.API}')


def components() -> dict[str, type[ComponentService]]:
    """Return the service classes of all components, by the full names of their services."""
    for module in pkgutil.iter_modules(rpc.__path__):
        if module.name.endswith('_service'):
            importlib.import_module(f'{rpc.__name__}.{module.name}')
    return {proto.service_of(api).full_name: service
            for api, service in sorted(ComponentService._BY_API.items())}
