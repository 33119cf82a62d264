"""How often a shop or a spot has offended, as a colour that operators and the case carry."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from vision.core.findings import Why


@dataclass(frozen=True, slots=True)
class ColourRule:
    """Colours by count within a window: the first offence takes the first, and so on; the last one stays.

    Attributes:
        spot_m: without a shop, offences within this distance are one spot's.
    """

    window: timedelta = timedelta(days=30)
    colours: tuple[str, ...] = ("yellow", "green", "red")
    spot_m: float = 20.0

    def colour(self, count: int) -> str | None:
        """The colour of the count-th offence, counted from 1; None for none."""
        if count < 1 or not self.colours:
            return None
        return self.colours[min(count, len(self.colours)) - 1]

    def count(self, earlier: Sequence[datetime], now: datetime) -> int:
        """Which offence in the window this one is, itself counted."""
        return 1 + sum(now - self.window <= at < now for at in earlier)


COLOUR_NAMES: dict[str, Why] = {
    "yellow": Why("黄色", "yellow"),
    "green": Why("绿色", "green"),
    "red": Why("红色", "red"),
}


def history(count: int, colour: str, days: int, *, shop: bool) -> Why:
    """The sentence of the log."""
    name = COLOUR_NAMES.get(colour, Why(colour, colour))
    whose = Why("该商户", "this shop") if shop else Why("此处", "this spot")
    return Why(
        f"{whose.zh} {days} 天内第 {count} 次,标记{name.zh}。",
        f"Offence {count} of {whose.en} within {days} days: {name.en}.",
    )
