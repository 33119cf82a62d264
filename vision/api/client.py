"""A typed client of the API, for scripts and other programs.

with Streetward("http://hub:8000", key="sw_…") as hub:
    for incident in hub.incidents(status="active", type="garbage"):
        print(incident.place, incident.why.zh)
    for alert in hub.alerts():
        print(alert.kind, alert.incident.id)
"""

import json
import time
from collections.abc import Iterator
from datetime import date, datetime
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
from pydantic import BaseModel

from vision.api import wire
from vision.core.errors import NotThereError, Rejected, RetryLater
from vision.core.incidents import Verdict

_PREFIX = "/api/v1"
_SILENT_S = 35.0  # the stream beats every ten seconds
M = TypeVar("M", bound=BaseModel)


class AlertMessage(BaseModel):
    """One alert of the stream; `id` is the cursor to resume after it."""

    id: int
    kind: str
    at: datetime
    incident_id: str
    detail: dict[str, Any]
    incident: wire.IncidentItem


class Streetward:
    """One hub, one key. Unknown fields of a newer hub are ignored."""

    def __init__(self, url: str, *, key: str = "", timeout_s: float = 15.0) -> None:
        headers = {"X-API-Key": key} if key else {}
        self._http = httpx.Client(base_url=url.rstrip("/") + _PREFIX, headers=headers, timeout=timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def incidents(self, **filters: Any) -> Iterator[wire.IncidentItem]:
        """Incidents newest first, page after page; filters as the API's: status, type, camera, since…"""
        cursor: str | None = None
        while True:
            values = {**filters, **({"cursor": cursor} if cursor else {})}
            page = self._ask(wire.IncidentPage, "GET", "/incidents", params=values)
            yield from page.items
            cursor = page.next_cursor
            if cursor is None:
                return

    def incident(self, incident_id: str) -> wire.IncidentDetail:
        """Raises NotThereError."""
        return self._ask(wire.IncidentDetail, "GET", f"/incidents/{incident_id}")

    def judge(self, incident_id: str, verdict: Verdict, reason: str = "") -> None:
        """Raises Rejected when the incident does not allow it any more."""
        body = {"verdict": verdict.value, "reason": reason}
        self._ask(wire.Accepted, "POST", f"/incidents/{incident_id}/verdict", json=body)

    def file(self, incident_id: str, reason: str = "") -> None:
        self._ask(wire.Accepted, "POST", f"/incidents/{incident_id}/file", json={"reason": reason})

    def announce(
        self, speaker_id: str, *, text: str = "", phrase_id: str | None = None, incident_id: str | None = None
    ) -> None:
        body = {"text": text, "phrase_id": phrase_id, "incident_id": incident_id}
        self._ask(wire.Accepted, "POST", f"/speakers/{speaker_id}/announce", json=body)

    def cameras(self) -> list[wire.CameraItem]:
        return self._ask(wire.CameraPage, "GET", "/cameras").items

    def evidence(self, evidence_id: str, *, reason: str, width: int | None = None) -> bytes:
        """A file of evidence; `reason` is kept in the hub's audit log."""
        values = {"reason": reason, **({"width": width} if width else {})}
        return self._send("GET", f"/evidence/{evidence_id}", params=values).content

    def daily_report(self, day: date, *, language: str = "zh") -> bytes:
        """A day's report as PDF. Raises NotThereError when the day has not begun."""
        return self._send("GET", f"/reports/daily/{day.isoformat()}.pdf", params={"language": language}).content

    def phrases(self) -> list[dict[str, Any]]:
        """What loudspeakers may say, in the order in which it is tried."""
        found: list[dict[str, Any]] = self._send("GET", "/phrases").json()
        return found

    def mute(self, *, on: bool) -> None:
        """Silence every loudspeaker of the city, or let them speak again."""
        self._send("PUT", "/loudspeakers/mute", json={"on": on})

    def models(self) -> dict[str, Any]:
        """The catalogue, the wanted model, and what each worker looks with; engineers only."""
        found: dict[str, Any] = self._send("GET", "/admin/models").json()
        return found

    def switch_model(self, model: str, reason: str = "") -> None:
        """Raises Rejected when there is no such model, or its files are not here."""
        self._send("POST", "/admin/models/switch", json={"model": model, "reason": reason})

    def statistics(self, *, since: datetime | None = None, until: datetime | None = None) -> wire.Statistics:
        values = {name: at.isoformat() for name, at in (("since", since), ("until", until)) if at is not None}
        return self._ask(wire.Statistics, "GET", "/statistics", params=values)

    def alerts(self, cursor: int | None = None, *, patience_s: float = 60.0) -> Iterator[AlertMessage]:
        """Alerts for ever, each once, across broken connections and restarts of the hub.

        Raises:
            RetryLater: the hub could not be reached for `patience_s`.
        """
        deadline = time.monotonic() + patience_s
        while True:
            try:
                for position, alert in self._stream(cursor):
                    cursor, deadline = position, time.monotonic() + patience_s
                    if alert is not None:
                        yield alert
            except (httpx.TransportError, RetryLater) as error:
                if time.monotonic() > deadline:
                    raise RetryLater(f"no alerts from {self._http.base_url}: {error}") from error
            time.sleep(0.5)

    def _stream(self, cursor: int | None) -> Iterator[tuple[int, AlertMessage | None]]:
        headers = {} if cursor is None else {"Last-Event-ID": str(cursor)}
        timeout = httpx.Timeout(self._http.timeout.connect, read=_SILENT_S)
        with self._http.stream("GET", "/alerts/stream", headers=headers, timeout=timeout) as answer:
            _raise_for(answer)
            position, kind = cursor or 0, ""
            for line in answer.iter_lines():
                name, _colon, value = line.partition(": ")
                if name == "id":
                    position = int(value)
                elif name == "event":
                    kind = value
                elif name == "data":
                    alert = AlertMessage.model_validate(json.loads(value), extra="ignore") if kind == "alert" else None
                    yield position, alert

    def _ask(self, model: type[M], method: str, path: str, **options: Any) -> M:
        return model.model_validate(self._send(method, path, **options).json(), extra="ignore")

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            answer = self._http.request(method, path, **options)
        except httpx.TransportError as error:
            raise RetryLater(f"{self._http.base_url}: {error}") from error
        _raise_for(answer)
        return answer


def _raise_for(answer: httpx.Response) -> None:
    """Raises NotThereError (404), RetryLater (429, 5xx) or Rejected (the rest) with the hub's own words."""
    if answer.is_success:
        return
    answer.read()
    words = answer.text
    if "problem+json" in answer.headers.get("content-type", ""):
        words = answer.json().get("detail", words)
    if answer.status_code == 404:
        raise NotThereError(words)
    if answer.status_code == 429 or answer.status_code >= 500:
        raise RetryLater(words)
    raise Rejected(f"{answer.status_code}: {words}")
