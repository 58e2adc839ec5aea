# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""The calls that the load generators make: paths and messages. No connection, no clock."""

from typing import Any

from viam_session_bridge.rpc import proto

START = '/viam.robot.v1.RobotService/StartSession'
BEAT = '/viam.robot.v1.RobotService/SendSessionHeartbeat'
SET_POWER = '/viam.component.base.v1.BaseService/SetPower'
MOVE = '/viam.component.base.v1.BaseService/MoveStraight'
BLOCK = '/viam.robot.v1.RobotService/BlockForOperation'
OPERATIONS = '/viam.robot.v1.RobotService/GetOperations'


def beat(session: str) -> bytes:
    """Return the message of a heartbeat."""
    return bytes(proto.robot.SendSessionHeartbeatRequest(id=session).SerializeToString())


def set_power(base: str, power: float) -> bytes:
    """Return the message that moves a base forward at a share (0 to 1) of its full speed."""
    return bytes(set_power_request(base, power).SerializeToString())


def set_power_request(base: str, power: float) -> Any:
    """Return the same as a message object."""
    return proto.base.SetPowerRequest(name=base, linear=proto.common.Vector3(y=power))


def move(base: str, distance: float, speed: float) -> bytes:
    """Return the message that drives a base straight on, distance in m and speed in m/s."""
    return bytes(proto.base.MoveStraightRequest(
        name=base, distance_mm=round(distance * 1e3), mm_per_sec=speed * 1e3).SerializeToString())


def block(operation: str) -> bytes:
    """Return the message that waits for the end of an operation."""
    return bytes(proto.robot.BlockForOperationRequest(id=operation).SerializeToString())


def methods_in(reply: bytes) -> list[str]:
    """Return the paths of the calls that GetOperations has listed."""
    return [one.method for one in proto.robot.GetOperationsResponse.FromString(reply).operations]


def session_in(reply: bytes) -> str:
    """Return the id of the session that was started."""
    return str(proto.robot.StartSessionResponse.FromString(reply).id)


def metadata(session: str) -> tuple[tuple[str, str], ...]:
    """Return what a monitored call of a session carries."""
    return (('viam-sid', session),)
