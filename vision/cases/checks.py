"""Whether what we send fits what each platform takes: asked at the start, and now and then."""

import threading
from collections.abc import Mapping

import structlog

from vision.cases.platform import CasePlatform
from vision.core.clock import Clock
from vision.core.errors import Rejected, RetryLater

_log = structlog.get_logger()
_AGAIN_S = 6 * 3600.0
_AWAY_S = 30.0


class PlatformChecks:
    """Asks every platform; what does not fit is logged and kept for whoever shows it."""

    def __init__(self, platforms: Mapping[str, CasePlatform], clock: Clock) -> None:
        self._platforms = platforms
        self._clock = clock
        self.problems: dict[str, list[str]] = {}
        """By platform; an empty list is a good fit, a missing one was not asked yet."""

    @property
    def names(self) -> tuple[str, ...]:
        """Platforms there are, asked or not."""
        return tuple(self._platforms)

    def run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            answered = self.run_once()
            self._clock.sleep(_AGAIN_S if answered else _AWAY_S, stop)

    def run_once(self) -> bool:
        """Ask those that have not answered, or all again; False when one could not be asked."""
        waiting = [name for name in self._platforms if name not in self.problems] or list(self._platforms)
        answered = True
        for name in waiting:
            try:
                problems = self._platforms[name].check()
            except RetryLater as error:
                answered = False
                _log.warning("platform_not_checked", platform=name, words=str(error))
                continue
            except Rejected as error:
                problems = [str(error)]
            self.problems[name] = problems
            for problem in problems:
                _log.warning("platform_mismatched", platform=name, problem=problem)
            if not problems:
                _log.info("platform_checked", platform=name)
        return answered
