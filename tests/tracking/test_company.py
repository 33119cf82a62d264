import json
from datetime import datetime

import pytest

from tests.tracking.looks import at
from vision.core.geometry import Box
from vision.core.scene import ChangeObject, StaticObject
from vision.tracking.company import Company

SACK: Box = (0.50, 0.60, 0.55, 0.65)
LORRY: Box = (0.30, 0.40, 0.50, 0.60)  # its rear is where the sack falls
FAR: Box = (0.00, 0.00, 0.10, 0.10)


def sack(came: datetime, key: int = 1) -> StaticObject:
    return StaticObject(key, "garbage", SACK, came, came, 1, 1.0, 0.0, 0.6, still=False)


def change(came: datetime, seen: datetime, key: int = 1) -> ChangeObject:
    return ChangeObject(key, SACK, 0.01, came, seen, 0.8)


def after_vehicle_s(company: Company, came: datetime, key: int = 1) -> float | None:
    (thing,), _ = company.join([sack(came, key)], [])
    return thing.after_vehicle_s


@pytest.mark.parametrize(
    ("vehicle", "came_s", "gap_s"),
    [
        (LORRY, 20, 20),
        (LORRY, 0, 0),  # the lorry is still there
        (LORRY, 61, None),  # too long ago
        (FAR, 20, None),  # elsewhere
    ],
)
def test_what_comes_shortly_after_a_vehicle_was_there_is_told(vehicle: Box, came_s: float, gap_s: float | None) -> None:
    company = Company(60)
    company.look(at(0), [], [vehicle], [])
    company.look(at(came_s), [], [], [])
    assert after_vehicle_s(company, at(came_s)) == gap_s


def test_a_vehicle_that_passes_later_explains_nothing() -> None:
    company = Company(60)
    company.look(at(0), [], [], [])
    assert after_vehicle_s(company, at(0)) is None
    company.look(at(10), [], [LORRY], [])
    assert after_vehicle_s(company, at(0)) is None
    assert after_vehicle_s(company, at(20), key=2) == 10


def test_a_change_is_attended_when_somebody_is_at_it_whenever_it_is_seen() -> None:
    company = Company(60)
    for step in range(10):
        seen = [change(at(0), at(step * 10))]
        company.look(at(step * 10), [SACK] if step % 2 else [], [], seen)
    _, (told,) = company.join([], seen)
    assert told.attended == 0.5
    company.look(at(200), [SACK], [], seen)  # not seen at this look: says nothing
    assert company.join([], seen)[1][0].attended == 0.5


def test_a_restart_forgets_neither_vehicles_nor_people() -> None:
    before, after = Company(60), Company(60)
    before.look(at(0), [SACK], [LORRY], [change(at(0), at(0), key=3)])
    before.join([sack(at(0))], [change(at(0), at(0), key=3)])
    after.restore(json.loads(json.dumps(before.to_record())))
    assert after_vehicle_s(after, at(30), key=2) == 30
    assert after.join([], [change(at(0), at(0), key=3)])[1][0].attended == 1.0
    with pytest.raises(KeyError):
        after.restore({"vehicles": []})
