"""The daily report: counted by the local day, made once in the morning, printed page by page."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import pytest

from tests.api.city import City, make_city
from vision.api.server import ApiServer
from vision.core.errors import NotThereError
from vision.hub.daily import DailyReports, DayBook, report_key
from vision.hub.daily_pdf import printed
from vision.testing import ManualClock

ZONE = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 7, 2, 0, 0, tzinfo=UTC)  # 08:00 in Shanghai
DAY = date(2026, 7, 1)


@pytest.fixture
def city(tmp_path: Path) -> Iterator[City]:
    city = make_city(tmp_path, clock=ManualClock(NOW))
    yield city
    city.close()


@pytest.fixture
def book(city: City) -> DayBook:
    return DayBook(city.database, city.registry, city.clock, city="示例市", zone=ZONE, grace_s=lambda *_: 300.0)


def at(city: City, name: str, local: str, **values: object) -> None:
    moment = datetime.fromisoformat(local).replace(tzinfo=ZONE)
    city.raise_incident(name, began_at=moment - timedelta(minutes=4), confirmed_at=moment, **values)


def reports(city: City, book: DayBook, clock: ManualClock) -> DailyReports:
    return DailyReports(book, city.blobs, clock, at=time(6, 30), zone=ZONE, language="zh")


def pages(pdf: bytes) -> int:
    return pdf.count(b"/Type /Page\n")


def test_a_day_is_the_citys_own(city: City, book: DayBook) -> None:
    at(city, "before", "2026-06-30T23:59:59")
    at(city, "first", "2026-07-01T00:00:00")
    at(city, "last", "2026-07-01T23:59:59", camera_id="market", verdict="reject", status="rejected")
    at(city, "after", "2026-07-02T00:00:00")
    day = book.count(DAY)
    assert [section.district for section in day.sections] == [None, "东城", "西城"]
    raised = [section.tables["total"][0]["raised"] for section in day.sections]
    assert raised == [2, 1, 1]
    assert [section.cameras for section in day.sections] == [3, 2, 1]
    assert day.whole
    assert not book.count(date(2026, 7, 2)).whole
    with pytest.raises(NotThereError):
        book.count(date(2026, 7, 3))


@pytest.mark.slow
def test_a_page_for_the_city_and_one_for_each_district(city: City, book: DayBook) -> None:
    for number in range(30):
        place = "一个名字很长很长的商户,长到一行里写不下,必须截断" * 2
        city.registry.put("shop", f"s{number}", {"name": place}, by="test")
        at(city, f"i-{number}", f"2026-07-01T{number % 24:02}:10:00", shop_id=f"s{number}", grid_id=f"g{number}")
    for language in ("zh", "en"):
        pdf = printed(book.count(DAY), language)
        assert pdf.startswith(b"%PDF-")
        assert pages(pdf) == 3
    assert pages(printed(book.count(DAY, ["西城"]))) == 1
    assert pages(printed(book.count(date(2026, 6, 1)))) == 3, "a day on which nothing happened is a report too"


def test_yesterdays_is_made_once_when_its_time_has_come(city: City, book: DayBook) -> None:
    clock = ManualClock(datetime(2026, 7, 1, 22, 0, tzinfo=UTC))  # 06:00 on the second
    made = DailyReports(book, city.blobs, clock, at=time(6, 30), zone=ZONE, language="zh")
    assert not made.once()
    clock.advance(1800)
    assert made.once()
    assert city.blobs.exists(report_key(DAY, "zh"))
    assert not made.once()
    again = DailyReports(book, city.blobs, clock, at=time(6, 30), zone=ZONE, language="zh")
    assert not again.once(), "a restarted hub finds the one that was made"
    never = DailyReports(book, city.blobs, clock, at=None, zone=ZONE, language="zh")
    assert not never.once()


def test_the_api_gives_it_to_each_by_their_districts(city: City, book: DayBook) -> None:
    clock = ManualClock(NOW)
    city.services = replace(city.services, reports=reports(city, book, clock))
    assert city.services.reports is not None
    city.services.reports.once()
    server = ApiServer(city.app(), city.services.feed, port=0)
    server.start()
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{server.port}/api/v1") as client:
            whole = {"X-API-Key": city.key("viewer")}
            answer = client.get("/reports/daily/2026-07-01.pdf", headers=whole)
            assert answer.content == city.blobs.get(report_key(DAY, "zh"))
            assert client.get("/reports/daily/2026-07-03.pdf", headers=whole).status_code == 404
            assert client.get("/reports/daily/yesterday.pdf", headers=whole).status_code == 422
            body = {"name": "west", "role": "viewer", "districts": ["西城"]}
            admin = {"X-API-Key": city.key("admin")}
            key = client.post("/admin/keys", json=body, headers=admin).json()["key"]
            west = client.get("/reports/daily/2026-07-01.pdf", headers={"X-API-Key": key})
            assert pages(west.content) == 1
    finally:
        server.stop()
