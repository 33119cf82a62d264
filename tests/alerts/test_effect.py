from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.databases import new_database
from vision.alerts.effect import Effects, effects
from vision.storage.database import Database
from vision.storage.tables.incidents import IncidentRow
from vision.storage.tables.speakers import AnnouncementRow

NOON = datetime(2026, 7, 1, 4, 0, tzinfo=UTC)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    one = new_database(tmp_path / "hub.db")
    yield one
    one.close()


def put(
    database: Database, number: str, *, status: str, ended_min: float | None, warned_min: list[float], **more: Any
) -> None:
    ended_at = None if ended_min is None else NOON + timedelta(minutes=ended_min)
    with database.transaction() as session:
        session.add(
            IncidentRow(
                id=number,
                type=more.get("type", "out_of_store"),
                subtype="out_of_store",
                status=status,
                camera_id="gate",
                view_id="main",
                zone_id="kerb",
                began_at=NOON,
                last_seen_at=NOON,
                ended_at=ended_at,
                updated_at=NOON,
            )
        )
        for minute in warned_min:
            session.add(
                AnnouncementRow(
                    incident_id=number,
                    speaker_id="horn",
                    phrase_id=more.get("phrase", "shop_first"),
                    actor="ladder",
                    at=NOON + timedelta(minutes=minute),
                    outcome=more.get("outcome", "spoken"),
                    proof={"cause": more["cause"]} if "cause" in more else {},
                )
            )


def measured(database: Database) -> Effects:
    with database.reading() as session:
        return effects(
            session,
            NOON,
            NOON + timedelta(days=1),
            timezone=ZoneInfo("Asia/Shanghai"),
            grace_s=lambda kind, _camera, _zone: {"out_of_store": 600.0, "garbage": 300.0}[kind],
        )


def test_rectified_within_the_grace_counts(database: Database) -> None:
    put(database, "in-time", status="rectified", ended_min=6, warned_min=[1])
    put(database, "too-late", status="rectified", ended_min=30, warned_min=[2])
    put(database, "filed", status="filed", ended_min=None, warned_min=[3])
    put(database, "closed", status="closed", ended_min=5, warned_min=[4])
    total = measured(database).total
    assert (total.spoken, total.rectified, total.rate, total.median_s) == (4, 1, 0.25, 300.0)


def test_the_last_warning_gets_the_credit(database: Database) -> None:
    put(database, "twice", status="rectified", ended_min=9, warned_min=[1, 8])
    total = measured(database).total
    assert (total.spoken, total.rectified, total.median_s) == (2, 1, 60.0)


def test_false_alarms_count_for_nothing(database: Database) -> None:
    put(database, "false", status="rejected", ended_min=5, warned_min=[1])
    total = measured(database).total
    assert (total.spoken, total.rate) == (0, None)


def test_by_phrase_type_and_local_hour(database: Database) -> None:
    put(database, "a", status="rectified", ended_min=5, warned_min=[1])
    put(database, "b", status="filed", ended_min=None, warned_min=[70])
    put(database, "c", status="rectified", ended_min=63, warned_min=[61], type="garbage", phrase="garbage")
    found = measured(database)
    assert [(one.key, one.spoken, one.rectified) for one in found.by_phrase] == [
        ("shop_first", 2, 1),
        ("garbage", 1, 1),
    ]
    assert [(one.key, one.rate) for one in found.by_type] == [("out_of_store", 0.5), ("garbage", 1.0)]
    assert [(one.key, one.rate) for one in found.by_hour] == [("12", 1.0), ("13", 0.5)]
    assert found.to_record()["by_type"][1]["rate"] == 1.0


def test_silence_and_failure_are_counted_by_cause(database: Database) -> None:
    put(database, "q", status="open", ended_min=None, warned_min=[1, 2], outcome="silent", cause="quiet_hours")
    put(database, "f", status="open", ended_min=None, warned_min=[3], outcome="failed")
    found = measured(database)
    assert found.silent == {"quiet_hours": 2}
    assert found.failed == 1
    assert found.total.spoken == 0
