"""What a deployment sets about its rules."""

from pydantic import Field

from vision.config.base import Section


class BikeRuleConfig(Section):
    """非机动车乱停放."""

    dwell_s: float = Field(180.0, gt=0, description="Seconds a bike must stand where the zone sets none.")
    least_count: int = Field(1, ge=1, description="Bikes that make a violation.")
    least_height_px: float = Field(14.0, gt=0, description="Smaller bikes are too far away to judge.")


class GarbageRuleConfig(Section):
    """暴露垃圾、垃圾满溢、道路遗撒."""

    dwell_s: float = Field(300.0, gt=0, description="Seconds garbage must lie where the zone sets none.")
    least_score: float = Field(0.35, ge=0, le=1, description="Mean score from which a standing heap counts.")
    least_area_px: float = Field(400.0, ge=0, description="Least box area where the ground is not calibrated.")
    least_size_m: float = Field(0.25, ge=0, description="Least width on the ground where it is.")
    attended_share: float = Field(0.6, ge=0, le=1, description="Share of looks with a person at it: somebody's work.")
    after_vehicle_s: float = Field(
        60.0, ge=0, le=600, description="So soon after a vehicle, what comes to lie on a road was lost by it."
    )
    shop_score: float = Field(
        0.75, ge=0, le=1, description="The same in a shop's strip, where sacks are goods sooner than garbage."
    )
    unknown_is_heaped: bool = Field(
        True, description="Unknown new things on pavement, road or bin site are dumped things (乱堆杂物)."
    )
    least_change: float = Field(0.5, ge=0, le=1, description="Score from which an unknown new thing counts.")


class OutOfStoreRuleConfig(Section):
    """店外经营、占道经营."""

    dwell_s: float = Field(180.0, gt=0, description="Seconds goods must stand where the zone sets none.")
    least_score: float = Field(0.35, ge=0, le=1, description="Mean score from which a known class counts.")
    least_change: float = Field(0.5, ge=0, le=1, description="Score from which an unknown new thing counts.")
    least_area_px: float = Field(300.0, ge=0, description="Least area of an unknown new thing.")
    attended_share: float = Field(0.6, ge=0, le=1, description="Share of looks with a person at it: a customer's.")


class RulesConfig(Section):
    """The three violation types."""

    bikes: BikeRuleConfig = Field(BikeRuleConfig(), description="Misparked bikes.")
    garbage: GarbageRuleConfig = Field(GarbageRuleConfig(), description="Garbage, overflow and spills.")
    out_of_store: OutOfStoreRuleConfig = Field(OutOfStoreRuleConfig(), description="Out-of-store business.")
    hidden_share: float = Field(
        0.5, gt=0, le=1, description="Share of a zone behind people and vehicles from which it can't be judged."
    )
