"""Who of those that people watch has a stream open: few at once on one gateway, not opened too fast, each in turn."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

_NEVER = float("-inf")


@dataclass(slots=True)
class Turns:
    """Attributes:
    at_once: streams open at once on one gateway.
    opens_per_s: how fast they are opened there.
    turn_s: how long one is left open when others wait.
    """

    at_once: int = 4
    opens_per_s: float = 2.0
    turn_s: float = 20.0
    _since_s: dict[str, float] = field(default_factory=dict)
    _ended_s: dict[str, float] = field(default_factory=dict)
    _opens_from_s: dict[str, float] = field(default_factory=dict)

    def share(self, wanted: Mapping[str, str], now_s: float) -> set[str]:
        """The cameras to have open now, of these with the gateway that each hangs on.

        Who waits longest is next. One whose turn is over closes first; the next one opens at a later call, so that
        the gateway never has both.
        """
        self._since_s = {key: at_s for key, at_s in self._since_s.items() if key in wanted}
        self._ended_s = {key: at_s for key, at_s in self._ended_s.items() if key in wanted}
        self._opens_from_s = {key: at_s for key, at_s in self._opens_from_s.items() if at_s > now_s}
        running, waiting = defaultdict[str, list[str]](list), defaultdict[str, list[str]](list)
        for key, gateway in wanted.items():
            (running if key in self._since_s else waiting)[gateway].append(key)
        for gateway, keys in waiting.items():
            self._turn(gateway, running[gateway], sorted(keys, key=lambda key: self._ended_s.get(key, _NEVER)), now_s)
        return set(self._since_s)

    def _turn(self, gateway: str, running: list[str], waiting: list[str], now_s: float) -> None:
        room = self.at_once - len(running)
        if room > 0 and gateway not in self._opens_from_s:
            self._since_s[waiting[0]] = now_s
            self._opens_from_s[gateway] = now_s + 1 / self.opens_per_s
        if room <= 0:
            oldest = min(running, key=lambda key: self._since_s[key])
            if now_s - self._since_s[oldest] >= self.turn_s:
                del self._since_s[oldest]
                self._ended_s[oldest] = now_s
