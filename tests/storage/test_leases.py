import time
from collections.abc import Iterator

import pytest

from vision.core.errors import StorageError
from vision.storage.leases import CameraLeases
from vision.storage.valkey import EmbeddedValkey


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = EmbeddedValkey(tmp_path_factory.mktemp("valkey"))
    server.start()
    yield server.url
    server.stop()


def test_a_camera_has_one_holder_until_it_is_released(url: str) -> None:
    first, second = CameraLeases(url, "w1"), CameraLeases(url, "w2")
    held = first.hold(["a1", "a2"])
    assert second.hold(["a1", "a2", "a3"]).keys() == {"a3"}
    assert first.hold(["a1", "a2"]) == held, "renewed under the same token"
    first.release(["a1"])
    assert second.hold(["a1"])["a1"] > held["a1"]


def test_a_lease_that_ran_out_passes_on_with_a_higher_token(url: str) -> None:
    lost, heir = CameraLeases(url, "w1", ttl_s=0.1), CameraLeases(url, "w2")
    token = lost.hold(["b"])["b"]
    deadline = time.monotonic() + 10
    while not (held := heir.hold(["b"])) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert held["b"] > token
    assert lost.hold(["b"]) == {}


def test_nobody_releases_the_lease_of_another(url: str) -> None:
    owner = CameraLeases(url, "w1")
    owner.hold(["c"])
    CameraLeases(url, "w2").release(["c"])
    assert CameraLeases(url, "w3").hold(["c"]) == {}


def test_a_redis_that_is_away_is_said() -> None:
    with pytest.raises(StorageError, match="leases on redis://"):
        CameraLeases("redis://127.0.0.1:1", "w").hold(["a"])
