import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.alerts.peers import gst_camera, heard_by
from tests.alerts.test_audio import tone
from tests.alerts.test_desk import City
from tests.streams.waiting import eventually
from vision.alerts.audio import Audio, to_pcm16
from vision.alerts.chime import chime
from vision.alerts.listen import find
from vision.alerts.talk import LiveSound, Told
from vision.core.announcements import Outcome
from vision.core.clock import SystemClock
from vision.core.errors import NotThereError, Rejected
from vision.testing import ManualClock

PIECE_S, PATIENCE_S = 0.02, 60


def pieces(sound: Audio) -> Iterator[bytes]:
    for frame in sound.frames(sound.rate_hz):
        yield to_pcm16(frame).tobytes()


@pytest.fixture
def city(tmp_path: Path) -> Iterator[City]:
    town = City(tmp_path)
    yield town
    town.database.close()


class Ear:
    """Collects what a talk tells."""

    def __init__(self) -> None:
        self.told: list[Told] = []
        self.speaking = threading.Event()

    def __call__(self, told: Told) -> None:
        self.told.append(told)
        if told.state == "speaking":
            self.speaking.set()

    @property
    def states(self) -> list[str]:
        return [told.state for told in self.told]


def test_frames_come_at_the_loudspeakers_rate_whatever_the_microphone_has() -> None:
    sound = tone(500, rate_hz=48000, duration_s=0.25)
    live = LiveSound(48000, ManualClock(), threading.Event())
    for piece in np.split(sound.samples, 10):
        live.hear(piece)
    live.end()
    frames = list(live.frames(8000))
    assert {len(frame) for frame in frames} == {160}
    assert find(sound, Audio(np.concatenate([*frames, np.zeros(200, np.float32)]), 8000)).score > 0.99


def test_delay_never_builds_up() -> None:
    clock = ManualClock()
    live = LiveSound(8000, clock, threading.Event())
    for _ in range(100):  # two seconds while nobody plays
        live.hear(np.ones(160, np.float32))
    assert live.dropped_s == pytest.approx(1.7)
    live.end()
    assert sum(len(frame) for frame in live.frames(8000)) / 8000 == pytest.approx(0.3, abs=0.03)
    assert live.kept().duration_s == pytest.approx(2.0)


def test_stop_ends_the_frames_while_they_wait() -> None:
    stop = threading.Event()
    frames = LiveSound(8000, ManualClock(), stop).frames(8000)
    threading.Timer(0.1, stop.set).start()
    assert list(frames) == []


def test_a_talk_is_heard_and_kept(city: City) -> None:
    ear, said = Ear(), tone(500, rate_hz=16000, duration_s=0.2)
    talk = city.parts.desk.talk("horn", actor="operator:li", rate_hz=16000, told=ear)
    assert ear.speaking.wait(PATIENCE_S)
    for piece in pieces(said):
        talk.hear(piece)
    talk.end()
    assert talk.wait(PATIENCE_S)
    assert ear.states == ["connecting", "speaking", "done"]
    kept = ear.told[-1].announcement
    assert kept is not None
    assert kept.outcome is Outcome.SPOKEN
    assert kept.audio_key is not None
    assert find(said, Audio.from_wav(city.blobs.get(kept.audio_key))).score > 0.99
    (row,) = city.parts.announcer.record.since(city.clock.now().replace(year=2020))
    assert (row.actor, row.outcome, row.proof["talk"]) == ("operator:li", Outcome.SPOKEN, True)
    (file,) = city.heard.glob("horn-*.wav")
    assert find(said, Audio.from_wav(file.read_bytes())).score > 0.99


def test_the_policy_holds_for_talk_and_its_no_is_kept(city: City) -> None:
    with pytest.raises(Rejected, match="article 64"):
        city.parts.desk.talk("ward", actor="operator:li", rate_hz=16000, told=Ear())
    (row,) = city.parts.announcer.record.since(city.clock.now().replace(year=2020))
    assert (row.outcome, row.proof["cause"]) == (Outcome.SILENT, "sensitive_area")
    emergency = city.parts.desk.talk(
        "ward", actor="operator:li", rate_hz=16000, told=Ear(), emergency="gas leak at number 12"
    )
    emergency.end()
    assert emergency.wait(PATIENCE_S)
    with pytest.raises(NotThereError):
        city.parts.desk.talk("tower", actor="operator:li", rate_hz=16000, told=Ear())
    with pytest.raises(Rejected, match="sample rate"):
        city.parts.desk.talk("horn", actor="operator:li", rate_hz=5, told=Ear())


def test_a_talk_is_stopped_at_once_by_somebody_else_and_two_never_talk_together(city: City) -> None:
    ear = Ear()
    talk = city.parts.desk.talk("horn", actor="operator:li", rate_hz=16000, told=ear)
    assert ear.speaking.wait(PATIENCE_S)
    talk.hear(bytes(640))
    with pytest.raises(Rejected, match="within earshot"):
        city.parts.desk.talk("horn", actor="operator:wang", rate_hz=16000, told=Ear())
    assert city.parts.desk.talking() == {"horn": "operator:li"}
    assert city.parts.desk.stop("horn", "operator:wang")
    assert talk.wait(PATIENCE_S)
    assert ear.told[-1].announcement is not None
    assert ear.told[-1].announcement.outcome is Outcome.STOPPED
    assert ear.told[-1].why.en == "stopped by operator:wang"


def test_a_person_takes_over_from_an_automatic_announcement(city: City) -> None:
    speaker = city.registry.speakers()["horn"]
    began, ended = threading.Event(), threading.Event()

    def automatic() -> None:
        with city.parts.announcer.floor.take(speaker, "ladder") as turn:
            assert turn is not None
            began.set()
            turn.stop.wait(PATIENCE_S)
            ended.set()

    thread = threading.Thread(target=automatic)
    thread.start()
    assert began.wait(PATIENCE_S)
    talk = city.parts.desk.talk("horn", actor="operator:li", rate_hz=16000, told=Ear())
    assert ended.is_set()
    talk.end()
    assert talk.wait(PATIENCE_S)
    thread.join(PATIENCE_S)


def test_an_endless_talk_is_cut_off(city: City) -> None:
    city.parts.desk._longest_talk_s = 0.1
    ear = Ear()
    talk = city.parts.desk.talk("horn", actor="operator:li", rate_hz=8000, told=ear)
    assert ear.speaking.wait(PATIENCE_S)
    for _ in range(10):
        talk.hear(bytes(320))
    assert talk.wait(PATIENCE_S)
    assert ear.states[-1] == "done"


def test_a_dead_loudspeaker_is_told(city: City) -> None:
    city.registry.put("speaker", "dead", {"kind": "onvif", "url": "rtsp://127.0.0.1:9/x", "quiet": []}, by="test")
    ear = Ear()
    talk = city.parts.desk.talk("dead", actor="operator:li", rate_hz=16000, told=ear)
    assert talk.wait(PATIENCE_S)
    assert ear.states == ["connecting", "failed"]
    assert "offline" in ear.told[-1].why.en


@pytest.mark.server
@pytest.mark.slow
def test_a_voice_arrives_at_an_onvif_camera(tmp_path: Path, city: City) -> None:
    clock = SystemClock()
    city.parts.announcer._clock = clock
    said = Audio.silence(0.1, 16000).then(chime()).then(Audio.silence(0.1, 16000))
    with gst_camera(tmp_path) as host:
        city.registry.put("speaker", "cam", {"kind": "onvif", "url": f"rtsp://{host}/camera", "quiet": []}, by="test")
        ear = Ear()
        talk = city.parts.desk.talk("cam", actor="operator:li", rate_hz=16000, told=ear)
        assert ear.speaking.wait(PATIENCE_S)
        for piece in pieces(said):
            talk.hear(piece)
            clock.sleep(PIECE_S)
        talk.end()
        assert talk.wait(PATIENCE_S)
        assert eventually(lambda: find(chime(), heard_by(tmp_path)).score > 0.99)
    kept = ear.told[-1].announcement
    assert kept is not None
    assert kept.proof["dropped_s"] < 0.5
