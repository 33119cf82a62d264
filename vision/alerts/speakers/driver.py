"""What a loudspeaker protocol has to do, and what it proves afterwards."""

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from vision.alerts.audio import FRAME_S, Samples, Sound
from vision.core.clock import Clock
from vision.core.errors import ConfigError
from vision.core.registry import Speaker


@dataclass(frozen=True, slots=True)
class Proof:
    """What the device took.

    Attributes:
        duration_s: of the audio it took; shorter than asked when `stopped`.
        sent_bytes: audio bytes that left; `accepted`: the device's own answer.
    """

    protocol: str
    began_at: datetime
    duration_s: float
    sent_bytes: int
    accepted: str
    stopped: bool = False
    detail: Mapping[str, Any] = field(default_factory=dict)

    def to_record(self) -> dict[str, Any]:
        return {
            "protocol": self.protocol,
            "began_at": self.began_at.isoformat(),
            "duration_s": round(self.duration_s, 3),
            "sent_bytes": self.sent_bytes,
            "accepted": self.accepted,
            "stopped": self.stopped,
            **self.detail,
        }


class SpeakerDriver(Protocol):
    """One loudspeaker. A driver never retries: who asked goes on to the next speaker."""

    @property
    def live(self) -> bool:
        """Whether it can play talk while it is spoken; the others take whole clips."""
        ...

    def play(self, sound: Sound, stop: threading.Event) -> Proof:
        """Play to the end, or until `stop` is set; returns when the sound is over.

        Raises:
            RetryLater: offline, busy, or gone half-way.
            Rejected: the device refuses: wrong password, no such channel, a format it does not take.
        """
        ...


def paced(sound: Sound, rate_hz: int, clock: Clock, stop: threading.Event) -> Iterator[Samples]:
    """The sound's 20 ms frames, each when it is due, until it ends or `stop` is set.

    Talk comes at its own pace and is passed on at once.
    """
    began_s = clock.monotonic_s()
    live = sound.duration_s is None
    for number, frame in enumerate(sound.frames(rate_hz)):
        if not live:
            wait_s = began_s + number * FRAME_S - clock.monotonic_s()
            if wait_s > 0:
                clock.sleep(wait_s, stop)
        if stop.is_set():
            return
        yield frame


@dataclass(frozen=True, slots=True)
class Address:
    """A speaker's URL, taken apart; the credentials never stay in `url`."""

    url: str
    host: str
    port: int | None
    path: str
    user: str = ""
    password: str = field(default="", repr=False)


def address_of(speaker: Speaker, *schemes: str) -> Address:
    """Raises ConfigError when the URL has another scheme or no host."""
    parts = urlsplit(speaker.url)
    if parts.scheme not in schemes or not parts.hostname:
        form = " or ".join(f"{scheme}://…" for scheme in schemes)
        raise ConfigError(f"speakers.{speaker.id}.url: should be {form} (got {speaker.safe_url})")
    try:
        port = parts.port
    except ValueError as error:
        raise ConfigError(f"speakers.{speaker.id}.url: {error}") from None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    bare = SplitResult(parts.scheme, host if port is None else f"{host}:{port}", parts.path, parts.query, "")
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    return Address(
        urlunsplit(bare), parts.hostname, port, path, unquote(parts.username or ""), unquote(parts.password or "")
    )


SHARED_OPTIONS = frozenset({"microphone"})  # read by the announcer, whatever the protocol


def options_of(speaker: Speaker, **defaults: str) -> dict[str, str]:
    """The speaker's options over the protocol's defaults; raises ConfigError for one that the protocol lacks."""
    given = {name: value for name, value in speaker.options if name not in SHARED_OPTIONS}
    unknown = sorted(given.keys() - defaults.keys())
    if unknown:
        known = ", ".join(sorted(defaults)) or "none"
        raise ConfigError(
            *(f"speakers.{speaker.id}.options.{name}: {speaker.kind} has no such option ({known})" for name in unknown)
        )
    return {**defaults, **given}


def choice_of(speaker: Speaker, options: Mapping[str, str], name: str, *choices: str) -> str:
    """Raises ConfigError when the option is none of `choices`."""
    if options[name] not in choices:
        raise ConfigError(
            f"speakers.{speaker.id}.options.{name}: should be one of {', '.join(choices)} (got {options[name]})"
        )
    return options[name]


def number_of(speaker: Speaker, options: Mapping[str, str], name: str) -> int:
    """Raises ConfigError when the option is not a whole number from 0."""
    if not options[name].isascii() or not options[name].isdigit():
        raise ConfigError(f"speakers.{speaker.id}.options.{name}: should be a whole number (got {options[name]})")
    return int(options[name])
