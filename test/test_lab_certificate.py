# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""`keys lab-certificate`: what it writes and refuses, and that clients accept it."""

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
import ssl
import stat
import sys

import pytest

from viam_session_bridge.cli import lab_certificate
from viam_session_bridge.cli.lab_certificate import CA, CA_KEY, CERTIFICATE, KEY, main
from viam_session_bridge.rpc import tls

pytest.importorskip('cryptography', reason='cryptography is not installed: no certificates')

FILES = (CA, CA_KEY, CERTIFICATE, KEY)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a CA and a certificate for robot.lan and an address."""
    made = tmp_path / 'made'
    assert main(['--folder', str(made), 'robot.lan', '192.0.2.5']) == 0
    return made


def loaded(folder: Path) -> tls.Certificate:
    return tls.load(folder / CERTIFICATE, folder / KEY)


def verified(folder: Path, name: str) -> bool:
    """Tell whether a client that trusts the CA accepts the certificate for that name."""
    server, client = (ssl.SSLContext(one) for one in (
        ssl.PROTOCOL_TLS_SERVER, ssl.PROTOCOL_TLS_CLIENT))
    server.load_cert_chain(folder / CERTIFICATE, folder / KEY)
    client.load_verify_locations(folder / CA)
    # As Python 3.13 does by default.
    client.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [client.wrap_bio(to_client, to_server, server_hostname=name),
            server.wrap_bio(to_server, to_client, server_side=True)]
    left: list[Callable[[], None]] = [one.do_handshake for one in ends]
    while left:
        step = left.pop(0)
        try:
            step()
        except ssl.SSLWantReadError:
            left.append(step)
        except ssl.SSLCertVerificationError:
            return False
    return True


@pytest.mark.parametrize(('name', 'accepted'), [
    ('robot.lan', True), ('192.0.2.5', True), ('localhost', True), ('127.0.0.1', True),
    ('::1', True), ('other.lan', False), ('192.0.2.6', False)])
def test_clients_of_the_ca_accept_the_certificate_for_its_names_only(
        folder: Path, name: str, accepted: bool) -> None:
    assert verified(folder, name) is accepted


def test_the_bridge_accepts_it_and_keys_are_readable_by_their_owner_only(folder: Path) -> None:
    assert loaded(folder).names == ('robot.lan', '192.0.2.5', 'localhost', '127.0.0.1', '::1')
    modes = {name: stat.S_IMODE((folder / name).stat().st_mode) for name in FILES}
    assert modes[CA_KEY] == modes[KEY] == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {one.name for one in folder.iterdir()} == set(FILES), 'no temporary file is left'


@pytest.mark.parametrize('left', FILES)
def test_any_file_that_exists_is_named_and_nothing_is_overwritten(
        folder: Path, left: str, capsys: pytest.CaptureFixture[str]) -> None:
    for name in set(FILES) - {left}:
        (folder / name).unlink()
    before = (folder / left).read_bytes()
    assert main(['--folder', str(folder)]) == lab_certificate.EXIT_REFUSED
    refusal = capsys.readouterr().err
    assert f'found {left};' in refusal and '--renew' in refusal
    assert (folder / left).read_bytes() == before
    assert [one.name for one in folder.iterdir()] == [left]


def test_renew_replaces_the_certificate_and_clients_of_the_ca_accept_it(folder: Path) -> None:
    before = {name: (folder / name).read_bytes() for name in FILES}
    assert main(['--folder', str(folder), '--renew', '--days', '30', 'new.lan']) == 0
    assert {name for name in FILES if (folder / name).read_bytes() != before[name]} == {
        CERTIFICATE, KEY}
    assert verified(folder, 'new.lan') and not verified(folder, 'robot.lan')
    assert stat.S_IMODE((folder / KEY).stat().st_mode) == 0o600
    left = loaded(folder).expires - datetime.now(timezone.utc)
    assert timedelta(days=29) < left <= timedelta(days=30)


@pytest.mark.parametrize('spoil', [CA, CA_KEY])
def test_renew_without_a_ca_names_the_file_and_changes_nothing(
        folder: Path, spoil: str, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / spoil).unlink()
    before = (folder / CERTIFICATE).read_bytes()
    assert main(['--folder', str(folder), '--renew']) == lab_certificate.EXIT_REFUSED
    assert f'{folder / spoil}: No such file' in capsys.readouterr().err
    (folder / spoil).write_text('not PEM')
    assert main(['--folder', str(folder), '--renew']) == lab_certificate.EXIT_REFUSED
    assert 'found no CA' in capsys.readouterr().err
    assert (folder / CERTIFICATE).read_bytes() == before


def test_the_lines_for_each_client_and_the_parameter_file_are_printed(
        tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(['--folder', str(tmp_path / 'made'), 'robot.lan']) == 0
    text = capsys.readouterr().out
    for line in (f'tls_certificate_file: {tmp_path}/made/server.pem', "'robot.lan:8080'",
                 'SSL_CERT_FILE=ca.pem', 'NODE_EXTRA_CA_CERTS=ca.pem', 'Go', 'C++'):
        assert line in text, line
    assert 'PRIVATE' not in text


@pytest.mark.parametrize('words', [['http://robot'], ['robot:8080'], ['a b'], ['--days', '0']])
def test_a_wrong_argument_is_answered_with_what_is_accepted(
        tmp_path: Path, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(['--folder', str(tmp_path / 'made'), *words])
    assert 'accepted: ' in capsys.readouterr().err
    assert not (tmp_path / 'made').exists()


def test_a_missing_library_is_named(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, 'cryptography', None)
    assert main(['--folder', str(tmp_path / 'made')]) == lab_certificate.EXIT_REFUSED
    assert 'python3-cryptography' in capsys.readouterr().err
