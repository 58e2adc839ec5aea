# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Creates a certificate authority (CA) for a lab, and the certificate of a bridge.

`keys lab-certificate` calls this. Nothing is overwritten: with --renew, the server gets a new
certificate of the existing CA, so that clients need no change.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
import ipaddress
import os
from pathlib import Path
import shlex
import socket
import sys
from typing import Any

NAME = 'lab-certificate'
DESCRIPTION = """\
Make a CA and a certificate for this bridge, and print what the parameter file and each client
need. Clients connect to one of the names given here, and to no other: name each DNS name and IP
address of the robot. localhost, 127.0.0.1 and ::1 are always included."""

# The folder of the key file of `keys`.
FOLDER = Path('~/.config/viam_session_bridge')

# The files in the folder. With ca.key, any server can be faked to the clients of this CA.
CA, CA_KEY, CERTIFICATE, KEY = 'ca.pem', 'ca.key', 'server.pem', 'server.key'

ALWAYS = ('localhost', '127.0.0.1', '::1')
CA_DAYS = 3650
# Some clients reject a longer validity.
DAYS = 825

EXIT_REFUSED = 2

NO_LIBRARY = """\
{problem}
This needs the Python library cryptography. Ubuntu: sudo apt install python3-cryptography
Otherwise: {python} -m pip install cryptography"""

TEXT = """\
The CA is in {ca} until {ca_expires}; copy it to each client. {ca_key} signs new
certificates: keep it off the robot if you can, and do not share it.
The certificate is for {names}, until {expires}.
Before that, this command replaces it; the bridge loads the new one while it runs:
    {again}

Parameter file of the bridge:
    grpc:
      host: 0.0.0.0
      tls_certificate_file: {certificate}
      tls_key_file: {key}

Clients, with KEY_ID and KEY from `keys create`:
  Python      SSL_CERT_FILE=ca.pem python3 program.py
              RobotClient.at_address('{address}', RobotClient.Options.with_api_key(
                  api_key=KEY, api_key_id=KEY_ID))
  Go          SSL_CERT_FILE=ca.pem ./program
              client.New(ctx, "{address}", logger, client.WithDialOptions(
                  rpc.WithEntityCredentials(KEY_ID, rpc.Credentials{{
                      Type: rpc.CredentialsTypeAPIKey, Payload: KEY}})))
  TypeScript  NODE_EXTRA_CA_CERTS=ca.pem node program.mjs
  on Node     (its SDK needs a name with "local" in it, such as robot.local)
              robot.dial({{host: 'https://{address}', credentials: {{
                  type: 'api-key', payload: KEY, authEntity: KEY_ID}}}})
  C++         SSL_CERT_FILE=ca.pem ./program      (not tested: it uses the dialer of Python)
              dial_opts.set_entity(KEY_ID);
              dial_opts.set_credentials(Credentials("api-key", KEY));

SSL_CERT_FILE replaces the authorities of the system for that program: one that also connects to
Viam's cloud needs both in one file (cat /etc/ssl/certs/ca-certificates.crt ca.pem)."""


class Refused(Exception):
    """Nothing was written; the text has the reason and what to do."""


def add_parser(subparsers: Any) -> None:
    """Add the command to the commands of `keys`; its `run` takes the arguments."""
    parser = subparsers.add_parser(
        NAME, help='make a CA and a certificate for this bridge', description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    _add_arguments(parser)
    parser.set_defaults(run=run)


def main(argv: Sequence[str] | None = None) -> int:
    """Run it as a separate program."""
    parser = argparse.ArgumentParser(
        prog=NAME, description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    _add_arguments(parser)
    return run(parser.parse_args(argv))


def run(arguments: argparse.Namespace) -> int:
    """Make the files and print what to do with them; returns the exit status."""
    folder = arguments.folder.expanduser().absolute()
    try:
        print(make(folder, arguments.names, arguments.days, arguments.renew))
    except Refused as problem:
        print(problem, file=sys.stderr)
        return EXIT_REFUSED
    return 0


def make(folder: Path, names: Sequence[str], days: int = DAYS, renew: bool = False) -> str:
    """Make the files in the folder; returns the text for the user. Raises Refused."""
    names = tuple(dict.fromkeys((*(names or _own_names()), *ALWAYS)))
    try:
        authority, made = _with_cryptography(folder, names, days, renew)
    except ImportError as problem:
        raise Refused(NO_LIBRARY.format(problem=problem, python=sys.executable)) from problem
    except OSError as problem:
        raise Refused(f'{problem.filename or folder}: {problem.strerror}') from problem
    first = names[0]
    return TEXT.format(
        ca=folder / CA, ca_key=folder / CA_KEY, certificate=folder / CERTIFICATE,
        key=folder / KEY, ca_expires=authority.date(), expires=made.date(),
        names=', '.join(names), address=f'[{first}]:8080' if ':' in first else f'{first}:8080',
        again=shlex.join(['keys', NAME, '--renew', '--folder', str(folder), *names]))


def _own_names() -> tuple[str, ...]:
    host = socket.gethostname()
    return (host,) if '.' in host else (host, f'{host}.local')


def _days(text: str) -> int:
    if not (text.isdecimal() and 1 <= int(text) <= CA_DAYS):
        raise argparse.ArgumentTypeError(f'{text!r}; accepted: 1 to {CA_DAYS} days')
    return int(text)


def _name(text: str) -> str:
    plain = text.replace('-', '').replace('.', '').removeprefix('*')
    if _address(text) is None and not (plain.isascii() and plain.isalnum()):
        raise argparse.ArgumentTypeError(
            f'{text!r}; accepted: a DNS name such as robot.lan, or an IP address; no port')
    return text


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        'names', nargs='*', metavar='NAME', type=_name,
        help='a DNS name or IP address of the robot; default: the name of this machine')
    parser.add_argument('--folder', type=Path, default=FOLDER,
                        help=f'where the files are made; default: {FOLDER}')
    parser.add_argument('--days', type=_days, default=DAYS,
                        help=f'how long the certificate is valid; default: {DAYS}')
    parser.add_argument('--renew', action='store_true',
                        help='replace the certificate of the server, by the CA in the folder')


# ---- what needs the library ---------------------------------------------------------------------

def _with_cryptography(folder: Path, names: Sequence[str], days: int,
                       renew: bool) -> tuple[datetime, datetime]:
    """Write the files; returns when the CA and the certificate expire."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    def pem(key: Any) -> bytes:
        form: bytes = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption())
        return form

    def usage(*which: str) -> x509.KeyUsage:
        every = ('digital_signature', 'content_commitment', 'key_encipherment',
                 'data_encipherment', 'key_agreement', 'key_cert_sign', 'crl_sign',
                 'encipher_only', 'decipher_only')
        return x509.KeyUsage(**{one: one in which for one in every})

    def signed(subject: x509.Name, issuer: x509.Name, public: Any, signer: Any, expires: datetime,
               *extensions: tuple[x509.ExtensionType, bool]) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder().subject_name(subject).issuer_name(issuer)
            .public_key(public).serial_number(x509.random_serial_number())
            # The clock of a client may be late.
            .not_valid_before(now - timedelta(days=1)).not_valid_after(expires)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(
                signer.public_key()), False))
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(signer, hashes.SHA256())

    def called(name: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])

    now = datetime.now(timezone.utc).replace(microsecond=0)
    if renew:
        try:
            authority = x509.load_pem_x509_certificate((folder / CA).read_bytes())
            signer: Any = serialization.load_pem_private_key((folder / CA_KEY).read_bytes(), None)
        except (ValueError, TypeError) as problem:
            raise Refused(f'{folder}: found no CA in {CA} and {CA_KEY} that can be used '
                          f'({problem}); accepted: those that this command has made') from problem
        ca_expires = _expires(authority)
        if ca_expires <= now:
            raise Refused(f'{folder / CA}: the CA expired at {ca_expires:%Y-%m-%d}; accepted: one '
                          'that is valid. Make another one in another folder')
    else:
        _refuse_what_exists(folder)
        signer = ec.generate_private_key(ec.SECP256R1())
        subject = called(f'viam_session_bridge lab CA of {socket.gethostname()}')
        ca_expires = now + timedelta(days=CA_DAYS)
        authority = signed(
            subject, subject, signer.public_key(), signer, ca_expires,
            (x509.BasicConstraints(ca=True, path_length=0), True),
            (usage('key_cert_sign', 'crl_sign'), True))
    key = ec.generate_private_key(ec.SECP256R1())
    expires = min(now + timedelta(days=days), ca_expires)
    addresses = {name: _address(name) for name in names}
    made = signed(
        called(names[0]), authority.subject, key.public_key(), signer, expires,
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (usage('digital_signature'), True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
        (x509.SubjectAlternativeName([
            x509.DNSName(name) if address is None else x509.IPAddress(address)
            for name, address in addresses.items()]), False))
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not renew:
        _write(folder / CA_KEY, pem(signer), 0o600, _create)
        _write(folder / CA, authority.public_bytes(serialization.Encoding.PEM), 0o644, _create)
    put = os.replace if renew else _create
    _write(folder / KEY, pem(key), 0o600, put)
    _write(folder / CERTIFICATE, made.public_bytes(serialization.Encoding.PEM), 0o644, put)
    return ca_expires, expires


def _refuse_what_exists(folder: Path) -> None:
    there = [name for name in (CA, CA_KEY, CERTIFICATE, KEY) if os.path.lexists(folder / name)]
    if there:
        raise Refused(
            f'{folder}: found {", ".join(there)}; accepted: a folder without them. --renew '
            'replaces the certificate of the server and keeps the CA; --folder names another '
            'folder')


def _create(temporary: Path, file: Path) -> None:
    """Move the file to its name, unless there is one already. Raises OSError."""
    os.link(temporary, file)
    temporary.unlink()


def _write(file: Path, content: bytes, mode: int, put: Callable[[Path, Path], None]) -> None:
    """Write a file atomically."""
    temporary = file.with_name(f'.{file.name}.{os.getpid()}')
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with open(descriptor, 'wb') as stream:
            # The mode given at the creation is narrowed by the umask, never widened.
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        put(temporary, file)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _expires(certificate: Any) -> datetime:
    # cryptography 42 has times with a zone; Ubuntu 24.04 has 41.
    aware: datetime | None = getattr(certificate, 'not_valid_after_utc', None)
    return aware or certificate.not_valid_after.replace(tzinfo=timezone.utc)


if __name__ == '__main__':
    sys.exit(main())
