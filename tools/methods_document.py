#!/usr/bin/env python3
# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Writes docs/methods.md from the code, so that the document cannot contradict it.

For developers, after a change to what is served or to the drivers:

    python3 tools/methods_document.py > docs/methods.md

It is outside of the package because it reads both the services and the parameter tables, which
do not import each other.
"""
from collections.abc import Mapping

from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor

from viam_session_bridge.core.setpoints import PoseGoal, ServiceCall
from viam_session_bridge.parameters.load import APIS
from viam_session_bridge.rpc import proto
from viam_session_bridge.rpc.component_service import how_served, Served
from viam_session_bridge.rpc.robot_service import RobotService
from viam_session_bridge.rpc.server import COMPONENTS

_INTRODUCTION = f"""\
# Methods

<!-- Generated: python3 tools/methods_document.py > docs/methods.md -->

Every method of the APIs below, as of release {proto.api_version} of Viam's API.

* **served**: *yes*, or *no*; where it says *with*, the parameters of the resource
  ([parameters.md](parameters.md)) that it needs. Without them, and where it says *no*, the answer
  is UNIMPLEMENTED with a text that says why.
* **monitored**: Viam marks the method as safety-monitored: its caller owns the resource, and what
  it began is stopped when the caller vanishes. A gantry's Home and the commands of DoCommand that
  are marked `moves` move without that mark; the caller's connection holds what they begin.
* **drivers**: those of the drivers named above the table that carry it out, or what does so beside
  them, whichever the driver; nothing where none is asked.
"""

# Every driver can stop.
_STOPS = {'Stop', 'StopAll'}

# What is carried out beside the drivers, by kind.
_BESIDE: dict[type, str] = {ServiceCall: '`commands`', PoseGoal: '`pose_goal_topic`'}


def document() -> str:
    """Return the text of docs/methods.md."""
    parts = [_INTRODUCTION]
    for name, servicer in sorted(COMPONENTS.items(), key=lambda each: each[1].API):
        parts.append(f'## {servicer.API}\n')
        tables = APIS[servicer.API].DRIVERS
        drivers = ', '.join(f'`{driver}`' for driver in tables)
        parts.append(f'`{name}`; drivers: {drivers}\n')
        parts.append(_table(proto.service(name), servicer, tables))
    parts.append('## The machine\n')
    parts.append('`viam.robot.v1.RobotService`; drivers: those of all resources\n')
    parts.append(_table(proto.service('viam.robot.v1.RobotService'), RobotService, {}))
    return '\n'.join(parts)


def _table(service: ServiceDescriptor, servicer: type, tables: Mapping[str, type]) -> str:
    lines = ['| method | served | monitored | drivers | meaning |', '|---|---|---|---|---|']
    for method in service.methods:
        lines.append(_line(method, how_served(servicer, method.name), tables))
    return '\n'.join(lines) + '\n'


def _line(method: MethodDescriptor, served: Served, tables: Mapping[str, type]) -> str:
    how = 'no' if served.never else 'yes'
    if served.needs:
        how = 'with ' + ', '.join(f'`{parameter}`' for parameter in served.needs)
    monitored = proto.is_monitored(method)
    by = 'all' if method.name in _STOPS else drivers_of(served, tables)
    return f'| {method.name} | {how} | {"yes" if monitored else ""} | {by} | {served.meaning} |'


def drivers_of(served: Served, tables: Mapping[str, type]) -> str:
    """Return which of some drivers, by their tables of parameters, carry a method out."""
    beside = [_BESIDE[kind] for kind in served.sends if kind in _BESIDE]
    if beside or not served.sends:
        return ', '.join(beside)
    able = [driver for driver, table in tables.items()
            if set(getattr(table, 'TAKES', ())) & set(served.sends)]
    return 'all' if len(able) == len(tables) else ', '.join(f'`{driver}`' for driver in able)


if __name__ == '__main__':
    print(document(), end='')
