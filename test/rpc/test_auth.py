# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Authenticate on loopback, where nothing is checked and a warning is logged.

The token still has an effect: a session belongs to the entity that started it.
"""

from typing import Any

import grpc
import pytest

from viam_session_bridge.core.events import MotionBegun
from viam_session_bridge.rpc import proto

Code = grpc.StatusCode

EXPIRED = (Code.INVALID_ARGUMENT, 'SESSION_EXPIRED')
KEY_ID = '0d5a1f0e-3c1f-4a42-8a3c-1f0e3c1f4a42'


def credentials(kind: str = 'api-key', payload: str = 'any') -> Any:
    return proto.auth.Credentials(type=kind, payload=payload)


def bearer(client: Any, entity: str, kind: str = 'api-key') -> list[tuple[str, str]]:
    """Authenticate; return the metadata of later calls."""
    token = client.auth.Authenticate(entity=entity, credentials=credentials(kind)).access_token
    return [('authorization', f'Bearer {token}')]


@pytest.mark.parametrize('kind', ['api-key', 'robot-location-secret'])
def test_any_key_gets_a_token_and_a_warning_is_logged(
        client: Any, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    metadata = bearer(client, KEY_ID, kind)
    assert metadata[0][1] != 'Bearer '
    assert any(KEY_ID in record.getMessage() and record.levelname == 'WARNING'
               for record in caplog.records)
    client.robot.ResourceNames(metadata=metadata)
    client.base.SetPower(name='base', linear=(0.0, 0.5, 0.0), metadata=metadata)


def test_a_long_entity_is_cut_in_the_log_with_its_length(
        client: Any, caplog: pytest.LogCaptureFixture) -> None:
    client.auth.Authenticate(entity='é' * 1_000, credentials=credentials())
    [record] = [one for one in caplog.records if 'sent credentials' in one.getMessage()]
    assert '... (1000 characters)' in record.getMessage()
    assert len(record.getMessage()) < 600 and record.getMessage().isascii()


def test_entity_and_sdk_of_a_motion_are_short_and_in_one_line_whatever_the_client_sends(
        bench: Any, client: Any) -> None:
    """They are shown in logs, events and diagnostics."""
    client.base.SetPower(name='base', linear=(0.0, 0.5, 0.0), metadata=[
        *bearer(client, 'a b\nc' * 500), ('viam_client', 'x' * 4_000)])
    bench.until(bench.moves)
    [caller] = [one.caller for one in bench.events if isinstance(one, MotionBegun)]
    assert caller.entity.startswith("'a b\\nc") and '(2500 characters)' in caller.entity
    assert '(4000 characters)' in caller.sdk
    assert all(len(text) < 300 and text.isprintable() for text in (caller.entity, caller.sdk))


def test_the_key_is_not_in_the_log(
        client: Any, caplog: pytest.LogCaptureFixture) -> None:
    client.auth.Authenticate(entity=KEY_ID, credentials=credentials(payload='the-secret-key'))
    assert 'the-secret-key' not in caplog.text


@pytest.mark.parametrize('entity', ['', KEY_ID, 'ü.example', 'a b\nc', 'x' * 1000])
def test_a_session_belongs_to_its_entity(bench: Any, client: Any, entity: str) -> None:
    mine, other = bearer(client, entity), bearer(client, 'somebody else')
    session = client.start_session(metadata=mine)
    assert client.robot.SendSessionHeartbeat.refused(id=session, metadata=other) == EXPIRED
    assert client.base.SetPower.refused(
        name='base', linear=(0.0, 0.5, 0.0), sid=session, metadata=other) == EXPIRED
    assert client.start_session(resume=session, metadata=other) != session
    assert bench.told() == 'nothing'
    # A second token of the same entity, over another connection.
    again = bench.client()
    client.robot.SendSessionHeartbeat(id=session, metadata=bearer(again, entity))
    assert again.start_session(resume=session, metadata=bearer(again, entity)) == session


def test_a_session_with_an_entity_is_not_of_those_without(client: Any) -> None:
    session = client.start_session(metadata=bearer(client, KEY_ID))
    assert client.robot.SendSessionHeartbeat.refused(id=session) == EXPIRED
    nobodys = client.start_session()
    assert client.robot.SendSessionHeartbeat.refused(
        id=nobodys, metadata=bearer(client, KEY_ID)) == EXPIRED


def test_every_client_may_stop(bench: Any, client: Any) -> None:
    mine = bearer(client, KEY_ID)
    session = client.start_session(metadata=mine)
    client.base.SetPower(name='base', linear=(0.0, 0.5, 0.0), sid=session, metadata=mine)
    bench.until_moving()
    client.base.Stop(name='base', metadata=bearer(client, 'somebody else'))
    bench.until_stopped()


def test_a_token_is_valid_on_a_new_connection(bench: Any, client: Any) -> None:
    metadata = bearer(client, KEY_ID)
    session = client.start_session(metadata=metadata)
    client.close()
    bench.client().robot.SendSessionHeartbeat(id=session, metadata=metadata)


@pytest.mark.parametrize('value', [
    'Basic ZHVtbXk6ZHVtbXk=', 'Bearer', 'Bearer x', 'Bearer unauthenticated.%%%', '',
    'Bearer unauthenticated.gICA', 'unauthenticated.YQ=='])
def test_a_foreign_token_names_no_entity_and_is_accepted(client: Any, value: str) -> None:
    metadata = [('authorization', value)]
    client.robot.ResourceNames(metadata=metadata)
    session = client.start_session(metadata=metadata)
    client.robot.SendSessionHeartbeat(id=session)


def test_refuses_to_authenticate_again(client: Any) -> None:
    refusal = client.auth.Authenticate.refused(
        entity=KEY_ID, credentials=credentials(), metadata=bearer(client, KEY_ID))
    assert refusal == (Code.INVALID_ARGUMENT, 'already authenticated; cannot re-authenticate')


def test_refuses_a_request_without_credentials(client: Any) -> None:
    assert client.auth.Authenticate.refused(entity=KEY_ID) == (
        Code.INVALID_ARGUMENT, 'credentials required')


@pytest.mark.parametrize('kind', ['', 'robot-secret', 'API-KEY', 'ä', 'x' * 3_000])
def test_an_unknown_type_of_credentials_is_refused(client: Any, kind: str) -> None:
    refusal = client.auth.Authenticate.refused(entity=KEY_ID, credentials=credentials(kind))
    assert refusal.code is Code.INVALID_ARGUMENT
    assert refusal.text.startswith('do not know how to handle credential type')
    assert 'api-key' in refusal.text
    assert len(refusal.text) < 500


def test_credentials_of_the_cloud_are_unimplemented(client: Any) -> None:
    assert client.auth.Authenticate.refused(entity=KEY_ID, credentials=credentials('external')) \
        == (Code.UNIMPLEMENTED, 'direct authentication not supported for "external"')
