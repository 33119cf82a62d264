import shutil
from dataclasses import replace

import numpy as np
import pytest

from tests.alerts.test_audio import tone
from tests.conftest import absent
from vision.alerts.audio import Audio
from vision.alerts.chime import chime
from vision.alerts.loudness import integrated_lufs
from vision.alerts.phrases import DEFAULT_PHRASES, Phrase
from vision.alerts.speech import EspeakNg, NoSpeech
from vision.alerts.voice import Voice, VoiceSettings
from vision.core.errors import NotThereError
from vision.testing import MemoryBlobs

SHOP = Phrase("shop", "{shop},请不要越门经营", "{shop}, please keep inside")
FIXED = Phrase("fixed", "此路段严禁占道经营,请尽快离开", clip_key="phrases/fixed.wav")


class HummingSpeech:
    """Says everything as a tone whose pitch is the text's length; counts how often it was asked."""

    version = "humming-1"

    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []

    def say(self, text: str, language: str) -> Audio:
        self.said.append((text, language))
        return tone(200 + 10 * len(text), rate_hz=22050, duration_s=0.1 * len(text))


def test_the_same_words_are_rendered_once() -> None:
    speech, blobs = HummingSpeech(), MemoryBlobs()
    voice = Voice(blobs, speech)
    first = voice.render(SHOP, {"shop": "海鲜店"})
    again = voice.render(SHOP, {"shop": "海鲜店"})
    other = voice.render(SHOP, {"shop": "水果店"})
    assert first.key == again.key != other.key
    assert np.array_equal(first.audio.samples, again.audio.samples)
    assert speech.said == [("海鲜店,请不要越门经营", "zh"), ("水果店,请不要越门经营", "zh")]


def test_other_settings_are_other_sounds() -> None:
    blobs = MemoryBlobs()
    settings = [VoiceSettings(), VoiceSettings(target_lufs=-20), VoiceSettings(with_chime=False)]
    keys = {Voice(blobs, HummingSpeech(), one).render(SHOP, {}).key for one in settings}
    assert len(keys) == 3


def test_it_begins_with_the_chime_and_has_the_target_loudness() -> None:
    spoken = Voice(MemoryBlobs(), HummingSpeech(), VoiceSettings(target_lufs=-18)).render(SHOP, {"shop": "海鲜店"})
    assert spoken.audio.rate_hz == 16000
    assert spoken.chime_s == pytest.approx(chime().duration_s)
    head = spoken.audio.samples[: len(chime().samples)]
    assert np.corrcoef(head, chime().samples)[0, 1] > 0.99
    assert integrated_lufs(spoken.audio) == pytest.approx(-18, abs=0.7)


def test_both_languages_are_said_in_order() -> None:
    speech = HummingSpeech()
    spoken = Voice(MemoryBlobs(), speech, VoiceSettings(languages=("zh", "en"))).render(SHOP, {"shop": "A"})
    assert [language for _, language in speech.said] == ["zh", "en"]
    assert spoken.text == "A,请不要越门经营 A, please keep inside"


def test_a_recording_of_fixed_words_beats_speech() -> None:
    blobs, speech = MemoryBlobs(), HummingSpeech()
    blobs.put("phrases/fixed.wav", tone(333, rate_hz=16000, duration_s=2).to_wav(), media_type="audio/wav")
    spoken = Voice(blobs, speech).render(FIXED, {})
    assert not speech.said
    assert spoken.audio.duration_s == pytest.approx(chime().duration_s + 0.15 + 2, abs=0.01)


def test_without_an_engine_the_recording_stands_in_for_words_with_names() -> None:
    blobs = MemoryBlobs()
    blobs.put("phrases/shop.wav", tone(333, rate_hz=16000, duration_s=2).to_wav(), media_type="audio/wav")
    with_clip = Phrase("shop", "{shop},请不要越门经营", clip_key="phrases/shop.wav")
    assert Voice(blobs, NoSpeech()).render(with_clip, {"shop": "海鲜店"}).audio.duration_s > 3
    with pytest.raises(NotThereError, match="no recorded clip"):
        Voice(blobs, NoSpeech()).render(SHOP, {})


@pytest.mark.parametrize("phrase", DEFAULT_PHRASES, ids=lambda phrase: phrase.id)
def test_the_shipped_phrases_speak_without_any_engine(phrase: Phrase) -> None:
    spoken = Voice(MemoryBlobs(), NoSpeech(), VoiceSettings(languages=("zh", "en"))).render(phrase, {"shop": "海鲜店"})
    assert spoken.text == f"{phrase.text({}, 'zh')} {phrase.text({}, 'en')}"
    assert 8 < spoken.audio.duration_s < 30
    changed = replace(phrase, zh="请离开")
    with pytest.raises(NotThereError, match="no recorded clip"):
        Voice(MemoryBlobs(), NoSpeech()).render(changed, {})


def test_a_phrase_without_words_in_the_language_is_not_there() -> None:
    with pytest.raises(NotThereError, match="no words in en"):
        Voice(MemoryBlobs(), HummingSpeech(), VoiceSettings(languages=("en",))).render(Phrase("p", "中文"), {})


def test_a_missing_engine_names_the_package() -> None:
    with pytest.raises(NotThereError, match="apt install espeak-ng"):
        EspeakNg("espeak-ng-that-is-not-there").say("你好", "zh")


@pytest.mark.server
@pytest.mark.parametrize(("language", "text"), [("zh", "请保持周边环境整洁"), ("en", "keep the pavement clear")])
def test_espeak_speaks_both_languages(language: str, text: str) -> None:
    if shutil.which("espeak-ng") is None:
        absent("needs espeak-ng (apt install espeak-ng)")
    spoken = EspeakNg().say(text, language)
    assert 0.8 < spoken.trimmed().duration_s < 5
    assert spoken.rms_dbfs > -35
    with pytest.raises(NotThereError, match="no text-to-speech voice"):
        EspeakNg().say(text, "tlh")
