"""Fetching and asking (chapter 11.4): https only, no redirects, capped answers, allowed addresses, one deadline."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

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


class Client:
    """`allowed` are the ranges of addresses that the operator allows for peers (TRN-13)."""

    def __init__(self, roots: Path, identity: tls.Identity, allowed: list[str]) -> None:
        self._public = tls.public_client(roots)
        self._federation = tls.federation_client(identity)
        self._allowed = [ipaddress.ip_network(one) for one in allowed]

    def fetch(self, url: str, cap: int = STATEMENT_CAP) -> str:
        """A public object, as text."""
        answer = self._exchange("GET", url, b"", "", cap, None)
        if answer.status != 200 or not answer.body.isascii():
            raise FetchError(f"status {answer.status}, or no text")
        return answer.body.decode("ascii").strip()

    def post(self, url: str, body: bytes, media_type: str, pins: Iterable[str]) -> Answer:
        """To a peer's federation endpoint (TRN-6)."""
        return self._exchange("POST", url, body, media_type, STATEMENT_CAP, pins)

    def _exchange(
        self, method: str, url: str, body: bytes, media_type: str, cap: int, pins: Iterable[str] | None
    ) -> Answer:
        deadline, parts = time.monotonic() + SECONDS, urlsplit(url)
        try:
            if parts.scheme != "https" or not parts.hostname or parts.username:
                raise FetchError("not https")
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            headers = [("host", parts.netloc), ("connection", "close"), ("content-length", str(len(body)))]
            headers += [("content-type", media_type)] if media_type else []
            request = h11.Request(method=method, target=target, headers=headers)
            plain = self._connect(parts, deadline)
            context = self._public if pins is None else self._federation
            with plain, context.wrap_socket(plain, server_hostname=parts.hostname) as channel:
                if pins is not None and tls.pin_of_server(channel) not in pins:
                    raise FetchError("the server's key is not pinned")
                return self._talk(channel, request, body, cap, deadline)
        except (OSError, ValueError, h11.ProtocolError) as error:
            raise FetchError(f"{type(error).__name__}: {error}") from error

    def _connect(self, parts: SplitResult, deadline: float) -> socket.socket:
        """TRN-13: the address that was checked is the one connected to."""
        failure: Exception = FetchError("no address that is allowed")
        found = socket.getaddrinfo(parts.hostname, parts.port or 443, type=socket.SOCK_STREAM)
        for address in [(str(one[4][0]), int(one[4][1])) for one in found]:
            if any(ipaddress.ip_address(address[0]) in network for network in self._allowed):
                try:
                    return socket.create_connection(address, _left(deadline))
                except OSError as error:
                    failure = error
        raise failure

    def _talk(self, channel: ssl.SSLSocket, request: h11.Request, body: bytes, cap: int, deadline: float) -> Answer:
        http = h11.Connection(h11.CLIENT)
        channel.settimeout(_left(deadline))
        channel.sendall(b"".join(http.send(part) or b"" for part in (request, h11.Data(body), h11.EndOfMessage())))
        head, read = None, bytearray()
        while True:
            event = http.next_event()
            if event is h11.NEED_DATA:
                channel.settimeout(_left(deadline))
                http.receive_data(channel.recv(65536))
            elif isinstance(event, h11.Response):
                head = event
            elif isinstance(event, h11.Data):
                read += event.data
                if len(read) > cap:
                    raise FetchError("over its cap")
            elif isinstance(event, h11.EndOfMessage) and head is not None:
                media_type = dict(head.headers).get(b"content-type", b"").decode("latin-1")
                return Answer(head.status_code, media_type.split(";")[0].strip().lower(), bytes(read))
            elif not isinstance(event, h11.InformationalResponse):
                raise FetchError("cut off")


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
