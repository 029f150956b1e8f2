"""What a node keeps (statements, tombstones, replay memory, agreements, its own register), in SQLite.

One writer at a time; what is written is durable when a call returns (VER-9, STA-9, TRU-20, REC-2). A reference keeps its
register unencrypted, which a node in service must not (PRV-4).
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .strict import b64url, unb64url

_TABLES = """
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS stated (iss TEXT, sub TEXT, rank INTEGER, token TEXT, PRIMARY KEY (iss, sub));
CREATE TABLE IF NOT EXISTS evidence (token TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS agreement (digest TEXT PRIMARY KEY, id TEXT, version INTEGER, state TEXT, document TEXT,
  signers TEXT);
CREATE TABLE IF NOT EXISTS withdrawal (token TEXT PRIMARY KEY, seen_at INTEGER);
CREATE TABLE IF NOT EXISTS held_list (uri TEXT PRIMARY KEY, token TEXT);
CREATE TABLE IF NOT EXISTS tombstone (uri TEXT, idx INTEGER, value INTEGER, PRIMARY KEY (uri, idx));
CREATE TABLE IF NOT EXISTS permit (number TEXT PRIMARY KEY, id_number TEXT, body TEXT);
CREATE TABLE IF NOT EXISTS entry (idx INTEGER PRIMARY KEY, permit TEXT, value INTEGER);
CREATE TABLE IF NOT EXISTS replay (iss TEXT, jti TEXT, digest TEXT, answer TEXT, until INTEGER, PRIMARY KEY (iss, jti));
CREATE TABLE IF NOT EXISTS record (n INTEGER PRIMARY KEY, link TEXT, line TEXT);
"""


class Store:
    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._db = sqlite3.connect(folder / "node.sqlite", isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.executescript(_TABLES)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Everything inside happens whole or not at all."""
        with self._lock:
            if self._db.in_transaction:
                yield self._db
                return
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._db.execute(query, values).fetchall()

    def row(self, query: str, *values: Any) -> tuple[Any, ...] | None:
        found = self.rows(query, *values)
        return found[0] if found else None

    def run(self, query: str, *values: Any) -> None:
        with self.transaction() as database:
            database.execute(query, values)

    def get(self, name: str) -> Any:
        found = self.row("SELECT value FROM setting WHERE name = ?", name)
        return json.loads(found[0]) if found else None

    def put(self, name: str, value: Any) -> None:
        self.run("INSERT OR REPLACE INTO setting VALUES (?, ?)", name, json.dumps(value))

    def record(self, line: dict[str, Any]) -> None:
        """REC-1, REC-2: salted digests and no names; one chain without gaps. Call it inside the transaction."""
        with self.transaction() as database:
            last = database.execute("SELECT n, link FROM record ORDER BY n DESC LIMIT 1").fetchone()
            n, before = (last[0] + 1, unb64url(last[1])) if last else (1, bytes(32))
            text = json.dumps(line, sort_keys=True)
            link = hashlib.sha256(before + hashlib.sha256(text.encode()).digest()).digest()
            database.execute("INSERT INTO record VALUES (?, ?, ?)", (n, b64url(link), text))
