"""A platform that takes signed JSON messages; the message is published in schemas/webhook.schema.json."""

import base64
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from urllib.parse import quote

import httpx

from vision.cases import wire
from vision.cases.links import Links
from vision.cases.platform import CaseChange, CaseDraft, CaseReport, EvidenceFile, Promise
from vision.cases.signing import sign
from vision.core.clock import Clock
from vision.core.errors import RetryLater
from vision.core.incidents import CaseStatus
from vision.core.ports import BlobStore

VERSION = 1


class EvidenceBy(StrEnum):
    """How pictures reach the platform."""

    NONE = "none"
    URL = "url"  # a signed link that expires
    INLINE = "inline"  # base64 in the message
    MULTIPART = "multipart"  # the message and the files as parts of one form


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """One webhook.

    Attributes:
        url: where messages are posted; `GET url?idempotency_key=` and `GET url/CASE` answer what it has.
        statuses: its status words and ours.
    """

    url: str
    secret: str
    promise: Promise = Promise.IDEMPOTENT
    evidence_by: EvidenceBy = EvidenceBy.URL
    evidence_roles: tuple[str, ...] = ("original", "annotated", "after")
    statuses: Mapping[str, CaseStatus] | None = None


class WebhookPlatform:
    def __init__(
        self, settings: WebhookSettings, http: httpx.Client, blobs: BlobStore, links: Links, clock: Clock
    ) -> None:
        self._settings = settings
        self._http = http
        self._blobs = blobs
        self._links = links
        self._clock = clock

    @property
    def promise(self) -> Promise:
        return self._settings.promise

    def check(self) -> list[str]:
        if self._settings.promise is Promise.FINDABLE:
            self._get(self._settings.url, {"idempotency_key": "streetward-check"})
        return []

    def file(self, draft: CaseDraft) -> CaseReport:
        case = {name: value for name, value in asdict(draft).items() if name not in {"evidence", "reference"}}
        return self._post("case.filed", draft.reference, {"case": case}, draft.evidence)

    def find(self, draft: CaseDraft) -> CaseReport | None:
        document = self._get(self._settings.url, {"idempotency_key": draft.reference})
        cases = document.get("cases", [])
        if not isinstance(cases, list):
            raise RetryLater(f"answer has no list of cases: {str(document)[:200]}")
        return wire.only([self._report(case, writes=False) for case in cases])

    def change(self, case_id: str, change: CaseChange) -> CaseReport | None:
        kind = "case.closed" if change.closes else "case.updated"
        document = {"case_id": case_id, "change": {"kind": change.kind, "text": change.text, "at": change.at}}
        return self._post(kind, change.reference, document, change.evidence)

    def report(self, case_id: str) -> CaseReport:
        return self._report(self._get(f"{self._settings.url}/{quote(case_id, safe='')}", {}), writes=False)

    def close(self) -> None:
        self._http.close()

    def _post(self, kind: str, key: str, document: Mapping[str, Any], evidence: tuple[EvidenceFile, ...]) -> CaseReport:
        now = self._clock.now()
        files = [file for file in evidence if file.role in self._settings.evidence_roles]
        message = {
            "version": VERSION,
            "kind": kind,
            "idempotency_key": key,
            "sent_at": now,
            **document,
            "evidence": [self._evidence(file) for file in files],
        }
        body = json.dumps(message, ensure_ascii=False, default=_plain).encode()
        headers = sign(self._settings.secret, body, now) | {"Idempotency-Key": key}
        if self._settings.evidence_by is EvidenceBy.MULTIPART:
            parts = [("message", ("message.json", body, "application/json"))]
            parts += [(file.sha256, (file.role, self._blobs.get(file.key), file.media_type)) for file in files]
            request = self._http.build_request("POST", self._settings.url, files=parts, headers=headers)
        else:
            headers["Content-Type"] = "application/json"
            request = self._http.build_request("POST", self._settings.url, content=body, headers=headers)
        answer = wire.json_object(wire.send(self._http, request, writes=True), writes=True)
        return self._report(answer, writes=True)

    def _evidence(self, file: EvidenceFile) -> dict[str, Any]:
        entry: dict[str, Any] = {
            "role": file.role,
            "media_type": file.media_type,
            "sha256": file.sha256,
            "size": file.size,
            "captured_at": file.captured_at,
            "camera_id": file.camera_id,
        }
        match self._settings.evidence_by:
            case EvidenceBy.URL:
                entry["url"] = self._links.to(file)
            case EvidenceBy.INLINE:
                entry["data_base64"] = base64.b64encode(self._blobs.get(file.key)).decode()
            case EvidenceBy.MULTIPART:
                entry["part"] = file.sha256
            case EvidenceBy.NONE:
                pass
        return entry

    def _get(self, url: str, query: Mapping[str, str]) -> dict[str, Any]:
        headers = sign(self._settings.secret, b"", self._clock.now())
        request = self._http.build_request("GET", url, params=query, headers=headers)
        return wire.json_object(wire.send(self._http, request, writes=False), writes=False)

    def _report(self, document: Mapping[str, Any], *, writes: bool) -> CaseReport:
        case_id, words = document.get("case_id"), str(document.get("status", ""))
        if not isinstance(case_id, str) or not case_id:
            raise RetryLater(f"answer names no case: {str(document)[:200]}", outcome_unknown=writes)
        status = (self._settings.statuses or _OWN_STATUSES).get(words)
        return CaseReport(case_id, status, words, str(document.get("reason", "")))


_OWN_STATUSES: Mapping[str, CaseStatus] = {
    status.value: status for status in CaseStatus if status not in {CaseStatus.PENDING, CaseStatus.DEAD}
}


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no place in a message")
