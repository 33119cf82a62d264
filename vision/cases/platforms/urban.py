"""Digital urban management (数字城管) over HTTP: a city's own interface as a mapping, not as code."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import httpx

from vision.cases import wire
from vision.cases.fields import CASE_FIELDS, CHANGE_FIELDS, Style, at_path, case_values, change_values
from vision.cases.links import Links
from vision.cases.platform import CaseChange, CaseDraft, CaseReport, ChangeKind, EvidenceFile, Promise
from vision.core.clock import Clock
from vision.core.errors import Rejected, RetryLater
from vision.core.incidents import CaseStatus
from vision.core.ports import BlobStore
from vision.core.templates import fill, names_in

_CASE_ID = frozenset({"case_id"})


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the platform's interface.

    Attributes:
        fields: templates by the platform's field name; a dotted name makes nested JSON.
        body: how the fields travel.
    """

    url: str
    method: Literal["GET", "POST", "PUT"] = "POST"
    body: Literal["json", "form", "query"] = "json"
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """How to read its answers; paths are dotted, such as `data.recid`.

    Attributes:
        code: path of the code that says whether it worked; none trusts the HTTP status alone.
        good, busy: codes that mean taken, and not now; every other one is a refusal.
        rows: path of the list in the answer of `find`.
    """

    case_id: str
    code: str = ""
    good: frozenset[str] = frozenset({"0", "200", "true", "success"})
    busy: frozenset[str] = frozenset()
    words: str = "message"
    status: str = "status"
    reason: str = ""
    rows: str = ""


@dataclass(frozen=True, slots=True)
class Files:
    """How pictures travel: as links in a template field, as base64 in a list, or as parts of a form.

    Attributes:
        name: field of the list (base64) or name of each part (multipart).
        kinds: the platform's word for each of our roles, such as near or before.
    """

    by: Literal["none", "url", "base64", "multipart"] = "url"
    name: str = "attachments"
    kinds: Mapping[str, str] = field(default_factory=lambda: {"annotated": "before", "after": "after"})


@dataclass(frozen=True, slots=True)
class UrbanSettings:
    """One interface.

    Attributes:
        promise: what the platform promises; findable needs `find`.
        auth: (where, name, value) of the credential: in a header or in the query.
        codes: the platform's event code for each of our subtypes, where it differs from the code table.
    """

    file: Call
    answer: Answer
    find: Call | None = None
    status: Call | None = None
    changes: Mapping[ChangeKind, Call] = field(default_factory=dict)
    promise: Promise = Promise.NONE
    auth: tuple[Literal["header", "query"], str, str] | None = None
    style: Style = field(default_factory=Style)
    statuses: Mapping[str, CaseStatus] = field(default_factory=dict)
    files: Files = field(default_factory=Files)

    def problems(self) -> list[str]:
        """Templates that name what does not exist, and promises without the call that keeps them."""
        told = []
        calls: list[tuple[str, Call | None, frozenset[str]]] = [
            ("file", self.file, CASE_FIELDS),
            ("find", self.find, CASE_FIELDS),
            ("status", self.status, _CASE_ID),
            *((f"changes.{kind}", call, CHANGE_FIELDS) for kind, call in self.changes.items()),
        ]
        for name, call, known in calls:
            for template in [] if call is None else [call.url, *call.fields.values()]:
                unknown = sorted(set(names_in(template)) - known)
                if unknown:
                    told.append(f"{name}: {template!r} names unknown {', '.join(unknown)}")
        if self.promise is Promise.FINDABLE and self.find is None:
            told.append("promise: findable needs the call find")
        if self.promise is Promise.FINDABLE and not self.answer.rows:
            told.append("promise: findable needs answer.rows, the path of the list")
        return told


class UrbanPlatform:
    def __init__(
        self, settings: UrbanSettings, http: httpx.Client, blobs: BlobStore, links: Links, clock: Clock
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
        return self._settings.problems()

    def file(self, draft: CaseDraft) -> CaseReport:
        files = self._chosen(draft.evidence)
        document = self._call(self._settings.file, self._case_values(draft, files), files, writes=True)
        case_id = at_path(document, self._settings.answer.case_id)
        if case_id in {None, ""}:
            raise RetryLater(f"the answer has no {self._settings.answer.case_id}", outcome_unknown=True)
        return CaseReport(str(case_id), CaseStatus.FILED, str(at_path(document, self._settings.answer.words) or ""))

    def find(self, draft: CaseDraft) -> CaseReport | None:
        if self._settings.find is None:
            raise Rejected("no call find is configured for this platform")
        document = self._call(self._settings.find, self._case_values(draft, ()), (), writes=False)
        rows = at_path(document, self._settings.answer.rows)
        if rows is None:
            return None
        if not isinstance(rows, list):
            raise RetryLater(f"{self._settings.answer.rows} is not a list")
        key = self._settings.answer.case_id.rpartition(".")[2]
        return wire.only([self._report(str(row[key]), row) for row in rows if isinstance(row, dict) and row.get(key)])

    def change(self, case_id: str, change: CaseChange) -> CaseReport | None:
        call = self._settings.changes.get(change.kind)
        if call is None:
            return None
        files = self._chosen(change.evidence)
        links = [self._links.to(file) for file in files]
        values = change_values(case_id, change, self._settings.style, self._clock.now(), links)
        self._call(call, values, files, writes=True)
        return CaseReport(case_id, CaseStatus.CLOSED if change.closes else None, change.text)

    def report(self, case_id: str) -> CaseReport:
        if self._settings.status is None:
            raise Rejected("no call status is configured for this platform")
        return self._report(case_id, self._call(self._settings.status, {"case_id": case_id}, (), writes=False))

    def close(self) -> None:
        self._http.close()

    def _case_values(self, draft: CaseDraft, files: Sequence[EvidenceFile]) -> dict[str, Any]:
        links = [self._links.to(file) for file in files] if self._settings.files.by == "url" else []
        return case_values(draft, self._settings.style, self._clock.now(), links)

    def _chosen(self, evidence: Sequence[EvidenceFile]) -> tuple[EvidenceFile, ...]:
        """The latest file of each wanted role, in the order of the mapping."""
        if self._settings.files.by == "none":
            return ()
        by_role = {file.role: file for file in evidence}
        return tuple(by_role[role] for role in self._settings.files.kinds if role in by_role)

    def _call(self, call: Call, values: Mapping[str, Any], files: Sequence[EvidenceFile], *, writes: bool) -> Any:
        request = self._request(call, values, files)
        answer = wire.send(self._http, request, writes=writes)
        document = wire.json_object(answer, writes=writes)
        if self._settings.answer.code:
            code = str(at_path(document, self._settings.answer.code)).lower()
            words = f"{code} {at_path(document, self._settings.answer.words) or ''}".rstrip()
            if code in self._settings.answer.busy:
                raise RetryLater(words)
            if code not in self._settings.answer.good:
                raise Rejected(words)
        return document

    def _request(self, call: Call, values: Mapping[str, Any], files: Sequence[EvidenceFile]) -> httpx.Request:
        filled = {name: fill(template, values) for name, template in call.fields.items()}
        url = fill(call.url, values)
        headers: dict[str, str] = {}
        query: dict[str, str] = {}
        if self._settings.auth is not None:
            where, name, value = self._settings.auth
            (headers if where == "header" else query)[name] = value
        how = self._settings.files
        if files and how.by == "multipart":
            parts = [(how.name, (file.role, self._blobs.get(file.key), file.media_type)) for file in files]
            return self._http.build_request(
                call.method, url, params=query or None, headers=headers, data=filled, files=parts
            )
        match call.body:
            case "query":
                return self._http.build_request(call.method, url, params={**filled, **query}, headers=headers)
            case "form":
                return self._http.build_request(call.method, url, params=query or None, headers=headers, data=filled)
            case "json":
                document = _nested(filled)
                if files and how.by == "base64":
                    document[how.name] = [self._inline(file) for file in files]
                return self._http.build_request(call.method, url, params=query or None, headers=headers, json=document)

    def _inline(self, file: EvidenceFile) -> dict[str, str]:
        return {
            "kind": self._settings.files.kinds[file.role],
            "name": file.key.rpartition("/")[2],
            "time": self._settings.style.time(file.captured_at),
            "sha256": file.sha256,
            "data": base64.b64encode(self._blobs.get(file.key)).decode(),
        }

    def _report(self, case_id: str, document: Any) -> CaseReport:
        words = str(at_path(document, self._settings.answer.status) or "")
        reason = str(at_path(document, self._settings.answer.reason) or "") if self._settings.answer.reason else ""
        return CaseReport(case_id, self._settings.statuses.get(words), words, reason)


def _nested(fields: Mapping[str, str]) -> dict[str, Any]:
    """`{"data.x": "1"}` as `{"data": {"x": "1"}}`."""
    document: dict[str, Any] = {}
    for name, value in fields.items():
        *parents, last = name.split(".")
        place = document
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = value
    return document
