"""What a person has yet to see is kept with their account, not with their browser."""

from datetime import timedelta
from pathlib import Path

import httpx

from tests.api.city import City, make_city
from tests.api.test_access import sign_in
from vision.api.shifts import Shifts
from vision.testing import ManualClock


def test_a_shift_begins_where_the_last_one_ended(tmp_path: Path) -> None:
    clock = ManualClock()
    city = make_city(tmp_path, clock=clock)
    shifts = Shifts(city.database, clock)
    try:
        first = shifts.go_on("operator:li")
        clock.advance(1800)
        assert shifts.go_on("operator:li", ["i-1"]).unread_since == first.unread_since
        left = clock.now()
        clock.advance(8 * 3600)
        later = shifts.go_on("operator:li")
        assert (later.unread_since, later.opened) == (left, [])
        assert shifts.go_on("operator:li", ["i-1", "i-2", "i-1"]).opened == ["i-1", "i-2"]
        assert shifts.go_on("operator:wang").opened == [], "each has their own"
        seen = shifts.go_on("operator:li", all_seen=True)
        assert (seen.unread_since, seen.opened) == (clock.now(), [])
    finally:
        city.close()


def test_signing_out_ends_the_shift(tmp_path: Path) -> None:
    clock = ManualClock()
    city = make_city(tmp_path, clock=clock)
    shifts = Shifts(city.database, clock)
    try:
        shifts.go_on("operator:li")
        clock.advance(600)
        shifts.end("operator:li")
        left = clock.now()
        clock.advance(600)
        assert shifts.go_on("operator:li").unread_since == left
    finally:
        city.close()


def test_another_machine_shows_the_same(city: City, client: httpx.Client) -> None:
    with sign_in(city, client) as here:
        told = here.post("/api/v1/me/shift", json={"opened": ["i-1"]}).json()
        with httpx.Client(base_url=client.base_url) as there:
            made = there.post("/api/v1/session", json={"name": "li", "password": "plover-tide-9"}).json()
            there.headers["X-CSRF-Token"] = made["csrf"]
            assert there.post("/api/v1/me/shift", json={}).json() == told
        assert told["opened"] == ["i-1"]
    assert client.post("/api/v1/me/shift", json={}).json()["opened"] == []


def test_what_is_late_can_be_asked_for(city: City, client: httpx.Client) -> None:
    now = city.clock.now()
    for name, status, hours in (("late", "dispatched", -1), ("timely", "filed", 1), ("handled", "handled", -1)):
        city.raise_incident(name, status="filed", verdict="confirm")
        city.add_case(name, status=status, filed_at=now, due_at=now + timedelta(hours=hours))
    found = client.get("/api/v1/incidents", params={"overdue": True}).json()["items"]
    assert [(item["id"], item["gravity"]) for item in found] == [("late", 3)]
    assert client.get("/api/v1/incidents/handled").json()["gravity"] == 1, "its clock stands"
