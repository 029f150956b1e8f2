"""A node's agreements: proposals, signatures to and fro, adoption, withdrawal (chapter 4; endpoints of 11.5)."""

from __future__ import annotations

import datetime
import json
import threading
from collections.abc import Mapping
from typing import Any

from . import agreement as agreements
from . import identifiers, jws, strict
from .agreement import Adopted, Agreement, Book, Withdrawal
from .exchange import Problem
from .keys import SigningKey
from .shape import plain
from .store import Store
from .strict import Refused, b64url
from .trust import Federation

_FINAL = ("trust.not-a-member", "trust.not-listed", "trust.removed", "trust.authority")


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
                    contents = agreements.read_contents(several.octets, several.payload)
                    if contents.digest == digest:
                        book.adopted.append(Adopted(contents, json.loads(signers), document))
                for token, seen_at in self._store.rows("SELECT token, seen_at FROM withdrawal"):
                    payload = jws.peek(token)
                    day = self._ends(book, payload, seen_at)
                    book.withdrawals.append(Withdrawal(token, payload["iss"], payload["agreement"], day))
                self._book = book
            return self._book

    @staticmethod
    def _ends(book: Book, payload: Mapping[str, Any], seen_at: int) -> datetime.date:
        """AGR-22: whoever dates a withdrawal back gains nothing, the notice counts from the day on which it came."""
        stated = identifiers.date(payload["effective_from"])
        came = identifiers.day_of(seen_at - jws.CLOCK_SKEW)
        held = next((one.agreement for one in book.adopted if one.agreement.reference == payload["agreement"]), None)
        if held is None or came <= identifiers.day_of(payload["iat"]):
            return stated
        return max(stated, came + datetime.timedelta(days=held.contents.get("notice_days", 30)))

    def listed(self) -> list[dict[str, Any]]:
        void = {digest for held in self.book().adopted for digest in self.book().void(held.agreement.id)}
        withdrawn = {one.agreement["digest"] for one in self.book().withdrawals}
        listed = []
        for digest, name, version, state in self._store.rows(
            "SELECT digest, id, version, state FROM agreement ORDER BY id, version, digest"
        ):
            state = "void" if digest in void else "withdrawn" if digest in withdrawn else state
            listed.append({"id": name, "version": version, "digest": digest, "state": state})
        return listed

    def index(self) -> dict[str, Any]:
        """What `/agreements` says (11.6): an index, and withdrawals as signed."""
        index = []
        for held in self.book().adopted:
            contents = plain(dict(held.agreement.contents))
            names = ("title", "effective_from", "effective_until")
            line = {name: contents[name] for name in names if name in contents} | held.agreement.reference
            line["parties"] = [
                {name: one[name] for name in ("entity", "region", "name")} for one in contents["parties"]
            ]
            line["path"] = f"/agreements/{held.agreement.id}/{held.agreement.version}"
            index.append(line)
        tokens = [row[0] for row in self._store.rows("SELECT token FROM withdrawal")]
        return {"agreements": index, "withdrawals": tokens}

    def signed(self, agreement_id: str, version: str | None) -> str | None:
        """One adopted version as it was signed, or the newest."""
        found = [held for held in self.book().adopted if held.agreement.id == agreement_id]
        found = [held for held in found if version in (None, str(held.agreement.version))]
        return max(found, key=lambda held: held.agreement.version).document if found else None

    # --- proposals (4.8) ---

    def receive(self, document: str, federation: Federation) -> bool:
        """AGR-21. Signatures of one text are collected, whoever brings them; true once it is adopted or nothing was new."""
        try:
            agreement, signers = agreements.read_proposal(document, federation)
        except Refused as error:
            malformed = error.rule.startswith("jws.") and error.rule not in (
                "jws.signature",
                "jws.unknown-key",
                "jws.party-signed-twice",
            )
            slug = "malformed-request" if malformed else "proposal-refused"
            if error.rule == "agreement.party-not-active" and error.detail not in _FINAL:
                slug = "not-ready"
            raise Problem(slug, error.detail, rule=error.rule) from error
        if agreement.party(self._me) is None:
            raise Problem("proposal-refused", "not a party")
        if not signers:
            raise Problem("proposal-refused", "nobody has signed")
        several = jws.read_several(document, agreements.TYP)
        received = {one.header.kid: one.received for one in several.signatures}
        query = "SELECT 1 FROM agreement WHERE id = ? AND version = ? AND digest <> ?"
        rival = self._store.row(query, agreement.id, agreement.version, agreement.digest)
        if rival and len(signers) < len(agreement.parties):
            raise Problem("proposal-refused", "another text of this version is here", rule="agreement.other-text")
        before = self._store.row("SELECT document FROM agreement WHERE digest = ?", agreement.digest)
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
            if held and held[1] == "adopted":
                return json.loads(held[0])
            signatures = dict(received)
            if held:
                before = jws.read_several(held[0], agreements.TYP)
                signatures |= {one.header.kid: one.received for one in before.signatures}
            document = {"payload": b64url(octets), "signatures": list(signatures.values())}
            text = strict.write(document).decode("ascii")
            state, signers = "proposed", agreements.read_proposal(text, federation)[1]
            if len(signers) == len(agreement.parties):
                signers = dict(agreements.adopt(text, federation).signers)
                state = "adopted"
                self._book = None
            self._store.run(
                "INSERT OR REPLACE INTO agreement VALUES (?, ?, ?, ?, ?, ?)",
                agreement.digest,
                agreement.id,
                agreement.version,
                state,
                text,
                json.dumps(signers),
            )
            return document

    def sign(self, reference: Mapping[str, Any], federation: Federation) -> tuple[Agreement, dict[str, Any]]:
        found = self._store.row("SELECT document, state FROM agreement WHERE digest = ?", reference["digest"])
        if not found:
            raise Refused("agreement.unknown")
        agreement, signers = agreements.read_proposal(found[0], federation)
        if agreement.reference != dict(reference) or found[1] != "proposed" or self._me in signers:
            raise Refused("agreement.does-not-wait")
        octets = jws.read_several(found[0], agreements.TYP).octets
        return agreement, self._signed(agreement, octets, federation)

    def propose(self, text: Mapping[str, Any], federation: Federation) -> tuple[Agreement, dict[str, Any]]:
        octets = strict.write(plain(dict(text)))
        agreement = agreements.read_contents(octets, strict.parse(octets))
        wrong = agreements.defects(agreement)
        if wrong:
            raise Refused(wrong[0], ", ".join(wrong))
        if agreement.party(self._me) is None:
            raise Refused("agreement.not-a-party")
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
        effective = identifiers.date(day)
        held = [one.agreement for one in self.book().adopted if one.agreement.id == agreement_id]
        if not held:
            raise Refused("agreement.unknown")
        newest = max(held, key=lambda one: one.version)
        payload = {
            "iss": self._me,
            "iat": federation.now,
            "agreement": newest.reference,
            "effective_from": effective.isoformat(),
            "reason": {"zh": "本县决定退出", "en": "This county withdraws"},
        }
        token = jws.sign(self._key, agreements.WITHDRAWAL, payload)
        self.accept_withdrawal(token, federation)
        return newest, token

    def own_withdrawals(self) -> list[str]:
        return [one.token for one in self.book().withdrawals if one.iss == self._me]

    def accept_withdrawal(self, token: str, federation: Federation) -> None:
        named = jws.peek(token).get("agreement")
        held = next((one.agreement for one in self.book().adopted if one.agreement.reference == named), None)
        if held is None:
            raise Refused("withdrawal.other-agreement")
        agreements.read_withdrawal(token, held, federation)
        with self._lock:
            self._store.run("INSERT OR IGNORE INTO withdrawal VALUES (?, ?)", token, federation.now)
            self._book = None
