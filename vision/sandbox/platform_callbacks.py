"""Tells the hub, signed, what the clerk at the sandbox's desk did."""

import json
import queue
import threading
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx

from vision.cases.signing import sign
from vision.core.clock import Clock
from vision.sandbox.platform_cases import SandboxCase
from vision.sandbox.platform_faults import Faults

_ATTEMPTS = 5


class Callbacks:
    """Posts from one thread of its own, so that the desk never waits; gives up after a few attempts, as many do."""

    def __init__(self, url: str, secret: str, clock: Clock, faults: Faults) -> None:
        self._url = url
        self._secret = secret
        self._clock = clock
        self._faults = faults
        self._waiting: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._closed = threading.Event()

    def tell(self, case: SandboxCase) -> None:
        if not self._url:
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._post_all, name="sandbox-callbacks", daemon=True)
            self._thread.start()
        message = {
            "version": 1,
            "event_id": uuid4().hex,
            "case_id": case.id,
            "idempotency_key": case.key,
            "status": case.status,
            "reason": case.reason,
            "at": case.updated_at.isoformat(),
        }
        for _ in range(2 if self._faults.duplicates else 1):
            self._waiting.put(message)

    def close(self) -> None:
        self._closed.set()
        if self._thread is not None:
            self._waiting.put(None)
            self._thread.join(timeout=2)

    def _post_all(self) -> None:
        with httpx.Client(timeout=5, trust_env=False) as http:
            while (message := self._waiting.get()) is not None:
                for attempt in range(_ATTEMPTS):
                    if self._posted(http, message) or self._closed.is_set():
                        break
                    self._clock.sleep(2.0**attempt, self._closed)

    def _posted(self, http: httpx.Client, message: dict[str, Any]) -> bool:
        body = json.dumps(message, ensure_ascii=False).encode()
        now = self._clock.now() + timedelta(seconds=self._faults.clock_skew_s)
        headers = sign(self._secret, body, now) | {"Content-Type": "application/json"}
        try:
            return http.post(self._url, content=body, headers=headers).status_code < 500
        except httpx.HTTPError:
            return False
