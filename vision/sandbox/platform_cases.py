"""The sandbox city platform's own record: cases, what was done to them, and the pictures it was given."""

import json
import sqlite3
import threading
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

_SCHEMA = """
CREATE TABLE IF NOT EXISTS cases (
    number INTEGER PRIMARY KEY AUTOINCREMENT, channel TEXT, key TEXT, status TEXT, reason TEXT, document TEXT,
    created_at TEXT, updated_at TEXT);
CREATE INDEX IF NOT EXISTS cases_key ON cases (channel, key);
CREATE INDEX IF NOT EXISTS cases_time ON cases (channel, created_at);
CREATE TABLE IF NOT EXISTS steps (
    id INTEGER PRIMARY KEY AUTOINCREMENT, number INTEGER, key TEXT, status TEXT, words TEXT, at TEXT);
CREATE INDEX IF NOT EXISTS steps_number ON steps (number);
"""


@dataclass(frozen=True, slots=True)
class SandboxCase:
    """A case as the sandbox keeps it; `document` is what it was told, as it was told."""

    number: int
    channel: str
    key: str
    status: str
    reason: str
    document: dict[str, Any]
    created_at: datetime
    updated_at: datetime

    @property
    def id(self) -> str:
        return f"SB{self.number:06d}"


class SandboxCases:
    """Thread-safe. Kept in `file` so that a restart loses nothing; in memory without one."""

    def __init__(self, file: Path | None = None) -> None:
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._db = sqlite3.connect(str(file) if file else ":memory:", check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(_SCHEMA)

    def accept(
        self, channel: str, key: str, document: dict[str, Any], at: datetime, *, once_per_key: bool
    ) -> tuple[SandboxCase, bool]:
        """A new case, or (False) the one that the same key made before."""
        with self._lock:
            if once_per_key and key and (found := self._select("channel = ? AND key = ?", (channel, key))):
                return found[0], False
            row = (channel, key, "filed", "", json.dumps(document, ensure_ascii=False), at.isoformat(), at.isoformat())
            cursor = self._db.execute(
                "INSERT INTO cases (channel, key, status, reason, document, created_at, updated_at) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                row,
            )
            number = cursor.lastrowid or 0
            self._step(number, key, "filed", "", at)
            return self._select("number = ?", (number,))[0], True

    def get(self, case_id: str) -> SandboxCase | None:
        number = case_id.removeprefix("SB")
        if not number.isdigit():
            return None
        with self._lock:
            found = self._select("number = ?", (int(number),))
        return found[0] if found else None

    def with_key(self, channel: str, key: str) -> list[SandboxCase]:
        with self._lock:
            return self._select("channel = ? AND key = ?", (channel, key))

    def all(self, channel: str = "", limit: int = 1000) -> list[SandboxCase]:
        """Newest first."""
        with self._lock:
            if channel:
                return self._select("channel = ?", (channel,), f"ORDER BY number DESC LIMIT {int(limit)}")
            return self._select("1 = 1", (), f"ORDER BY number DESC LIMIT {int(limit)}")

    def between(self, channel: str, begin: datetime, end: datetime) -> list[SandboxCase]:
        """Oldest first."""
        with self._lock:
            values = (channel, begin.isoformat(), end.isoformat())
            return self._select("channel = ? AND created_at >= ? AND created_at <= ?", values)

    def count(self) -> int:
        with self._lock:
            return int(self._db.execute("SELECT count(*) FROM cases").fetchone()[0])

    def keys(self) -> dict[str, int]:
        """How many cases each key made: more than one is a case filed twice."""
        with self._lock:
            return dict(self._db.execute("SELECT key, count(*) FROM cases GROUP BY key").fetchall())

    def set_status(
        self, case_id: str, status: str, at: datetime, *, reason: str = "", key: str = ""
    ) -> SandboxCase | None:
        """Move a case on; a repeated `key` changes nothing. None when there is no such case."""
        case = self.get(case_id)
        if case is None:
            return None
        with self._lock:
            seen = self._db.execute("SELECT 1 FROM steps WHERE number = ? AND key = ?", (case.number, key)).fetchone()
            if key and seen:
                return case
            self._db.execute(
                "UPDATE cases SET status = ?, reason = ?, updated_at = ? WHERE number = ?",
                (status, reason, at.isoformat(), case.number),
            )
            self._step(case.number, key, status, reason, at)
            return self._select("number = ?", (case.number,))[0]

    def steps(self, case_id: str) -> list[tuple[str, str, datetime]]:
        """(status, words, when) of everything that happened to a case, oldest first."""
        case = self.get(case_id)
        if case is None:
            return []
        with self._lock:
            rows = self._db.execute(
                "SELECT status, words, at FROM steps WHERE number = ? ORDER BY id", (case.number,)
            ).fetchall()
        return [(status, words, datetime.fromisoformat(at)) for status, words, at in rows]

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def _step(self, number: int, key: str, status: str, words: str, at: datetime) -> None:
        self._db.execute(
            "INSERT INTO steps (number, key, status, words, at) VALUES (?, ?, ?, ?, ?)",
            (number, key, status, words, at.isoformat()),
        )

    def _select(self, where: str, values: tuple[object, ...], tail: str = "ORDER BY number") -> list[SandboxCase]:
        rows = self._db.execute(
            "SELECT number, channel, key, status, reason, document, created_at, updated_at "  # noqa: S608 - own words
            f"FROM cases WHERE {where} {tail}",
            values,
        ).fetchall()
        return [
            SandboxCase(
                number,
                channel,
                key,
                status,
                reason,
                json.loads(document),
                datetime.fromisoformat(created_at),
                datetime.fromisoformat(updated_at),
            )
            for number, channel, key, status, reason, document, created_at, updated_at in rows
        ]
