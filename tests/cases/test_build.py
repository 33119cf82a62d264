"""The configuration's section on cases, from YAML to platforms."""

import json
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import pytest
from pydantic import ValidationError

from tests.cases.examples import KEY, PICTURE, example_draft
from vision.cases.build import Surroundings, build_deadlines, build_platforms, build_routes, build_standard
from vision.cases.crs import gcj02
from vision.cases.links import Links
from vision.cases.platform import CaseChange, ChangeKind
from vision.cases.routing import route
from vision.config.cases import CasesConfig
from vision.config.schema import load
from vision.core.codes import STANDARDS
from vision.core.errors import ConfigError, Rejected, RetryLater
from vision.core.findings import Subtype, ViolationType
from vision.sandbox.platform_configs import platform_values
from vision.testing import EPOCH, ManualClock, MemoryBlobs

ROOT = Path(__file__).parents[2]


def around(transport: httpx.BaseTransport | None = None) -> Surroundings:
    clock, blobs = ManualClock(), MemoryBlobs()
    blobs.put(KEY, PICTURE, media_type="image/jpeg")
    return Surroundings(blobs, Links("http://hub.example", "s", timedelta(days=1), clock), clock, transport)


def section(**platforms: Any) -> CasesConfig:
    return CasesConfig.model_validate({"platforms": platforms})


def test_nothing_configured_works() -> None:
    config = CasesConfig()
    assert build_platforms(config, around()) == {}
    assert route(build_routes(config), ViolationType.GARBAGE, "east") == []
    assert build_standard(config).event(Subtype.OUT_OF_STORE).code == "0405"


@pytest.mark.parametrize("standard", STANDARDS)
def test_every_shipped_table_has_every_event(standard: str) -> None:
    table = build_standard(CasesConfig(standard=standard))
    assert {table.event(subtype).standard_ref for subtype in Subtype} == {standard}


def test_a_citys_own_rows_lie_over_the_table() -> None:
    config = CasesConfig.model_validate({"codes": {"overflow": {"code": "0193", "name": "垃圾满溢"}}})
    assert build_standard(config).event(Subtype.OVERFLOW).code == "0193"
    with pytest.raises(ConfigError, match="has no row for"):
        build_standard(CasesConfig(standard="own"))


def test_routes_lead_by_district_and_type() -> None:
    url = "http://sandbox.example"
    config = CasesConfig.model_validate(
        {
            "platforms": {name: platform_values("webhook", url) for name in ("city", "east", "bikes")},
            "routes": [
                {"platforms": ["bikes"], "types": ["bike_misparked"]},
                {"platforms": ["east", "city"], "districts": ["east"]},
                {"platforms": ["city"]},
            ],
        }
    )
    routes = build_routes(config)
    assert route(routes, ViolationType.GARBAGE, "west") == ["city"]
    assert route(routes, ViolationType.GARBAGE, "east") == ["east", "city"]
    assert route(routes, ViolationType.BIKE_MISPARKED, "east") == ["bikes", "east", "city"]


def test_every_mistake_of_every_platform_is_told_at_once() -> None:
    wrong_field = platform_values("urban", "http://a.example")
    wrong_field["file"] = {**wrong_field["file"], "fields": {"where": "{plaze}"}}
    wrong_crs = platform_values("urban", "http://b.example") | {"crs": "bd09"}
    with pytest.raises(ConfigError) as caught:
        build_platforms(section(a=wrong_field, b=wrong_crs), around())
    assert [problem.split(":")[0] for problem in caught.value.problems] == ["cases.platforms.a", "cases.platforms.b"]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"platforms": {}, "routes": [{"platforms": ["city"]}]}, "unknown platforms: city"),
        ({"platforms": {"c": platform_values("webhook", "http://c.example")}, "lease_s": 20}, "at least twice"),
        ({"deadlines": {"hours": [["14:00", "18:00"], ["08:00", "12:00"]]}}, "stretches in order"),
    ],
)
def test_what_cannot_work_is_refused(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        CasesConfig.model_validate(values)


def test_limits_and_holidays_are_the_citys() -> None:
    config = CasesConfig.model_validate(
        {"deadlines": {"limits": {"spill": {"value": 1, "unit": "work_days"}}, "holidays": ["2026-07-02"]}}
    )
    assert build_deadlines(config).due(Subtype.SPILL, EPOCH) == EPOCH + timedelta(days=2)


def test_messages_keep_to_their_published_schema() -> None:
    schema = json.loads(files("vision.cases").joinpath("schemas/webhook.schema.json").read_text(encoding="utf-8"))
    validator = jsonschema_rs.validator_for(schema)
    heard: list[Any] = []

    def answer(request: httpx.Request) -> httpx.Response:
        heard.append(json.loads(request.content))
        return httpx.Response(200, json={"case_id": "c1", "status": "filed"})

    for evidence in ("none", "url", "inline"):
        values = platform_values("webhook", "http://sandbox.example") | {
            "evidence": evidence,
            "evidence_roles": ["annotated"],
        }
        platform = build_platforms(section(city=values), around(httpx.MockTransport(answer)))["city"]
        platform.file(example_draft())
        platform.change("c1", CaseChange("k", ChangeKind.GONE, "已消除", datetime.now(tz=UTC), closes=True))
    assert len(heard) == 6
    for message in heard:
        validator.validate(message)


def test_the_worked_example_of_saverec_files_at_the_sandbox() -> None:
    city = load(ROOT / "configs" / "urban-saverec.yaml")
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, json={"code": 0, "message": "成功", "data": {"recid": "R1"}})

    platform = build_platforms(city.cases, around(httpx.MockTransport(answer)))["szcg"]
    assert platform.check() == []
    assert platform.file(example_draft()).case_id == "R1"
    record = json.loads(sent[0].content)
    draft = example_draft()
    assert draft.longitude is not None
    assert draft.latitude is not None
    x, y = gcj02((draft.longitude, draft.latitude))
    assert (record["coordinatex"], record["coordinatey"]) == (f"{x:.6f}", f"{y:.6f}")
    assert record["maintypeid"] == "01"
    assert record["reporttime"] == "2026-07-01 16:10:00"


def test_codes_in_the_answer_tell_refusals_from_later() -> None:
    said: dict[str, Any] = {}
    transport = httpx.MockTransport(lambda _request: httpx.Response(200, json=said))
    platform = build_platforms(section(city=platform_values("urban", "http://u.example")), around(transport))["city"]
    said.update(code=5001, message="系统繁忙")
    with pytest.raises(RetryLater, match="5001 系统繁忙") as caught:
        platform.file(example_draft())
    assert not caught.value.outcome_unknown
    said.update(code=4002, message="重复上报")
    with pytest.raises(Rejected, match="4002 重复上报"):
        platform.file(example_draft())
    said.clear()
    said.update(code=0, message="成功", data={})
    with pytest.raises(RetryLater, match=r"no data\.recid") as caught:
        platform.file(example_draft())
    assert caught.value.outcome_unknown
