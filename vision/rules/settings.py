"""What a deployment may set about its rules."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class BikeSettings:
    """非机动车乱停放.

    Attributes:
        dwell_s: for zones that set none.
        least_count: bikes that make a violation.
        least_height_px: smaller ones are too far away to judge.
    """

    dwell_s: float = 180.0
    least_count: int = 1
    least_height_px: float = 14.0


@dataclass(frozen=True, slots=True)
class GarbageSettings:
    """暴露垃圾、垃圾满溢、道路遗撒.

    Attributes:
        least_score: mean score from which a standing heap counts.
        least_area_px: least box area in pixels of the picture, where no ground calibration is known.
        least_size_m: least width on the ground, where it is.
        attended_share: share of looks with a person at it from which it is somebody's work (a cleaner's cart,
            a bag being carried) and no heap.
        after_vehicle_s: what comes to lie on a road so soon after a vehicle was there was lost by it.
        shop_score: the same in a shop's strip, where cartons and sacks are goods sooner than garbage.
        unknown_is_heaped: whether an unknown new thing on pavement, road or bin site is 乱堆杂物.
        least_change: score from which it is.
    """

    dwell_s: float = 300.0
    least_score: float = 0.35
    least_area_px: float = 400.0
    least_size_m: float = 0.25
    attended_share: float = 0.6
    after_vehicle_s: float = 60.0
    shop_score: float = 0.75
    unknown_is_heaped: bool = True
    least_change: float = 0.5


@dataclass(frozen=True, slots=True)
class OutOfStoreSettings:
    """店外经营、占道经营.

    Attributes:
        furniture: classes that are goods or a stall wherever they stand in a strip.
        goods: classes that are goods unless they stand with a customer.
        least_score: mean score from which such a class counts.
        least_change: score from which an unknown new thing counts.
        least_area_px: least area of an unknown new thing, pixels of the picture.
    """

    dwell_s: float = 180.0
    furniture: frozenset[str] = frozenset({"chair", "couch", "dining table", "umbrella", "stall"})
    goods: frozenset[str] = frozenset(
        {
            "crate", "goods", "carton", "suitcase", "handbag", "backpack", "potted plant", "vase", "bottle", "bowl",
            "banana", "apple", "orange", "broccoli", "carrot",
        }
    )  # fmt: skip
    least_score: float = 0.35
    least_change: float = 0.5
    least_area_px: float = 300.0
    attended_share: float = 0.6


@dataclass(frozen=True, slots=True)
class RuleSettings:
    """Settings of all rules.

    Attributes:
        timezone: IANA name of the zone in which permitted hours are meant.
        hidden_share: share of a zone behind people and vehicles from which its emptiness can't be told.
        version: goes into every finding, so that a verdict can be traced to its rules.
    """

    bikes: BikeSettings = field(default_factory=BikeSettings)
    garbage: GarbageSettings = field(default_factory=GarbageSettings)
    out_of_store: OutOfStoreSettings = field(default_factory=OutOfStoreSettings)
    timezone: str = "Asia/Shanghai"
    hidden_share: float = 0.5
    version: str = "rules-1"
