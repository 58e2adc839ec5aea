#!/usr/bin/env python3
# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Writes docs/methods.md from the code, so that the document cannot contradict it.

For developers, after a change to what is served or to the drivers:

    python3 tools/methods_document.py > docs/methods.md

It stands outside the package because it reads both the services and the parameter tables, which
never see each other.
"""
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor

from viam_session_bridge.ros.parameter_tables import APIS
from viam_session_bridge.rpc import proto
from viam_session_bridge.rpc.methods import how_served, Served
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
* **drivers**: those of the drivers named above the table that carry it out; nothing where no
  driver is asked.
"""

# What drivers carry out without being monitored.
_FOR_DRIVERS = {'Stop', 'StopAll', 'Home', 'DoCommand'}


def document() -> str:
    """Return the text of docs/methods.md."""
    parts = [_INTRODUCTION]
    for name, servicer in sorted(COMPONENTS.items(), key=lambda each: each[1].API):
        parts.append(f'## {servicer.API}\n')
        drivers = ', '.join(f'`{driver}`' for driver in APIS[servicer.API].DRIVERS) \
            if servicer.API in APIS else 'none yet'
        parts.append(f'`{name}`; drivers: {drivers}\n')
        parts.append(_table(proto.service(name), servicer))
    parts.append('## The machine\n')
    parts.append('`viam.robot.v1.RobotService`; drivers: those of all resources\n')
    parts.append(_table(proto.service('viam.robot.v1.RobotService'), RobotService))
    return '\n'.join(parts)


def _table(service: ServiceDescriptor, servicer: type) -> str:
    lines = ['| method | served | monitored | drivers | meaning |', '|---|---|---|---|---|']
    for method in service.methods:
        lines.append(_line(method, how_served(servicer, method.name)))
    return '\n'.join(lines) + '\n'


def _line(method: MethodDescriptor, served: Served) -> str:
    how = 'no' if served.never else 'yes'
    if served.needs:
        how = 'with ' + ', '.join(f'`{parameter}`' for parameter in served.needs)
    monitored = proto.is_monitored(method)
    drivers = 'all' if monitored or method.name in _FOR_DRIVERS else ''
    return (f'| {method.name} | {how} | {"yes" if monitored else ""} | {drivers} '
            f'| {served.meaning} |')


if __name__ == '__main__':
    print(document(), end='')
