from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from tests.scenarios.street_story import Story
from vision.hub.statistics import Item, incidents_table, items, tables, to_csv, to_parquet
from vision.storage.tables import IncidentRow

STORIES = Path(__file__).parents[1] / "scenarios/stories"
SHANGHAI = ZoneInfo("Asia/Shanghai")


def found(name: str, folder: Path) -> list[Item]:
    story = Story(next(STORIES.glob(f"{name}*.yaml")), folder)
    try:
        story.play()
        with story.database.reading() as session:
            return items(session, story.begin, story.end)
    finally:
        story.close()


def test_a_warning_that_worked(tmp_path: Path) -> None:
    (item,) = found("01_", tmp_path)
    total = tables([item], 1.0, SHANGHAI)["total"][0]
    assert (total["raised"], total["filed"], total["rectified_after_warning"]) == (1, 0, 1.0)
    assert (total["median_to_alert_s"], total["median_to_gone_s"]) == (180.0, 240.0)
    assert total["precision"] is None


def test_lapsed_suspicions_do_not_count(tmp_path: Path) -> None:
    assert found("23_", tmp_path) == []


def test_what_people_filed_is_not_videos_share(tmp_path: Path) -> None:
    (item,) = found("50_", tmp_path)
    assert (item.filed, item.by_hand) == (False, True)  # filed_at is the dispatcher's to write


def made(n: int, **changes: object) -> Item:
    at = datetime(2026, 7, 1, n % 24, tzinfo=UTC)
    values: dict[str, object] = {
        "id": str(n), "type": "garbage", "subtype": "exposed_garbage", "standard_ref": "gbt30428-2013",
        "event_code": "0110", "camera_id": f"c{n % 2}", "zone_id": "kerb", "district": "east",
        "grid_id": "", "shop_id": "", "longitude": 121.0 + 0.01 * (n % 2), "latitude": 31.0, "status": "closed",
        "verdict": "", "began_at": at, "confirmed_at": at, "ended_at": at + timedelta(minutes=10 * n),
        "warned": False, "filed": True, "by_hand": False, "to_alert_s": 180.0, "to_file_s": 5.0, "to_gone_s": 600.0 * n,
        "stood_s": 180.0 + 600.0 * n,
    }  # fmt: skip
    return Item(**{**values, **changes})  # type: ignore[arg-type]


def test_precision_and_false_alarms_by_camera() -> None:
    verdicts = ["confirm", "reject", "confirm", "confirm", "", "reject"]
    told = tables([made(n, verdict=v) for n, v in enumerate(verdicts)], 2.0, SHANGHAI)
    by_camera = {row["camera"]: row for row in told["camera"]}
    assert by_camera["c0"]["precision"] == 1.0
    assert by_camera["c1"]["precision"] == pytest.approx(1 / 3)
    assert by_camera["c1"]["false_alarms_per_camera_day"] == 1.0
    assert told["total"][0]["precision"] == 0.6


def test_the_ai_share_is_of_all_the_citys_cases() -> None:
    some = [made(0), made(1, by_hand=True), made(2, filed=False)]
    total = tables(some, 1.0, SHANGHAI, all_cases=10)["total"][0]
    assert (total["ai_filed"], total["by_hand_filed"], total["all_filed"], total["ai_share"]) == (1, 1, 10, 0.1)
    own = tables(some, 1.0, SHANGHAI)["total"][0]
    assert (own["all_filed"], own["ai_share"]) == (2, 0.5)


def test_silent_cameras_count_where_all_are_watched() -> None:
    some = [made(0, verdict="reject"), made(1)]
    told = tables(some, 2.0, SHANGHAI, cameras=10)
    assert told["total"][0]["false_alarms_per_camera_day"] == 0.05
    assert told["type"][0]["false_alarms_per_camera_day"] == 0.05
    assert tables(some, 2.0, SHANGHAI)["total"][0]["false_alarms_per_camera_day"] == 0.25


def test_a_rejected_suspicion_is_a_false_alarm_that_never_was_gone(tmp_path: Path) -> None:
    story = Story(next(STORIES.glob("23_*.yaml")), tmp_path)
    try:
        story.play()
        with story.database.transaction() as session:
            row = session.scalars(select(IncidentRow)).first()
            assert row is not None
            row.status, row.verdict = "rejected", "reject"
        with story.database.reading() as session:
            (item,) = items(session, story.begin, story.end)
    finally:
        story.close()
    assert (item.to_alert_s, item.to_gone_s, item.confirmed_at) == (None, None, item.began_at)


def test_the_trend_has_a_row_a_day_and_type() -> None:
    rows = tables([made(0, verdict="confirm"), made(20, filed=False)], 2.0, SHANGHAI)["trend"]
    assert rows == [
        {"day": "2026-07-01", "type": "garbage", "raised": 1, "confirmed": 1, "rejected": 0, "filed": 1},
        {"day": "2026-07-02", "type": "garbage", "raised": 1, "confirmed": 0, "rejected": 0, "filed": 0},
    ]


def test_rankings_hours_and_cells() -> None:
    told = tables([made(n, grid_id="g1" if n else "g2", shop_id="s" * (n == 3)) for n in range(4)], 1.0, SHANGHAI)
    assert [(row["grid"], row["raised"]) for row in told["grid"]] == [("g1", 3), ("g2", 1)]
    assert [row["shop"] for row in told["shop"]] == ["s"]
    assert [row["garbage"] for row in told["hour"]][8:12] == [1, 1, 1, 1]
    assert sorted(cell["raised"] for cell in told["cell"]) == [2, 2]
    (a, b) = told["cell"]
    assert abs(a["longitude"] - b["longitude"]) == pytest.approx(0.01, abs=0.0011)


def test_csv_is_safe_to_open_and_parquet_reads_back(tmp_path: Path) -> None:
    import io

    import polars as pl

    table = incidents_table([made(1, zone_id="=cmd()"), made(2)])
    text = to_csv(table)
    assert text.startswith("\ufeffid,type,")
    assert "'=cmd()" in text
    frame = pl.read_parquet(io.BytesIO(to_parquet(table)))
    assert frame["zone_id"].to_list() == ["=cmd()", "kerb"]
    assert frame.height == 2
