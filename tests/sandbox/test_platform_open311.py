"""The sandbox's Open311 server, read by a client that we did not write, and held against the standard's tables."""

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree.ElementTree import fromstring

import httpx
import pytest

from tests.cases.examples import connect, example_draft
from vision.cases.platform import CaseReport
from vision.cases.platforms.open311_wire import records
from vision.core.clock import SystemClock
from vision.core.errors import Rejected
from vision.core.incidents import CaseStatus
from vision.sandbox.platform import API_KEY, SandboxPlatform


@pytest.fixture
def sandbox() -> SandboxPlatform:
    return SandboxPlatform()


@pytest.fixture
def url(sandbox: SandboxPlatform) -> Iterator[str]:
    with sandbox.serve() as url:
        yield url


@pytest.fixture
def three(url: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The independent client of 2013; its `itertools.ifilter` is today's `filter`, and nothing else is changed."""
    monkeypatch.setattr(itertools, "ifilter", filter, raising=False)
    import three

    return three.Three(f"{url}/open311/", api_key=API_KEY, format="json")


def file_one(url: str) -> CaseReport:
    return connect("open311_json", url, SystemClock()).file(example_draft(asked_at=datetime.now(tz=UTC)))


def test_a_case_made_by_us_is_read_back_by_an_independent_client(url: str, three: Any) -> None:
    case_id = file_one(url).case_id
    (request,) = three.request(case_id)
    assert request["service_request_id"] == case_id
    assert request["service_code"] == "0110"
    assert request["address"] == "人民路 12 号"
    assert request["description"] == "垃圾堆放 10 分钟\n[ref-1]"
    assert (request["lat"], request["long"]) == (31.2304, 121.4737)
    assert request["media_url"].startswith("http://hub.example/evidence/shared/")
    assert [row["service_request_id"] for row in three.requests("0110")] == [case_id]
    assert three.requests("0114") == []


def test_a_case_made_by_an_independent_client_is_read_by_us(url: str, three: Any) -> None:
    (made,) = three.post("0114", address="中山路 1 号", description="渣土车遗撒", **{"attribute[SOURCE]": "patrol"})
    report = connect("open311_xml", url, SystemClock()).report(made["service_request_id"])
    assert report.status is CaseStatus.FILED


def test_an_independent_client_reads_services_and_tokens(sandbox: SandboxPlatform, url: str, three: Any) -> None:
    assert {service["service_code"] for service in three.services()} >= {"0110", "0405", "0410"}
    assert [attribute["code"] for attribute in three.services("0110")["attributes"]] == ["GRID", "DEADLINE", "SOURCE"]
    sandbox.open311.batch = True
    (made,) = three.post("0110", address="中山路 1 号", **{"attribute[SOURCE]": "video"})
    assert three.token(made["token"])[0]["service_request_id"] == "SB000001"


def test_a_token_becomes_a_number(sandbox: SandboxPlatform, url: str) -> None:
    sandbox.open311.batch = True
    assert file_one(url).case_id == "SB000001"


# GeoReport v2, "Response" tables: field → whether it must be there, and its JSON type.
_REQUEST: dict[str, tuple[bool, type]] = {
    "service_request_id": (True, str),
    "status": (True, str),
    "service_code": (True, str),
    "requested_datetime": (True, str),
    "updated_datetime": (False, str),
    "expected_datetime": (False, str),
    "status_notes": (False, str),
    "service_name": (False, str),
    "description": (False, str),
    "agency_responsible": (False, str),
    "service_notice": (False, str),
    "address": (False, str),
    "address_id": (False, str),
    "zipcode": (False, str),
    "lat": (False, float),
    "long": (False, float),
    "media_url": (False, str),
}
_SERVICE = dict.fromkeys(("service_code", "service_name", "type"), (True, str)) | {
    "metadata": (True, bool),
    "description": (False, str),
    "keywords": (False, str),
    "group": (False, str),
}


def check(record: dict[str, Any], table: dict[str, tuple[bool, type]]) -> None:
    assert set(record) <= set(table)
    for name, (needed, kind) in table.items():
        assert not needed or record.get(name) is not None, name
        assert record.get(name) is None or isinstance(record[name], kind), name


def test_answers_have_the_shape_of_the_standard(url: str) -> None:
    file_one(url)
    for record in httpx.get(f"{url}/open311/requests.json").json():
        check(record, _REQUEST)
        assert record["status"] in {"open", "closed"}
        assert datetime.fromisoformat(record["requested_datetime"]).tzinfo is not None
    for record in httpx.get(f"{url}/open311/services.json").json():
        check(record, _SERVICE)
        assert record["type"] in {"realtime", "batch", "blackbox"}


def test_xml_says_the_same_as_json(url: str) -> None:
    file_one(url)
    for path, root in [("requests", "service_requests"), ("services", "services")]:
        xml = httpx.get(f"{url}/open311/{path}.xml")
        assert xml.headers["Content-Type"] == "text/xml; charset=utf-8"
        assert xml.content.startswith(b'<?xml version="1.0" encoding="utf-8"?>')
        assert fromstring(xml.content).tag == root
        assert records(xml.content, "xml") == records(httpx.get(f"{url}/open311/{path}.json").content, "json")


def test_errors_are_worded_by_the_platform(url: str) -> None:
    for format_ in ("json", "xml"):
        answer = httpx.post(f"{url}/open311/requests.{format_}", data={"api_key": API_KEY})
        assert answer.status_code == 400
        assert records(answer.content, format_)[0]["description"] == "service_code was not provided"
    assert httpx.post(f"{url}/open311/requests.json", data={"api_key": "x"}).status_code == 403
    with pytest.raises(Rejected, match="404 service_request_id SB000077 was not found"):
        connect("open311_xml", url, SystemClock()).report("SB000077")


def test_a_wrong_mapping_is_told_at_the_start(url: str) -> None:
    wrong = {"services": {"spill": "0999", "overflow": "0110"}, "attributes": {"SOURCE": "drone"}}
    assert connect("open311_json", url, SystemClock(), overrides=wrong).check() == [
        "overflow: service 0110 takes for SOURCE only patrol, video, not drone",
        "spill: the platform offers no service 0999",
    ]
    unmapped = connect("open311_json", url, SystemClock(), overrides={"attributes": {}}).check()
    assert any("asks for attribute SOURCE (问题来源), which is not mapped" in problem for problem in unmapped)


def test_a_query_of_more_than_90_days_is_refused(url: str) -> None:
    now = datetime.now(tz=UTC)
    query = {"start_date": (now - timedelta(days=91)).strftime("%Y-%m-%dT%H:%M:%SZ")}
    assert httpx.get(f"{url}/open311/requests.json", params=query).status_code == 400


def test_a_case_is_found_among_thousands(sandbox: SandboxPlatform, url: str) -> None:
    began = datetime.now(tz=UTC) - timedelta(minutes=30)
    document = {"service_code": "0110", "event_name": "暴露垃圾", "description": "another"}
    for n in range(2500):
        sandbox.cases.accept("open311", "", document, began + timedelta(seconds=n / 2), once_per_key=False)
    platform = connect("open311_json", url, SystemClock())
    draft = example_draft(asked_at=began)
    case_id = platform.file(draft).case_id
    found = platform.find(draft)
    assert found is not None
    assert found.case_id == case_id


def test_a_case_asked_for_half_a_year_ago_is_found(url: str) -> None:
    platform = connect("open311_json", url, SystemClock())
    draft = example_draft(asked_at=datetime.now(tz=UTC) - timedelta(days=180))
    case_id = platform.file(draft).case_id
    found = platform.find(draft)
    assert found is not None
    assert found.case_id == case_id
