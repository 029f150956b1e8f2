"""The issuer's register: residents, events, attestations and the status list that follows (chapters 1.10, 5 and 6)."""

from __future__ import annotations

import copy
import csv
import datetime
import hashlib
import io
import json
import secrets
import threading
import time
from pathlib import Path
from typing import Any

from . import attestation, exchange, identifiers, schema, status
from .keys import SigningKey
from .store import Store
from .strict import Refused, require

_DECOYS = 1024
RESIGN_SECONDS = 14 * 60
_ENTRY = {"suspended": status.SUSPENDED, "reported_lost": status.SUSPENDED}
# event → states in which it can happen, the state after it, the value of the permit's entries
_MOVES = {
    "cancelled": (("valid", "suspended", "reported_lost", "superseded"), "cancelled", status.CANCELLED),
    "suspended": (("valid",), "suspended", status.SUSPENDED),
    "reported-lost": (("valid", "suspended"), "reported_lost", status.SUSPENDED),
    "reinstated": (("suspended",), "valid", status.VALID),
    "found": (("reported_lost",), "valid", status.VALID),
    "replaced": (("valid", "suspended", "reported_lost"), "superseded", status.SUPERSEDED),
}
Permit = dict[str, Any]


class Register:
    def __init__(
        self, store: Store, entity: str, region: str, environment: str, attesting: SigningKey, listing: SigningKey
    ) -> None:
        self._store, self._entity, self._region, self._environment = store, entity, region, environment
        self._attesting, self._listing = attesting, listing
        self.list_uri = f"{entity}/status-lists/1"
        self.changed = threading.Event()
        self._lock = threading.RLock()

    # --- import ---

    def import_residents(self, path: Path) -> None:
        """The whole file or nothing; its manifest says as of when the register stands."""
        data = path.read_bytes()
        manifest = json.loads(path.with_name(path.name + ".manifest.json").read_text(encoding="utf-8"))
        rows = list(csv.DictReader(io.StringIO(data.decode("utf-8"))))
        whole = hashlib.sha256(data).hexdigest() == manifest["sha256"] and len(rows) == manifest["rows"]
        require(whole, "import.manifest")
        as_of = datetime.datetime.fromisoformat(manifest["source_as_of"].replace("Z", "+00:00"))
        with self._lock, self._store.transaction():
            self._store.put("source-as-of", int(as_of.timestamp()))
            for row in rows:
                known = {name: row[name] for name in schema.members("attestation-disclosed") if row.get(name)}
                claims = schema.plain(schema.read("attestation-disclosed", known, "import.row"))
                until = identifiers.date(row["endorsed_until"]).isoformat()
                permit = {"state": "valid", "endorsed_until": until, "claims": claims, "tokens": {}}
                self._issue(permit, int(time.time()))
            for _ in range(_DECOYS):
                self._enter("", secrets.choice((status.VALID, status.CANCELLED, status.SUPERSEDED)))
        self.sign_list()

    @property
    def source_as_of(self) -> int:
        return int(self._store.get("source-as-of") or 0)

    def _permit(self, number: str) -> Permit | None:
        found = self._store.row("SELECT body FROM permit WHERE number = ?", number)
        return json.loads(found[0]) if found else None

    def _known_permit(self, number: str) -> Permit:
        permit = self._permit(number)
        if permit is None:
            raise Refused("register.unknown-permit")
        return permit

    def _put(self, permit: Permit) -> None:
        values = (permit["claims"]["permit_number"], permit["claims"]["id_number"], json.dumps(permit))
        self._store.run("INSERT OR REPLACE INTO permit VALUES (?, ?, ?)", *values)

    def _enter(self, number: str, value: int) -> int:
        """STA-3: an index of its own that says nothing about order."""
        while True:
            index = secrets.randbelow(status.ENTRIES)
            if not self._store.row("SELECT 1 FROM entry WHERE idx = ?", index):
                self._store.run("INSERT INTO entry VALUES (?, ?, ?)", index, number, value)
                return index

    # --- events ---

    def apply(self, events: list[dict[str, Any]], now: int) -> None:
        """Events, all or none; the entries of the list follow in the same transaction (STA-1, STA-2, STA-13).

        Locks are taken in one order everywhere, the register's before the store's.
        """
        with self._lock, self._store.transaction():
            for event in events:
                permit = self._known_permit(event["permit_number"])
                if event["event"] == "endorsed":
                    self._endorse(permit, event.get("until"), now)
                    continue
                before, state, value = _MOVES.get(event["event"], ((), "", 0))
                require(permit["state"] in before, "permit-state-conflict")
                permit["state"] = state
                self._put(permit)
                self._set_entries(permit, value)
                if event["event"] == "replaced":
                    self._replace(permit, identifiers.permit_number(event["by"]), now)
        self.changed.set()

    def _set_entries(self, permit: Permit, value: int) -> None:
        """What is for good stays; only a cancellation outranks a replacement."""
        spared = "1" if value == status.CANCELLED else "1, 3"
        query = f"UPDATE entry SET value = ? WHERE permit = ? AND value NOT IN ({spared})"
        self._store.run(query, value, permit["claims"]["permit_number"])

    def _replace(self, permit: Permit, by: str, now: int) -> None:
        after = self._permit(by)
        if after is None:
            after = copy.deepcopy(permit)
            after["claims"] |= {"permit_number": by, "issue_date": identifiers.day_of(now).isoformat()}
        self._issue(after | {"state": "valid"}, now)

    def _endorse(self, permit: Permit, until: str | None, now: int) -> None:
        """TIM-5 to TIM-8, ATT-8; a register that is mirrored may state the new last day itself."""
        require(permit["state"] == "valid", "permit-state-conflict")
        last, today = identifiers.date(permit["endorsed_until"]), identifiers.day_of(now)
        restart = today if today > last else None
        if until is None:
            full = last + datetime.timedelta(days=1)
            read = identifiers.endorse(last, identifiers.full_year(full, -1), today)
            until, restart = read.until.isoformat(), read.residence_restart
        permit["endorsed_until"] = identifiers.date(until).isoformat()
        if restart:
            permit["claims"]["residence_since"] = restart.isoformat()
        self._set_entries(permit, status.SUPERSEDED)
        self._issue(permit, now)

    # --- attestations ---

    def attestation(self, number: str, form: str, now: int) -> str:
        with self._lock, self._store.transaction():
            permit = self._known_permit(number)
            over = identifiers.date(permit["endorsed_until"]) < identifiers.day_of(now)
            require(permit["state"] not in ("cancelled", "superseded") and not over, "permit-state-conflict")
            if not permit["tokens"]:
                self._issue(permit, now)
            return str(permit["tokens"][form])

    def _issue(self, permit: Permit, now: int) -> None:
        """Both forms anew, each with an index of its own; none for a permit whose last day has passed."""
        last, permit["tokens"] = identifiers.date(permit["endorsed_until"]), {}
        for form in ("card", "full") if last >= identifiers.day_of(now) else ():
            index = self._enter(permit["claims"]["permit_number"], _ENTRY.get(permit["state"], status.VALID))
            open_claims = {
                "iss": self._entity,
                "iat": now,
                "nbf": identifiers.first_second(identifiers.date(permit["claims"]["issue_date"])),
                "exp": identifiers.last_second(last),
                "status": {"status_list": {"idx": index, "uri": self.list_uri}},
                "source_as_of": self.source_as_of,
                "region": self._region,
                "environment": self._environment,
            }
            permit["tokens"][form] = attestation.sign(self._attesting, open_claims, permit["claims"], form)
        self._put(permit)

    # --- the status list ---

    def sign_list(self) -> str:
        """STA-9: `iat` rises with every version."""
        with self._lock:
            values = dict(self._store.rows("SELECT idx, value FROM entry"))
            last = int(self._store.get("own-list-iat") or 0)
            while int(time.time()) <= last:
                time.sleep(max(0.0, last + 1 - time.time()))  # changes of one second share a version
            iat = int(time.time())
            as_of = min(self.source_as_of, iat)
            token = status.sign(self._listing, self._entity, self.list_uri, values, iat, as_of)
            with self._store.transaction():
                self._store.put("own-list-iat", iat)
                self._store.put("own-list", token)
            return token

    def current_list(self) -> str:
        held: str | None = self._store.get("own-list")
        if held is None or time.time() - int(self._store.get("own-list-iat")) > RESIGN_SECONDS:
            return self.sign_list()
        return held

    # --- look-ups (7.4) ---

    def find(self, number: dict[str, str], name: str) -> Permit | None:
        """VER-15: one query and one comparison of names whether or not the number is known."""
        column = "number" if "permit_number" in number else "id_number"
        rows = self._store.rows(f"SELECT body FROM permit WHERE {column} = ?", next(iter(number.values())))
        permits = [json.loads(row[0]) for row in rows]
        permits.sort(key=lambda one: (one["state"] == "superseded", one["state"] == "cancelled", one["endorsed_until"]))
        found = permits[0] if permits else None
        alike = exchange.folded(found["claims"]["name"] if found else "示例") == exchange.folded(name)
        return found if found and alike else None


def state_of(permit: Permit) -> dict[str, Any]:
    """`permit_state` of an answer."""
    claims = permit["claims"]
    state = {"status": permit["state"], "valid_from": claims["issue_date"], "endorsed_until": permit["endorsed_until"]}
    return state | ({"card_valid_until": claims["card_valid_until"]} if "card_valid_until" in claims else {})
