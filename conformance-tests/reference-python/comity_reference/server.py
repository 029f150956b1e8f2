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
from OpenSSL import SSL

from . import catalogue, identifiers, strict
from .exchange import Problem, demand
from .tls import Channel

HEADER_SECONDS, BODY_SECONDS, IDLE_SECONDS, SEND_SECONDS, DRAIN_SECONDS = 10.0, 15.0, 20.0, 15.0, 1.0
HEADER_CAP, BODY_CAP = 16 * 1024, 256 * 1024
CONNECTIONS, CONNECTIONS_OF_ONE = 512, 64
CALLS_A_SECOND, BURST = 100.0, 400.0
_TIMED_OUT = b'{"type":"about:blank","status":408}'


@dataclass(frozen=True)
class Call:
    method: str
    path: str
    query: str
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
        **{name: value for name, value in problem.members.items() if name != "allow"},
    }
    headers = [("retry-after", "1")] if known.status in (429, 503) or known.slug == "in-progress" else []
    headers += [("allow", problem.members["allow"])] if "allow" in problem.members else []
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
        allowed = self.level >= 1
        self.level -= allowed
        return allowed


class Server:
    """One listener; `route` answers a call."""

    def __init__(self, port: int, context: SSL.Context, route: Callable[[Call], Reply], region: str) -> None:
        self._context, self._route, self._region = context, route, region
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
                full = self._counts.total() >= CONNECTIONS
            if full:
                plain.close()
            else:
                threading.Thread(target=self._connection, args=(plain, address[0]), daemon=True).start()

    def _connection(self, plain: socket.socket, address: str) -> None:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            channel = Channel(plain, self._context)
        except OSError:
            plain.close()
            return
        who = channel.pin or address
        with self._lock:
            self._counts[who] += 1
            crowded = self._counts[who] > CONNECTIONS_OF_ONE
            quota = self._quotas.setdefault(who, _Quota())
        try:
            _Conversation(channel, self._region).run(lambda call: self._answer(call, quota, crowded))
        except (OSError, h11.ProtocolError):
            pass  # the caller has gone, or speaks no HTTP
        finally:
            with self._lock:
                self._counts[who] -= 1
            channel.close()

    def _answer(self, call: Call, quota: _Quota, crowded: bool) -> Reply:
        demand(not crowded, "overloaded")
        demand(quota.take(), "rate-limited")
        try:
            return self._route(call)
        except Problem:
            raise
        except Exception:
            traceback.print_exc(file=sys.stderr)  # our own fault; the body tells nothing of it (TRN-11)
            raise Problem("internal") from None


class _Conversation:
    """Calls and replies on one connection."""

    def __init__(self, channel: Channel, region: str) -> None:
        self._channel, self._region = channel, region
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=HEADER_CAP)

    def run(self, answer: Callable[[Call], Reply]) -> None:
        http, seconds = self._http, HEADER_SECONDS
        while True:
            trace, call = identifiers.new_trace_number(self._region, int(time.time())), None
            try:
                call = self._read(time.monotonic() + seconds)
                if call is None:
                    return
                reply = answer(call)
            except Problem as problem:
                reply = problem_reply(problem, trace)
            except h11.RemoteProtocolError:
                reply = problem_reply(Problem("malformed-request"), trace)
            except TimeoutError:
                if http.their_state is not h11.SEND_BODY:
                    return
                reply = Reply(408, _TIMED_OUT, "application/problem+json")
            if http.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
                return
            close = http.their_state is not h11.DONE
            self._send(reply, trace, close, bodiless=call is not None and call.method == "HEAD")
            if http.their_state is h11.SEND_BODY:
                self._drain()
            if close or http.our_state is not h11.DONE:
                return
            http.start_next_cycle()
            seconds = IDLE_SECONDS

    def _read(self, deadline: float) -> Call | None:
        """TRN-7, TRN-8: announced lengths are refused before the body is read, others at the cap."""
        http, head, body, begun = self._http, None, bytearray(), False
        while True:
            event = http.next_event()
            if event is h11.NEED_DATA:
                if http.they_are_waiting_for_100_continue:
                    go_on = h11.InformationalResponse(status_code=100, headers=[], reason="Continue")
                    self._channel.send(http.send(go_on) or b"", deadline)
                data = self._channel.receive(65536, deadline)
                if data and not begun:
                    begun, deadline = True, min(deadline, time.monotonic() + HEADER_SECONDS)
                http.receive_data(data)
            elif isinstance(event, h11.Request):
                head, deadline = event, time.monotonic() + BODY_SECONDS
                demand(int(dict(head.headers).get(b"content-length", b"0")) <= BODY_CAP, "body-too-large")
            elif isinstance(event, h11.Data):
                body += event.data
                demand(len(body) <= BODY_CAP, "body-too-large")
            elif isinstance(event, h11.EndOfMessage) and head is not None:
                fields = {name.decode(): value.decode("latin-1") for name, value in head.headers}
                path, _, query = head.target.decode("latin-1").partition("?")
                return Call(head.method.decode(), path, query, fields, bytes(body), self._channel.pin)
            else:
                return None

    def _drain(self) -> None:
        """Takes a little of what a caller still sends, so that the answer reaches it before the connection ends."""
        deadline = time.monotonic() + DRAIN_SECONDS
        for _ in range(64):
            if not self._channel.receive(65536, deadline):
                return

    def _send(self, reply: Reply, trace: str, close: bool, bodiless: bool) -> None:
        headers = {
            "content-type": reply.media_type,
            "content-length": str(len(reply.body)),
            "cache-control": "no-store",
            "x-content-type-options": "nosniff",
            "comity-trace": trace,
            **dict(reply.headers),
            **({"connection": "close"} if close else {}),
        }
        events = [h11.Response(status_code=reply.status, headers=list(headers.items())), h11.EndOfMessage()]
        if reply.body and not bodiless:
            events.insert(1, h11.Data(data=reply.body))
        data = b"".join(self._http.send(event) or b"" for event in events)
        self._channel.send(data, time.monotonic() + SEND_SECONDS)
