"""A worker's model is exchanged under its looks."""

from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.pipeline.streets import NAMES, bicycle, frame
from vision.core.detections import Detections
from vision.core.errors import DetectorError, ModelFileError
from vision.core.frames import Image
from vision.pipeline.models import Exchange, Model, ModelFollower, Wish
from vision.testing import ManualClock

IMAGE = frame(0).image


@dataclass
class FakeBatcher:
    """Answers when it is told to, as a batcher with a queue does; closing answers what waits."""

    closed: bool = False
    waiting: list["Future[Detections]"] = field(default_factory=list)

    def submit(self, image: Image, camera_id: str) -> "Future[Detections]":
        if self.closed:
            raise DetectorError("closed")
        answer: Future[Detections] = Future()
        self.waiting.append(answer)
        return answer

    def close(self) -> None:
        self.closed = True
        for answer in self.waiting:
            if not answer.done():
                answer.set_result(bicycle())


@dataclass
class Rack:
    """Models that can be loaded, and how often each was."""

    loaded: list[str] = field(default_factory=list)
    batchers: dict[str, FakeBatcher] = field(default_factory=dict)

    def load(self, name: str) -> Model:
        if name == "broken":
            raise ModelFileError("broken.xml: the file is damaged")
        self.loaded.append(name)
        self.batchers[name] = FakeBatcher()
        return Model(name, NAMES, f"{name} 1.0", self.batchers[name])


@dataclass
class FakeBoard:
    wish: dict[str, Any] | None = None
    posted: list[dict[str, Any]] = field(default_factory=list)

    def wanted_model(self) -> dict[str, Any] | None:
        return self.wish

    def post_model(self, worker: str, record: Any) -> None:
        self.posted.append(dict(record))


@pytest.fixture
def rack() -> Rack:
    return Rack()


def test_the_new_model_is_loaded_first_and_no_look_is_lost(rack: Rack) -> None:
    exchange = Exchange(rack.load, "old")
    renewed: list[str] = []
    exchange.switched = lambda: renewed.append(exchange.version)
    on_its_way = exchange.submit(IMAGE, "gate")
    exchange.take(Wish("new", 1), telling=lambda: renewed.append(f"loading beside {exchange.version}"))
    assert renewed == ["loading beside old 1.0", "new 1.0"]
    assert on_its_way.result(timeout=0) is not None, "answered by the model it went to"
    exchange.submit(IMAGE, "gate")
    assert len(rack.batchers["new"].waiting) == 1
    assert rack.batchers["old"].closed


def test_a_model_that_cannot_be_loaded_leaves_the_present_one(rack: Rack) -> None:
    exchange = Exchange(rack.load, "old")
    exchange.take(Wish("broken", 1))
    assert exchange.record() == {
        "model": "old",
        "version": "old 1.0",
        "wanted": "broken",
        "state": "failed",
        "reason": "broken.xml: the file is damaged",
    }
    exchange.submit(IMAGE, "gate")
    assert not rack.batchers["old"].closed
    exchange.take(Wish("old", 2))
    assert (exchange.state, exchange.reason, rack.loaded) == ("ready", "", ["old"])


def test_a_wish_is_dealt_with_once_and_can_be_made_again(rack: Rack) -> None:
    exchange = Exchange(rack.load, "old")
    exchange.take(Wish("new", 1))
    exchange.take(Wish("new", 1))
    assert rack.loaded == ["old", "new"]
    exchange.take(Wish("old", 2))
    assert rack.loaded == ["old", "new", "old"]


def test_a_look_that_meets_the_exchange_goes_to_the_new_model(rack: Rack) -> None:
    exchange = Exchange(rack.load, "old")
    rack.batchers["old"].closed = True  # as if the exchange came between reading and submitting
    with pytest.raises(DetectorError):
        exchange.submit(IMAGE, "gate")
    exchange.take(Wish("new", 1))
    exchange.submit(IMAGE, "gate")


def test_the_follower_takes_the_hubs_wish_and_tells_what_looks_now(rack: Rack) -> None:
    exchange, board = Exchange(rack.load, "old"), FakeBoard()
    follower = ModelFollower("w1", exchange, board, ManualClock())
    follower.once()
    assert board.posted[-1]["model"] == "old"
    board.wish = {"name": "new", "number": 1}
    follower.once()
    assert [record["state"] for record in board.posted] == ["ready", "loading", "ready"]
    assert board.posted[-1]["version"] == "new 1.0"


def test_a_fault_of_the_runtime_is_told_and_ends_nothing(rack: Rack) -> None:
    exchange, board = Exchange(rack.load, "old"), FakeBoard({"name": "new", "number": 1})

    def crash(name: str) -> Model:
        raise RuntimeError(f"out of memory loading {name}")

    exchange._load = crash
    follower = ModelFollower("w1", exchange, board, ManualClock())
    follower.start()
    for _ in range(200):
        if exchange.state == "failed":
            break
        follower._stop.wait(0.01)
    follower.stop()
    assert exchange.reason == "RuntimeError: out of memory loading new"
    assert exchange.version == "old 1.0"
