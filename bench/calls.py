# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""The calls that the load generators make: paths and messages. No connection, no clock."""

from typing import Any

from viam_session_bridge.rpc import proto

START = '/viam.robot.v1.RobotService/StartSession'
BEAT = '/viam.robot.v1.RobotService/SendSessionHeartbeat'
SET_POWER = '/viam.component.base.v1.BaseService/SetPower'


def beat(session: str) -> bytes:
    """Return the message of a heartbeat."""
    return bytes(proto.robot.SendSessionHeartbeatRequest(id=session).SerializeToString())


def set_power(base: str, power: float) -> bytes:
    """Return the message that moves a base forward at a share (0 to 1) of its full speed."""
    return bytes(set_power_request(base, power).SerializeToString())


def set_power_request(base: str, power: float) -> Any:
    """Return the same as a message object."""
    return proto.base.SetPowerRequest(name=base, linear=proto.common.Vector3(y=power))


def session_in(reply: bytes) -> str:
    """Return the id of the session that was started."""
    return str(proto.robot.StartSessionResponse.FromString(reply).id)


def metadata(session: str) -> tuple[tuple[str, str], ...]:
    """Return what a monitored call of a session carries."""
    return (('viam-sid', session),)
