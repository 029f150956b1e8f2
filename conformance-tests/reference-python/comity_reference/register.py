"""The issuer's register: residents, events, attestations and the status list that follows (chapters 1.10, 5 and 6)."""

from __future__ import annotations

import csv
import datetime
import hashlib
import io
import json
import secrets
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import attestation, exchange, identifiers, status
from .keys import SigningKey
from .shape import CLAIMS_OPEN, plain
from .store import Store
from .strict import Refused

_DECOYS = 1024
_ENTRY = {"valid": status.VALID, "cancelled": status.CANCELLED, "superseded": status.SUPERSEDED}
RESIGN_SECONDS = 14 * 60


@dataclass(frozen=True)
class Signer:
    """Who issues, and with which keys."""

    entity: str
    region: str
    environment: str
    attestation_key: SigningKey
    status_key: SigningKey

    @property
    def list_uri(self) -> str:
        return f"{self.entity}/status-lists/1"


class Register:
    def __init__(self, store: Store, signer: Signer) -> None:
        self._store, self._signer = store, signer
        self.changed = threading.Event()
        self._lock = threading.RLock()
        self._list = store.get("own-list") or ""

    # --- import ---

    def import_residents(self, path: Path) -> None:
        """The whole file or nothing; its manifest says as of when the register stands."""
        data = path.read_bytes()
        manifest = json.loads(path.with_name(path.name + ".manifest.json").read_text(encoding="utf-8"))
        rows = list(csv.DictReader(io.StringIO(data.decode("utf-8"))))
        if hashlib.sha256(data).hexdigest() != manifest["sha256"] or len(rows) != manifest["rows"]:
            raise Refused("import.manifest")
        as_of = datetime.datetime.fromisoformat(manifest["source_as_of"].replace("Z", "+00:00"))
        new: list[dict[str, Any]] = []
        with self._lock, self._store.transaction() as database:
            for row in rows:
                permit = _permit(row)
                known = database.execute("SELECT 1 FROM permit WHERE number = ?", (row["permit_number"],)).fetchone()
                if not known:
                    new.append(permit)
            self._store.put("source-as-of", int(as_of.timestamp()))
            for permit in new:
                self._put(permit)
                self._issue(permit, identifiers.day_of(int(time.time())))
            if self._store.get("decoys") is None:
                for _ in range(_DECOYS):
                    value = secrets.choice((status.VALID, status.CANCELLED, status.SUPERSEDED))
                    database.execute("INSERT INTO entry VALUES (?, '', ?, ?)", (self._draw(), value, 0))
                self._store.put("decoys", _DECOYS)
        self.sign_list()

    @property
    def list_uri(self) -> str:
        return self._signer.list_uri

    @property
    def source_as_of(self) -> int:
        return int(self._store.get("source-as-of") or 0)

    def permit(self, number: str) -> dict[str, Any]:
        found = self._store.row("SELECT body FROM permit WHERE number = ?", number)
        if not found:
            raise Refused("register.unknown-permit")
        return json.loads(found[0])

    def _put(self, permit: dict[str, Any]) -> None:
        values = (permit["claims"]["permit_number"], permit["claims"]["id_number"], json.dumps(permit))
        self._store.run("INSERT OR REPLACE INTO permit VALUES (?, ?, ?)", *values)

    def _draw(self) -> int:
        """STA-3: an index of its own that says nothing about order."""
        while True:
            index = secrets.randbelow(status.ENTRIES)
            if not self._store.row("SELECT 1 FROM entry WHERE idx = ?", index):
                return index

    # --- events ---

    def apply(self, events: list[dict[str, Any]], today: datetime.date) -> None:
        """Events, all or none; the entries of the list follow in the same transaction (STA-1, STA-2, STA-13).

        Locks are taken in one order everywhere, the register's before the store's.
        """
        with self._lock, self._store.transaction():
            for event in events:
                self._happen(event, today)
        self.changed.set()

    def _happen(self, event: dict[str, Any], today: datetime.date) -> None:
        permit = self.permit(event["permit_number"])
        state = permit["state"]
        match event["event"]:
            case "cancelled" if state != "cancelled":
                self._move(permit, "cancelled", status.CANCELLED, every=True)
            case "suspended" if state == "valid":
                self._move(permit, "suspended", status.SUSPENDED)
            case "reported-lost" if state in ("valid", "suspended"):
                self._move(permit, "reported_lost", status.SUSPENDED)
            case "reinstated" if state == "suspended":
                self._move(permit, "valid", status.VALID)
            case "found" if state == "reported_lost":
                self._move(permit, "valid", status.VALID)
            case "replaced" if state not in ("cancelled", "superseded"):
                self._replace(permit, event["by"], today)
            case "endorsed" if state == "valid":
                self._endorse(permit, event.get("until"), today)
            case _:
                raise Refused("permit-state-conflict")

    def _move(self, permit: dict[str, Any], state: str, value: int, every: bool = False) -> None:
        permit["state"] = state
        self._put(permit)
        self._set_entries(permit, value, every)

    def _set_entries(self, permit: dict[str, Any], value: int, every: bool = False) -> None:
        number = permit["claims"]["permit_number"]
        spared = "value <> 1" if every else "value NOT IN (1, 3)"
        self._store.run(f"UPDATE entry SET value = ? WHERE permit = ? AND {spared}", value, number)

    def _replace(self, permit: dict[str, Any], by: str, today: datetime.date) -> None:
        identifiers.permit_number(by)
        self._move(permit, "superseded", status.SUPERSEDED)
        known = self._store.row("SELECT body FROM permit WHERE number = ?", by)
        after = json.loads(known[0]) if known else json.loads(json.dumps(permit))
        after["claims"]["permit_number"] = by
        after["state"], after["tokens"] = "valid", {}
        if not known:
            after["claims"]["issue_date"] = today.isoformat()
        self._put(after)
        self._issue(after, today)

    def _endorse(self, permit: dict[str, Any], until: str | None, today: datetime.date) -> None:
        """TIM-5 to TIM-8, ATT-8; a register that is mirrored may state the new last day itself."""
        last = identifiers.date(permit["endorsed_until"])
        restart = today if today > last else None
        if until is None:
            full = last + datetime.timedelta(days=1)
            read = identifiers.endorse(last, identifiers.full_year(full, -1), today)
            last, restart = read.until, read.residence_restart
        else:
            last = identifiers.date(until)
        permit["endorsed_until"] = last.isoformat()
        if restart:
            permit["claims"]["residence_since"] = restart.isoformat()
        permit["tokens"] = {}
        self._put(permit)
        self._set_entries(permit, status.SUPERSEDED)
        self._issue(permit, today)

    # --- attestations ---

    def attestation(self, number: str, form: str, now: int) -> str:
        with self._lock, self._store.transaction():
            permit = self.permit(number)
            today = identifiers.day_of(now)
            if permit["state"] in ("cancelled", "superseded") or identifiers.date(permit["endorsed_until"]) < today:
                raise Refused("permit-state-conflict")
            if not permit["tokens"]:
                self._issue(permit, today, now)
            return permit["tokens"][form]

    def _issue(self, permit: dict[str, Any], today: datetime.date, now: int | None = None) -> None:
        """Both forms anew, each with an index of its own."""
        last = identifiers.date(permit["endorsed_until"])
        if last < today:
            return
        value = status.SUSPENDED if permit["state"] in ("suspended", "reported_lost") else status.VALID
        signer = self._signer
        claims = CLAIMS_OPEN(permit["claims"])
        for form in ("card", "full"):
            index = self._draw()
            number = permit["claims"]["permit_number"]
            values = (index, number, value, identifiers.last_second(last))
            self._store.run("INSERT INTO entry VALUES (?, ?, ?, ?)", *values)
            what = attestation.Issue(
                issuer=signer.entity,
                region=signer.region,
                environment=signer.environment,
                uri=signer.list_uri,
                index=index,
                iat=int(time.time()) if now is None else now,
                valid_from=identifiers.date(permit["claims"]["issue_date"]),
                endorsed_until=last,
                source_as_of=self.source_as_of,
                claims=claims,
            )
            permit["tokens"][form] = attestation.sign(signer.attestation_key, what, form)
        self._put(permit)

    # --- the status list ---

    def sign_list(self) -> str:
        """STA-9: `iat` rises with every version."""
        with self._lock:
            entries = bytearray(status.OCTETS)
            for index, value in self._store.rows("SELECT idx, value FROM entry"):
                entries[index // 4] |= value << index % 4 * 2
            last = int(self._store.get("own-list-iat") or 0)
            while int(time.time()) <= last:
                time.sleep(max(0.0, last + 1 - time.time()))  # changes of one second share a version
            iat, signer = int(time.time()), self._signer
            as_of = min(self.source_as_of, iat)
            token = status.sign(signer.status_key, signer.entity, signer.list_uri, bytes(entries), iat, as_of)
            with self._store.transaction():
                self._store.put("own-list-iat", iat)
                self._store.put("own-list", token)
            self._list = token
            return token

    def current_list(self) -> str:
        if not self._list or time.time() - int(self._store.get("own-list-iat") or 0) > RESIGN_SECONDS:
            return self.sign_list()
        return self._list

    # --- look-ups (7.4) ---

    def find(self, number: dict[str, str], name: str) -> dict[str, Any] | None:
        """VER-15: one query and one comparison of names whether or not the number is known."""
        column = "number" if "permit_number" in number else "id_number"
        rows = self._store.rows(f"SELECT body FROM permit WHERE {column} = ?", next(iter(number.values())))
        permits = [json.loads(row[0]) for row in rows]
        permits.sort(key=lambda one: (one["state"] == "superseded", one["state"] == "cancelled", one["endorsed_until"]))
        found = permits[0] if permits else None
        alike = exchange.folded(found["claims"]["name"] if found else "示例") == exchange.folded(name)
        return found if found and alike else None


def _permit(row: dict[str, str]) -> dict[str, Any]:
    claims = {name: row[name] for name in CLAIMS_OPEN.members if row.get(name)}
    return {
        "state": "valid",
        "endorsed_until": identifiers.date(row["endorsed_until"]).isoformat(),
        "claims": plain(CLAIMS_OPEN(claims)),
        "tokens": {},
    }


def state_of(permit: dict[str, Any]) -> dict[str, Any]:
    """`permit_state` of an answer."""
    state = {
        "status": permit["state"],
        "valid_from": permit["claims"]["issue_date"],
        "endorsed_until": permit["endorsed_until"],
    }
    card = permit["claims"].get("card_valid_until")
    return state | ({"card_valid_until": card} if card else {})
