"""A county's node: its keys and statement, its two listeners, and what an operator and a clerk do with it.

It is both issuer and recogniser (chapter 0.1). `Node` opens a store, or makes one on first start; everything that has to
survive is in there.
"""

from __future__ import annotations

import hashlib
import json
import queue
import secrets
import sys
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from . import exchange, identifiers, jws, register, strict, tls, trust
from .client import Client, FetchError
from .exchange import Problem, demand
from .keys import SigningKey
from .office import Office
from .resolver import AT_A_TIME, WELL_KNOWN, Trust
from .server import Call, Reply, Server
from .store import Store
from .strict import Refused, b64url, require, unb64url
from .treaties import Treaties

PURPOSES = ("federation", "attestation", "status", "exchange", "receipt")
CONFIGURATION_LIFE, CONFIGURATION_RENEWAL = 9 * 86400, 86400
_HINT_TRIES = 3


def now() -> int:
    return int(time.time())


class Node:
    def __init__(self, folder: Path, settings: dict[str, Any] | None = None) -> None:
        """`settings` are those of the first start; later ones read them from the store."""
        self.store = Store(folder)
        if settings is not None and self.store.get("settings") is None:
            self._found(settings)
        self.settings = self.store.get("settings")
        self.keys = {name: SigningKey(unb64url(seed)) for name, seed in self.store.get("keys").items()}
        federation = self._identity("federation")
        self.pin, self.region, self.environment = federation.pin, self.settings["region"], self.settings["environment"]
        admitting = tls.listener(federation, lambda pin: self.trust.picture(now()).by_pin(pin) is not None)
        ports = self.store.get("ports") or {"public": 0, "federation": 0}
        open_to_all = tls.listener(self._identity("public"))
        self.public = Server(ports["public"], open_to_all, self._public_route, self.region)
        self.federation = Server(ports["federation"], admitting, self._peer_route, self.region)
        self.store.put("ports", {"public": self.public.port, "federation": self.federation.port})
        self.entity = f"https://localhost:{self.public.port}"
        self.client = Client(Path(self.settings["roots"]), federation, self.settings["allowed"])
        self.trust = Trust(self.store, trust.Anchor.read(self.settings["anchor"]), self.client, self.entity)
        self.treaties = Treaties(self.store, self.entity, self.keys["federation"])
        signers = (self.keys["attestation"], self.keys["status"])
        self.register = register.Register(self.store, self.entity, self.region, self.environment, *signers)
        self.office = Office(self.store, self.entity, self.trust, self.treaties, self.client, self.keys)
        self._errands: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._asked_lock = threading.Lock()
        self._busy: set[tuple[str, str]] = set()

    def _found(self, settings: dict[str, Any]) -> None:
        with self.store.transaction():
            self.store.put("settings", settings)
            self.store.put("keys", {name: b64url(secrets.token_bytes(32)) for name in PURPOSES})
            for name in ("public", "federation"):
                made = tls.Identity.new("localhost")
                self.store.put(f"{name}-tls", [made.key.decode(), made.certificate.decode()])

    def _identity(self, name: str) -> tls.Identity:
        return tls.Identity(*(pem.encode() for pem in self.store.get(f"{name}-tls")))

    def start(self) -> None:
        if self.settings.get("residents") and self.store.get("source-as-of") is None:
            self.register.import_residents(Path(self.settings["residents"]))
        self.register.current_list()
        self.public.start()
        self.federation.start()
        threading.Thread(target=self._publish, daemon=True).start()
        threading.Thread(target=self._run_errands, daemon=True).start()
        for withdrawal in self.treaties.own_withdrawals():  # whom a kill kept from hearing of one hears of it now
            self._hint_to(self.treaties.peers(), withdrawals=[withdrawal])

    # --- what the county says of itself (3.1, 3.2) ---

    def configuration(self) -> str:
        held, at = self.store.get("configuration"), now()
        if held and at - jws.peek(held)["iat"] < CONFIGURATION_RENEWAL:
            return str(held)
        node = {
            "region": self.region,
            "name": {"zh": f"示例县 {self.region}", "en": f"County {self.region} (example)"},
            "environment": self.environment,
            "endpoints": {"public": self.entity, "federation": f"https://localhost:{self.federation.port}"},
            "keys": {name: self._jwks(name) for name in PURPOSES[1:]},
            "tls_pins": [self.pin],
        }
        payload = {
            "iss": self.entity,
            "sub": self.entity,
            "iat": at,
            "exp": at + CONFIGURATION_LIFE,
            "jwks": self._jwks("federation"),
            "authority_hints": [self.settings["superior"]],
            "metadata": {"comity_node": node},
        }
        token = jws.sign(self.keys["federation"], trust.STATEMENT, payload)
        self.store.put("configuration", token)
        return token

    def _jwks(self, purpose: str) -> dict[str, Any]:
        return {"keys": [self.keys[purpose].public.jwk()]}

    # --- the public listener (11.6) ---

    def _public_route(self, call: Call) -> Reply:
        demand(not call.path.startswith("/federation/"), "unauthenticated")  # TRN-5: no client certificate here
        cache, media_type = "no-cache", "application/json"
        if call.path == WELL_KNOWN:
            body, media_type = self.configuration().encode(), "application/entity-statement+jwt"
        elif call.path == "/.well-known/jwt-vc-issuer":
            body = strict.write({"issuer": self.entity, "jwks": self._jwks("attestation")})
        elif call.path == "/status-lists":
            body = strict.write({"status_lists": [self.register.list_uri]})
        elif call.path == "/status-lists/1":
            if "time=" in call.query:
                return Reply(501, b'{"type":"about:blank","status":501}', "application/problem+json")
            body, media_type = self.register.current_list().encode(), "application/statuslist+jwt"
            cache = "public, max-age=900"
        elif call.path == "/agreements":
            body = strict.write(self.treaties.index())
        else:
            name, _, version = call.path.removeprefix("/agreements/").partition("/")
            signed = self.treaties.signed(name, version or None)
            if signed is None:
                raise Problem("not-found")
            body, media_type = signed.encode(), "application/jose+json"
        if call.method not in ("GET", "HEAD"):
            raise Problem("method-not-allowed", allow="GET, HEAD")
        # RFC 9110: a strong entity tag, so that what did not change is not sent again
        tag = f'"{b64url(hashlib.sha256(body).digest())}"'
        headers = (("etag", tag), ("cache-control", cache), ("access-control-allow-origin", "*"))
        held = [one.strip().removeprefix("W/") for one in call.headers.get("if-none-match", "").split(",")]
        return Reply(304, b"", media_type, headers) if tag in held else Reply(200, body, media_type, headers)

    # --- the federation listener (11.2, 11.5) ---

    def _peer_route(self, call: Call) -> Reply:
        routes = {
            "/federation/v1/verifications": ("application/jose", self._verification),
            "/federation/v1/hints": ("application/jose", self._hint),
            "/federation/v1/proposals": ("application/jose+json", self._proposal),
        }
        media_type, handle = routes.get(call.path, ("", None))
        if handle is None:
            raise Problem("not-found")
        if call.method != "POST":
            raise Problem("method-not-allowed", allow="POST")
        stated = call.headers.get("content-type", "").split(";")[0].strip().lower()
        demand(stated == media_type, "unsupported-media-type")
        picture = self.trust.picture(now())
        demand(not picture.clock_behind, "not-ready")
        try:
            text = call.body.decode("ascii" if media_type == "application/jose" else "utf-8")
        except UnicodeDecodeError:
            raise Problem("malformed-request") from None
        peer = picture.by_pin(call.pin)
        if peer is None:  # since the handshake; a member with another key, or no member
            known = jws.peek(text).get("iss") in [one.entity for one in picture.active()]
            raise Problem("pin-mismatch" if known or call.path.endswith("proposals") else "not-a-member")
        return handle(text, peer, picture)

    def _verification(self, text: str, peer: trust.County, picture: trust.Federation) -> Reply:
        asked = exchange.judge_request(text, self.entity, peer.entity, picture, self.treaties.book())
        digest, key = exchange.digest_of(text), (asked.claims["iss"], asked.claims["jti"])
        with self._asked_lock:
            known = self._replayed(*key, digest)
            if known:
                return Reply(200, known.encode(), "application/jose")
            demand(key not in self._busy, "in-progress")
            self._busy.add(key)
        try:
            return Reply(200, self._answer(asked, digest).encode(), "application/jose")
        finally:
            with self._asked_lock:
                self._busy.discard(key)

    def _replayed(self, iss: str, jti: str, digest: str) -> str | None:
        """What was answered to this very message before (VER-9)."""
        known = self.store.row("SELECT digest, answer FROM replay WHERE iss = ? AND jti = ?", iss, jti)
        demand(known is None or known[0] == digest, "replay-conflict")
        return known[1] if known else None

    def _remember(self, claims: Any, digest: str, answer: str) -> None:
        self.store.run("DELETE FROM replay WHERE until < ?", now())
        row = (claims["iss"], claims["jti"], digest, answer, claims["exp"] + jws.CLOCK_SKEW)
        self.store.run("INSERT INTO replay VALUES (?, ?, ?, ?, ?)", *row)

    def _answer(self, asked: exchange.Asked, digest: str) -> str:
        """VER-9, REC-2: answer, replay memory and record are one transaction."""
        claims, at = asked.claims, now()
        found = self.register.find(claims["subject"]["number"], claims["subject"]["name"])
        payload: dict[str, Any] = {
            "iss": self.entity,
            "aud": claims["iss"],
            "iat": at,
            "exp": at + exchange.ANSWER_LIFE,
            "in_reply_to": digest,
            "result": "match" if found else "no_match",
            "agreement": asked.agreement.reference,
            "source_as_of": self.register.source_as_of,
            "environment": self.environment,
        }
        if found:
            payload["permit_state"] = register.state_of(found)
            payload["claims"] = {name: found["claims"][name] for name in claims["claims"] if name in found["claims"]}
        key = self.keys["exchange"]
        answer = exchange.padded(lambda whole: jws.sign(key, exchange.RESPONSE, whole), payload)
        with self.store.transaction():
            self._remember(claims, digest, answer)
            line = {"at": at, "kind": "look-up", "from": claims["iss"], "service": claims["service"]}
            self.store.record(line | {"purpose": claims["purpose"], "basis": claims["legal_basis"]})
        return answer

    def _hint(self, text: str, peer: trust.County, picture: trust.Federation) -> Reply:
        claims, county = exchange.judge_hint(text, self.entity, peer.entity, picture)
        digest = exchange.digest_of(text)
        for token in claims.get("withdrawals", []):
            try:  # verified and stored before the hint is taken (7.5)
                require(jws.peek(token).get("iss") == county.entity, "withdrawal.not-a-party")
                self.treaties.accept_withdrawal(token, picture)
            except Refused as error:
                slug = "not-ready" if error.rule.startswith("trust.") else "hint-refused"
                raise Problem(slug, rule=error.rule) from error
        with self._asked_lock:
            if self._replayed(claims["iss"], claims["jti"], digest) is None:
                self._remember(claims, digest, "")
                self._errands.put(lambda: self._follow(claims, county.entity))
        return Reply(202)

    def _follow(self, claims: Any, sender: str) -> None:
        """What a hint names is fetched and verified as ever (7.5)."""
        if claims.get("configuration"):
            self.trust.refresh(now, sender)
        held = set(self.office.known_lists())
        for uri in dict.fromkeys(claims.get("status_lists", [])):
            if uri in held or sender in self.treaties.peers():
                self.office.fetch_list(uri, now())

    def _proposal(self, text: str, peer: trust.County, picture: trust.Federation) -> Reply:
        return Reply(200 if self.treaties.receive(text, picture) else 202)

    # --- in the background ---

    def _run_errands(self) -> None:
        while True:
            errand = self._errands.get()
            try:
                errand()
            except Exception:
                traceback.print_exc(file=sys.stderr)

    def _publish(self) -> None:
        """6.3: a list is signed again when an entry changed, and the parties are told (STA-13)."""
        while True:
            self.register.changed.wait(timeout=register.RESIGN_SECONDS)
            self.register.changed.clear()
            try:
                self.register.sign_list()
                self._hint_to(self.treaties.peers(), status_lists=[self.register.list_uri])
            except Exception:
                traceback.print_exc(file=sys.stderr)

    def _hint_to(self, peers: list[str], **more: list[str]) -> None:
        for peer in peers:
            said = {"iss": self.entity, "aud": peer, "environment": self.environment, "jti": identifiers.new_jti()}
            payload = {**said, "iat": now(), "exp": now() + exchange.HINT_LIFE, **more}
            token = jws.sign(self.keys["exchange"], exchange.HINT, payload).encode()
            self._errands.put(partial(self._deliver, peer, "hints", token, "application/jose", _HINT_TRIES))

    def _deliver(self, peer: str, where: str, body: bytes, media_type: str, tries: int) -> None:
        for left in range(tries, 0, -1):
            try:
                county = self.trust.picture(now()).county(peer)
                url = f"{county.federation_endpoint}/federation/v1/{where}"
                if self.client.post(url, body, media_type, county.pins).status < 500:
                    return
            except (FetchError, Refused):
                pass
            if left > 1:
                time.sleep(1)

    # --- what an operator does ---

    def refresh(self, entity: str | None) -> None:
        self.trust.refresh(now, entity)
        self.trust.learn([self.configuration()], now())  # its own word it need not fetch
        peers = [peer for peer in self.treaties.peers() if entity in (None, peer)]
        with ThreadPoolExecutor(AT_A_TIME) as pool:
            lists = [uri for found in pool.map(self._lists_of, peers) for uri in found]
            list(pool.map(lambda uri: self.office.fetch_list(uri, now()), lists))

    def _lists_of(self, peer: str) -> list[str]:
        """6.4: all lists of a county, so that nobody learns whose permit is about to be checked."""
        held = [uri for uri in self.office.known_lists() if uri.startswith(peer + "/")]
        try:
            named = strict.parse(self.client.fetch(f"{peer}/status-lists").encode("ascii"), "json")["status_lists"]
            county = self.trust.picture(now()).county(peer)
            return list(dict.fromkeys([*held, *(uri for uri in named if county.lies_here(uri))]))[:256]
        except (FetchError, Refused, KeyError, TypeError, AttributeError):
            return held

    def sign(self, reference: dict[str, Any]) -> None:
        self._send_round(*self.treaties.sign(reference, self.trust.picture(now())))

    def propose(self, text: dict[str, Any]) -> dict[str, Any]:
        agreement, document = self.treaties.propose(text, self.trust.picture(now()))
        self._send_round(agreement, document)
        return agreement.reference

    def _send_round(self, agreement: Any, document: dict[str, Any]) -> None:
        for peer in self.treaties.others(agreement):
            self._deliver(peer, "proposals", json.dumps(document).encode(), "application/jose+json", 1)

    def withdraw(self, agreement_id: str, day: str) -> None:
        agreement, token = self.treaties.withdraw(agreement_id, day, self.trust.picture(now()))
        self._hint_to(self.treaties.others(agreement), withdrawals=[token])
