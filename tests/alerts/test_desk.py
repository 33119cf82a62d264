from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.alerts.test_audio import tone
from tests.databases import new_database
from vision.alerts.build import Loudspeakers, build_loudspeakers
from vision.alerts.phrases import Phrase
from vision.alerts.uploads import UploadRefusedError
from vision.config.speakers import PhraseConfig, SpeakersConfig
from vision.core.announcements import Outcome
from vision.core.errors import NotThereError, Rejected
from vision.storage.registry import Registry
from vision.testing import ManualClock, MemoryBlobs


class City:
    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock()
        self.database = new_database(folder / "hub.db")
        self.registry = Registry(self.database, self.clock)
        self.heard = folder / "heard"
        always = {"kind": "wav", "url": str(self.heard), "quiet": []}
        self.registry.put("speaker", "horn", always, by="test")
        self.registry.put("speaker", "ward", {**always, "sensitive_area": True}, by="test")
        self.blobs = MemoryBlobs()
        config = SpeakersConfig(speech="none", phrases={"own": PhraseConfig(zh="请离开")})
        self.parts: Loudspeakers = build_loudspeakers(
            config,
            database=self.database,
            registry=self.registry,
            blobs=self.blobs,
            clock=self.clock,
            timezone=self.clock.now().tzinfo,  # type: ignore[arg-type]
        )


@pytest.fixture
def city(tmp_path: Path) -> Iterator[City]:
    town = City(tmp_path)
    yield town
    town.database.close()


def test_an_operator_plays_a_recorded_phrase(city: City) -> None:
    city.parts.phrases.record("own", tone(500, rate_hz=44100, duration_s=1.5).to_wav())
    answer = city.parts.desk.announce("horn", text="", phrase_id="own", actor="operator:li")
    assert answer["outcome"] == "spoken"
    assert answer["actor"] == "operator:li"
    assert len(list(city.heard.glob("horn-*.wav"))) == 1
    assert city.parts.announcer.record.since(city.clock.now().replace(year=2020))[0].outcome is Outcome.SPOKEN


def test_no_is_told_in_words(city: City) -> None:
    desk = city.parts.desk
    with pytest.raises(Rejected, match="no recorded clip"):
        desk.announce("horn", text="", phrase_id="own", actor="operator:li")
    with pytest.raises(Rejected, match="article 64"):
        desk.announce("ward", text="走开", phrase_id=None, actor="operator:li")
    with pytest.raises(Rejected, match="nothing to say"):
        desk.announce("horn", text="", phrase_id=None, actor="operator:li")
    with pytest.raises(NotThereError, match="no speaker tower"):
        desk.announce("tower", text="x", phrase_id=None, actor="operator:li")
    with pytest.raises(NotThereError, match="no phrase p"):
        desk.announce("horn", text="", phrase_id="p", actor="operator:li")


def test_the_mute_holds_until_it_is_lifted_and_survives_a_restart(city: City) -> None:
    city.parts.phrases.record("own", tone(500, rate_hz=44100, duration_s=0.5).to_wav())
    city.parts.desk.mute(on=True, actor="operator:li")
    assert city.parts.desk.muted
    with pytest.raises(Rejected, match="global mute"):
        city.parts.desk.announce("horn", text="", phrase_id="own", actor="operator:li")
    assert Registry(city.database, city.clock).document("setting", "loudspeakers") == {"muted": True}
    city.parts.desk.mute(on=False, actor="operator:li")
    assert city.parts.desk.announce("horn", text="", phrase_id="own", actor="operator:li")["outcome"] == "spoken"


def test_phrases_changed_here_beat_the_file_and_new_words_drop_the_recording(city: City) -> None:
    book = city.parts.phrases
    book.record("garbage", tone(500, rate_hz=16000, duration_s=1).to_wav())
    assert book.phrase("garbage").clip_key is not None
    book.put("garbage", PhraseConfig(zh="请分类投放"))
    changed = book.phrase("garbage")
    assert (changed.zh, changed.clip_key) == ("请分类投放", None)
    book.put("market", PhraseConfig(zh="收摊时间到了"))
    assert book.phrases()[0] == Phrase("market", "收摊时间到了")


def test_a_bad_recording_changes_nothing(city: City) -> None:
    with pytest.raises(UploadRefusedError, match="not audio"):
        city.parts.phrases.record("own", b"hello")
    assert city.parts.phrases.phrase("own").clip_key is None
    with pytest.raises(NotThereError):
        city.parts.phrases.record("none", tone(500, rate_hz=16000).to_wav())


def test_stopping_silence_says_so(city: City) -> None:
    assert not city.parts.desk.stop("horn", "operator:li")
    with pytest.raises(NotThereError):
        city.parts.desk.stop("tower", "operator:li")


def test_preview_sounds_like_the_announcement(city: City) -> None:
    city.parts.phrases.record("own", tone(500, rate_hz=16000, duration_s=1).to_wav())
    assert city.parts.desk.preview("own", {}).audio.duration_s > 2
    city.parts.phrases.forget_recording("own")
    with pytest.raises(NotThereError):
        city.parts.desk.preview("own", {})
