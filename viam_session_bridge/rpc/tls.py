# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The certificate of the server: read and checked at the start, and again when its files change.

gRPC requests the certificate in each handshake, so a new one applies from the next connection on;
open connections keep the old one. A new certificate that cannot be used is logged once, and the
old one remains in use. A handshake only reads the status of two files, unless they have changed.
"""

from dataclasses import dataclass, field
from datetime import datetime, timezone
import logging
import os
from pathlib import Path
import threading
from typing import Any

import grpc

_LOG = logging.getLogger(__name__)

CERTIFICATE = 'grpc.tls_certificate_file'
KEY = 'grpc.tls_key_file'

# Identifies the version of a file: device, inode, size, time of change.
_Stamp = tuple[int, int, int, int]


class CertificateError(Exception):
    """Certificate or key cannot be used; the text names parameter, value and accepted values."""

    def __init__(self, parameter: str, file: Path, problem: str, wanted: str) -> None:
        super().__init__(f'{parameter}: found {str(file)!r}, {problem}; accepted: {wanted}')


@dataclass(frozen=True)
class Certificate:
    """A certificate with its key: both in PEM, the names in it, and its time of expiry."""

    chain: bytes = field(repr=False)
    key: bytes = field(repr=False)
    names: tuple[str, ...]
    expires: datetime

    def __str__(self) -> str:
        """Return its names, and its time of expiry."""
        return f'for {", ".join(self.names)}, until {_minute(self.expires)}'


def _minute(time: datetime) -> str:
    return f'{time:%Y-%m-%d %H:%M} UTC'


def wall_clock() -> datetime:
    """Return the present UTC time."""
    return datetime.now(timezone.utc)


def load(certificate_file: Path, key_file: Path) -> Certificate:
    """
    Read and check both files. Raises CertificateError.

    A certificate that is not valid yet is accepted: clients check it with their own clocks, and
    the clock of a robot without a clock battery starts in the past.
    """
    try:
        from cryptography import x509
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.serialization import (
            Encoding,
            load_pem_private_key,
            PublicFormat,
        )
    except ImportError as problem:
        raise CertificateError(
            CERTIFICATE, certificate_file, f'and the library for it is missing ({problem})',
            "a file, with the Python library 'cryptography' installed (Ubuntu: "
            "python3-cryptography), or '' (no TLS)") from problem
    chain = _read(CERTIFICATE, certificate_file)
    key = _read(KEY, key_file)
    wanted = 'a file in PEM with the certificate of the server, then those that it depends on'
    try:
        certificate = x509.load_pem_x509_certificate(chain)
        its_key, extensions = certificate.public_key(), certificate.extensions
    except (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension,
            x509.UnsupportedGeneralNameType) as problem:
        raise CertificateError(
            CERTIFICATE, certificate_file, f'without a certificate in it ({problem})', wanted) \
            from problem
    wanted = 'a file in PEM with the private key of the certificate, without a password'
    try:
        private = load_pem_private_key(key, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as problem:  # TypeError: a password
        raise CertificateError(
            KEY, key_file, f'without a key that can be used ({problem})', wanted) from problem
    public, needed = (one.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
                      for one in (private.public_key(), its_key))
    if public != needed:
        raise CertificateError(
            KEY, key_file, f'which is not the key of the certificate in {certificate_file}',
            wanted)
    try:
        names = tuple(str(one.value) for one in extensions.get_extension_for_class(
            x509.SubjectAlternativeName).value)
    except x509.ExtensionNotFound:
        names = ()
    if not names:
        raise CertificateError(
            CERTIFICATE, certificate_file, 'a certificate that names no host (no SAN)',
            'a certificate whose subjectAltName has each DNS name and IP address that clients '
            'connect to; they check no other name')
    expires = _expires(certificate)
    now = wall_clock()
    if expires <= now:
        raise CertificateError(
            CERTIFICATE, certificate_file, f'a certificate that expired at {_minute(expires)}',
            f'a certificate that is valid now ({_minute(now)} by the clock of this machine)')
    return Certificate(chain, key, names, expires)


class CertificateFiles:
    """The certificate in use. With `credentials`, gRPC requests it in each handshake."""

    def __init__(self, certificate_file: str, key_file: str) -> None:
        """Load it. Raises CertificateError."""
        self._files = Path(certificate_file).expanduser(), Path(key_file).expanduser()
        # gRPC calls `_changed` from threads of its own.
        self._lock = threading.Lock()
        self._stamps = self._read_stamps()
        self.current = load(*self._files)
        _LOG.info('TLS with the certificate %s', self.current)
        if self._files[1].stat().st_mode & 0o007:
            _LOG.warning('%s: every user of this machine may read %s; chmod o= prevents this',
                         KEY, self._files[1])

    def credentials(self) -> grpc.ServerCredentials:
        """Return the credentials for a port."""
        return grpc.dynamic_ssl_server_credentials(_for_grpc(self.current), self._changed)

    def _changed(self) -> grpc.ServerCertificateConfiguration | None:
        """Return the certificate if it has changed."""
        with self._lock:
            # Before the files are read: later changes are detected in the next handshake.
            stamps = self._read_stamps()
            if stamps == self._stamps:
                return None
            self._stamps = stamps
            try:
                self.current = load(*self._files)
            except CertificateError as problem:
                _LOG.error('%s. The certificate before it remains in use: %s',
                           problem, self.current)
                return None
            _LOG.info('TLS with a new certificate %s', self.current)
            return _for_grpc(self.current)

    def _read_stamps(self) -> tuple[_Stamp | None, ...]:
        return tuple(map(_stamp, self._files))


def _stamp(file: Path) -> _Stamp | None:
    try:
        state = os.stat(file)
    except OSError:
        return None
    return state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns


def _read(parameter: str, file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as problem:
        raise CertificateError(
            parameter, file, f'which cannot be read ({problem.strerror})',
            'a file in PEM that the user of the bridge may read') from problem


def _for_grpc(certificate: Certificate) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration([(certificate.key, certificate.chain)])


def _expires(certificate: Any) -> datetime:
    # cryptography 42 returns times with a time zone; Ubuntu 24.04 has version 41.
    aware: datetime | None = getattr(certificate, 'not_valid_after_utc', None)
    return aware or certificate.not_valid_after.replace(tzinfo=timezone.utc)
