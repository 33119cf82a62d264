"""The shipped phrases as recordings, for machines without a speech engine; made by scripts/speak_phrases.py."""

from pathlib import Path

from vision.alerts.audio import Audio
from vision.alerts.phrases import DEFAULT_PHRASES, Phrase

FOLDER = Path(__file__).parent


def shipped(phrase: Phrase, language: str) -> tuple[Audio, str] | None:
    """The recording of a shipped phrase and its words, which name nobody; None where the words were changed."""
    from vision.alerts.uploads import decoded

    original = next((one for one in DEFAULT_PHRASES if one.id == phrase.id), None)
    if original is None or (original.zh, original.en) != (phrase.zh, phrase.en):
        return None
    path = FOLDER / f"{phrase.id}.{language[:2]}.opus"
    if not path.is_file():
        return None
    return decoded(path.read_bytes(), 60.0), phrase.text({}, language)
