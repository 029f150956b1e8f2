"""TLS (chapter 11.2): pinned keys on the federation listener, the WebPKI on the public one.

The standard library's `ssl` cannot accept a client certificate that no CA vouches for, and who a county is follows from
its key alone (TRN-2). So the listeners are OpenSSL by way of pyOpenSSL, with a callback that looks at a client certificate's
key, dates and use and at nothing else; clients are `ssl`. A client compares the pin after the handshake and before it
sends a single octet.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import socket
import ssl
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from OpenSSL import SSL, crypto

from .strict import b64url

HANDSHAKE_SECONDS = 8.0


def pin_of(certificate: x509.Certificate) -> str:
    """IDN-12: SHA-256 of the SubjectPublicKeyInfo in DER."""
    spki = certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return b64url(hashlib.sha256(spki).digest())


def pin_of_server(channel: ssl.SSLSocket) -> str:
    return pin_of(x509.load_der_x509_certificate(channel.getpeercert(binary_form=True) or b""))


@dataclass(frozen=True)
class Identity:
    """A key and a certificate for it, as PEM."""

    key: bytes
    certificate: bytes

    @property
    def pin(self) -> str:
        return pin_of(x509.load_pem_x509_certificate(self.certificate))

    @classmethod
    def new(cls, host: str) -> Identity:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        now = datetime.datetime.now(datetime.timezone.utc)
        use = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=400))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), False)
            .add_extension(x509.ExtendedKeyUsage(use), False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
            .sign(key, hashes.SHA256())
        )
        pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        private = key.private_bytes(pem, pkcs8, serialization.NoEncryption())
        return cls(private, certificate.public_bytes(pem))


# --- listeners ---


def listener(identity: Identity, admits: Callable[[str], bool] | None = None) -> SSL.Context:
    """TRN-1 to TRN-3; `admits` says whether a pin is one of an active county's. Without it, anybody may come (TRN-15)."""

    def holds(_: SSL.Connection, given: crypto.X509, __: int, depth: int, ___: int) -> bool:
        return depth > 0 or _holds(given.to_cryptography(), admits or (lambda _: False))  # issuers do not count

    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(SSL.TLS1_3_VERSION if admits else SSL.TLS1_2_VERSION)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_options(SSL.OP_NO_TICKET)
    context.use_privatekey(crypto.load_privatekey(crypto.FILETYPE_PEM, identity.key))
    context.use_certificate(crypto.load_certificate(crypto.FILETYPE_PEM, identity.certificate))
    if admits:
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, holds)
    return context


def _holds(certificate: x509.Certificate, admits: Callable[[str], bool]) -> bool:
    try:
        now = datetime.datetime.now(datetime.timezone.utc)
        if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
            return False
        use = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        return ExtendedKeyUsageOID.CLIENT_AUTH in use and admits(pin_of(certificate))
    except x509.ExtensionNotFound:
        return admits(pin_of(certificate))
    except ValueError:
        return False


class Channel:
    """A connection that was accepted. OpenSSL works on memory, so that every wait is one on the plain socket, with a deadline."""

    def __init__(self, plain: socket.socket, context: SSL.Context) -> None:
        self._plain, self._tls = plain, SSL.Connection(context, None)
        self._tls.set_accept_state()
        self._until(self._tls.do_handshake, time.monotonic() + HANDSHAKE_SECONDS)
        certificate = self._tls.get_peer_certificate()
        self.pin = pin_of(certificate.to_cryptography()) if certificate else None

    def receive(self, size: int, deadline: float) -> bytes:
        """b"" once the caller has nothing more to say."""
        try:
            return bytes(self._until(partial(self._tls.recv, size), deadline))
        except ConnectionError:
            return b""

    def send(self, data: bytes, deadline: float) -> None:
        for at in range(0, len(data), 16384):
            self._until(partial(self._tls.sendall, data[at : at + 16384]), deadline)

    def close(self) -> None:
        with contextlib.suppress(SSL.Error, OSError):
            self._tls.shutdown()
            self._flush(time.monotonic() + 1)
        self._plain.close()

    def _until(self, act: Callable[[], Any], deadline: float) -> Any:
        """Feeds OpenSSL what comes until an act is done, and sends what it has to say."""
        while True:
            try:
                done = act()
                self._flush(deadline)
                return done
            except SSL.WantReadError:
                self._flush(deadline)
                self._wait(deadline)
                data = self._plain.recv(16384)
                if not data:
                    raise ConnectionError("closed") from None
                self._tls.bio_write(data)
            except SSL.Error as error:
                self._flush(deadline)  # the alert
                raise ConnectionError(str(error)) from error

    def _flush(self, deadline: float) -> None:
        with contextlib.suppress(SSL.WantReadError):
            while data := self._tls.bio_read(65536):
                self._wait(deadline)
                self._plain.sendall(data)

    def _wait(self, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._plain.settimeout(left)


# --- clients ---


def public_client(roots: Path) -> ssl.SSLContext:
    """TRN-15: the WebPKI and the roots that the operator adds."""
    context = ssl.create_default_context()
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # an operator may add a server's own certificate
    context.load_verify_locations(roots)
    return context


def federation_client(identity: Identity) -> ssl.SSLContext:
    """TRN-1, TRN-6: certificates mean nothing, the client compares the server's key."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with tempfile.TemporaryDirectory() as folder:  # `ssl` reads keys from files only
        path = Path(folder, "identity.pem")
        path.touch(0o600)
        path.write_bytes(identity.key + identity.certificate)
        context.load_cert_chain(path)
    return context
