"""Whatever the order in which looks arrive, one look later the hub knows what is true."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from tests.databases import new_database
from tests.incidents.street import absent, present, unknown
from vision.core.findings import Finding
from vision.core.registry import Camera, View, Zone, ZoneKind
from vision.hub.incidents import IncidentService
from vision.hub.surroundings import CitySurroundings
from vision.storage.tables import IncidentRow, OutboxRow
from vision.testing import ManualClock

SQUARE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
LAST = 4000


def look(second: int, state: str) -> Finding:
    made = {"p": lambda: present(second, since=max(0, second - 200)), "a": lambda: absent(second)}
    return made.get(state, lambda: unknown(second))()


looks = st.lists(
    st.tuples(st.integers(1, 300), st.sampled_from("ppaau")), min_size=1, max_size=25, unique_by=lambda x: x[0]
)


@pytest.mark.slow
@given(looks=looks, data=st.data())
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_in_the_end_it_is_right(looks: list[tuple[int, str]], data: st.DataObject) -> None:
    arriving = data.draw(st.permutations([look(10 * n, state) for n, state in looks]))
    doubled = arriving + data.draw(st.lists(st.sampled_from(arriving), max_size=5))
    zone = Zone("kerb", ZoneKind.KEEP_CLEAR, SQUARE)
    with tempfile.TemporaryDirectory() as folder:
        database = new_database(Path(folder) / "hub.db")
        around = CitySurroundings(lambda: [Camera("gate", "rtsp://x", views=(View(zones=(zone,)),))])
        around.refresh()
        service = IncidentService(database, ManualClock(), around, route=lambda _t, _d: ["city"])
        for start in range(0, len(doubled), 3):
            service.take(doubled[start : start + 3])
        service.take([present(LAST, since=LAST - 300)])
        with database.reading() as session:
            alive = session.scalars(select(IncidentRow.id).where(IncidentRow.watched)).all()
            filed = session.scalars(select(OutboxRow.incident_id).where(OutboxRow.kind == "file")).all()
        assert len(alive) == 1, "what stands there is one incident"
        assert alive[0] in filed
        assert len(filed) == len(set(filed)), "filed twice"
        service.take([absent(LAST + 60 * n) for n in range(1, 5)])
        database.close()
