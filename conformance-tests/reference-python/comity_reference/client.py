"""Fetching and asking (chapter 11.4): https only, no redirects, capped answers, allowed addresses, one deadline."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import h11

from . import tls

STATEMENT_CAP = 256 * 1024
LIST_CAP = 8 * 1024 * 1024
SECONDS = 8.0


class FetchError(Exception):
    """An answer that did not come, or does not count."""


@dataclass(frozen=True)
class Answer:
    status: int
    media_type: str
    body: bytes
    retry_after: int | None


class Client:
    """`allowed` are the ranges of addresses that the operator allows for peers (TRN-13)."""

    def __init__(self, roots: Path, identity: tls.Identity, allowed: list[str]) -> None:
        self._public = tls.public_client(roots)
        self._federation = tls.federation_client(identity)
        self._allowed = [ipaddress.ip_network(one) for one in allowed]

    def fetch(self, url: str, cap: int = STATEMENT_CAP) -> str:
        """A public object, as text."""
        answer = self._exchange("GET", url, b"", {}, cap, self._public, lambda _: None)
        if answer.status != 200:
            raise FetchError(f"status {answer.status}")
        try:
            return answer.body.decode("ascii").strip()
        except UnicodeDecodeError as error:
            raise FetchError("no text") from error

    def post(self, url: str, body: bytes, media_type: str, pins: frozenset[str]) -> Answer:
        """To a peer's federation endpoint (TRN-6)."""
        headers = {"content-type": media_type}
        return self._exchange(
            "POST", url, body, headers, STATEMENT_CAP, self._federation, lambda channel: tls.pinned(channel, pins)
        )

    def _exchange(
        self,
        method: str,
        url: str,
        body: bytes,
        headers: dict[str, str],
        cap: int,
        context: ssl.SSLContext,
        check: Callable[[ssl.SSLSocket], None],
    ) -> Answer:
        deadline = time.monotonic() + SECONDS
        parts = urlsplit(url)
        if parts.scheme != "https" or not parts.hostname or parts.username:
            raise FetchError("not https")
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            plain = self._connect(parts.hostname, parts.port or 443, deadline)
            with plain, context.wrap_socket(plain, server_hostname=parts.hostname) as channel:
                check(channel)
                return self._talk(channel, method, parts.netloc, target, body, headers, cap, deadline)
        except (OSError, ValueError, h11.RemoteProtocolError) as error:
            raise FetchError(f"{type(error).__name__}: {error}") from error

    def _connect(self, host: str, port: int, deadline: float) -> socket.socket:
        """TRN-13: the address that was checked is the one connected to."""
        failure: Exception = FetchError("no address that is allowed")
        for family, kind, _, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            if not any(ipaddress.ip_address(address[0]) in network for network in self._allowed):
                continue
            plain = socket.socket(family, kind)
            plain.settimeout(max(0.01, deadline - time.monotonic()))
            try:
                plain.connect(address)
                return plain
            except OSError as error:
                plain.close()
                failure = error
        if isinstance(failure, FetchError):
            raise failure
        raise OSError from failure

    def _talk(
        self,
        channel: ssl.SSLSocket,
        method: str,
        host: str,
        target: str,
        body: bytes,
        headers: dict[str, str],
        cap: int,
        deadline: float,
    ) -> Answer:
        http = h11.Connection(h11.CLIENT)
        sent = [("host", host), ("connection", "close"), ("content-length", str(len(body))), *headers.items()]
        channel.settimeout(max(0.01, deadline - time.monotonic()))
        request = h11.Request(method=method, target=target, headers=sent)
        for part in (request, h11.Data(data=body), h11.EndOfMessage()):
            channel.sendall(http.send(part) or b"")
        head: h11.Response | None = None
        read = bytearray()
        while True:
            event = http.next_event()
            if event is h11.NEED_DATA:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise TimeoutError
                channel.settimeout(left)
                http.receive_data(channel.recv(65536))
            elif isinstance(event, h11.Response):
                head = event
            elif isinstance(event, h11.Data):
                read += event.data
                if len(read) > cap:
                    raise FetchError("over its cap")
            elif isinstance(event, h11.EndOfMessage) and head is not None:
                fields = {name.decode(): value.decode("latin-1") for name, value in head.headers}
                retry = fields.get("retry-after", "")
                media_type = fields.get("content-type", "").split(";")[0].strip().lower()
                return Answer(head.status_code, media_type, bytes(read), int(retry) if retry.isdigit() else None)
            elif not isinstance(event, h11.InformationalResponse):
                raise FetchError("cut off")
