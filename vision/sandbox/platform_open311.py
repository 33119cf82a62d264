"""The sandbox platform's Open311 GeoReport v2 server, in XML and JSON (wiki.open311.org/GeoReport_v2)."""

from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from vision.core.clock import Clock
from vision.sandbox.platform_cases import SandboxCase, SandboxCases
from vision.sandbox.platform_faults import Faults

CHANNEL = "open311"
_ROWS_MOST = 1000
_DAYS_MOST = 90
_SERVICES = {
    "0110": ("暴露垃圾", "市容环境"),
    "0114": ("道路遗撒", "市容环境"),
    "0136": ("乱堆物堆料", "市容环境"),
    "0401": ("无照经营游商", "街面秩序"),
    "0405": ("店外经营", "街面秩序"),
    "0406": ("占道经营", "街面秩序"),
    "0410": ("非机动车乱停放", "街面秩序"),
}
_ATTRIBUTES: list[dict[str, Any]] = [
    {"code": "GRID", "datatype": "string", "required": False, "description": "单元网格编码", "values": []},
    {"code": "DEADLINE", "datatype": "datetime", "required": False, "description": "处置时限", "values": []},
    {
        "code": "SOURCE",
        "datatype": "singlevaluelist",
        "required": True,
        "description": "问题来源",
        "values": [{"key": "video", "name": "视频发现"}, {"key": "patrol", "name": "巡查上报"}],
    },
]
_DONE = frozenset({"handled", "closed", "withdrawn", "returned"})


class _Refusal(Exception):  # noqa: N818 - an answer of the protocol, not a fault
    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


class Open311Desk:
    """Answers the calls; `batch` hands out tokens instead of numbers, as servers with a queue do."""

    def __init__(self, cases: SandboxCases, faults: Faults, clock: Clock, api_key: str) -> None:
        self.cases = cases
        self.faults = faults
        self.clock = clock
        self.api_key = api_key
        self.batch = False

    def now(self) -> datetime:
        return self.clock.now() + timedelta(seconds=self.faults.clock_skew_s)

    def services(self) -> list[dict[str, Any]]:
        return [
            {
                "service_code": code,
                "service_name": name,
                "description": name,
                "metadata": True,
                "type": "batch" if self.batch else "realtime",
                "keywords": group,
                "group": group,
            }
            for code, (name, group) in _SERVICES.items()
        ]

    def definition(self, code: str) -> dict[str, Any]:
        if code not in _SERVICES:
            raise _Refusal(404, f"service_code {code} was not found")
        attributes = [
            {"variable": True, "order": order, "datatype_description": None, **attribute}
            for order, attribute in enumerate(_ATTRIBUTES, 1)
        ]
        return {"service_code": code, "attributes": attributes}

    def take(self, form: dict[str, str]) -> list[dict[str, Any]]:
        if form.get("api_key") != self.api_key:
            raise _Refusal(403, "api_key is missing or not known")
        code = form.get("service_code", "")
        if not code:
            raise _Refusal(400, "service_code was not provided")
        if code not in _SERVICES:
            raise _Refusal(404, f"service_code {code} was not found")
        if not (("lat" in form and "long" in form) or form.get("address_string") or form.get("address_id")):
            raise _Refusal(400, "one of lat & long, address_string or address_id is required")
        if len(form.get("description", "")) > 4000:
            raise _Refusal(400, "description is longer than 4,000 characters")
        missing = [a["code"] for a in _ATTRIBUTES if a["required"] and not form.get(f"attribute[{a['code']}]")]
        if missing:
            raise _Refusal(400, f"attribute {', '.join(missing)} is required")
        if self.faults.refuse:
            raise _Refusal(400, self.faults.refuse)
        document = {
            **form,
            "event_name": _SERVICES[code][0],
            "event_code": code,
            "place": form.get("address_string", ""),
            "evidence": [{"role": "media", "media_type": "image/jpeg", "url": form["media_url"]}]
            if form.get("media_url")
            else [],
        }
        document.pop("api_key")
        case, _new = self.cases.accept(CHANNEL, "", document, self.now(), once_per_key=False)
        if self.batch:
            return [{"token": f"T{case.number}"}]
        return [{"service_request_id": case.id, "service_notice": "将按时限处置", "account_id": None}]

    def update(self, form: dict[str, str]) -> list[dict[str, Any]]:
        if form.get("api_key") != self.api_key:
            raise _Refusal(403, "api_key is missing or not known")
        case = self.cases.get(form.get("service_request_id", ""))
        if case is None:
            raise _Refusal(404, "service_request_id was not found")
        status = "closed" if form.get("status", "").upper() == "CLOSED" else "dispatched"
        key = form.get("update_id", "")
        self.cases.set_status(case.id, status, self.now(), reason=form.get("description", ""), key=key)
        return [{"update_id": key}]

    def token(self, token: str) -> list[dict[str, Any]]:
        case = self.cases.get(f"SB{token.removeprefix('T')}")
        if case is None:
            raise _Refusal(404, "token was not found")
        return [{"service_request_id": case.id, "token": token}]

    def requests(self, query: dict[str, str]) -> list[dict[str, Any]]:
        if ids := query.get("service_request_id"):
            found = [case for name in ids.split(",") if (case := self.cases.get(name))]
            return [_request(case) for case in found]
        now = self.now()
        begin = _time(query.get("start_date")) or now - timedelta(days=_DAYS_MOST)
        end = _time(query.get("end_date")) or now
        if end - begin > timedelta(days=_DAYS_MOST):
            raise _Refusal(400, "the range may not span more than 90 days")
        codes = set(filter(None, query.get("service_code", "").split(",")))
        states = set(filter(None, query.get("status", "").split(",")))
        found = self.cases.between(CHANNEL, begin, end)
        rows = [_request(case) for case in found if not codes or case.document["service_code"] in codes]
        rows = [row for row in rows if not states or row["status"] in states][:_ROWS_MOST]
        return [row for row in rows for _ in range(2 if self.faults.duplicates else 1)]

    def request(self, case_id: str) -> list[dict[str, Any]]:
        case = self.cases.get(case_id)
        if case is None or case.channel != CHANNEL:
            raise _Refusal(404, f"service_request_id {case_id} was not found")
        return [_request(case)]


def open311_router(desk: Open311Desk) -> APIRouter:
    router = APIRouter(prefix="/open311")

    @router.get("/discovery.{format_}")
    async def discovery(request: Request, format_: str) -> Response:
        endpoint = {
            "specification": "http://wiki.open311.org/GeoReport_v2",
            "url": str(request.base_url) + "open311",
            "changeset": "2026-07-01T00:00:00Z",
            "type": "test",
            "formats": ["text/xml", "application/json"],
        }
        document = {"changeset": "2026-07-01T00:00:00Z", "contact": "the sandbox", "endpoints": [endpoint]}
        return _spell(document, format_, "discovery", "endpoint")

    @router.get("/services.{format_}")
    async def services(format_: str) -> Response:
        return _spell(desk.services(), format_, "services", "service")

    @router.get("/services/{code}.{format_}")
    async def definition(code: str, format_: str) -> Response:
        return _answer(lambda: desk.definition(code), format_, "service_definition", "attribute")

    @router.post("/requests.{format_}")
    async def take(request: Request, format_: str) -> Response:
        form = {name: str(value) for name, value in (await request.form()).items()}
        return _answer(lambda: desk.take(form), format_, "service_requests", "request")

    @router.get("/requests.{format_}")
    async def requests(request: Request, format_: str) -> Response:
        query = dict(request.query_params)
        return _answer(lambda: desk.requests(query), format_, "service_requests", "request")

    @router.get("/requests/{case_id}.{format_}")
    async def one(case_id: str, format_: str) -> Response:
        return _answer(lambda: desk.request(case_id), format_, "service_requests", "request")

    @router.get("/tokens/{token}.{format_}")
    async def token(token: str, format_: str) -> Response:
        return _answer(lambda: desk.token(token), format_, "service_requests", "request")

    @router.post("/servicerequestupdates.{format_}")
    async def update(request: Request, format_: str) -> Response:
        form = {name: str(value) for name, value in (await request.form()).items()}
        return _answer(lambda: desk.update(form), format_, "service_request_updates", "request_update")

    return router


def _answer(work: Any, format_: str, root: str, item: str) -> Response:
    try:
        return _spell(work(), format_, root, item)
    except _Refusal as refusal:
        errors = [{"code": str(refusal.status), "description": str(refusal)}]
        return _spell(errors, format_, "errors", "error", status=refusal.status)


def _spell(document: Any, format_: str, root: str, item: str, *, status: int = 200) -> Response:
    if format_ == "json":
        return JSONResponse(document, status, media_type="application/json; charset=utf-8")
    if format_ != "xml":
        return _spell([{"code": "404", "description": f"no format {format_}"}], "xml", "errors", "error", status=404)
    element = Element(root)
    _into(element, document, item)
    body = b'<?xml version="1.0" encoding="utf-8"?>\n' + tostring(element, encoding="utf-8")
    return Response(body, status, media_type="text/xml; charset=utf-8")


def _into(element: Element, value: Any, item: str) -> None:
    singular = {"attributes": "attribute", "values": "value", "endpoints": "endpoint", "formats": "format"}
    if isinstance(value, list):
        for part in value:
            _into(SubElement(element, item), part, item)
    elif isinstance(value, dict):
        for name, part in value.items():
            _into(SubElement(element, name), part, singular.get(name, item))
    elif value is not None:
        element.text = str(value).lower() if isinstance(value, bool) else str(value)


def _request(case: SandboxCase) -> dict[str, Any]:
    told = case.document
    return {
        "service_request_id": case.id,
        "status": "closed" if case.status in _DONE else "open",
        "status_notes": " ".join(part for part in (case.status, case.reason) if part),
        "service_name": told["event_name"],
        "service_code": told["service_code"],
        "description": told.get("description", ""),
        "agency_responsible": "城市管理指挥中心",
        "service_notice": None,
        "requested_datetime": _w3(case.created_at),
        "updated_datetime": _w3(case.updated_at),
        "expected_datetime": told.get("attribute[DEADLINE]"),
        "address": told.get("address_string", ""),
        "address_id": None,
        "zipcode": None,
        "lat": float(told["lat"]) if "lat" in told else None,
        "long": float(told["long"]) if "long" in told else None,
        "media_url": told.get("media_url"),
    }


def _time(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise _Refusal(400, f"{text} is not a time such as 2010-01-01T00:00:00Z") from None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def _w3(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
