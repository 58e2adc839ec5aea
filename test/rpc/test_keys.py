# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""API keys: authentication, the rights of each key, and the end of a key."""

import asyncio
import base64
from collections.abc import Callable, Iterator
import json
import logging
from pathlib import Path
import sys
import textwrap
import threading
import time
from typing import Any
import uuid

import grpc
from hypothesis import example, given
from hypothesis import settings as fuzz
from hypothesis import strategies as st
import pytest

from components import bridge_config, component
from viam_session_bridge.cli import keys as keys_command
from viam_session_bridge.core.actuator import ActuatorSettings
from viam_session_bridge.core.events import Outputs
from viam_session_bridge.core.group import ActuatedResource
from viam_session_bridge.core.presence import Policy
from viam_session_bridge.core.setpoints import JointLimits, VelocityLimits
from viam_session_bridge.core.states import Reason, State
from viam_session_bridge.core.stop import JointSample, RestSettings
from viam_session_bridge.key_file import edit, Key, KeyTable, load, new_key, rotated
from viam_session_bridge.parameters.shared import BridgeConfig
from viam_session_bridge.ros.journal import Journal
from viam_session_bridge.rpc import proto
from viam_session_bridge.rpc.auth import (
    AUTHENTICATE,
    BackOff,
    FREE_FAILURES,
    KeyAuthentication,
    LONGEST_DELAY,
    MOST_ADDRESSES,
    origin,
    token_for,
    TOKEN_PERIOD,
)
from viam_session_bridge.rpc.server import COMPONENTS, ServerError
from viam_session_bridge.rpc.status import CallError
from viam_session_bridge.rpc.throttle import MOST_KEYS, Throttle

jwt = pytest.importorskip('jwt', reason='PyJWT is not installed: no tokens')

Code = grpc.StatusCode
FORWARD = (0.0, 0.5, 0.0)
ALONE = {'base': VelocityLimits(linear=1.0, angular=2.0)}
TWO = {**ALONE, 'other': VelocityLimits(linear=1.0, angular=2.0)}
PATIENCE = 30.0


class Keys:
    """A key file, and the secrets of its keys by id."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.secrets: dict[str, str] = {}
        edit(path, lambda table: table)

    def create(self, name: str = 'laptop', **permissions: Any) -> str:
        key, self.secrets[key.id] = new_key(name, 'today', **permissions)
        self.change(lambda table: table.with_key(key))
        return key.id

    def change(self, change: Callable[[KeyTable], KeyTable]) -> None:
        edit(self.path, change)

    def revoke(self, key_id: str) -> None:
        self.change(lambda table: table.without(key_id))

    def rotate(self, key_id: str) -> None:
        key, self.secrets[key_id] = rotated(load(self.path).keys[key_id], 'later')
        self.change(lambda table: table.with_key(key))

    def settings(self, **grpc_config: Any) -> BridgeConfig:
        return bridge_config(key_file=str(self.path), **grpc_config)

    def bearer(self, client: Any, key_id: str) -> list[tuple[str, str]]:
        """Log in; return the metadata of later calls."""
        return [('authorization', f'Bearer {authenticate(client, key_id, self.secrets[key_id])}')]


def credentials(secret: str, kind: str = 'api-key') -> Any:
    return proto.auth.Credentials(type=kind, payload=secret)


def authenticate(client: Any, key_id: str, secret: str) -> str:
    token: str = client.auth.Authenticate(
        entity=key_id, credentials=credentials(secret)).access_token
    return token


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(tmp_path / 'keys.json')


@pytest.fixture
def bench(start: Callable[..., Any], keys: Keys) -> Any:
    """Return a bridge with two bases that requires keys."""
    return start(settings=keys.settings(), bases=TWO)


@pytest.fixture
def client(bench: Any) -> Any:
    return bench.client()


def reasons(bench: Any, name: str = 'base') -> list[Reason]:
    return [event.reason for event in list(bench.events)
            if getattr(event, 'after', None) is State.STOPPING and event.resource == name]


def refused_call(channel: grpc.Channel, path: str, metadata: Any = ()) -> tuple[Any, str]:
    """Call any method, streams too, with an empty request; return code and text."""
    call = channel.stream_stream(path)(iter([b'']), metadata=metadata, timeout=PATIENCE)
    with pytest.raises(grpc.RpcError):
        next(call)
    return call.code(), call.details()


# ---- logging in --------------------------------------------------------------------------------

def test_a_program_with_a_key_drives_and_its_entity_is_the_id_of_the_key(
        bench: Any, client: Any, keys: Keys) -> None:
    key = keys.create()
    metadata = keys.bearer(client, key)
    session = client.start_session(metadata=metadata)
    client.base.SetPower(name='base', linear=FORWARD, sid=session, metadata=metadata)
    bench.until_moving()
    assert bench.locked.accepted[-1][2].entity == key
    assert [one.entity for one in bench.locked.sessions()] == [key]


@pytest.mark.parametrize(('wrong', 'logged'), [
    ('secret', 'the secret is wrong'), ('id', 'there is no key 0d5a1f0e'),
    ('revoked', 'never created here, or revoked'), ('exchanged', 'were id and key exchanged?'),
    ('empty', 'the secret is wrong'), ('type', 'robot-location-secret'), ('rotated', 'is wrong')])
def test_a_wrong_login_is_refused_and_logged_with_its_reason_without_a_secret(
        client: Any, keys: Keys, caplog: pytest.LogCaptureFixture, wrong: str,
        logged: str) -> None:
    key = keys.create()
    secret = old = keys.secrets[key]
    if wrong == 'revoked':
        keys.revoke(key)
    elif wrong == 'rotated':
        keys.rotate(key)
    entity, secret, kind = {
        'secret': (key, secret[:-1] + 'x', 'api-key'),
        'id': ('0d5a1f0e-3c1f-4a42-8a3c-1f0e3c1f4a42', secret, 'api-key'),
        'exchanged': (secret, key, 'api-key'), 'empty': (key, '', 'api-key'),
        'type': (key, secret, 'robot-location-secret'),
    }.get(wrong, (key, secret, 'api-key'))
    refusal = client.auth.Authenticate.refused(
        entity=entity, credentials=credentials(secret, kind))
    if wrong == 'type':
        assert refusal.code is Code.INVALID_ARGUMENT
    else:
        assert refusal == (Code.UNAUTHENTICATED, 'invalid credentials')
    [line] = [one for one in caplog.messages if 'refused' in one]
    assert logged in line and '127.0.0.1' in line
    assert old not in caplog.text and old[:-1] not in caplog.text


def test_a_login_longer_than_4_kb_is_refused_before_parsing(client: Any, keys: Keys) -> None:
    refusal = client.auth.Authenticate.refused(
        entity=keys.create(), credentials=credentials('x' * 5000))
    assert refusal.code is Code.RESOURCE_EXHAUSTED and '4096' in refusal.text


def test_failed_logins_from_this_machine_are_never_delayed(client: Any, keys: Keys) -> None:
    key = keys.create()
    for _ in range(3 * FREE_FAILURES):
        refusal = client.auth.Authenticate.refused(entity=key, credentials=credentials('x'))
        assert refusal.code is Code.UNAUTHENTICATED
    keys.bearer(client, key)


def test_a_token_has_no_time_that_a_stepped_clock_could_end(client: Any, keys: Keys) -> None:
    key = keys.create()
    token = authenticate(client, key, keys.secrets[key])
    header, claims, _ = (
        base64.urlsafe_b64decode(part + '==') for part in token.split('.'))
    assert json.loads(header)['alg'] == 'HS256'
    assert set(json.loads(claims)) == {'sub', 'gen'}


def test_a_token_survives_a_restart_of_the_bridge(
        start: Callable[..., Any], bench: Any, client: Any, keys: Keys) -> None:
    metadata = keys.bearer(client, keys.create())
    again = start(settings=keys.settings())
    other = again.client()
    session = other.start_session(metadata=metadata)
    other.robot.SendSessionHeartbeat(id=session, metadata=metadata)


def test_the_bridge_does_not_start_without_pyjwt_and_names_the_package(
        start: Callable[..., Any], keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, 'jwt', None)
    start()  # without keys it is not needed
    with pytest.raises(ServerError, match=r'auth\.key_file.*python3-jwt'):
        start(settings=keys.settings())


# ---- before authentication ---------------------------------------------------------------------

SERVED = sorted(
    f'/{service.full_name}/{method.name}' for service in proto.services()
    for method in service.methods)
ELSE = ['/grpc.health.v1.Health/Check', '/grpc.health.v1.Health/Watch', '/no.such.Service/Call',
        '/viam.robot.v1.RobotService/NoSuchMethod', '/x',
        '/grpc.channelz.v1.Channelz/GetServers']
TOKENS = {
    'none': (), 'empty': ('',), 'basic': ('Basic ZHVtbXk6ZHVtbXk=',), 'bare': ('Bearer ',),
    'word': ('Bearer x',), 'of a bridge without keys': (f'Bearer {token_for("somebody")}',)}


def test_the_list_of_methods_has_all_services_that_are_served() -> None:
    services = {path.split('/')[1] for path in SERVED}
    assert services >= {'viam.robot.v1.RobotService', 'proto.rpc.v1.AuthService', *COMPONENTS,
                        'grpc.reflection.v1.ServerReflection',
                        'grpc.reflection.v1alpha.ServerReflection'}


@pytest.mark.parametrize('values', TOKENS.values(), ids=TOKENS)
def test_without_a_valid_token_only_authenticate_is_served(
        bench: Any, client: Any, keys: Keys, values: tuple[str, ...]) -> None:
    key = keys.create()
    mine = keys.bearer(client, key)
    client.base.SetPower(name='base', linear=FORWARD, metadata=mine)
    bench.until_moving()
    metadata = [('authorization', value) for value in values]
    for path in (*SERVED, *ELSE):
        if path.replace('/', '.')[1:] == AUTHENTICATE:
            continue
        code, text = refused_call(client.channel, path, metadata)
        assert code is Code.UNAUTHENTICATED, (path, code, text)
    assert not reasons(bench), 'and nothing was stopped'


def test_with_a_token_what_is_not_served_is_unimplemented(client: Any, keys: Keys) -> None:
    metadata = keys.bearer(client, keys.create())
    for path in ELSE:
        code, text = refused_call(client.channel, path, metadata)
        assert code is Code.UNIMPLEMENTED and path in text


@pytest.mark.parametrize('values', TOKENS.values(), ids=TOKENS)
@pytest.mark.parametrize('method', ['OptionalWebRTCConfig', 'Call', 'CallUpdate', 'Answer'])
def test_signaling_is_unimplemented_at_once_with_any_token(
        client: Any, method: str, values: tuple[str, ...]) -> None:
    """The SDKs then connect directly; without a response they wait 10 to 20 s."""
    code, _ = refused_call(
        client.channel, f'/proto.rpc.webrtc.v1.SignalingService/{method}',
        [('authorization', value) for value in values])
    assert code is Code.UNIMPLEMENTED


def forged(table: KeyTable, key: Key) -> Iterator[tuple[str, str]]:
    """Yield tokens that must not be accepted."""
    claims = {'sub': key.id, 'gen': key.generation}
    yield 'alg none', jwt.encode(claims, None, algorithm='none')
    yield 'HS512', jwt.encode(claims, table.signing_key, algorithm='HS512')
    yield 'other key', jwt.encode(claims, b'k' * 32, algorithm='HS256')
    yield 'hash as key', jwt.encode(claims, bytes.fromhex(key.sha256), algorithm='HS256')
    for wrong in ({'sub': key.id}, {'gen': key.generation}, {}, {**claims, 'gen': 'x'},
                  {**claims, 'gen': None}, {**claims, 'sub': ''}):
        yield f'{wrong}', jwt.encode(wrong, table.signing_key, algorithm='HS256')
    good = jwt.encode(claims, table.signing_key, algorithm='HS256')
    yield 'cut', good[:-1]
    yield 'twice', f'{good} {good}'
    yield 'long', f'{good}{"A" * 2000}'


def test_a_forged_token_is_refused(bench: Any, client: Any, keys: Keys) -> None:
    key = keys.create()
    table = load(keys.path)
    for what, token in forged(table, table.keys[key]):
        refusal = client.robot.ResourceNames.refused(
            metadata=[('authorization', f'Bearer {token}')])
        assert refusal.code is Code.UNAUTHENTICATED, what
        assert token not in refusal.text


def test_two_tokens_are_refused(client: Any, keys: Keys) -> None:
    metadata = keys.bearer(client, keys.create())
    refusal = client.robot.ResourceNames.refused(metadata=[*metadata, *metadata])
    assert refusal.code is Code.UNAUTHENTICATED


@pytest.fixture(scope='module')
def authentication(tmp_path_factory: pytest.TempPathFactory) -> KeyAuthentication:
    keys = Keys(tmp_path_factory.mktemp('keys') / 'keys.json')
    keys.create()
    return KeyAuthentication(str(keys.path), lambda: 0.0, lambda key: None, ('base',))


@given(value=st.one_of(st.text(max_size=200), st.binary(max_size=200).map(
    lambda raw: raw.decode('latin-1')), st.binary(max_size=100).map(
        lambda raw: 'Bearer ' + base64.urlsafe_b64encode(raw).decode() + '.e30.AA')))
@example(value='Bearer ' + base64.urlsafe_b64encode(b'[' * 700).decode() + '.e30.AA')
@example(value='Bearer e30.e30.')
@example(value='Bearer \udcff')
@fuzz(max_examples=500, deadline=None)
def test_random_bytes_as_a_token_are_refused_and_nothing_else(
        authentication: KeyAuthentication, value: str) -> None:
    with pytest.raises(CallError) as refused:
        authentication.rights({'authorization': [value]}, 'ipv4:10.0.0.7:1')
    assert refused.value.code is Code.UNAUTHENTICATED


def refusals(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one for one in caplog.messages if one.startswith('token from')]


@pytest.mark.parametrize(('wrong', 'logged'), [
    ('none', 'no authorization headers (expected 1)'),
    ('two', 'several authorization headers (expected 1)'),
    ('basic', 'expected authorization header with prefix: Bearer '),
    ('word', 'it is not a token of this bridge (DecodeError)'),
    ('long', 'it is longer than 1024 characters'),
    ('signature', 'its signature is wrong: this key file (auth.key_file) did not issue it'),
    ('revoked', "its key '{key}' was revoked"),
    ('rotated', "its key {key} ('laptop') was rotated after it was issued"),
    ('no file', 'auth.key_file has no keys that are accepted')])
def test_a_refused_token_is_logged_with_its_peer_and_reason_without_the_token(
        client: Any, keys: Keys, caplog: pytest.LogCaptureFixture, wrong: str,
        logged: str) -> None:
    key = keys.create()
    keys.create('other')
    [(_, value)] = keys.bearer(client, key)
    others = jwt.encode({'sub': key, 'gen': 'x'}, b'k' * 32, algorithm='HS256')
    if change := {'revoked': lambda: keys.revoke(key), 'rotated': lambda: keys.rotate(key),
                  'no file': keys.path.unlink}.get(wrong):
        change()
    values = {'none': (), 'two': (value, value), 'basic': ('Basic ZHVtbXk6ZHVtbXk=',),
              'word': ('Bearer x',), 'long': (f'{value}{"A" * 2000}',),
              'signature': (f'Bearer {others}',)}.get(wrong, (value,))
    for _ in range(3):
        refusal = client.robot.ResourceNames.refused(
            metadata=[('authorization', one) for one in values])
        assert refusal.code is Code.UNAUTHENTICATED
    [line] = refusals(caplog)
    assert logged.format(key=key) in line and '127.0.0.1' in line
    assert value.removeprefix('Bearer ') not in caplog.text and others not in caplog.text


def test_a_refused_token_is_logged_once_in_a_period_for_each_address_and_cause(
        keys: Keys, caplog: pytest.LogCaptureFixture) -> None:
    keys.create()
    now = [100.0]
    one = KeyAuthentication(str(keys.path), lambda: now[0], lambda key: None, ())

    def refuse(peer: str, *values: str) -> int:
        """Return how many lines were logged for these refused tokens."""
        before = len(refusals(caplog))
        for value in values:
            with pytest.raises(CallError):
                one.rights({'authorization': [value]}, peer)
        return len(refusals(caplog)) - before

    assert refuse('ipv4:10.0.0.7:1', 'Bearer x', 'Bearer y') == 1
    assert refuse('ipv4:10.0.0.7:2', 'Bearer z') == 0, 'another port of the same address'
    assert refuse('ipv4:10.0.0.7:2', 'Basic x') == 1, 'another cause'
    assert refuse('ipv4:10.0.0.8:1', 'Bearer x') == 1, 'another address'
    now[0] += TOKEN_PERIOD
    assert refuse('ipv4:10.0.0.7:3', 'Bearer x') == 1
    assert '(2 more like this since the last message)' in caplog.messages[-1]


def test_refused_tokens_of_many_addresses_occupy_bounded_memory_and_the_latest_are_kept() -> None:
    throttle = Throttle()
    for number in range(MOST_KEYS + 10):
        assert throttle.due(number, 0.0, TOKEN_PERIOD) == 0
    assert len(throttle) == MOST_KEYS
    assert throttle.due(MOST_KEYS + 9, 0.0, TOKEN_PERIOD) is None
    assert throttle.due(0, 0.0, TOKEN_PERIOD) == 0


# ---- failed logins -----------------------------------------------------------------------------

@pytest.mark.parametrize(('peer', 'wanted'), [
    ('ipv4:127.0.0.1:80', ''), ('ipv6:[::1]:80', ''), ('ipv6:%5B::1%5D:80', ''),
    ('ipv4:10.0.0.7:80', '10.0.0.7'), ('ipv6:[::ffff:10.0.0.7]:80', '10.0.0.7'),
    ('ipv6:[::ffff:127.0.0.1]:80', ''), ('ipv6:%5B2001:db8:1:2:3::4%5D:80', '2001:db8:1:2::/64'),
    ('ipv6:[fe80::1%25eth0]:80', 'fe80::/64'), ('unix:/run/x', 'unix'), ('', '')])
def test_failed_logins_are_counted_by_network_address(peer: str, wanted: str) -> None:
    assert origin(peer) == wanted


def test_after_some_failures_each_doubles_the_delay_up_to_a_limit_and_a_success_ends_it() -> None:
    back_off, now, delays = BackOff(), 100.0, []
    for _ in range(FREE_FAILURES + 20):
        now += back_off.left('10.0.0.7', now)
        back_off.failed('10.0.0.7', now)
        delays.append(back_off.left('10.0.0.7', now))
    assert delays[:FREE_FAILURES] == [0.0] * FREE_FAILURES
    assert delays[FREE_FAILURES:FREE_FAILURES + 3] == pytest.approx([0.5, 1.0, 2.0])
    assert delays[-1] == pytest.approx(LONGEST_DELAY)
    assert back_off.left('10.0.0.8', now) == 0.0
    back_off.succeeded('10.0.0.7')
    assert back_off.left('10.0.0.7', now) == 0.0


def test_the_table_of_failures_is_bounded_and_keeps_the_latest() -> None:
    back_off = BackOff()
    for number in range(MOST_ADDRESSES + 10):
        for _ in range(FREE_FAILURES + 1):
            back_off.failed(f'address {number}', 0.0)
    assert len(back_off._failures) == MOST_ADDRESSES
    assert back_off.left(f'address {MOST_ADDRESSES + 9}', 0.0) > 0.0
    assert back_off.left('address 0', 0.0) == 0.0


def test_while_an_address_is_delayed_even_the_right_key_waits_and_other_addresses_do_not(
        keys: Keys) -> None:
    key, now = keys.create(), [0.0]
    one = KeyAuthentication(str(keys.path), lambda: now[0], lambda key: None, ())
    for _ in range(FREE_FAILURES + 1):
        with pytest.raises(CallError) as refused:
            one.log_in('api-key', key, 'x', 'ipv4:10.0.0.7:1')
        assert refused.value.code is Code.UNAUTHENTICATED
    good = ('api-key', key, keys.secrets[key])
    with pytest.raises(CallError, match=r'10\.0\.0\.7.*0\.5 s') as refused:
        one.log_in(*good, 'ipv4:10.0.0.7:2')
    assert refused.value.code is Code.RESOURCE_EXHAUSTED
    assert one.log_in(*good, 'ipv4:10.0.0.8:1')
    assert one.log_in(*good, 'ipv4:127.0.0.1:1')
    now[0] += 0.6
    assert one.log_in(*good, 'ipv4:10.0.0.7:3')


# ---- the end of a key ---------------------------------------------------------------------------

def drives(client: Any, metadata: Any, name: str = 'base', with_session: bool = True) -> str:
    session: str = client.start_session(metadata=metadata)
    client.base.SetPower(name=name, linear=FORWARD, metadata=metadata,
                         sid=session if with_session else None)
    return session


def ends(keys: Keys, key: str) -> dict[str, Callable[[], object]]:
    """Return in which ways a key ends."""
    def narrow(table: KeyTable) -> KeyTable:
        return KeyTable(table.signing_key, {
            each: Key(**{**one.__dict__, 'command': ('other',)}) if each == key else one
            for each, one in table.keys.items()})

    return {
        'revoked': lambda: keys.revoke(key), 'rotated': lambda: keys.rotate(key),
        'changed': lambda: keys.change(narrow), 'file removed': keys.path.unlink,
        'mode': lambda: keys.path.chmod(0o644),
        'file broken': lambda: keys.path.write_bytes(b'{'),
        'signing key': lambda: keys.change(lambda table: KeyTable(b's' * 32, table.keys))}


@pytest.mark.parametrize('how', [
    'revoked', 'rotated', 'changed', 'file removed', 'mode', 'file broken', 'signing key'])
@pytest.mark.parametrize('with_session', [True, False], ids=['session', 'no session'])
def test_what_a_key_drives_stops_when_the_key_ends_without_any_call(
        bench: Any, client: Any, keys: Keys, how: str, with_session: bool) -> None:
    key = keys.create()
    metadata = keys.bearer(client, key)
    session = drives(client, metadata, with_session=with_session)
    bench.until_moving()
    ends(keys, key)[how]()
    bench.until_stopped()
    assert reasons(bench) == [Reason.REVOKED]
    assert not bench.locked.sessions()
    refusal = client.base.SetPower.refused(
        name='base', linear=FORWARD, metadata=metadata, sid=session)
    if how == 'changed':  # the same secret: the token is valid, its session is not
        assert refusal == (Code.INVALID_ARGUMENT, 'SESSION_EXPIRED')
    else:
        assert refusal.code is Code.UNAUTHENTICATED
    bench.settle()
    assert bench.told() is None


def test_the_end_of_one_key_does_not_disturb_another(
        bench: Any, client: Any, keys: Keys) -> None:
    mine, others = keys.create('mine'), keys.create('others')
    first, second = keys.bearer(client, mine), keys.bearer(client, others)
    drives(client, first)
    session = drives(client, second, 'other')
    bench.until_moving('other')
    keys.revoke(mine)
    bench.until_stopped()
    client.robot.SendSessionHeartbeat(id=session, metadata=second)
    assert bench.moves('other') and not reasons(bench, 'other')


def test_a_resource_that_another_key_took_over_goes_on(
        bench: Any, client: Any, keys: Keys) -> None:
    mine, others = keys.create('mine'), keys.create('others')
    first, second = keys.bearer(client, mine), keys.bearer(client, others)
    drives(client, first)
    drives(client, second)
    keys.revoke(mine)
    assert client.robot.ResourceNames.refused(metadata=first).code is Code.UNAUTHENTICATED
    bench.settle()
    assert bench.moves() and not reasons(bench)


def test_calls_that_wait_and_open_streams_end_with_their_key(
        bench: Any, client: Any, keys: Keys, finish: Callable[[Any], Any]) -> None:
    key = keys.create()
    metadata = keys.bearer(client, key)
    move = client.base.MoveStraight.start(
        name='base', distance_mm=1000, mm_per_sec=100.0, metadata=metadata)
    bench.until_moving()
    blocked = client.robot.BlockForOperation.start(
        id=client.robot.GetOperations(metadata=metadata).operations[0].id, metadata=metadata)
    over = threading.Event()

    def requests() -> Iterator[bytes]:
        yield proto.Package('grpc.reflection.v1').ServerReflectionRequest(
            list_services='').SerializeToString()
        over.wait(PATIENCE)

    stream = client.channel.stream_stream(
        '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo')(
            requests(), metadata=metadata, timeout=PATIENCE)
    assert next(stream), 'it is open'
    bench.until(lambda: len(client.robot.GetOperations(metadata=metadata).operations) == 2)
    keys.revoke(key)
    for call in (move, blocked, stream):
        assert call.code() is Code.UNAUTHENTICATED, call
        assert key in call.details()
    over.set()
    bench.until_stopped()
    assert reasons(bench) == [Reason.REVOKED]
    again = keys.bearer(client, keys.create('again'))
    assert not client.robot.GetOperations(metadata=again).operations


def test_the_keys_of_a_corrected_key_file_are_accepted_again(
        bench: Any, client: Any, keys: Keys, caplog: pytest.LogCaptureFixture) -> None:
    metadata = keys.bearer(client, keys.create())
    content = keys.path.read_bytes()
    keys.path.write_bytes(content[:-10])
    assert client.robot.ResourceNames.refused(metadata=metadata).code is Code.UNAUTHENTICATED
    for _ in range(3):
        client.robot.ResourceNames.refused(metadata=metadata)
    assert sum('is not JSON' in one for one in caplog.messages) == 1
    keys.path.write_bytes(content)
    client.robot.ResourceNames(metadata=metadata)


def test_a_bridge_without_its_key_file_accepts_no_login_until_a_key_is_created(
        start: Callable[..., Any], tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / 'later.json'
    client = start(settings=bridge_config(key_file=str(path))).client()
    assert client.robot.ResourceNames.refused().code is Code.UNAUTHENTICATED
    assert any('no such key file' in one and 'no client can log in' in one
               for one in caplog.messages)
    keys = Keys(path)
    client.robot.ResourceNames(metadata=keys.bearer(client, keys.create()))


# ---- permissions -------------------------------------------------------------------------------

def test_a_key_commands_only_what_it_may_and_the_refusal_names_resource_and_key(
        bench: Any, client: Any, keys: Keys) -> None:
    key = keys.create(command=('base',))
    metadata = keys.bearer(client, key)
    client.base.SetPower(name='base', linear=FORWARD, metadata=metadata)
    for method, request in ((client.base.SetPower, {'linear': FORWARD}),
                            (client.base.SetVelocity, {'linear': (0.0, 100.0, 0.0)}),
                            (client.base.MoveStraight, {'distance_mm': 1, 'mm_per_sec': 1.0}),
                            (client.base.Spin, {'angle_deg': 1.0, 'degs_per_sec': 1.0})):
        refusal = method.refused(name='other', metadata=metadata, **request)
        assert refusal == (
            Code.PERMISSION_DENIED, f'other: key {key} may not command this resource')
    assert bench.told('other') == 'nothing'
    client.base.IsMoving(name='other', metadata=metadata)


def test_a_key_that_may_command_nothing_reads_and_stops(
        bench: Any, client: Any, keys: Keys) -> None:
    driver = keys.bearer(client, keys.create('driver'))
    watcher = keys.bearer(client, keys.create('watcher', command=(), read=True))
    drives(client, driver)
    bench.until_moving()
    assert client.base.SetPower.refused(
        name='base', linear=FORWARD, metadata=watcher).code is Code.PERMISSION_DENIED
    assert bench.moves() and client.base.IsMoving(name='base', metadata=watcher).is_moving
    client.base.Stop(name='base', metadata=watcher)
    bench.until_stopped()


def test_a_key_that_may_not_command_a_motor_cannot_change_the_zero_of_its_positions(
        start: Callable[..., Any], keys: Keys) -> None:
    """Positions of GoTo count from it, also those of other clients."""
    actuator = ActuatorSettings(rest=RestSettings(dwell=0.1, patience=1.0))
    bench = start(
        settings=keys.settings(),
        others=(ActuatedResource('motor', 'motor', JointLimits(20.0), actuator),),
        configs={'motor': component('motor', joint_states_topic='joint_states')})
    bench.locked.measured('motor', JointSample((1.0,)))
    client = bench.client()
    key = keys.create(command=('base',))
    metadata = keys.bearer(client, key)
    before = client.motor.GetPosition(name='motor', metadata=metadata)
    assert client.motor.ResetZeroPosition.refused(name='motor', metadata=metadata) == (
        Code.PERMISSION_DENIED, f'motor: key {key} may not command this resource')
    assert client.motor.GetPosition(name='motor', metadata=metadata) == before
    owner = keys.bearer(client, keys.create(command=('motor',)))
    client.motor.ResetZeroPosition(name='motor', metadata=owner)
    assert client.motor.GetPosition(name='motor', metadata=owner).position == 0.0


@pytest.mark.parametrize('how', ['Stop', 'zero', 'StopAll'])
def test_a_key_without_any_permission_may_stop(
        bench: Any, client: Any, keys: Keys, how: str) -> None:
    drives(client, keys.bearer(client, keys.create('driver')))
    bench.until_moving()
    stopper = keys.bearer(client, keys.create('stopper', command=(), read=False))
    refusal = client.base.IsMoving.refused(name='base', metadata=stopper)
    assert refusal.code is Code.PERMISSION_DENIED and 'base' in refusal.text
    if how == 'Stop':
        client.base.Stop(name='base', metadata=stopper)
    elif how == 'zero':
        client.base.SetPower(name='base', metadata=stopper)
    else:
        client.robot.StopAll(metadata=stopper)
    bench.until_stopped()


def test_without_read_a_key_reads_only_what_it_may_command(client: Any, keys: Keys) -> None:
    metadata = keys.bearer(client, keys.create(command=('base',), read=False))
    client.base.IsMoving(name='base', metadata=metadata)
    for method in (client.base.IsMoving, client.base.GetProperties, client.base.GetGeometries):
        assert method.refused(name='other', metadata=metadata).code is Code.PERMISSION_DENIED
    names = client.robot.ResourceNames(metadata=metadata).resources
    assert [one.name for one in names] == ['base', 'other'], 'every SDK asks for it to connect'


def test_stop_all_of_a_restricted_key_stops_only_what_it_commanded_last(
        bench: Any, client: Any, keys: Keys) -> None:
    mine = keys.bearer(client, keys.create('mine', stop_all='own'))
    others = keys.bearer(client, keys.create('others'))
    drives(client, mine)
    drives(client, others, 'other')
    bench.until_moving('other')
    waiting = []
    for metadata in (mine, others):
        opid = str(uuid.uuid4())
        client.base.MoveStraight.start(
            name='base' if metadata is mine else 'other', distance_mm=1000, mm_per_sec=100.0,
            metadata=[*metadata, ('opid', opid)])
        bench.until(lambda metadata=metadata: client.robot.GetOperations(
            metadata=metadata).operations)
        waiting.append(client.robot.BlockForOperation.start(id=opid, metadata=metadata))
    bench.until(lambda: len(client.robot.GetOperations(metadata=mine).operations) == 2)
    client.robot.StopAll(metadata=mine)
    bench.until_stopped()
    assert waiting[0].code() in (Code.OK, Code.CANCELLED)
    assert bench.moves('other') and not reasons(bench, 'other') and not waiting[1].done()
    client.robot.StopAll(metadata=others)
    bench.until_stopped('other')


def test_a_permission_for_a_resource_that_does_not_exist_is_a_warning(
        bench: Any, client: Any, keys: Keys, caplog: pytest.LogCaptureFixture) -> None:
    keys.bearer(client, keys.create('typo', command=('bsae',)))
    assert any("'bsae'" in one and 'no resource' in one for one in caplog.messages)


# ---- nothing secret in the log -----------------------------------------------------------------

class Lines:
    """A log handler that stores the records."""

    def __init__(self) -> None:
        self.text = ''

    def info(self, message: str) -> bool:
        self.text += message + '\n'
        return True

    warning = error = info


def test_no_log_line_or_error_has_a_key_a_token_or_a_session_id(
        bench: Any, client: Any, keys: Keys, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    key, other = keys.create(), keys.create('other', command=('other',))
    metadata, narrow = keys.bearer(client, key), keys.bearer(client, other)
    session, second = drives(client, metadata), client.start_session(metadata=narrow)
    bench.until_moving()
    secret = keys.secrets[key]
    tokens = [one[0][1].removeprefix('Bearer ') for one in (metadata, narrow)]
    refusals = [
        client.auth.Authenticate.refused(entity=secret, credentials=credentials(key)),
        client.auth.Authenticate.refused(entity=key, credentials=credentials(secret[1:])),
        client.base.SetPower.refused(
            name='base', linear=FORWARD, sid=second, metadata=narrow),
        client.base.SetPower.refused(
            name='base', linear=FORWARD, sid=session, metadata=narrow),
        client.robot.ResourceNames.refused(
            metadata=[('authorization', f'Bearer {tokens[0][:-1]}')]),
        client.robot.ResourceNames.refused(metadata=[('authorization', tokens[0])]),
        client.robot.SendSessionHeartbeat.refused(id=session, metadata=narrow)]
    bench.clock.advance(0.1)
    keys.revoke(key)
    bench.until_stopped()
    refusals.append(client.robot.StopAll.refused(metadata=metadata))
    bench.clock.advance(100.0)
    bench.until(lambda: not bench.locked.sessions())
    bench.settle()
    lines = Lines()
    journal = Journal(lines)
    journal.report(Outputs((), (), tuple(bench.events), 0.0), {})
    journal.close(PATIENCE)
    told = caplog.text + lines.text + ''.join(one.text for one in refusals)
    assert 'moving for session' in lines.text and 'its key was revoked' in lines.text
    assert session[:8] in told, 'it can be recognized'
    for hidden in (*keys.secrets.values(), *tokens, session, second):
        assert hidden not in told
        assert hidden[:len(hidden) // 2 + 1] not in told
    signing_key = load(keys.path).signing_key.hex()
    assert signing_key not in told


# ---- the real SDK ------------------------------------------------------------------------------

def run(program: Any) -> None:
    asyncio.run(asyncio.wait_for(program, 60.0))


async def until(condition: Callable[[], Any]) -> None:
    """Wait without blocking the event loop of the client."""
    give_up = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < give_up
        await asyncio.sleep(0.01)


@pytest.fixture
def certificate(tmp_path: Path) -> dict[str, str]:
    """Return the settings for TLS on this machine."""
    trustme = pytest.importorskip('trustme', reason='trustme is not installed: no certificates')
    issued = trustme.CA().issue_cert('localhost', '127.0.0.1')
    chain, key = tmp_path / 'server.pem', tmp_path / 'server.key'
    chain.write_bytes(b''.join(one.bytes() for one in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(key)
    return {'tls_certificate_file': str(chain), 'tls_key_file': str(key)}


@pytest.fixture(params=['direct', 'native'])
def dialled(request: pytest.FixtureRequest, start: Callable[..., Any], keys: Keys) -> Any:
    """Return a bridge with keys, and how the SDK connects to it with a key."""
    client = pytest.importorskip('viam.robot.client', reason='viam-sdk is not installed')
    dial = pytest.importorskip('viam.rpc.dial')
    # Without TLS the direct dial of the SDK cannot send a key (a ValueError).
    direct = request.param == 'direct'
    tls = request.getfixturevalue('certificate') if direct else {}
    bench = start(settings=keys.settings(**tls), real_clock=True, policy=Policy(stall_limit=60.0))

    async def connect(key: str, secret: str) -> Any:
        options = client.RobotClient.Options(dial_options=dial.DialOptions.with_api_key(
            secret, key))
        options.dial_options.disable_webrtc = direct
        options.dial_options.insecure = not direct
        options.dial_options.timeout = 10.0
        return await client.RobotClient.at_address(f'127.0.0.1:{bench.port}', options)

    return bench, connect


def test_the_python_sdk_drives_with_a_key_until_it_is_revoked(dialled: Any, keys: Keys) -> None:
    bench, connect = dialled
    key = keys.create()

    async def program() -> None:
        from viam.components.base import Base, Vector3
        robot = await connect(key, keys.secrets[key])
        base = Base.from_robot(robot, 'base')
        await base.set_power(Vector3(x=0, y=0.5, z=0), Vector3())
        await until(bench.moves)
        [session] = bench.locked.sessions()
        assert session.entity == key and session.begun
        await asyncio.sleep(2.5)  # longer than a window: heartbeats also have the token
        assert bench.moves()
        keys.revoke(key)
        await until(lambda: bench.told() is None)
        with pytest.raises(Exception, match=r'(?i)unauth|token'):
            await base.set_power(Vector3(x=0, y=0.5, z=0), Vector3())
        await robot.close()

    run(program())
    assert reasons(bench) == [Reason.REVOKED]


def test_the_python_sdk_with_a_wrong_key_does_not_connect(
        dialled: Any, keys: Keys, caplog: pytest.LogCaptureFixture) -> None:
    _, connect = dialled
    key = keys.create()

    async def program() -> None:
        with pytest.raises(Exception) as refused:
            await connect(key, 'x' * 64)
        print('the program sees:', repr(refused.value))

    run(program())
    assert any('the secret is wrong' in one for one in caplog.messages)


def test_the_lines_for_python_that_create_shows_connect(
        start: Callable[..., Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    client = pytest.importorskip('viam.robot.client', reason='viam-sdk is not installed')
    path = tmp_path / 'keys.json'
    bench = start(settings=bridge_config(key_file=str(path)), real_clock=True)
    keys_command.main(['--file', str(path), 'create', 'laptop', '--address',
                       f'127.0.0.1:{bench.port}'])
    shown = capsys.readouterr().out
    lines = textwrap.indent(
        textwrap.dedent(shown.partition('\nPython\n')[2].partition('\n\n')[0]), '    ')
    scope: dict[str, Any] = {'RobotClient': client.RobotClient}
    exec(f'async def program():\n{lines}\n    await robot.close()', scope)
    run(scope['program']())
