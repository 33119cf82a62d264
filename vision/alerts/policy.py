"""May this loudspeaker speak now? Pure rules; every no says why, in words."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum

from vision.alerts.phrases import within
from vision.core.announcements import Announcement, Outcome
from vision.core.findings import ViolationType, Why
from vision.core.geometry import haversine_m
from vision.core.registry import Hours, Speaker

LAW_SENSITIVE = "噪声污染防治法 第六十四条"
LAW_NIGHT = "噪声污染防治法 第八十八条"
LADDER = "ladder"
"""Who speaks when nobody pressed a button; every other actor is a person, or a program that acts for one."""
_HEARD = frozenset({Outcome.SPEAKING, Outcome.SPOKEN, Outcome.STOPPED})


class Mode(StrEnum):
    """Who decides that a loudspeaker speaks."""

    AUTOMATIC = "automatic"  # the ladder
    APPROVAL = "approval"  # the ladder proposes, an operator agrees
    MANUAL = "manual"  # operators only


class Cause(StrEnum):
    """Why it stays silent."""

    NONE = ""
    DISABLED = "disabled"
    MUTED = "muted"
    MANUAL_ONLY = "manual_only"
    NEEDS_APPROVAL = "needs_approval"
    SENSITIVE_AREA = "sensitive_area"
    QUIET_HOURS = "quiet_hours"
    SPEAKER_COOLDOWN = "speaker_cooldown"
    AREA_COOLDOWN = "area_cooldown"
    DAILY_CAP = "daily_cap"
    VOLUME_ZERO = "volume_zero"
    EARSHOT = "earshot"


@dataclass(frozen=True, slots=True)
class ModeRule:
    """A mode for some types, cameras and zones; empty sets match everything."""

    mode: Mode
    types: frozenset[ViolationType] = frozenset()
    camera_ids: frozenset[str] = frozenset()
    zone_ids: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class PolicySettings:
    """The city's rules. The speaker's own (quiet hours, caps, cooldown, sensitive area) stand in the registry.

    Attributes:
        modes: first match wins, `default_mode` otherwise.
        volumes: volume caps (0–1) by local time; the lowest that applies counts.
        area_cooldown_s: after anyone spoke within `area_m` of a speaker, how long it waits.
        timezone: of quiet hours, volumes and the daily cap.
    """

    default_mode: Mode = Mode.APPROVAL
    modes: tuple[ModeRule, ...] = ()
    muted: bool = False
    volumes: tuple[tuple[Hours, float], ...] = ()
    area_cooldown_s: float = 60.0
    area_m: float = 150.0
    timezone: tzinfo = UTC


@dataclass(frozen=True, slots=True)
class Ask:
    """What somebody wants said.

    Attributes:
        actor: `ladder`, or `operator:NAME`.
        approved: an operator agreed to the ladder's proposal.
        emergency: why the law's exception for emergencies holds; operators only, empty when it does not.
    """

    actor: str
    type: ViolationType | None = None
    camera_id: str = ""
    zone_id: str = ""
    approved: bool = False
    emergency: str = ""

    @property
    def by_operator(self) -> bool:
        return self.actor != LADDER


@dataclass(frozen=True, slots=True)
class Decision:
    """Yes with a volume (0–1), or no with a cause, words, and when it may be asked again (None: not by waiting)."""

    allowed: bool
    volume: float
    cause: Cause
    why: Why
    again_at: datetime | None = None


def mode_for(settings: PolicySettings, ask: Ask) -> Mode:
    for rule in settings.modes:
        if rule.types and ask.type not in rule.types:
            continue
        if rule.camera_ids and ask.camera_id not in rule.camera_ids:
            continue
        if rule.zone_ids and ask.zone_id not in rule.zone_ids:
            continue
        return rule.mode
    return settings.default_mode


def decide(
    ask: Ask,
    speaker: Speaker,
    settings: PolicySettings,
    at: datetime,
    *,
    history: Iterable[Announcement] = (),
    speakers: Sequence[Speaker] = (),
    talking: Sequence[Speaker] = (),
) -> Decision:
    """Whether `speaker` may speak at `at`.

    A person may override cooldowns and the daily cap; in an emergency also quiet hours and sensitive areas; the mute
    never.

    `history`: announcements of the last day, any speaker. `speakers`: the registry, for distances. `talking`: who
    speaks right now.
    """
    spoken = [past for past in history if past.outcome in _HEARD]
    return (
        _standing(ask, speaker, settings)
        or _law(ask, speaker, settings, at)
        or _restraint(ask, speaker, settings, at, spoken=spoken, speakers=speakers)
        or _earshot(speaker, talking)
        or _yes(speaker, settings, at)
    )


def in_earshot(a: Speaker, b: Speaker) -> bool:
    """Whether the two would talk over each other; unknown positions count as apart, the same speaker never."""
    if a.id == b.id:
        return True
    if a.position is None or b.position is None:
        return False
    return haversine_m(a.position, b.position) <= max(a.earshot_m, b.earshot_m)


def _standing(ask: Ask, speaker: Speaker, settings: PolicySettings) -> Decision | None:
    if not speaker.enabled:
        return _no(Cause.DISABLED, f"音柱 {speaker.id} 已停用", f"loudspeaker {speaker.id} is switched off")
    if settings.muted:
        return _no(Cause.MUTED, "全局静音已开启", "the global mute is on")
    mode = mode_for(settings, ask)
    if ask.by_operator or mode is Mode.AUTOMATIC:
        return None
    if mode is Mode.MANUAL:
        return _no(Cause.MANUAL_ONLY, "此处只允许人工喊话", "only operators may speak here")
    if not ask.approved:
        return _no(Cause.NEEDS_APPROVAL, "等待值班员同意喊话", "waits for an operator's approval")
    return None


def _law(ask: Ask, speaker: Speaker, settings: PolicySettings, at: datetime) -> Decision | None:
    if ask.by_operator and ask.emergency:
        return None
    if speaker.sensitive_area and not speaker.exemption:
        return _no(
            Cause.SENSITIVE_AREA,
            f"音柱 {speaker.id} 位于噪声敏感建筑物集中区域,依《{LAW_SENSITIVE}》不得使用",
            f"loudspeaker {speaker.id} stands in a noise-sensitive area without an exemption "
            "(Noise Pollution Law, article 64)",
        )
    local = at.astimezone(settings.timezone)
    for quiet in speaker.quiet:
        if within(quiet, local):
            span = f"{quiet.begin:%H:%M}–{quiet.end:%H:%M}"
            return _no(
                Cause.QUIET_HOURS,
                f"夜间安静时段 {span}(《{LAW_NIGHT}》)",
                f"quiet hours {span} (Noise Pollution Law, article 88)",
                _end_of(quiet, local),
            )
    return None


def _restraint(
    ask: Ask,
    speaker: Speaker,
    settings: PolicySettings,
    at: datetime,
    *,
    spoken: Sequence[Announcement],
    speakers: Sequence[Speaker],
) -> Decision | None:
    if ask.by_operator:
        return None
    own = [past for past in spoken if past.speaker_id == speaker.id]
    free_at = max((_ended(past) for past in own), default=at) + timedelta(seconds=speaker.cooldown_s)
    if own and at < free_at:
        return _wait(Cause.SPEAKER_COOLDOWN, "该音柱刚刚喊过话", "this loudspeaker has just spoken", at, free_at)
    if speaker.position is not None and settings.area_cooldown_s > 0:
        near = {
            other.id
            for other in speakers
            if other.position is not None and haversine_m(other.position, speaker.position) <= settings.area_m
        }
        ends = [_ended(past) for past in spoken if past.speaker_id in near]
        free_at = max(ends, default=at) + timedelta(seconds=settings.area_cooldown_s)
        if ends and at < free_at:
            return _wait(Cause.AREA_COOLDOWN, "附近刚刚喊过话", "somebody has just spoken nearby", at, free_at)
    local = at.astimezone(settings.timezone)
    today = [past for past in own if past.at.astimezone(settings.timezone).date() == local.date()]
    if len(today) >= speaker.daily_cap:
        midnight = (local + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        return _no(
            Cause.DAILY_CAP,
            f"今日已喊话 {len(today)} 次,达到上限 {speaker.daily_cap} 次",
            f"it has spoken {len(today)} times today, at most {speaker.daily_cap}",
            midnight.astimezone(UTC),
        )
    return None


def _earshot(speaker: Speaker, talking: Sequence[Speaker]) -> Decision | None:
    for other in talking:
        if in_earshot(speaker, other):
            return _no(
                Cause.EARSHOT,
                f"音柱 {other.id} 正在附近喊话",
                f"loudspeaker {other.id} is speaking within earshot",
            )
    return None


def _yes(speaker: Speaker, settings: PolicySettings, at: datetime) -> Decision:
    local = at.astimezone(settings.timezone)
    volume = min([speaker.volume_cap, *(cap for hours, cap in settings.volumes if within(hours, local))])
    if volume <= 0:
        return _no(Cause.VOLUME_ZERO, "此时段音量上限为零", "the volume cap is zero at this hour")
    return Decision(True, volume, Cause.NONE, Why("允许喊话", "may speak"))


def _ended(past: Announcement) -> datetime:
    return past.at + timedelta(seconds=past.duration_s)


def _end_of(quiet: Hours, local: datetime) -> datetime:
    end = local.replace(hour=quiet.end.hour, minute=quiet.end.minute, second=quiet.end.second, microsecond=0)
    return (end if end > local else end + timedelta(days=1)).astimezone(UTC)


def _wait(cause: Cause, zh: str, en: str, at: datetime, free_at: datetime) -> Decision:
    left_s = (free_at - at).total_seconds()
    return _no(cause, f"{zh},还需等待 {left_s:.0f} 秒", f"{en}; {left_s:.0f} s to wait", free_at)


def _no(cause: Cause, zh: str, en: str, again_at: datetime | None = None) -> Decision:
    return Decision(False, 0.0, cause, Why(zh, en), again_at)
