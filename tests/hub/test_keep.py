from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from tests.incidents.street import absent, at, present, unknown
from vision.core.findings import Finding
from vision.hub.keep import Keeper, Run, drop_old, kept_runs, sightings
from vision.storage.database import Database


def keep(database: Database, looks: list[Finding], district: str = "east") -> list[Run]:
    keeper = Keeper()
    for look in looks:
        keeper.note(look, district)
    with database.transaction() as session:
        session.add_all(keeper.rows(at(0)))
    with database.reading() as session:
        return list(kept_runs(session, at(-1), at(10**7)))


def test_what_says_the_same_is_one_run(database: Database) -> None:
    runs = keep(
        database, [absent(t) for t in range(0, 500, 10)] + [present(500), *(absent(t) for t in range(510, 600, 10))]
    )
    assert [(run.state, run.at) for run in runs] == [("absent", at(0)), ("present", at(500)), ("absent", at(510))]
    assert (runs[1].looks, runs[1].before, runs[1].every_s) == (50, at(490), 10.0)


def test_late_and_doubled_looks_are_left_out(database: Database) -> None:
    assert len(keep(database, [absent(10), absent(10), present(5), absent(20)])) == 1


def test_silence_counts_and_confidence_begin_new_runs(database: Database) -> None:
    looks = [
        present(0),
        present(10, confidence=0.95),
        present(20, confidence=0.95, boxes=((0.1, 0.1, 0.2, 0.2), (0.4, 0.4, 0.5, 0.5))),
        present(1000, confidence=0.95, boxes=((0.1, 0.1, 0.2, 0.2), (0.4, 0.4, 0.5, 0.5))),
    ]
    assert len(keep(database, looks)) == 4


def test_districts_are_read_apart_and_old_ones_dropped(database: Database) -> None:
    keep(database, [absent(0)], "east")
    keep(database, [unknown(10)], "west")
    with database.reading() as session:
        assert [run.state for run in kept_runs(session, at(-1), at(100), ("west",))] == ["unknown"]
    assert drop_old(database, at(86_405), timedelta(days=1)) == 1
    with database.reading() as session:
        assert [run.state for run in kept_runs(session, at(-1), at(100))] == ["unknown"]


def test_sightings_give_first_and_last_look(database: Database) -> None:
    keep(database, [present(0), present(50, since=0), absent(60)])
    with database.reading() as session:
        looks = sightings(session, "gate", "main", since=at(-5), until=at(100))
    assert [(look.state, look.at) for look in looks] == [
        ("present", at(0)),
        ("present", at(50)),
        ("absent", at(60)),
        ("absent", at(100)),
    ]


@given(
    since=st.floats(-1000, 0).map(lambda v: round(v, 2)),
    box=st.tuples(*[st.floats(0, 1).map(lambda v: round(v, 3))] * 4),
    confidence=st.floats(0, 1).map(lambda v: round(v, 3)),
)
def test_a_run_survives_being_written(since: float, box: tuple[float, float, float, float], confidence: float) -> None:
    keeper = Keeper()
    keeper.note(present(0, since=since, boxes=(box,), confidence=confidence), "east")
    (run,) = keeper._waiting["east"]
    assert Run.from_line(run.to_line()) == run
