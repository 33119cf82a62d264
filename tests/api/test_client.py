from itertools import islice

import pytest

from tests.api.city import City
from vision.api.client import Streetward
from vision.api.server import ApiServer
from vision.core.errors import NotThereError, Rejected, RetryLater
from vision.core.incidents import Verdict


@pytest.fixture
def hub(city: City, server: ApiServer) -> Streetward:
    return Streetward(f"http://127.0.0.1:{server.port}", key=city.key("operator"))


def test_it_reads_and_acts(city: City, hub: Streetward) -> None:
    for index in range(5):
        city.raise_incident(f"i-{index}")
    with hub:
        assert len(list(hub.incidents(status="active", limit=2))) == 5
        incident = hub.incident("i-0")
        assert incident.why.zh
        assert hub.evidence(incident.evidence[0].id, reason="test")[:2] == b"\xff\xd8"
        hub.judge("i-0", Verdict.REJECT, "none")
        hub.file("i-1")
        hub.announce("horn", incident_id="i-1")
        assert hub.incident("i-0").verdict is Verdict.REJECT
        assert {camera.id for camera in hub.cameras()} == {"gate", "market", "lane"}
        assert sum(total.raised for total in hub.statistics().totals) == 5


def test_errors_are_the_projects_own(city: City, hub: Streetward, server: ApiServer) -> None:
    city.raise_incident("i-0")
    with hub:
        with pytest.raises(NotThereError):
            hub.incident("nope")
        hub.judge("i-0", Verdict.CONFIRM)
        with pytest.raises(Rejected, match="409"):
            hub.judge("i-0", Verdict.REJECT)
        server.stop()
        with pytest.raises(RetryLater):
            hub.cameras()


def test_alerts_go_on_across_a_restart(city: City, server: ApiServer, hub: Streetward) -> None:
    city.raise_incident("a")
    alerts = hub.alerts(0)
    assert next(alerts).incident.id == "a"
    port = server.port
    server.stop()
    city.raise_incident("b")
    again = ApiServer(city.app(), city.services.feed, port=port)
    again.start()
    try:
        city.raise_incident("c")
        assert [alert.incident_id for alert in islice(alerts, 2)] == ["b", "c"]
    finally:
        again.stop()
        hub.close()
