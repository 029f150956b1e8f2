"""Listeners (chapter 11.1 to 11.3): a thread a connection, h11 for HTTP, a deadline for every step.

A route takes a `Call` and returns a `Reply`, or raises `Problem`; a failure inside is a 500 with a constant body.
"""

from __future__ import annotations

import socket
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import h11

from . import catalogue, identifiers, strict, tls
from .exchange import Problem

HEADER_SECONDS, BODY_SECONDS, IDLE_SECONDS, SEND_SECONDS, DRAIN_SECONDS = 10.0, 15.0, 20.0, 15.0, 1.0
HEADER_CAP, BODY_CAP = 16 * 1024, 256 * 1024
CONNECTIONS, CONNECTIONS_OF_ONE = 256, 64
CALLS_A_SECOND, BURST = 100.0, 400.0


@dataclass(frozen=True)
class Call:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    pin: str | None


@dataclass(frozen=True)
class Reply:
    status: int
    body: bytes = b""
    media_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


def problem_reply(problem: Problem, trace: str) -> Reply:
    """ERR-1 to ERR-4."""
    known = catalogue.problems()[problem.slug]
    document = {
        "type": f"urn:comity:problem:{known.slug}",
        "title": known.title,
        "status": known.status,
        **({"detail": problem.detail} if problem.detail else {}),
        "instance": f"urn:comity:trace:{trace}",
        "trace": trace,
        "next_step": known.next_step,
        **{name: value for name, value in problem.members.items() if name not in ("allow", "retry_after")},
    }
    headers = []
    if known.slug in ("in-progress", "rate-limited", "overloaded", "not-ready", "store-unavailable"):
        headers.append(("retry-after", str(problem.members.get("retry_after", 1))))
    if "allow" in problem.members:
        headers.append(("allow", problem.members["allow"]))
    return Reply(known.status, strict.write(document), "application/problem+json", tuple(headers))


@dataclass
class _Quota:
    """TRN-9: a bucket that fills evenly."""

    level: float = BURST
    seen: float = field(default_factory=time.monotonic)

    def take(self) -> bool:
        now = time.monotonic()
        self.level = min(BURST, self.level + (now - self.seen) * CALLS_A_SECOND)
        self.seen = now
        if self.level < 1:
            return False
        self.level -= 1
        return True


class Server:
    """One listener. `channel` makes the TLS of a new connection, `route` answers a call."""

    def __init__(
        self,
        port: int,
        channel: Callable[[socket.socket], tls.Channel],
        route: Callable[[Call], Reply],
        region: str,
    ) -> None:
        self._channel, self._route, self._region = channel, route, region
        self._listener = socket.create_server(("127.0.0.1", port), backlog=128)
        self.port = self._listener.getsockname()[1]
        self._counts: Counter[str] = Counter()
        self._quotas: dict[str, _Quota] = {}
        self._lock = threading.Lock()

    def start(self) -> None:
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            plain, address = self._listener.accept()
            with self._lock:
                full = sum(self._counts.values()) >= 2 * CONNECTIONS
            if full:
                plain.close()
                continue
            threading.Thread(target=self._connection, args=(plain, address[0]), daemon=True).start()

    def _connection(self, plain: socket.socket, address: str) -> None:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            channel = self._channel(plain)
        except (OSError, ValueError):
            plain.close()
            return
        who = channel.pin or address
        with self._lock:
            self._counts[who] += 1
            crowded = self._counts[who] > CONNECTIONS_OF_ONE
            quota = self._quotas.setdefault(who, _Quota())
        try:
            self._serve(channel, quota, crowded)
        except (OSError, h11.ProtocolError):
            pass
        except Exception:
            traceback.print_exc(file=sys.stderr)
        finally:
            with self._lock:
                self._counts[who] -= 1
                if not self._counts[who]:
                    del self._counts[who]
            channel.close()

    def _serve(self, channel: tls.Channel, quota: _Quota, crowded: bool) -> None:
        http = h11.Connection(h11.SERVER, max_incomplete_event_size=HEADER_CAP)
        first = time.monotonic() + HEADER_SECONDS
        while True:
            trace = identifiers.new_trace_number(self._region, int(time.time()))
            call = None
            try:
                call = self._read(http, channel, first)
                if call is None:
                    return
                reply = self._answer(call, quota, crowded)
            except Problem as problem:
                reply = problem_reply(problem, trace)
            except h11.RemoteProtocolError:
                reply = problem_reply(Problem("malformed-request"), trace)
            except TimeoutError:
                if http.their_state is not h11.SEND_BODY:
                    return
                reply = Reply(408, b'{"type":"about:blank","status":408}', "application/problem+json")
            if http.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
                return
            close = http.their_state is not h11.DONE
            self._send(http, channel, reply, trace, close, bodiless=call is not None and call.method == "HEAD")
            if http.their_state is h11.SEND_BODY:
                self._drain(channel)
            if close or http.our_state is not h11.DONE:
                return
            http.start_next_cycle()
            first = time.monotonic() + IDLE_SECONDS

    def _drain(self, channel: tls.Channel) -> None:
        """Takes a little of what a caller still sends, so that the answer reaches it before the connection ends."""
        deadline = time.monotonic() + DRAIN_SECONDS
        for _ in range(64):
            if not channel.receive(65536, deadline):
                return

    def _read(self, http: h11.Connection, channel: tls.Channel, deadline: float) -> Call | None:
        """TRN-7, TRN-8: announced lengths are refused before the body is read, others at the cap."""
        head: h11.Request | None = None
        body = bytearray()
        begun = False
        while True:
            event = http.next_event()
            if event is h11.NEED_DATA:
                if http.they_are_waiting_for_100_continue:
                    go_on = h11.InformationalResponse(status_code=100, headers=[], reason="Continue")
                    channel.send(http.send(go_on) or b"", deadline)
                data = channel.receive(65536, deadline)
                if data and not begun:
                    begun, deadline = True, min(deadline, time.monotonic() + HEADER_SECONDS)
                http.receive_data(data)
            elif isinstance(event, h11.Request):
                head = event
                deadline = time.monotonic() + BODY_SECONDS
                length = dict(head.headers).get(b"content-length", b"0")
                if int(length) > BODY_CAP:
                    raise Problem("body-too-large")
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > BODY_CAP:
                    raise Problem("body-too-large")
            elif isinstance(event, h11.EndOfMessage) and head is not None:
                fields = {name.decode(): value.decode("latin-1") for name, value in head.headers}
                target = head.target.decode("latin-1")
                return Call(head.method.decode(), target, fields, bytes(body), channel.pin)
            else:
                return None

    def _answer(self, call: Call, quota: _Quota, crowded: bool) -> Reply:
        if crowded:
            raise Problem("overloaded")
        if not quota.take():
            raise Problem("rate-limited")
        try:
            return self._route(call)
        except Problem:
            raise
        except Exception:
            traceback.print_exc(file=sys.stderr)  # our own fault; the body tells nothing of it (TRN-11)
            raise Problem("internal") from None

    def _send(
        self, http: h11.Connection, channel: tls.Channel, reply: Reply, trace: str, close: bool, bodiless: bool
    ) -> None:
        deadline = time.monotonic() + SEND_SECONDS
        headers = [
            ("content-type", reply.media_type),
            ("content-length", str(len(reply.body))),
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
            ("comity-trace", trace),
        ]
        names = {name for name, _ in reply.headers}
        headers = [pair for pair in headers if pair[0] not in names] + list(reply.headers)
        if close:
            headers.append(("connection", "close"))
        data = http.send(h11.Response(status_code=reply.status, headers=headers)) or b""
        if reply.body and not bodiless:
            data += http.send(h11.Data(data=reply.body)) or b""
        data += http.send(h11.EndOfMessage()) or b""
        channel.send(data, deadline)
