"""TLS (chapter 11.2): pinned keys on the federation listener, the WebPKI on the public one.

The standard library's `ssl` cannot accept a client certificate that no CA vouches for, and who a county is follows from
its key alone (TRN-2). So the federation listener is OpenSSL by way of pyOpenSSL, with a callback that looks at the
certificate's dates and use and at nothing else; everything else is `ssl`. A client compares the pin after the handshake
and before it sends a single octet.
"""

from __future__ import annotations

import datetime
import hashlib
import socket
import ssl
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

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


def pin_of_der(certificate: bytes) -> str:
    return pin_of(x509.load_der_x509_certificate(certificate))


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
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return cls(private, certificate.public_bytes(serialization.Encoding.PEM))

    def load_into(self, context: ssl.SSLContext) -> None:
        """`ssl` reads keys from files only."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "identity.pem")
            path.touch(0o600)
            path.write_bytes(self.key + self.certificate)
            context.load_cert_chain(path)


# --- servers ---


def public_context(identity: Identity) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.num_tickets = 0
    identity.load_into(context)
    return context


def federation_context(identity: Identity, admits: Callable[[str], bool]) -> SSL.Context:
    """TRN-1 to TRN-3; `admits` says whether a pin is one of an active county's."""

    def holds(_: SSL.Connection, given: crypto.X509, __: int, depth: int, ___: int) -> bool:
        return depth > 0 or _client_certificate_holds(given.to_cryptography(), admits)  # issuers do not count

    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(SSL.TLS1_3_VERSION)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_options(SSL.OP_NO_TICKET)
    context.use_privatekey(crypto.load_privatekey(crypto.FILETYPE_PEM, identity.key))
    context.use_certificate(crypto.load_certificate(crypto.FILETYPE_PEM, identity.certificate))
    context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, holds)
    return context


def _client_certificate_holds(certificate: x509.Certificate, admits: Callable[[str], bool]) -> bool:
    try:
        now = datetime.datetime.now(datetime.timezone.utc)
        if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
            return False
        if not admits(pin_of(certificate)):
            return False
        use = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        return ExtendedKeyUsageOID.CLIENT_AUTH in use
    except x509.ExtensionNotFound:
        return True
    except ValueError:
        return False


class Channel:
    """Octets over TLS with a deadline for each wait; the same for both kinds of server."""

    def __init__(self, plain: socket.socket) -> None:
        self.plain = plain
        self.pin: str | None = None

    def receive(self, size: int, deadline: float) -> bytes:
        raise NotImplementedError

    def send(self, data: bytes, deadline: float) -> None:
        raise NotImplementedError

    def close(self) -> None:
        self.plain.close()

    def _wait(self, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self.plain.settimeout(left)


class PublicChannel(Channel):
    def __init__(self, plain: socket.socket, context: ssl.SSLContext) -> None:
        plain.settimeout(HANDSHAKE_SECONDS)
        super().__init__(context.wrap_socket(plain, server_side=True))

    def receive(self, size: int, deadline: float) -> bytes:
        self._wait(deadline)
        return self.plain.recv(size)

    def send(self, data: bytes, deadline: float) -> None:
        self._wait(deadline)
        self.plain.sendall(data)


class FederationChannel(Channel):
    """pyOpenSSL over memory, so that every wait is a wait on the plain socket with its own deadline."""

    def __init__(self, plain: socket.socket, context: SSL.Context) -> None:
        super().__init__(plain)
        self._tls = SSL.Connection(context, None)
        self._tls.set_accept_state()
        deadline = time.monotonic() + HANDSHAKE_SECONDS
        while True:
            try:
                self._tls.do_handshake()
                break
            except SSL.WantReadError:
                self._flush(deadline)
                self._feed(deadline)
            except SSL.Error as error:
                self._flush(deadline)
                raise ConnectionError("handshake") from error
        self._flush(deadline)
        certificate = self._tls.get_peer_certificate()
        if certificate is None:
            raise ConnectionError("no certificate")
        self.pin = pin_of(certificate.to_cryptography())

    def _feed(self, deadline: float) -> None:
        self._wait(deadline)
        data = self.plain.recv(16384)
        if not data:
            raise ConnectionError("closed")
        self._tls.bio_write(data)

    def _flush(self, deadline: float) -> None:
        while True:
            try:
                data = self._tls.bio_read(65536)
            except SSL.WantReadError:
                return
            self._wait(deadline)
            self.plain.sendall(data)

    def receive(self, size: int, deadline: float) -> bytes:
        while True:
            try:
                return self._tls.recv(size)
            except SSL.WantReadError:
                self._flush(deadline)
                try:
                    self._feed(deadline)
                except ConnectionError:
                    return b""
            except (SSL.ZeroReturnError, SSL.Error):
                return b""

    def send(self, data: bytes, deadline: float) -> None:
        for at in range(0, len(data), 16384):
            try:
                self._tls.sendall(data[at : at + 16384])
            except SSL.Error as error:
                raise ConnectionError("sending") from error
            self._flush(deadline)

    def close(self) -> None:
        try:
            self._tls.shutdown()
            self._flush(time.monotonic() + 1)
        except (SSL.Error, OSError):
            pass
        super().close()


# --- clients ---


def public_client(roots: Path) -> ssl.SSLContext:
    """TRN-15: the WebPKI and the roots that the operator adds."""
    context = ssl.create_default_context()
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # an operator may add a server's own certificate
    context.load_verify_locations(roots)
    return context


def federation_client(identity: Identity) -> ssl.SSLContext:
    """TRN-1, TRN-6: the server's key is compared by `pinned`, certificates mean nothing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    identity.load_into(context)
    return context


def pinned(channel: ssl.SSLSocket, pins: frozenset[str]) -> None:
    certificate = channel.getpeercert(binary_form=True)
    if certificate is None or pin_of_der(certificate) not in pins:
        channel.close()
        raise ConnectionError("the server's key is not pinned")
