"""Who is speaking right now: never two speakers in earshot at once, people before machines, stop at once."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from vision.alerts.policy import LADDER, in_earshot
from vision.core.registry import Speaker


@dataclass(frozen=True, slots=True, eq=False)
class Turn:
    """One speaker's turn to speak; `stop` ends it. `stopped_by`: who ended it, if somebody did."""

    speaker: Speaker
    actor: str
    stop: threading.Event = field(default_factory=threading.Event)
    stopped_by: list[str] = field(default_factory=list)


class Floor:
    """The hub's only say in who speaks; safe from any thread."""

    def __init__(self) -> None:
        self._turns: list[Turn] = []
        self._freed = threading.Condition()

    def talking(self) -> list[Speaker]:
        with self._freed:
            return [turn.speaker for turn in self._turns]

    def talkers(self) -> dict[str, str]:
        """The actor by speaker id."""
        with self._freed:
            return {turn.speaker.id: turn.actor for turn in self._turns}

    def who(self, speaker_id: str) -> str | None:
        """The actor who speaks there now."""
        with self._freed:
            return next((turn.actor for turn in self._turns if turn.speaker.id == speaker_id), None)

    @contextmanager
    def take(self, speaker: Speaker, actor: str) -> Iterator[Turn | None]:
        """A turn, or None when somebody in earshot has it."""
        turn = Turn(speaker, actor)
        with self._freed:
            free = not any(in_earshot(speaker, other.speaker) for other in self._turns)
            if free:
                self._turns.append(turn)
        if not free:
            yield None
            return
        try:
            yield turn
        finally:
            with self._freed:
                self._turns.remove(turn)
                self._freed.notify_all()

    def stop(self, speaker_id: str, actor: str) -> bool:
        """End what is being said there; False when it was quiet."""
        return self._stop([turn for turn in self._all() if turn.speaker.id == speaker_id], actor)

    def stop_all(self, actor: str) -> int:
        """End everything, for the global mute."""
        turns = self._all()
        self._stop(turns, actor)
        return len(turns)

    def clear_for(self, speaker: Speaker, actor: str, *, within_s: float = 2.0) -> bool:
        """End every automatic announcement in earshot, so that a person can speak; False when a person speaks there."""
        near = [turn for turn in self._all() if in_earshot(speaker, turn.speaker)]
        if any(turn.actor != LADDER for turn in near):
            return False
        self._stop(near, actor)
        with self._freed:
            return self._freed.wait_for(
                lambda: not any(in_earshot(speaker, turn.speaker) for turn in self._turns), within_s
            )

    def _all(self) -> list[Turn]:
        with self._freed:
            return list(self._turns)

    @staticmethod
    def _stop(turns: list[Turn], actor: str) -> bool:
        for turn in turns:
            turn.stopped_by.append(actor)
            turn.stop.set()
        return bool(turns)
