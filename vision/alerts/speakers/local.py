"""Loudspeakers of this machine, for trials: a folder of WAV files, and the sound card."""

import shutil
import subprocess
import threading
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np

from vision.alerts.audio import Audio, Sound, to_pcm16
from vision.alerts.speakers.driver import Proof, options_of, paced
from vision.core.clock import Clock
from vision.core.errors import ConfigError, Rejected, RetryLater
from vision.core.registry import Speaker

_RATE_HZ = 16000


class WavSpeaker:
    """Writes what it is told to say into the folder `url` names, one file an announcement, in real time."""

    live = True

    def __init__(self, speaker: Speaker, clock: Clock) -> None:
        options_of(speaker)
        folder = unquote(urlsplit(speaker.url).path) if speaker.url.startswith("file:") else speaker.url
        if not folder:
            raise ConfigError(f"speakers.{speaker.id}.url: should be a folder")
        self._speaker = speaker
        self._folder = Path(folder)
        self._clock = clock

    def play(self, sound: Sound, stop: threading.Event) -> Proof:
        began_at = self._clock.now()
        heard = [*paced(sound, _RATE_HZ, self._clock, stop)]
        audio = Audio(np.concatenate([*heard, np.zeros(0, np.float32)]), _RATE_HZ)
        path = self._folder / f"{self._speaker.id}-{began_at:%Y%m%dT%H%M%S.%f}.wav"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            path.write_bytes(audio.to_wav())
        except OSError as error:
            raise RetryLater(f"loudspeaker {self._speaker.id} cannot write {path}: {error.strerror}") from error
        detail = {"file": path.name}
        return Proof("wav", began_at, audio.duration_s, 2 * len(audio.samples), "written", stop.is_set(), detail)


class SoundCardSpeaker:
    """Plays on this machine's sound card through ALSA's `aplay`. Option: device (ALSA name)."""

    live = True

    def __init__(self, speaker: Speaker, clock: Clock) -> None:
        self._device = options_of(speaker, device="default")["device"]
        self._speaker = speaker
        self._clock = clock

    def play(self, sound: Sound, stop: threading.Event) -> Proof:
        command = shutil.which("aplay")
        if command is None:
            raise Rejected("no sound card player: aplay is not installed (apt install alsa-utils)")
        began_at, sent = self._clock.now(), 0
        arguments = [
            command,
            "-q",
            "-D",
            self._device,
            "-t",
            "raw",
            "-f",
            "S16_LE",
            "-r",
            str(_RATE_HZ),
            "-c",
            "1",
            "-",
        ]
        with subprocess.Popen(arguments, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as player:
            assert player.stdin is not None
            assert player.stderr is not None
            try:
                for frame in paced(sound, _RATE_HZ, self._clock, stop):
                    sent += player.stdin.write(to_pcm16(frame).tobytes())
                    player.stdin.flush()
                player.stdin.close()
            except BrokenPipeError:  # aplay gave up; its own words follow
                with suppress(BrokenPipeError):  # closing flushes what it no longer takes
                    player.stdin.close()
            finally:
                if stop.is_set():
                    player.terminate()
            words = player.stderr.read().decode(errors="replace").strip()
        if player.returncode and not stop.is_set():
            raise RetryLater(f"sound card of {self._speaker.id}: {words or player.returncode}")
        return Proof("soundcard", began_at, sent / 2 / _RATE_HZ, sent, "played", stop.is_set())
