"""Trust over the network (chapters 3.4 and 3.5): fetched from the anchor downwards, kept durably, never emptied by an error."""

from __future__ import annotations

import copy
import sys
import threading
from collections.abc import Callable, Iterable
from urllib.parse import quote

from . import jws
from .client import Client, FetchError
from .store import Store
from .strict import Refused
from .trust import MEMBER_LIST, Anchor, Federation, Statement

WELL_KNOWN = "/.well-known/openid-federation"


class Trust:
    """The statements and lists that a node holds, and pictures of them."""

    def __init__(self, store: Store, anchor: Anchor, client: Client, own: str) -> None:
        self._store, self._client, self._own = store, client, own
        self.anchor = anchor
        self._lock = threading.RLock()
        self._picture: Federation | None = None
        self._until = 0

    # --- pictures ---

    def picture(self, now: int) -> Federation:
        """The federation at `now`; built anew when something was learnt or a link ended."""
        with self._lock:
            if self._picture is None or not self._picture.now <= now < self._until:
                self._picture = self._build(self._held(), now)
                ends = [one.exp for one in self._picture.statements.values()]
                ends += [one.exp for one in self._picture.lists.values()]
                self._until = min([end for end in ends if end > now], default=now + 60)
            view = copy.copy(self._picture)
            view.now = now
            newest = self._store.get("newest-iat")
            view.clock_behind = newest is not None and newest - now > 120
            return view

    def forget_picture(self) -> None:
        with self._lock:
            self._picture = None

    def _held(self) -> dict[tuple[str, str], str]:
        return {(iss, sub): token for iss, sub, token in self._store.rows("SELECT iss, sub, token FROM statement")}

    def _build(self, tokens: dict[tuple[str, str], str], now: int) -> Federation:
        lists = [token for (_, sub), token in tokens.items() if sub == MEMBER_LIST]
        statements = [token for (_, sub), token in tokens.items() if sub != MEMBER_LIST]
        statements += [row[0] for row in self._store.rows("SELECT token FROM evidence")]
        floors = {(iss, sub): iat for iss, sub, iat in self._store.rows("SELECT iss, sub, iat FROM floor")}
        return Federation(self.anchor, statements, lists, now, floors)

    # --- learning ---

    def learn(self, fetched: Iterable[str], now: int) -> None:
        """TRU-20, TRU-21, TRU-23: what is newer and verifies takes the place of what was held; nothing else changes."""
        with self._lock:
            held = self._held()
            offered: dict[tuple[str, str], str] = {}
            for token in fetched:
                try:
                    payload = jws.peek(token)
                    key = (payload["iss"], payload.get("sub", MEMBER_LIST))
                    if held.get(key) != token and _rank(payload) > _rank(jws.peek(held[key]) if key in held else {}):
                        offered[key] = token
                except (Refused, ValueError, KeyError, IndexError, TypeError):
                    continue
            if not offered:
                return
            built = self._build({**held, **offered}, now)
            with self._store.transaction() as database:
                for (iss, sub), token in offered.items():
                    accepted = _accepted(built, iss, sub)
                    if accepted is None or accepted[0] != token:
                        continue
                    _, rank, iat = accepted
                    if iss == sub and (iss, sub) in held:
                        database.execute("INSERT OR IGNORE INTO evidence VALUES (?)", (held[iss, sub],))
                    database.execute("INSERT OR REPLACE INTO statement VALUES (?, ?, ?, ?)", (iss, sub, iat, token))
                    database.execute("INSERT OR REPLACE INTO floor VALUES (?, ?, ?)", (iss, sub, rank))
                    if iat > (self._store.get("newest-iat") or 0):
                        self._store.put("newest-iat", iat)
            self._picture = None

    # --- fetching ---

    def refresh(self, now: Callable[[], int], entity: str | None = None) -> None:
        """TRU-24: anchor, provinces, counties; with `entity`, that county and the authorities alone. No address is asked twice (TRU-25)."""
        asked: set[str] = set()
        self._learn_from([self.anchor.entity + WELL_KNOWN], now, asked)
        anchor = self.picture(now()).statements.get((self.anchor.entity, self.anchor.entity))
        self._authority(anchor, now, entity, asked)
        for province in sorted(self.picture(now()).provinces()):
            self._learn_from([province + WELL_KNOWN], now, asked)
            self._authority(self.picture(now()).statements.get((province, province)), now, entity, asked)
        counties = self.counties(now())
        wanted = [one + WELL_KNOWN for one in counties if entity in (None, one) and one != self._own]
        self._learn_from(wanted, now, asked)

    def counties(self, now: int) -> list[str]:
        """Counties that a current list names."""
        lists = self.picture(now).lists.values()
        return sorted({name for one in lists for name, line in one.members.items() if "region" in line})

    def _authority(
        self, own: Statement | None, now: Callable[[], int], entity: str | None, asked: set[str]
    ) -> None:
        """What an authority publishes, at the addresses that its own configuration states."""
        if own is None:
            return
        endpoints = own.authority
        if "comity_member_list_endpoint" in endpoints:
            self._learn_from([endpoints["comity_member_list_endpoint"]], now, asked)
        listed = self.picture(now()).lists.get(own.sub)
        if "federation_fetch_endpoint" not in endpoints or listed is None:
            return
        wanted = [
            name for name, line in listed.members.items() if "region_prefix" in line or entity is None or name == entity
        ]
        fetch = endpoints["federation_fetch_endpoint"]
        self._learn_from([f"{fetch}?sub={quote(name, safe='')}" for name in wanted], now, asked)

    def _learn_from(self, urls: list[str], now: Callable[[], int], asked: set[str]) -> None:
        found = []
        for url in urls:
            if url in asked:
                continue
            asked.add(url)
            try:
                found.append(self._client.fetch(url))
            except FetchError as error:
                print(f"not fetched: {url}: {error}", file=sys.stderr)  # what was held before holds until its own exp
        self.learn(found, now())


def _accepted(built: Federation, iss: str, sub: str) -> tuple[str, int, int] | None:
    """Token, rank and `iat` of what counts of an issuer on a subject."""
    if sub == MEMBER_LIST:
        listed = built.lists.get(iss)
        return (listed.token, listed.seq, listed.iat) if listed else None
    stated = built.statements.get((iss, sub))
    return (stated.token, stated.iat, stated.iat) if stated else None


def _rank(payload: dict[str, object]) -> int:
    value = payload.get("seq", payload.get("iat", -1))
    return value if isinstance(value, int) else -1
