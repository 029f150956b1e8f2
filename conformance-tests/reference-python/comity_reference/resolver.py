"""Trust over the network (chapters 3.4 and 3.5): fetched from the anchor downwards, kept durably, never emptied by an error."""

from __future__ import annotations

import copy
import sys
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

from . import jws
from .client import Client, FetchError
from .store import Store
from .trust import CLOCK_BEHIND, MEMBER_LIST, Anchor, Federation, Stated

WELL_KNOWN = "/.well-known/openid-federation"
AT_A_TIME = 8  # addresses; one that does not answer holds up seven others at most
_Tokens = dict[tuple[str, str], tuple[int, str]]  # by issuer and subject: rank and token


class Trust:
    """The statements and lists that a node holds, and pictures of them."""

    def __init__(self, store: Store, anchor: Anchor, client: Client, own: str) -> None:
        self._store, self._anchor, self._client, self._own = store, anchor, client, own
        self._lock = threading.RLock()
        self._picture: Federation | None = None
        self._until = 0

    # --- pictures ---

    def picture(self, now: int) -> Federation:
        """The federation at `now`; built anew when something was learnt or a link ended."""
        with self._lock:
            if self._picture is None or not self._picture.now <= now < self._until:
                self._picture = self._build(self._held(), now)
                ends = [one.exp for one in self._picture.stated.values()]
                self._until = min([end for end in ends if end > now], default=now + 60)
            view = copy.copy(self._picture)
            view.now = now
            view.clock_behind = (self._store.get("newest-iat") or 0) - now > CLOCK_BEHIND
            return view

    def _held(self) -> _Tokens:
        rows = self._store.rows("SELECT iss, sub, rank, token FROM stated")
        return {(iss, sub): (rank, token) for iss, sub, rank, token in rows}

    def _build(self, held: _Tokens, now: int, floors: _Tokens | None = None) -> Federation:
        lists = [token for (_, sub), (_, token) in held.items() if sub == MEMBER_LIST]
        statements = [token for (_, sub), (_, token) in held.items() if sub != MEMBER_LIST]
        statements += [row[0] for row in self._store.rows("SELECT token FROM evidence")]
        ranks = {about: rank for about, (rank, _) in (floors or held).items()}
        return Federation(self._anchor, statements, lists, now, ranks)

    # --- learning ---

    def learn(self, fetched: Iterable[str], now: int) -> None:
        """TRU-20, TRU-21, TRU-23: what is newer and verifies takes the place of what was held; nothing else changes."""
        with self._lock:
            held = self._held()
            offered: _Tokens = {}
            for token in fetched:
                payload = jws.peek(token)
                iss, sub = payload.get("iss"), payload.get("sub", MEMBER_LIST)
                rank = payload.get("seq", payload.get("iat"))
                if isinstance(iss, str) and isinstance(sub, str) and isinstance(rank, int):
                    if rank > held.get((iss, sub), (-1, ""))[0]:
                        offered[iss, sub] = (rank, token)
            if not offered:
                return
            active = {county.entity: county.superior for county in self.picture(now).active()}
            built = self._build({**held, **offered}, now, held)
            with self._store.transaction() as database:
                for (iss, sub), (rank, token) in offered.items():
                    accepted = built.stated.get((iss, sub))
                    if accepted is None or accepted.token != token or accepted.exp <= now:
                        continue  # what has ended when it comes is no newer word
                    superior = built.stated.get((active.get(sub, ""), sub))
                    if iss == sub and superior and accepted.kid not in superior.keys:
                        continue  # TRU-23: it moves by its own key, or once its superior has let it go
                    if iss == sub and (iss, sub) in held:
                        database.execute("INSERT OR IGNORE INTO evidence VALUES (?)", (held[iss, sub][1],))
                    database.execute("INSERT OR REPLACE INTO stated VALUES (?, ?, ?, ?)", (iss, sub, rank, token))
                    self._store.put("newest-iat", max(accepted.iat, self._store.get("newest-iat") or 0))
            self._picture = None

    # --- fetching ---

    def refresh(self, now: Callable[[], int], entity: str | None = None) -> None:
        """TRU-24: anchor, provinces, counties; with `entity`, that county and the authorities alone. No address is asked
        twice (TRU-25)."""
        asked: set[str] = set()

        def fetched(url: str) -> str:
            try:
                return self._client.fetch(url)
            except FetchError as error:  # what was held before holds until its own exp
                print(f"not fetched: {url}: {error}", file=sys.stderr)
                return ""

        def learn_from(urls: Iterable[str]) -> None:
            fresh = [url for url in dict.fromkeys(urls) if url not in asked]
            asked.update(fresh)
            with ThreadPoolExecutor(AT_A_TIME) as pool:
                found = list(pool.map(fetched, fresh))
            self.learn(found, now())

        def authority(name: str) -> None:
            """What an authority publishes, at the addresses that its own configuration states."""
            learn_from([name + WELL_KNOWN])
            own = self.picture(now()).stated.get((name, name))
            endpoints = own.authority if own else {}
            if "comity_member_list_endpoint" in endpoints:
                learn_from([endpoints["comity_member_list_endpoint"]])
            listed = self.picture(now()).lists().get(name)
            if listed and "federation_fetch_endpoint" in endpoints:
                lines, fetch = listed.members.items(), endpoints["federation_fetch_endpoint"]
                named = [one for one, line in lines if "region_prefix" in line or entity in (None, one)]
                learn_from(f"{fetch}?sub={quote(one, safe='')}" for one in named)

        authority(self._anchor.entity)
        for province in sorted(self.picture(now()).provinces):
            authority(province)
        lists: Iterable[Stated] = self.picture(now()).lists().values()
        counties = {name for one in lists for name, line in one.members.items() if "region" in line}
        learn_from(one + WELL_KNOWN for one in sorted(counties) if entity in (None, one) and one != self._own)
