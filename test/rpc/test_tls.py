# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""TLS: accepted certificates, their replacement, and the results of real clients."""

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
import json
import logging
from pathlib import Path
import socket
import ssl
import subprocess
import sys
from typing import Any

import grpc
import pytest

from components import bridge_config
from viam_session_bridge.core.actuator import ActuatorSettings
from viam_session_bridge.core.presence import Policy
from viam_session_bridge.core.sessions import SessionSettings
from viam_session_bridge.core.states import Reason, State
from viam_session_bridge.parameters.shared import BridgeConfig
from viam_session_bridge.rpc import tls
from viam_session_bridge.rpc.server import ServerError

trustme = pytest.importorskip('trustme', reason='trustme is not installed: no certificates')
pytest.importorskip('cryptography', reason='cryptography is not installed: no TLS')

# Only the client's presence is tested, not stalls of a busy machine.
REAL = Policy(SessionSettings(60.0), stall_limit=60.0)


class Files:
    """A CA, and the certificate of a server in two files."""

    def __init__(self, folder: Path, **how: Any) -> None:
        folder.mkdir(exist_ok=True)
        self.ca = trustme.CA()
        self.ca_file = folder / 'ca.pem'
        self.ca.cert_pem.write_to_path(str(self.ca_file))
        self.certificate, self.key = folder / 'server.pem', folder / 'server.key'
        self.issue(**how)

    def issue(self, *names: str, **how: Any) -> None:
        """Replace the certificate and its key."""
        made = self.ca.issue_cert(*(names or ('localhost', '127.0.0.1', '::1')), **how)
        self.key.write_bytes(made.private_key_pem.bytes())
        self.key.chmod(0o600)
        self.certificate.write_bytes(b''.join(one.bytes() for one in made.cert_chain_pems))

    @property
    def settings(self) -> BridgeConfig:
        return bridge_config(
            tls_certificate_file=str(self.certificate), tls_key_file=str(self.key))

    def load(self) -> tls.Certificate:
        return tls.load(self.certificate, self.key)

    def names(self, port: int) -> list[str]:
        """Return the names of the certificate that a new connection gets."""
        context = ssl.create_default_context(cafile=str(self.ca_file))
        context.set_alpn_protocols(['h2'])
        with socket.create_connection(('127.0.0.1', port), timeout=20.0) as plain, \
                context.wrap_socket(plain, server_hostname='localhost') as secured:
            found: Any = secured.getpeercert()
            return [name for _, name in found['subjectAltName']]


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


# ---- accepted certificates ----

def test_a_certificate_is_described_by_names_and_expiry(files: Files) -> None:
    files.issue('robot.lan', '192.0.2.5', not_after=datetime(2099, 1, 2, 3, 4))
    assert str(files.load()) == 'for robot.lan, 192.0.2.5, until 2099-01-02 03:04 UTC'
    assert 'PRIVATE KEY' not in repr(files.load())


def _missing(files: Files) -> None:
    files.certificate.unlink()


def _key_missing(files: Files) -> None:
    files.key.unlink()


def _no_certificate(files: Files) -> None:
    files.certificate.write_text('not PEM')


def _no_key(files: Files) -> None:
    files.key.write_text('not PEM')


def _password(files: Files) -> None:
    from cryptography.hazmat.primitives import serialization
    key = serialization.load_pem_private_key(files.key.read_bytes(), None)
    files.key.write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b'secret')))


def _another_key(files: Files) -> None:
    certificate = files.certificate.read_bytes()
    files.issue()
    files.certificate.write_bytes(certificate)


def _expired(files: Files) -> None:
    files.issue(not_after=datetime(2020, 1, 2))


def _no_name(files: Files) -> None:
    made = files.ca.issue_cert(common_name='robot.lan')
    files.key.write_bytes(made.private_key_pem.bytes())
    files.certificate.write_bytes(made.cert_chain_pems[0].bytes())


def _malformed_name(files: Files) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    key = serialization.load_pem_private_key(files.key.read_bytes(), None)
    name, now = x509.Name([]), datetime.now()
    made = x509.CertificateBuilder(
        name, name, key.public_key(), 1, now, now + timedelta(1)).add_extension(
            x509.UnrecognizedExtension(x509.SubjectAlternativeName.oid, b'no DER'), False).sign(
                key, hashes.SHA256())
    files.certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))


@pytest.mark.parametrize(('spoil', 'parameter', 'says'), [
    (_malformed_name, tls.CERTIFICATE, ['without a certificate in it', 'a file in PEM']),
    (_missing, tls.CERTIFICATE, ['cannot be read (No such file', 'the user of the bridge']),
    (_key_missing, tls.KEY, ['cannot be read (No such file', 'the user of the bridge']),
    (_no_certificate, tls.CERTIFICATE, ['without a certificate', 'a file in PEM']),
    (_no_key, tls.KEY, ['without a key that can be used', 'without a password']),
    (_password, tls.KEY, ['without a key that can be used', 'without a password']),
    (_another_key, tls.KEY, ['is not the key of the certificate in', 'server.pem']),
    (_expired, tls.CERTIFICATE, ['expired at 2020-01-02 00:00 UTC', 'that is valid now']),
    (_no_name, tls.CERTIFICATE, ['names no host (no SAN)', 'subjectAltName']),
])
def test_a_certificate_that_cannot_be_used_is_refused_with_field_value_and_what_is_accepted(
        files: Files, spoil: Callable[[Files], None], parameter: str, says: list[str]) -> None:
    spoil(files)
    with pytest.raises(tls.CertificateError) as refusal:
        files.load()
    file = files.certificate if parameter == tls.CERTIFICATE else files.key
    text = str(refusal.value)
    assert text.startswith(f"{parameter}: found '{file}', ") and '; accepted: ' in text
    assert all(each in text for each in says), text


def test_a_missing_library_is_named(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, 'cryptography', None)
    with pytest.raises(tls.CertificateError, match='python3-cryptography'):
        files.load()


def test_a_server_does_not_start_with_an_expired_certificate(
        start: Callable[..., Any], files: Files) -> None:
    _expired(files)
    with pytest.raises(ServerError, match=f'{tls.CERTIFICATE}: found .* expired'):
        start(settings=files.settings)


# ---- replacement ----

def test_a_new_certificate_counts_for_new_connections_and_stops_no_motion_of_an_open_one(
        start: Callable[..., Any], remote: Callable[..., Any], files: Files,
        caplog: pytest.LogCaptureFixture) -> None:
    """The connection holds the motion, so the motion would stop with it."""
    caplog.set_level(logging.INFO)
    bench = start(settings=files.settings, policy=REAL, real_clock=True)
    client = remote(bench, str(files.ca_file))
    client.drive()
    bench.until_moving()
    assert 'robot.lan' not in files.names(bench.port)
    files.issue('localhost', 'robot.lan')
    assert 'robot.lan' in files.names(bench.port)
    client.drive()
    bench.still_moves_for(0.3)
    assert 'TLS with a new certificate for localhost, robot.lan' in caplog.text


def test_a_broken_new_certificate_is_logged_once_and_the_old_one_remains(
        start: Callable[..., Any], files: Files, caplog: pytest.LogCaptureFixture) -> None:
    bench = start(settings=files.settings)
    before = files.names(bench.port)
    _another_key(files)
    for _ in range(3):
        assert files.names(bench.port) == before
    [record] = [one for one in caplog.records if one.levelno >= logging.WARNING]
    assert tls.KEY in record.getMessage() and 'remains in use' in record.getMessage()
    files.issue('localhost', 'robot.lan')
    assert 'robot.lan' in files.names(bench.port)


def test_a_certificate_that_disappears_is_logged_once_and_the_old_one_remains(
        start: Callable[..., Any], files: Files, caplog: pytest.LogCaptureFixture) -> None:
    bench = start(settings=files.settings)
    _missing(files)
    for _ in range(3):
        assert files.names(bench.port)
    assert len([one for one in caplog.records if one.levelno >= logging.WARNING]) == 1


def test_a_key_that_every_user_may_read_is_a_warning(
        files: Files, caplog: pytest.LogCaptureFixture) -> None:
    files.key.chmod(0o644)
    tls.CertificateFiles(str(files.certificate), str(files.key))
    assert tls.KEY in caplog.text and 'chmod o=' in caplog.text


# ---- presence ----

@pytest.mark.parametrize('session', [True, False], ids=['with a session', 'without a session'])
def test_a_killed_client_loses_its_motion_over_tls_too(
        start: Callable[..., Any], remote: Callable[..., Any], files: Files,
        session: bool) -> None:
    """The kernel reports the end of the socket with any protocol (law 13)."""
    bench = start(settings=files.settings, policy=REAL, real_clock=True,
                  actuator=ActuatorSettings(stop_hold=0.2))
    client = remote(bench, str(files.ca_file))
    client.drive(client.start_session() if session else None)
    bench.still_moves_for(0.3)
    client.kill()
    bench.until_stopped(patience=20.0)
    assert [event.reason for event in bench.events
            if getattr(event, 'after', None) is State.STOPPING] == [Reason.DISCONNECTED]


def test_a_client_in_plain_text_cannot_connect(
        start: Callable[..., Any], files: Files) -> None:
    secured = start(settings=files.settings)
    refused = secured.client().robot.ResourceNames
    assert refused.refused().code is grpc.StatusCode.UNAVAILABLE


# ---- a program with the Python SDK ----

SDK_PROGRAM = """
import asyncio, json, socket, sys
from viam.robot.client import RobotClient

resolve = socket.getaddrinfo
socket.getaddrinfo = lambda host, *more, **how: resolve(
    '127.0.0.1' if host == 'robot.lan' else host, *more, **how)

async def outcome(address, direct):
    options = RobotClient.Options.with_api_key('any key', '0d5a1f0e-3c1f-4a42-8a3c-1f0e3c1f4a42')
    options.dial_options.disable_webrtc = direct
    options.dial_options.initial_connection_attempts = 1
    try:
        robot = await RobotClient.at_address(address, options)
    except Exception as problem:
        return f'{type(problem).__name__}: {problem}'
    names = [one.name for one in robot.resource_names]
    await robot.close()
    return names

async def main(dials):
    return await asyncio.gather(*(outcome(*each) for each in dials))

print(json.dumps(asyncio.run(main(json.loads(sys.argv[1])))))
"""
UNVERIFIED = 'direct localhost'
CONNECTED = ['base']
UNABLE = 'ViamError: Unable to establish a connection to '
# By dial options and error of the certificate; docs/security.md has this table.
SEEN: dict[str, dict[str, Any]] = {
    'native localhost': {
        'right': CONNECTED, 'another CA': UNABLE, 'expired': UNABLE, 'another name': UNABLE},
    'native 127.0.0.1': {'right': CONNECTED},
    'direct robot.lan': {
        'right': CONNECTED, 'another CA': 'unable to get local issuer certificate',
        'expired': 'certificate has expired',
        'another name': "Hostname mismatch, certificate is not valid for 'robot.lan'"},
    # The SDK verifies no certificate of localhost and 127.*.
    UNVERIFIED: {
        'right': CONNECTED, 'another CA': CONNECTED, 'expired': CONNECTED,
        'another name': CONNECTED},
}


def test_a_python_program_connects_with_the_right_certificate_only(
        start: Callable[..., Any], tmp_path: Path, child_environment: dict[str, str],
        monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip('viam', reason='viam-sdk is not installed: no real client')
    names = 'localhost', '127.0.0.1', 'robot.lan'
    right = Files(tmp_path / 'right')
    right.issue(*names)
    kinds = {'right': right}
    for kind in ('another CA', 'expired', 'another name'):
        kinds[kind] = Files(tmp_path / kind)
        kinds[kind].ca = right.ca if kind != 'another CA' else kinds[kind].ca
    kinds['another CA'].issue(*names)
    kinds['expired'].issue(*names, not_after=datetime(2020, 1, 2))
    kinds['another name'].issue('other.lan')
    # The bridge started before it expired.
    monkeypatch.setattr(tls, 'wall_clock', lambda: datetime(2020, 1, 1, tzinfo=timezone.utc))
    ports = {kind: start(settings=one.settings).port for kind, one in kinds.items()}
    dials = [(f'{way.partition(" ")[2]}:{ports[kind]}', way.startswith('direct'))
             for way, kinds in SEEN.items() for kind in kinds]
    program = subprocess.run(
        [sys.executable, '-c', SDK_PROGRAM, json.dumps(dials)], text=True, timeout=120.0,
        env={**child_environment, 'SSL_CERT_FILE': str(right.ca_file)}, capture_output=True)
    assert program.returncode == 0, program.stderr
    seen = iter(json.loads(program.stdout.splitlines()[-1]))
    for way, expected in SEEN.items():
        for kind, wanted in expected.items():
            found = next(seen)
            assert found == wanted if wanted is CONNECTED else wanted in found, (way, kind, found)
