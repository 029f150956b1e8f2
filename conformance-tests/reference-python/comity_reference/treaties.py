"""A node's agreements: proposals, signatures to and fro, adoption, withdrawal (chapter 4; endpoints of 11.5)."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from typing import Any

from . import agreement as agreements
from . import identifiers, jws, strict
from .agreement import Adopted, Agreement, Book, Withdrawal
from .exchange import Problem, demand
from .keys import SigningKey
from .schema import plain
from .store import Store
from .strict import Refused, b64url, require
from .trust import Federation

_FINAL = ("trust.not-a-member", "trust.not-listed", "trust.removed", "trust.authority")
_SIGNATURES = ("jws.signature", "jws.unknown-key", "jws.party-signed-twice")


class Treaties:
    def __init__(self, store: Store, me: str, key: SigningKey) -> None:
        self._store, self._me, self._key = store, me, key
        self._lock = threading.RLock()
        self._book: Book | None = None

    # --- what is adopted ---

    def book(self) -> Book:
        """AGR-13: what was verified at adoption and recorded with its signers; the payload is compared by its digest."""
        with self._lock:
            if self._book is None:
                book = Book()
                query = "SELECT document, signers, digest FROM agreement WHERE state = 'adopted' ORDER BY id, version"
                for document, signers, digest in self._store.rows(query):
                    several = jws.read_several(document, agreements.TYP)
                    contents = Agreement.of(several.octets, several.payload)
                    if contents.digest == digest:
                        book.adopted.append(Adopted(contents, json.loads(signers), document))
                for token, seen_at in self._store.rows("SELECT token, seen_at FROM withdrawal"):
                    payload = jws.peek(token)
                    day, held = identifiers.date(payload["effective_from"]), book.named(payload["agreement"])
                    if held is not None:
                        day = agreements.ends_from(day, payload["iat"], held.notice, seen_at)
                    book.withdrawals.append(Withdrawal(token, payload["iss"], payload["agreement"], day))
                self._book = book
            return self._book

    def listed(self) -> list[dict[str, Any]]:
        book = self.book()
        void = {digest for held in book.adopted for digest in book.void(held.agreement.id)}
        withdrawn = {one.agreement["digest"] for one in book.withdrawals}
        query, listed = "SELECT digest, id, version, state FROM agreement ORDER BY id, version, digest", []
        for digest, name, version, state in self._store.rows(query):
            state = "void" if digest in void else "withdrawn" if digest in withdrawn else state
            listed.append({"id": name, "version": version, "digest": digest, "state": state})
        return listed

    def index(self) -> dict[str, Any]:
        """What `/agreements` says (11.6): an index, and withdrawals as signed."""
        index = []
        for held in self.book().adopted:
            contents, reference = plain(dict(held.agreement.contents)), held.agreement.reference
            told = {name: contents.get(name) for name in ("title", "effective_from", "effective_until")}
            parties = [{name: one[name] for name in ("entity", "region", "name")} for one in contents["parties"]]
            more = {"parties": parties, "path": f"/agreements/{reference['id']}/{reference['version']}"}
            index.append({name: value for name, value in told.items() if value} | reference | more)
        return {"agreements": index, "withdrawals": [one.token for one in self.book().withdrawals]}

    def signed(self, agreement_id: str, version: str | None) -> str | None:
        """One adopted version as it was signed, or the newest."""
        found = [held for held in self.book().adopted if held.agreement.id == agreement_id]
        found = [held for held in found if version in (None, str(held.agreement.version))]
        return max(found, key=lambda held: held.agreement.version).document if found else None

    # --- proposals (4.8) ---

    def receive(self, document: str, federation: Federation) -> bool:
        """AGR-21. Signatures of one text are collected, whoever brings them; true once it is adopted or nothing was new."""
        try:
            several, agreement, signers = agreements.read_proposal(document, federation)
        except Refused as error:
            malformed = error.rule.startswith("jws.") and error.rule not in _SIGNATURES
            slug = "malformed-request" if malformed else "proposal-refused"
            if error.rule == "agreement.party-not-active" and error.detail not in _FINAL:
                slug = "not-ready"
            raise Problem(slug, error.detail, rule=error.rule) from error
        demand(agreement.party(self._me), "proposal-refused", "not a party")
        demand(signers, "proposal-refused", "nobody has signed")
        query = "SELECT 1 FROM agreement WHERE id = ? AND version = ? AND digest <> ?"
        rival = self._store.row(query, agreement.id, agreement.version, agreement.digest)
        if rival and len(signers) < len(agreement.parties):
            raise Problem("proposal-refused", "another text of this version is here", rule="agreement.other-text")
        before = self._store.row("SELECT document FROM agreement WHERE digest = ?", agreement.digest)
        received = {one.header.kid: part for one, part in several.signatures}
        merged = self._merge(agreement, several.octets, received, federation)
        if rival:
            raise Problem("proposal-refused", "two texts of one version are void", rule="agreement.void")
        nothing_new = before is not None and json.loads(before[0]) == merged
        return nothing_new or len(merged["signatures"]) == len(agreement.parties)

    def _merge(
        self, agreement: Agreement, octets: bytes, received: Mapping[str, dict[str, str]], federation: Federation
    ) -> dict[str, Any]:
        with self._lock, self._store.transaction():
            held = self._store.row("SELECT document, state FROM agreement WHERE digest = ?", agreement.digest)
            document: dict[str, Any] = json.loads(held[0]) if held else {}
            if held and held[1] == "adopted":
                return document
            signatures = dict(received)
            if held:
                before = jws.read_several(held[0], agreements.TYP)
                signatures |= {one.header.kid: part for one, part in before.signatures}
            document = {"payload": b64url(octets), "signatures": list(signatures.values())}
            text = strict.write(document).decode("ascii")
            _, _, signers = agreements.read_proposal(text, federation)
            state = "adopted" if len(signers) == len(agreement.parties) else "proposed"
            values = (agreement.digest, agreement.id, agreement.version, state, text, json.dumps(signers))
            self._store.run("INSERT OR REPLACE INTO agreement VALUES (?, ?, ?, ?, ?, ?)", *values)
            self._book = None
            return document

    def sign(self, reference: Mapping[str, Any], federation: Federation) -> tuple[Agreement, dict[str, Any]]:
        found = self._store.row("SELECT document, state FROM agreement WHERE digest = ?", reference["digest"])
        if not found:
            raise Refused("agreement.unknown")
        several, agreement, signers = agreements.read_proposal(found[0], federation)
        waits = agreement.reference == dict(reference) and found[1] == "proposed" and self._me not in signers
        require(waits, "agreement.does-not-wait")
        return agreement, self._signed(agreement, several.octets, federation)

    def propose(self, text: Mapping[str, Any], federation: Federation) -> tuple[Agreement, dict[str, Any]]:
        octets = strict.write(text)
        agreement = Agreement.of(octets, strict.parse(octets))
        wrong = agreements.defects(agreement)
        require(not wrong, (wrong or [""])[0], ", ".join(wrong))
        require(agreement.party(self._me), "agreement.not-a-party")
        return agreement, self._signed(agreement, octets, federation)

    def _signed(self, agreement: Agreement, octets: bytes, federation: Federation) -> dict[str, Any]:
        part = jws.sign_part(self._key, agreements.TYP, octets, federation.now)
        return self._merge(agreement, octets, {self._key.public.kid: part}, federation)

    def others(self, agreement: Agreement) -> list[str]:
        return [party["entity"] for party in agreement.parties if party["entity"] != self._me]

    def peers(self) -> list[str]:
        return sorted({one for held in self.book().adopted for one in self.others(held.agreement)})

    # --- withdrawal (4.6) ---

    def withdraw(self, agreement_id: str, day: str, federation: Federation) -> tuple[Agreement, str]:
        versions = self.book().of_id(agreement_id)
        require(versions, "agreement.unknown")
        payload = {
            "iss": self._me,
            "iat": federation.now,
            "agreement": versions[-1].reference,
            "effective_from": identifiers.date(day).isoformat(),
            "reason": {"zh": "本县决定退出", "en": "This county withdraws"},
        }
        token = jws.sign(self._key, agreements.WITHDRAWAL, payload)
        self.accept_withdrawal(token, federation)
        return versions[-1], token

    def own_withdrawals(self) -> list[str]:
        return [one.token for one in self.book().withdrawals if one.iss == self._me]

    def accept_withdrawal(self, token: str, federation: Federation) -> None:
        agreements.read_withdrawal(token, self.book().named(jws.peek(token).get("agreement")), federation)
        with self._lock:
            self._store.run("INSERT OR IGNORE INTO withdrawal VALUES (?, ?)", token, federation.now)
            self._book = None
