"""The audit trail: who did or looked at what, when and why (公共安全视频图像信息系统管理条例 §16)."""

import threading
from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from vision.core.clock import Clock
from vision.storage.database import Database
from vision.storage.tables import AuditEntry

_SAME_LOOK = timedelta(minutes=10)
_REMEMBERED = 50_000


class AuditTrail:
    """Writes entries; one person's repeated looks at one file within ten minutes are one look."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock
        self._looks: OrderedDict[tuple[str, str, str], datetime] = OrderedDict()
        self._lock = threading.Lock()

    def record(
        self,
        actor: str,
        action: str,
        subject: str,
        *,
        reason: str = "",
        detail: dict[str, Any] | None = None,
        session: Session | None = None,
    ) -> None:
        """Write one entry, in `session`'s transaction when one is given. Raises StorageError."""
        entry = AuditEntry(
            at=self._clock.now(),
            actor=actor[:80],
            action=action,
            subject=subject[:200],
            reason=reason[:2000],
            detail=detail or {},
        )
        if session is not None:
            session.add(entry)
            return
        with self._database.transaction() as own:
            own.add(entry)

    def look(self, actor: str, subject: str, *, reason: str, detail: dict[str, Any]) -> None:
        """Record a look at evidence; raises StorageError, and then the evidence is not shown."""
        now, key = self._clock.now(), (actor, subject, reason)
        with self._lock:
            last = self._looks.get(key)
            if last is not None and now - last < _SAME_LOOK:
                return
        self.record(actor, "evidence_seen", subject, reason=reason, detail=detail)
        with self._lock:
            self._looks[key] = now
            self._looks.move_to_end(key)
            while len(self._looks) > _REMEMBERED:
                self._looks.popitem(last=False)
