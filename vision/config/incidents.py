"""How incidents are confirmed, warned about, filed, and proven gone; per type, with defaults from the field."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from vision.config.base import Section

ZoneName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*/[A-Za-z0-9][A-Za-z0-9_.-]*$")]
"""camera/zone."""


class RungConfig(Section):
    """One step of the ladder."""

    do: Literal["speak", "notify", "file"] = Field(description="speak, notify or file.")
    grace_s: float = Field(0.0, ge=0, description="Seconds to put it right before the next step.")
    to: str = Field("", description="Notifier of a notify, phrase of a speak; empty leaves the choice to the hub.")
    fallback: str = Field("", description="Notifier with a fixed address, for a notify that reaches nobody concerned.")


class GoneConfig(Section):
    """What proves that a violation is gone."""

    looks: int = Field(3, ge=1, le=100, description="Absent looks with a usable view that prove it gone.")
    over_s: float = Field(120.0, ge=0, description="Scene seconds between the first and the last of them.")
    fresh_s: float = Field(300.0, gt=0, description="A look older than this says nothing about now.")
    wait_s: float = Field(120.0, gt=0, description="Seconds a re-check waits before it asks for more looks.")
    extend_s: float = Field(1800.0, gt=0, description="Seconds of unknown looks after which an operator is asked.")
    settle_s: float = Field(120.0, ge=0, description="Seconds after `handled` in which it may still be there.")
    still_looks: int = Field(2, ge=1, description="Present looks after that which reopen the case.")


class JoinConfig(Section):
    """When two sightings are one incident."""

    within_m: float = Field(50.0, ge=0, le=200, description="Another camera's incident this near is the same one.")
    within_s: float = Field(86_400.0, gt=0, description="And was seen within these seconds.")
    split_m: float = Field(15.0, gt=0, description="Objects of one zone farther apart than this are two incidents.")
    split_view: float = Field(0.35, gt=0, le=2, description="The same in picture widths where the ground is unknown.")


class LadderConfig(Section):
    """What one violation type has settled; what is unset keeps the type's default."""

    steps: tuple[RungConfig, ...] | None = Field(None, description="Steps in order; the type's default if unset.")
    review: Literal["never", "before_filing", "before_anything"] | None = Field(
        None, description="never, before_filing or before_anything: an operator's yes."
    )
    review_below: float = Field(0.0, ge=0, le=1, description="Confidence under which an operator is asked first.")
    gone: GoneConfig = Field(GoneConfig(), description="What proves it gone.")
    join: JoinConfig = Field(JoinConfig(), description="What makes two sightings one incident.")
    remind_s: float = Field(14_400.0, gt=0, description="Seconds between two reminders of who is waited for.")
    unseen_s: float = Field(21_600.0, gt=0, description="Seconds an uncheckable suspicion waits for an operator.")
    update_s: float = Field(60.0, gt=0, description="Shortest time between saved updates of an unchanged incident.")


class RejectsConfig(Section):
    """A spot that operators keep rejecting is left alone for a while."""

    count: int = Field(3, ge=0, description="Rejects of one spot after which it is left alone; 0 never.")
    within_days: float = Field(7.0, gt=0, description="Days within which they are counted.")
    lasting_days: float = Field(7.0, gt=0, description="Days for which it is left alone.")


class OffencesConfig(Section):
    """Colours of repeat offenders."""

    window_days: float = Field(30.0, gt=0, description="Days within which a shop's or spot's offences are counted.")
    colours: tuple[Annotated[str, StringConstraints(pattern=r"^[a-z]{1,8}$")], ...] = Field(
        ("yellow", "green", "red"), min_length=1, description="Colour of the first, second, third and later offence."
    )
    spot_m: float = Field(20.0, gt=0, description="Without a shop, offences this near are one spot's.")


class IncidentsConfig(Section):
    """Life-cycle, deduplication and the ladder."""

    out_of_store: LadderConfig = Field(LadderConfig(), description="店外经营、占道经营: speak, 10 minutes, file.")
    garbage: LadderConfig = Field(LadderConfig(), description="暴露垃圾、满溢: file at once.")
    bike_misparked: LadderConfig = Field(LadderConfig(), description="非机动车乱停放: notify, 15 minutes, file.")
    rejects: RejectsConfig = Field(RejectsConfig(), description="What repeated rejects of a spot lead to.")
    offences: OffencesConfig = Field(OffencesConfig(), description="Colours of repeat offenders.")
    keep_findings_days: float = Field(45.0, ge=0, description="Days of findings kept for replay; 0 keeps none.")
    zones: dict[ZoneName, LadderConfig] = Field(
        default_factory=dict, description="Single zones as `camera/zone`; what is set here goes before the type's."
    )
