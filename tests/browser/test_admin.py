"""The administration pages in a real browser."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.alerts.test_audio import tone
from tests.api.city import City
from tests.browser.conftest import until
from vision.alerts.build import build_loudspeakers
from vision.config.speakers import SpeakersConfig
from vision.detectors.catalogue import CATALOGUE_FILE
from vision.hub.daily import DailyReports, DayBook
from vision.hub.models import ModelShelf

pytestmark = [pytest.mark.browser, pytest.mark.slow]
Open = Callable[..., Any]


@pytest.fixture
def city(city: City, tmp_path: Path) -> City:
    city.registry.put("speaker", "horn", {"kind": "wav", "url": str(tmp_path / "heard"), "name": "北门喇叭"}, by="test")
    parts = build_loudspeakers(
        SpeakersConfig(speech="none", default_mode="automatic"),
        database=city.database,
        registry=city.registry,
        blobs=city.blobs,
        clock=city.clock,
        timezone=city.clock.now().tzinfo,  # type: ignore[arg-type]
    )
    shelf = ModelShelf(city.registry, city.clock, "own.xml", CATALOGUE_FILE)
    zone = ZoneInfo("Asia/Shanghai")
    book = DayBook(city.database, city.registry, city.clock, city="示例市", zone=zone, grace_s=lambda *_: 300.0)
    reports = DailyReports(book, city.blobs, city.clock, at=None, zone=zone, language="zh")
    city.services = replace(city.services, announcements=parts.desk, loudspeakers=parts, models=shelf, reports=reports)
    return city


def test_a_phrase_is_made_recorded_heard_and_taken_back(city: City, open_page: Open, tmp_path: Path) -> None:
    (tmp_path / "said.wav").write_bytes(tone(500, rate_hz=16000, duration_s=1.0).to_wav())
    page = open_page("/console/admin/phrases")
    page.get_by_role("button", name="新建用语").click()
    page.get_by_label("编号").fill("market")
    page.get_by_label("中文").fill("收摊时间到了")
    page.get_by_label("暴露垃圾").check()
    page.locator("dialog button[type=submit]").click()
    row = page.locator("tr", has_text="market")
    row.get_by_text("自建").wait_for()
    row.locator("input[type=file]").set_input_files(tmp_path / "said.wav")
    row.get_by_text("真人录音").wait_for()
    row.get_by_role("button", name="试听").click()
    page.get_by_text("正在试听:market").wait_for()
    row.get_by_role("button", name="删除").click()
    page.locator("dialog button[type=submit]").click()
    row.wait_for(state="detached")
    parts = city.services.loudspeakers
    assert parts is not None
    assert "market" not in {phrase.id for phrase in parts.phrases.phrases()}


def test_a_recording_that_is_none_is_refused_in_words(city: City, open_page: Open, tmp_path: Path) -> None:
    (tmp_path / "said.wav").write_bytes(b"hello")
    page = open_page("/console/admin/phrases")
    page.locator("tr", has_text="garbage").locator("input[type=file]").set_input_files(tmp_path / "said.wav")
    page.get_by_text("not audio").wait_for()


def test_the_mute_and_a_loudspeakers_own_quiet_hours(city: City, open_page: Open) -> None:
    page = open_page("/console/admin/phrases")
    page.get_by_role("button", name="全市静音").click()
    page.get_by_text("全市喇叭已静音").wait_for()
    assert city.services.loudspeakers is not None
    assert city.services.loudspeakers.desk.muted
    page.get_by_role("button", name="解除静音").click()
    page.get_by_text("喇叭可用").wait_for()
    row = page.locator("tr", has_text="北门喇叭")
    row.get_by_role("button", name="修改").click()
    page.locator("dialog input[type=time]").first.fill("20:30")
    page.get_by_label("每日次数上限").fill("7")
    page.locator("dialog button[type=submit]").click()
    row.get_by_text("20:30–06:00").wait_for()
    until(page, "!document.querySelector('dialog')")
    speaker = city.registry.speakers()["horn"]
    assert (speaker.quiet[0].begin.isoformat("minutes"), speaker.daily_cap) == ("20:30", 7)


def test_a_model_is_switched_and_a_worker_that_refuses_says_why(city: City, open_page: Open) -> None:
    kept = {"model": "own.xml", "version": "own 1.0", "wanted": "street-n"}
    city.board.loaded = {"w1": {**kept, "state": "failed", "reason": "street-n.bin: the file is damaged"}}
    page = open_page("/console/admin/models")
    page.get_by_text("street-n.bin: the file is damaged").wait_for()
    page.get_by_role("button", name="采用").click()
    page.locator("dialog button[type=submit]").click()
    page.get_by_role("button", name="退回 own.xml").wait_for()
    chosen = city.services.models.chosen() if city.services.models else None
    assert chosen is not None
    assert (chosen.model, chosen.by) == ("street-n", "operator:local")


def test_figures_are_taken_away_and_the_daily_report_printed(city: City, open_page: Open) -> None:
    city.raise_incident("i-1", verdict="reject", status="rejected", ended_at=city.clock.now())
    page = open_page("/console/statistics")
    page.locator("section", has_text="误报最多的摄像机").get_by_role("link", name="北门").wait_for()
    page.get_by_role("button", name="导出").click()
    with page.expect_download() as csv:
        page.locator("dialog").get_by_role("link", name="逐条警情").click()
    assert "i-1" in Path(csv.value.path()).read_text(encoding="utf-8-sig")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="日报").click()
    page.locator("dialog input[type=date]").wait_for()
    with page.expect_download() as report:
        page.locator("dialog button[type=submit]").click()
    assert Path(report.value.path()).read_bytes().startswith(b"%PDF-")
