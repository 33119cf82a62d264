"""Open311 GeoReport v2, the open standard for civic cases (wiki.open311.org/GeoReport_v2), as a client."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Literal, Self
from urllib.parse import quote

import httpx

from vision.cases import wire
from vision.cases.fields import CASE_FIELDS, Style, case_values
from vision.cases.links import Links
from vision.cases.platform import CaseChange, CaseDraft, CaseReport, EvidenceFile, Promise
from vision.cases.platforms.open311_wire import Record, records
from vision.core.clock import Clock
from vision.core.errors import Rejected, RetryLater
from vision.core.incidents import CaseStatus
from vision.core.templates import check_template, fill

DESCRIPTION_MOST = 4000
_QUERY_ROWS = 1000
_QUERY_SPAN = timedelta(days=89)
_CLOCK_SLACK = timedelta(hours=1)
_TOKEN = "token:"  # noqa: S105 - marks a case whose number is still to come
_STATUSES = {"open": CaseStatus.FILED, "closed": CaseStatus.HANDLED}


@dataclass(frozen=True, slots=True)
class Open311Settings:
    """One endpoint.

    Attributes:
        services: its service code for each of our subtypes.
        attributes: templates of extra fields by attribute code; those that a service does not define are not sent.
        statuses: its status words and ours; closed means "put right, they say" until video agrees.
        updates: it takes service request updates (the extension by FixMyStreet).
    """

    url: str
    api_key: str
    services: Mapping[str, str]
    jurisdiction: str = ""
    format: Literal["json", "xml"] = "json"
    attributes: Mapping[str, str] = field(default_factory=dict)
    statuses: Mapping[str, CaseStatus] = field(default_factory=lambda: _STATUSES)
    updates: bool = False
    style: Style = field(default_factory=Style)
    picture_roles: tuple[str, ...] = ("annotated", "original")

    def check_templates(self) -> None:
        """Raises ConfigError when an attribute's template names what does not exist."""
        for template in self.attributes.values():
            check_template(template, CASE_FIELDS)

    def with_statuses(self, statuses: Mapping[str, CaseStatus]) -> Self:
        return replace(self, statuses={**_STATUSES, **statuses})


class Open311Platform:
    """Open311 has no idempotency key: our reference ends every description, and the list is searched for it."""

    def __init__(self, settings: Open311Settings, http: httpx.Client, links: Links, clock: Clock) -> None:
        self._settings = settings
        self._http = http
        self._links = links
        self._clock = clock
        self._attributes: dict[str, list[Record]] = {}

    @property
    def promise(self) -> Promise:
        return Promise.FINDABLE

    def check(self) -> list[str]:
        offered = {service.get("service_code"): service for service in self._get("services")}
        problems = []
        for subtype, code in sorted(self._settings.services.items()):
            service = offered.get(code)
            if service is None:
                problems.append(f"{subtype}: the platform offers no service {code}")
                continue
            if service.get("type", "realtime") == "blackbox":
                problems.append(f"{subtype}: service {code} never tells its case number, so it cannot be followed")
            if service.get("metadata") == "true":
                problems += [f"{subtype}: service {code} {problem}" for problem in self._missing(code)]
        return problems

    def file(self, draft: CaseDraft) -> CaseReport:
        answer = self._post("requests", self._form(draft))
        case_id, token = answer.get("service_request_id", ""), answer.get("token", "")
        if case_id:
            return CaseReport(case_id, CaseStatus.FILED, "open", detail={"notice": answer.get("service_notice", "")})
        if token:
            return self._resolved(token)
        raise RetryLater("the answer has neither service_request_id nor token", outcome_unknown=True)

    def find(self, draft: CaseDraft) -> CaseReport | None:
        code = self._service(draft)
        mark = _mark(draft.reference)
        begin, end = draft.asked_at - _CLOCK_SLACK, self._clock.now() + _CLOCK_SLACK
        found: list[Record] = []
        while begin < end:  # in stretches that a server may answer
            until = min(end, begin + _QUERY_SPAN)
            found += [row for row in self._between(code, begin, until) if mark in row.get("description", "")]
            begin = until
        return wire.only([self._report(row) for row in sorted(found, key=lambda row: row["requested_datetime"])])

    def change(self, case_id: str, change: CaseChange) -> CaseReport | None:
        if not self._settings.updates or case_id.startswith(_TOKEN):
            return None
        self._post(
            "servicerequestupdates",
            {
                "service_request_id": case_id,
                "update_id": change.reference,
                "status": "CLOSED" if change.closes else "OPEN",
                "updated_datetime": _w3(change.at),
                "description": change.text[:DESCRIPTION_MOST],
                "media_url": self._picture(change.evidence, ("after_annotated", "after")),
            },
        )
        return self.report(case_id)

    def report(self, case_id: str) -> CaseReport:
        if case_id.startswith(_TOKEN):
            return self._resolved(case_id.removeprefix(_TOKEN))
        rows = self._get(f"requests/{quote(case_id, safe='')}")
        if not rows:
            raise Rejected(f"the platform has no request {case_id}")
        return self._report(rows[0])

    def close(self) -> None:
        self._http.close()

    def _form(self, draft: CaseDraft) -> dict[str, str]:
        code = self._service(draft)
        mark = "\n" + _mark(draft.reference)
        form = {
            "service_code": code,
            "address_string": draft.place,
            "description": draft.description[: DESCRIPTION_MOST - len(mark)] + mark,
            "media_url": self._picture(draft.evidence, self._settings.picture_roles),
        }
        if draft.longitude is not None and draft.latitude is not None:
            form |= {"lat": f"{draft.latitude:.7f}", "long": f"{draft.longitude:.7f}"}
        elif not draft.place:
            raise Rejected("neither coordinates nor an address are known, and Open311 asks for one")
        values = case_values(draft, self._settings.style, self._clock.now(), [form["media_url"]])
        defined = {attribute["code"] for attribute in self._definition(code)} if self._settings.attributes else set()
        for name, template in self._settings.attributes.items():
            if name in defined and (value := fill(template, values)):
                form[f"attribute[{name}]"] = value
        return {name: value for name, value in form.items() if value}

    def _service(self, draft: CaseDraft) -> str:
        code = self._settings.services.get(draft.subtype)
        if code is None:
            raise Rejected(f"no service of the platform is configured for {draft.subtype}")
        return code

    def _picture(self, evidence: tuple[EvidenceFile, ...], roles: tuple[str, ...]) -> str:
        by_role = {file.role: file for file in evidence}
        return next((self._links.to(by_role[role]) for role in roles if role in by_role), "")

    def _definition(self, code: str) -> list[Record]:
        """The attributes of a service; read once."""
        if code not in self._attributes:
            rows = self._get(f"services/{quote(code, safe='')}")
            self._attributes[code] = (rows[0].get("attributes") or []) if rows else []
        return self._attributes[code]

    def _missing(self, code: str) -> list[str]:
        problems = []
        for attribute in self._definition(code):
            name = attribute["code"]
            template = self._settings.attributes.get(name)
            if template is None and attribute.get("required") == "true":
                problems.append(f"asks for attribute {name} ({attribute.get('description', '')}), which is not mapped")
            options = {value["key"] for value in attribute.get("values") or []}
            if template is not None and options and "{" not in template and template not in options:
                problems.append(f"takes for {name} only {', '.join(sorted(options))}, not {template}")
        return problems

    def _resolved(self, token: str) -> CaseReport:
        """The case behind a token; named by the token itself while its number is still to come."""
        try:
            rows = self._get(f"tokens/{quote(token, safe='')}")
        except (RetryLater, Rejected):
            rows = []
        case_id = rows[0].get("service_request_id", "") if rows else ""
        if not case_id:
            return CaseReport(f"{_TOKEN}{token}", CaseStatus.FILED, "token")
        return CaseReport(case_id, CaseStatus.FILED, "open", detail={"token": token})

    def _between(self, code: str, begin: datetime, end: datetime) -> list[Record]:
        """Requests of a stretch of time; a full answer may have been cut off, so the stretch is halved."""
        query = {"service_code": code, "start_date": _w3(begin), "end_date": _w3(end)}
        rows = self._get("requests", query)
        if len(rows) < _QUERY_ROWS or end - begin < timedelta(seconds=2):
            return rows
        middle = begin + (end - begin) / 2
        return self._between(code, begin, middle) + self._between(code, middle, end)

    def _report(self, row: Record) -> CaseReport:
        word = row.get("status", "").lower()
        words = " ".join(part for part in (word, row.get("status_notes", "")) if part)
        detail = {"expected_at": row["expected_datetime"]} if row.get("expected_datetime") else {}
        return CaseReport(
            row.get("service_request_id", ""),
            self._settings.statuses.get(word),
            words,
            row.get("status_notes", ""),
            detail,
        )

    def _get(self, path: str, query: Mapping[str, str] | None = None) -> list[Record]:
        request = self._http.build_request("GET", self._url(path), params=self._ours(query or {}))
        return self._read(wire.send(self._http, request, writes=False, words=self._words), writes=False)

    def _post(self, path: str, form: Mapping[str, str]) -> Record:
        data = {**self._ours(form), "api_key": self._settings.api_key}
        request = self._http.build_request("POST", self._url(path), data=data)
        rows = self._read(wire.send(self._http, request, writes=True, words=self._words), writes=True)
        if not rows:
            raise RetryLater("the answer is empty", outcome_unknown=True)
        return rows[0]

    def _ours(self, values: Mapping[str, str]) -> dict[str, str]:
        jurisdiction = self._settings.jurisdiction
        return dict(values) | ({"jurisdiction_id": jurisdiction} if jurisdiction else {})

    def _url(self, path: str) -> str:
        return f"{self._settings.url.rstrip('/')}/{path}.{self._settings.format}"

    def _read(self, answer: httpx.Response, *, writes: bool) -> list[Record]:
        try:
            return records(answer.content, self._settings.format)
        except ValueError as error:
            raise RetryLater(f"malformed answer: {error}", outcome_unknown=writes) from error

    def _words(self, answer: httpx.Response) -> str:
        """Errors as the platform words them: an array of {code, description}."""
        try:
            errors = records(answer.content, self._settings.format)
        except ValueError:
            return wire.words_of(answer)
        told = "; ".join(str(error.get("description", "")) for error in errors)
        return told or wire.words_of(answer)


def _mark(reference: str) -> str:
    return f"[{reference}]"


def _w3(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
