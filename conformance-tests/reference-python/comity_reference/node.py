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
from pathlib import Path
from typing import Any

from . import exchange, identifiers, jws, register, strict, tls, trust
from .client import Client, FetchError
from .exchange import Problem
from .keys import SigningKey
from .office import Office
from .resolver import Trust
from .server import Call, Reply, Server
from .store import Store
from .strict import Refused, b64url, unb64url
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
        public, federation = (self._identity(name) for name in ("public-tls", "federation-tls"))
        region, ports = self.settings["region"], self.store.get("ports") or {"public": 0, "federation": 0}
        self.public = Server(
            ports["public"], lambda plain: tls.PublicChannel(plain, public_tls), self._public_route, region
        )
        self.federation = Server(
            ports["federation"], lambda plain: tls.FederationChannel(plain, federation_tls), self._peer_route, region
        )
        public_tls, federation_tls = tls.public_context(public), tls.federation_context(federation, self._admits)
        self.store.put("ports", {"public": self.public.port, "federation": self.federation.port})
        self.entity = f"https://localhost:{self.public.port}"
        self.endpoint = f"https://localhost:{self.federation.port}"
        self.pin = federation.pin
        self.client = Client(Path(self.settings["roots"]), federation, self.settings["allowed"])
        self.trust = Trust(self.store, trust.Anchor.read(self.settings["anchor"]), self.client, self.entity)
        self.treaties = Treaties(self.store, self.entity, self.keys["federation"])
        signer = register.Signer(
            self.entity, region, self.settings["environment"], self.keys["attestation"], self.keys["status"]
        )
        self.register = register.Register(self.store, signer)
        self.office = Office(
            self.store,
            self.entity,
            self.settings["environment"],
            self.trust,
            self.treaties,
            self.client,
            self.keys["exchange"],
            self.keys["receipt"],
            now,
        )
        self._errands: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._asked_lock = threading.Lock()
        self._busy: set[tuple[str, str]] = set()

    def _found(self, settings: dict[str, Any]) -> None:
        with self.store.transaction():
            self.store.put("settings", settings)
            self.store.put("keys", {name: b64url(secrets.token_bytes(32)) for name in PURPOSES})
            for name in ("public-tls", "federation-tls"):
                made = tls.Identity.new("localhost")
                self.store.put(name, {"key": made.key.decode(), "certificate": made.certificate.decode()})

    def _identity(self, name: str) -> tls.Identity:
        held = self.store.get(name)
        return tls.Identity(held["key"].encode(), held["certificate"].encode())

    def _admits(self, pin: str) -> bool:
        return self.trust.picture(now()).by_pin(pin) is not None

    def start(self) -> None:
        if self.settings.get("residents") and self.store.get("source-as-of") is None:
            self.register.import_residents(Path(self.settings["residents"]))
        self.register.current_list()
        self.public.start()
        self.federation.start()
        threading.Thread(target=self._publish, daemon=True).start()
        threading.Thread(target=self._run_errands, daemon=True).start()
        for withdrawal in self.treaties.own_withdrawals():  # whom a kill kept from hearing of one hears of it now
            for peer in self.treaties.peers():
                self._hint_to(peer, status_lists=[], withdrawals=[withdrawal])

    # --- what the county says of itself (3.1, 3.2) ---

    def configuration(self) -> str:
        held, at = self.store.get("configuration"), now()
        if held and at - jws.peek(held)["iat"] < CONFIGURATION_RENEWAL:
            return held
        region = self.settings["region"]
        keys = {name: {"keys": [self.keys[name].public.jwk()]} for name in PURPOSES[1:]}
        node = {
            "region": region,
            "name": {"zh": f"示例县 {region}", "en": f"County {region} (example)"},
            "environment": self.settings["environment"],
            "endpoints": {"public": self.entity, "federation": self.endpoint},
            "keys": keys,
            "tls_pins": [self.pin],
        }
        payload = {
            "iss": self.entity,
            "sub": self.entity,
            "iat": at,
            "exp": at + CONFIGURATION_LIFE,
            "jwks": {"keys": [self.keys["federation"].public.jwk()]},
            "authority_hints": [self.settings["superior"]],
            "metadata": {"comity_node": node},
        }
        token = jws.sign(self.keys["federation"], trust.STATEMENT, payload)
        self.store.put("configuration", token)
        return token

    # --- the public listener (11.6) ---

    def _public_route(self, call: Call) -> Reply:
        path, _, query = call.path.partition("?")
        if path.startswith("/federation/"):
            raise Problem("unauthenticated")  # TRN-5: no client certificate here
        cache, media_type = "no-cache", "application/json"
        if path == "/.well-known/openid-federation":
            body, media_type = self.configuration().encode(), "application/entity-statement+jwt"
        elif path == "/.well-known/jwt-vc-issuer":
            body = strict.write({"issuer": self.entity, "jwks": {"keys": [self.keys["attestation"].public.jwk()]}})
        elif path == "/status-lists":
            body = strict.write({"status_lists": [self.register.list_uri]})
        elif path == "/status-lists/1":
            if "time=" in query:
                return Reply(501, b'{"type":"about:blank","status":501}', "application/problem+json")
            body, media_type = self.register.current_list().encode(), "application/statuslist+jwt"
            cache = "public, max-age=900"
        elif path == "/agreements":
            body = strict.write(self.treaties.index())
        elif path.startswith("/agreements/"):
            name, _, version = path.removeprefix("/agreements/").partition("/")
            signed = self.treaties.signed(name, version or None)
            if signed is None:
                raise Problem("not-found")
            body, media_type = signed.encode(), "application/jose+json"
        else:
            raise Problem("not-found")
        if call.method not in ("GET", "HEAD"):
            raise Problem("method-not-allowed", allow="GET, HEAD")
        return _published(body, media_type, cache, call)

    # --- the federation listener (11.2, 11.5) ---

    def _peer_route(self, call: Call) -> Reply:
        routes = {
            "/federation/v1/verifications": ("application/jose", self._verification),
            "/federation/v1/hints": ("application/jose", self._hint),
            "/federation/v1/proposals": ("application/jose+json", self._proposal),
        }
        path = call.path.partition("?")[0]
        if path not in routes:
            raise Problem("not-found")
        if call.method != "POST":
            raise Problem("method-not-allowed", allow="POST")
        media_type, handle = routes[path]
        if call.headers.get("content-type", "").split(";")[0].strip().lower() != media_type:
            raise Problem("unsupported-media-type")
        picture = self.trust.picture(now())
        if picture.clock_behind:
            raise Problem("not-ready")
        peer = picture.by_pin(call.pin or "")
        try:
            text = call.body.decode("ascii" if media_type == "application/jose" else "utf-8")
        except UnicodeDecodeError:
            raise Problem("malformed-request") from None
        if peer is None:
            raise Problem("pin-mismatch" if path.endswith("proposals") else self._stranger(text, picture))
        return handle(text, peer, picture)

    def _stranger(self, text: str, picture: trust.Federation) -> str:
        """Who connects with a key that the chain gives to nobody: a member with another key, or no member."""
        try:
            picture.county(identifiers.entity_id(jws.peek(text).get("iss")))
            return "pin-mismatch"
        except (Refused, ValueError, IndexError):
            return "not-a-member"

    def _verification(self, text: str, peer: trust.County, picture: trust.Federation) -> Reply:
        asked = exchange.judge_request(text, self.entity, peer.entity, picture, self.treaties.book())
        digest, key = exchange.digest_of(text), (asked.claims["iss"], asked.claims["jti"])
        with self._asked_lock:
            query = "SELECT digest, answer FROM replay WHERE iss = ? AND jti = ?"
            known = self.store.row(query, *key)
            if known and known[0] != digest:
                raise Problem("replay-conflict")
            if known:
                return Reply(200, known[1].encode(), "application/jose")
            if key in self._busy:
                raise Problem("in-progress", retry_after=1)
            self._busy.add(key)
        try:
            answer = self._answer(asked, digest)
        finally:
            with self._asked_lock:
                self._busy.discard(key)
        return Reply(200, answer.encode(), "application/jose")

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
        }
        if found:
            payload["permit_state"] = register.state_of(found)
            payload["claims"] = {name: found["claims"][name] for name in claims["claims"] if name in found["claims"]}
        payload |= {
            "agreement": asked.agreement.reference,
            "source_as_of": self.register.source_as_of,
            "environment": self.settings["environment"],
        }
        key = self.keys["exchange"]
        answer = exchange.padded(lambda whole: jws.sign(key, exchange.RESPONSE, whole), payload)
        with self.store.transaction() as database:
            database.execute("DELETE FROM replay WHERE until < ?", (at,))
            until = claims["exp"] + jws.CLOCK_SKEW
            row = (claims["iss"], claims["jti"], digest, answer, until)
            database.execute("INSERT INTO replay VALUES (?, ?, ?, ?, ?)", row)
            line = {"at": at, "kind": "look-up", "from": claims["iss"], "service": claims["service"]}
            self.store.record(line | {"purpose": claims["purpose"], "basis": claims["legal_basis"]})
        return answer

    def _hint(self, text: str, peer: trust.County, picture: trust.Federation) -> Reply:
        claims, county = exchange.judge_hint(text, self.entity, peer.entity, picture)
        digest = exchange.digest_of(text)
        for token in claims.get("withdrawals", []):
            self._withdrawal(token, county, picture)
        with self._asked_lock:
            known = self.store.row("SELECT digest FROM replay WHERE iss = ? AND jti = ?", claims["iss"], claims["jti"])
            if known and known[0] != digest:
                raise Problem("replay-conflict")
            if known:
                return Reply(202)
            row = (claims["iss"], claims["jti"], digest, "", claims["exp"] + jws.CLOCK_SKEW)
            self.store.run("INSERT INTO replay VALUES (?, ?, ?, ?, ?)", *row)
        self._errands.put(lambda: self._follow(claims, county.entity))
        return Reply(202)

    def _withdrawal(self, token: str, sender: trust.County, picture: trust.Federation) -> None:
        """A withdrawal that a hint carries is verified and stored before the hint is taken (7.5)."""
        try:
            if jws.peek(token).get("iss") != sender.entity:
                raise Refused("withdrawal.not-a-party")
            self.treaties.accept_withdrawal(token, picture)
        except (Refused, ValueError, IndexError) as error:
            rule = error.rule if isinstance(error, Refused) else "jws.structure"
            raise Problem("not-ready" if rule.startswith("trust.") else "hint-refused", rule=rule) from error

    def _follow(self, claims: Any, sender: str) -> None:
        """What a hint names is fetched and verified as ever (7.5)."""
        if claims.get("configuration"):
            self.trust.refresh(now, sender)
        held = set(self.office.known_lists())
        for uri in dict.fromkeys(claims.get("status_lists", [])):
            if uri in held or sender in self.treaties.peers():
                self.office.fetch_list(uri)

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
                for peer in self.treaties.peers():
                    self._hint_to(peer, status_lists=[self.register.list_uri])
            except Exception:
                traceback.print_exc(file=sys.stderr)

    def _hint_to(self, peer: str, status_lists: list[str], withdrawals: list[str] | None = None) -> None:
        at = now()
        payload = {
            "iss": self.entity,
            "aud": peer,
            "iat": at,
            "exp": at + exchange.HINT_LIFE,
            "jti": identifiers.new_jti(),
            "status_lists": status_lists,
            "configuration": False,
            "withdrawals": withdrawals or [],
            "environment": self.settings["environment"],
        }
        token = jws.sign(self.keys["exchange"], exchange.HINT, payload)
        self._errands.put(lambda: self._deliver(peer, "hints", token.encode(), "application/jose", _HINT_TRIES))

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
        for peer in self.treaties.peers():
            if entity in (None, peer):
                for uri in self._lists_of(peer):
                    self.office.fetch_list(uri)

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
        agreement, document = self.treaties.sign(reference, self.trust.picture(now()))
        self._send_round(self.treaties.others(agreement), document)

    def propose(self, text: dict[str, Any]) -> dict[str, Any]:
        agreement, document = self.treaties.propose(text, self.trust.picture(now()))
        self._send_round(self.treaties.others(agreement), document)
        return agreement.reference

    def withdraw(self, agreement_id: str, day: str) -> None:
        agreement, token = self.treaties.withdraw(agreement_id, day, self.trust.picture(now()))
        for peer in self.treaties.others(agreement):
            self._hint_to(peer, [], [token])

    def _send_round(self, peers: list[str], document: dict[str, Any]) -> None:
        body = json.dumps(document).encode()
        for peer in peers:
            self._deliver(peer, "proposals", body, "application/jose+json", 1)

    def events(self, events: list[dict[str, Any]]) -> None:
        """Several events are one change: all or none."""
        self.register.apply(events, identifiers.day_of(now()))


def _published(body: bytes, media_type: str, cache: str, call: Call) -> Reply:
    """RFC 9110: a strong entity tag, so that what did not change is not sent again."""
    tag = f'"{b64url(hashlib.sha256(body).digest())}"'
    headers = (("etag", tag), ("cache-control", cache), ("access-control-allow-origin", "*"))
    if tag in [one.strip().removeprefix("W/") for one in call.headers.get("if-none-match", "").split(",")]:
        return Reply(304, b"", media_type, headers)
    return Reply(200, body, media_type, headers)
