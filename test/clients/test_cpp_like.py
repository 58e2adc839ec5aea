# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
A client like the C++ SDK: no session, and `close()` sends StopAll before it closes.

Its calls are made with grpc itself, because the C++ SDK itself has to be compiled first.
"""

from collections.abc import Iterator
import time
from typing import Any

import grpc
import pytest
from viam.proto.common import Vector3
from viam.proto.component.base import SetPowerRequest, SetPowerResponse, StopRequest, StopResponse
from viam.proto.robot import (
    ResourceNamesRequest,
    ResourceNamesResponse,
    StopAllRequest,
    StopAllResponse,
)

from processes import Client, PATIENCE, Programs

WINDOW = 2.0  # s, the default
AT_ONCE = 0.0  # s


class CppLike:
    """What the C++ SDK sends for each of its calls."""

    def __init__(self, address: str) -> None:
        self._channel = grpc.insecure_channel(
            address, options=[('grpc.use_local_subchannel_pool', 1)])
        # It asks right after connecting.
        self.resources = [one.name for one in self._call(
            'viam.robot.v1.RobotService/ResourceNames', ResourceNamesRequest(),
            ResourceNamesResponse).resources]

    def set_power(self, power: float) -> None:
        """Drive ahead."""
        self._call('viam.component.base.v1.BaseService/SetPower',
                   SetPowerRequest(name='base', linear=Vector3(y=power)), SetPowerResponse)

    def stop(self) -> None:
        """Stop the base."""
        self._call('viam.component.base.v1.BaseService/Stop', StopRequest(name='base'),
                   StopResponse)

    def close(self) -> None:
        """Stop everything, whichever client moves it, then close."""
        self._call('viam.robot.v1.RobotService/StopAll', StopAllRequest(), StopAllResponse)
        self.vanish()

    def vanish(self) -> None:
        """Close without a stop."""
        self._channel.close()

    def _call(self, method: str, request: Any, reply: Any) -> Any:
        return self._channel.unary_unary(
            f'/{method}', type(request).SerializeToString, reply.FromString)(
                request, timeout=PATIENCE)


@pytest.fixture
def client(robot: Any) -> Iterator[CppLike]:
    client = CppLike(robot.address)
    yield client
    client.vanish()


@pytest.fixture
def sdk(programs: Programs, robot: Any) -> Client:
    return programs.client(robot.address)


def test_it_lists_drives_and_stops(robot: Any, client: CppLike, began: float) -> None:
    assert client.resources == ['base']
    client.set_power(1.0)
    robot.wait_speed(1.0, began)
    robot.driver.check_driving(robot.topic, WINDOW + 0.5)
    asked = time.monotonic()
    client.stop()
    robot.driver.check_stop(robot.topic, asked, AT_ONCE)


def test_close_stops_it(robot: Any, client: CppLike, began: float) -> None:
    client.set_power(1.0)
    robot.wait_speed(1.0, began)
    asked = time.monotonic()
    client.close()
    robot.driver.check_stop(robot.topic, asked, AT_ONCE)
    robot.bridge.wait_logged('base: stopping, .*no session')


def test_a_lost_connection_stops_it(robot: Any, client: CppLike, began: float) -> None:
    client.set_power(1.0)
    robot.wait_speed(1.0, began)
    asked = time.monotonic()
    client.vanish()
    robot.driver.check_stop(robot.topic, asked, AT_ONCE)


def test_close_stops_what_others_move_too(
        robot: Any, client: CppLike, sdk: Client, began: float) -> None:
    """This is the meaning of StopAll; the stopped client may drive again under its session."""
    sdk.do('set_power', base='base', linear=0.4)
    robot.wait_speed(0.4, began)
    session = sdk.do('session')
    asked = time.monotonic()
    client.close()
    robot.driver.check_stop(robot.topic, asked, AT_ONCE)
    sdk.do('set_power', base='base', linear=0.8)
    robot.wait_speed(0.8, asked)
    assert sdk.do('session') == session


def test_taking_over_from_a_session_is_held_by_the_connection(
        robot: Any, client: CppLike, sdk: Client, began: float) -> None:
    """In Viam's own server nothing would stop it now; here the end of the connection does."""
    sdk.do('set_power', base='base', linear=0.4)
    robot.wait_speed(0.4, began)
    client.set_power(0.8)
    taken = robot.wait_speed(0.8, began)
    sdk.kill()
    robot.driver.check_driving(robot.topic, WINDOW + 0.5)
    assert not any(one.is_zero for one in robot.driver.heard(robot.topic, taken))
    asked = time.monotonic()
    client.vanish()
    robot.driver.check_stop(robot.topic, asked, AT_ONCE)
