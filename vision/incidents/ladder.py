"""What is done about a violation, in which order and with how much patience: settings per type and zone."""

from dataclasses import dataclass
from enum import StrEnum

from vision.core.findings import ViolationType


class Action(StrEnum):
    SPEAK = "speak"  # through a loudspeaker that covers the zone
    NOTIFY = "notify"  # tell the responsible party (shop, bike operator, department)
    FILE = "file"  # a case with the city's platforms


class Review(StrEnum):
    """When an operator must have said yes."""

    NEVER = "never"
    BEFORE_FILING = "before_filing"
    BEFORE_ANYTHING = "before_anything"


@dataclass(frozen=True, slots=True)
class Rung:
    """One step of the ladder.

    Attributes:
        grace_s: how long the responsible have to put it right before the next step.
        target: notifier of a NOTIFY, phrase of a SPEAK; empty leaves the choice to the hub.
        fallback: notifier with a fixed address, for a NOTIFY whose responsible party cannot be told.
    """

    action: Action
    grace_s: float = 0.0
    target: str = ""
    fallback: str = ""


@dataclass(frozen=True, slots=True)
class GoneRule:
    """What proves that a violation is gone, and how long to try.

    Attributes:
        looks: absent looks with a usable view.
        over_s: scene time between the first and the last of them; also the grace for flapping: what comes back
            sooner is the same incident.
        fresh_s: a look older than this says nothing about now.
        wait_s: how long a re-check waits for looks before it asks for more.
        extend_s: how long unknown looks may put the answer off before an operator is asked.
        settle_s: after the platform says handled, how long still-present looks are excused (crews report early).
        still_looks: present looks after that which say it is still there.
    """

    looks: int = 3
    over_s: float = 120.0
    fresh_s: float = 300.0
    wait_s: float = 120.0
    extend_s: float = 1800.0
    settle_s: float = 120.0
    still_looks: int = 2

    def __post_init__(self) -> None:
        if self.looks < 1:
            raise ValueError(f"absence needs at least one look to be proven, got {self.looks}")


@dataclass(frozen=True, slots=True)
class JoinRule:
    """When two sites are one incident, and when one site holds two.

    Attributes:
        within_m, within_s: another camera's incident of the type this near in space and time is the same one.
        split_m: objects of one zone farther apart than this are two incidents (ground position known).
        split_view: the same in widths of the picture, where no ground position is known.
    """

    within_m: float = 50.0
    within_s: float = 86_400.0
    split_m: float = 15.0
    split_view: float = 0.35


@dataclass(frozen=True, slots=True)
class Ladder:
    """All that one type, or one zone of it, has settled.

    Attributes:
        review_below: confidence under which an operator must confirm before anything is done.
        remind_s: how often whoever is waited for is reminded.
        unseen_s: a suspicion that no camera could check for this long is put to an operator.
        update_s: shortest time between two saved updates of an unchanged incident.
    """

    rungs: tuple[Rung, ...]
    review: Review = Review.NEVER
    review_below: float = 0.0
    gone: GoneRule = GoneRule()
    join: JoinRule = JoinRule()
    remind_s: float = 14_400.0
    unseen_s: float = 21_600.0
    update_s: float = 60.0


DEFAULT_LADDERS: dict[ViolationType, Ladder] = {
    # Half of all out-of-store violations end with the loudspeaker: ten minutes to take the goods in.
    ViolationType.OUT_OF_STORE: Ladder((Rung(Action.SPEAK, 600.0), Rung(Action.FILE))),
    # The bike operator's crew has 15 minutes, then it becomes a notice.
    ViolationType.BIKE_MISPARKED: Ladder((Rung(Action.NOTIFY, 900.0, "bike_operator"), Rung(Action.FILE))),
    # Nobody stands beside rubbish to be spoken to.
    ViolationType.GARBAGE: Ladder((Rung(Action.FILE),)),
}
