"""Text to speech behind one seam; espeak-ng is the engine every Debian has."""

import shutil
import subprocess
from typing import Protocol

from vision.alerts.audio import Audio
from vision.core.errors import NotThereError

# espeak-ng counts English words; the same figure makes Mandarin a third slower than people speak.
_VOICES = {"zh": ("cmn", 1.4), "en": ("en", 1.0)}


class Speech(Protocol):
    @property
    def version(self) -> str:
        """Name and version: part of what a rendered phrase is cached by."""
        ...

    def say(self, text: str, language: str) -> Audio:
        """Speak `text` in `language` (zh, en).

        Raises:
            NotThereError: the engine or its voice is not installed.
        """
        ...


class EspeakNg:
    """The espeak-ng command; plain, but it speaks both languages anywhere."""

    def __init__(self, command: str = "espeak-ng", *, words_per_minute: int = 150, timeout_s: float = 20.0) -> None:
        self._command = command
        self._speed = words_per_minute
        self._timeout_s = timeout_s

    @property
    def version(self) -> str:
        return f"espeak-ng/{self._speed}"

    def say(self, text: str, language: str) -> Audio:
        path = shutil.which(self._command)
        if path is None:
            raise NotThereError(
                f"no text-to-speech: {self._command} is not installed (apt install espeak-ng), "
                "and the phrase has no recorded clip"
            )
        voice = _VOICES.get(language[:2])
        if voice is None:
            raise NotThereError(f"no text-to-speech voice for language {language!r}; there are {', '.join(_VOICES)}")
        name, haste = voice
        arguments = [path, "-v", name, "-s", str(round(self._speed * haste)), "--stdin", "--stdout"]
        try:
            done = subprocess.run(
                arguments, input=text.encode(), capture_output=True, timeout=self._timeout_s, check=True
            )
            # The WAV header it pipes out claims 2 GiB; the reader takes what is there.
            return Audio.from_wav(done.stdout)
        except subprocess.TimeoutExpired as error:
            raise NotThereError(f"{self._command} did not answer within {self._timeout_s:g} s") from error
        except (subprocess.CalledProcessError, ValueError) as error:
            raise NotThereError(f"{self._command} could not speak {language!r}: {_words(error)}") from error


class NoSpeech:
    """Recorded clips only."""

    version = "none"

    def say(self, text: str, language: str) -> Audio:
        raise NotThereError(f"text-to-speech is off and there is no recorded clip for {text!r} ({language})")


def _words(error: subprocess.CalledProcessError | ValueError) -> str:
    if isinstance(error, subprocess.CalledProcessError):
        return error.stderr.decode(errors="replace").strip() or f"exit status {error.returncode}"
    return str(error)
