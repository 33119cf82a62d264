from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vision.alerts.policy import Ask, Cause, Mode, ModeRule, PolicySettings, decide, in_earshot
from vision.core.announcements import Announcement, Outcome
from vision.core.findings import ViolationType
from vision.core.registry import Hours, Speaker

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOON = datetime(2026, 7, 1, 4, 0, tzinfo=UTC)  # 12:00 in Shanghai
AUTOMATIC = PolicySettings(default_mode=Mode.AUTOMATIC, timezone=SHANGHAI)
LADDER = Ask("ladder", ViolationType.GARBAGE, "gate", "kerb")
OFFICER = Ask("operator:li", ViolationType.GARBAGE, "gate", "kerb")
HORN = Speaker("horn", "http", position=(121.47, 31.23))
NEAR = Speaker("near", "http", position=(121.4705, 31.23))  # 48 m east
FAR = Speaker("far", "http", position=(121.48, 31.23))  # 950 m east

AT_ANY_TIME = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def said(speaker: Speaker, at: datetime, *, outcome: Outcome = Outcome.SPOKEN) -> Announcement:
    return Announcement(speaker.id, "ladder", at, outcome, duration_s=5.0)


def test_speaks_at_noon() -> None:
    decision = decide(LADDER, HORN, AUTOMATIC, NOON)
    assert decision.allowed
    assert decision.volume == 1.0


@given(AT_ANY_TIME)
def test_never_between_22_and_6_local_without_an_emergency(at: datetime) -> None:
    hour = at.astimezone(SHANGHAI).hour
    night = hour >= 22 or hour < 6
    for ask in (LADDER, OFFICER):
        decision = decide(ask, HORN, AUTOMATIC, at)
        assert decision.allowed is not night
        if night:
            assert decision.cause is Cause.QUIET_HOURS
            assert decision.again_at is not None
            assert timedelta(0) < decision.again_at - at <= timedelta(hours=8)
            assert decide(ask, HORN, AUTOMATIC, decision.again_at).allowed


@given(AT_ANY_TIME, st.booleans(), st.sampled_from(Mode))
def test_the_mute_silences_everybody(at: datetime, by_operator: bool, mode: Mode) -> None:  # noqa: FBT001
    muted = PolicySettings(default_mode=mode, muted=True, timezone=SHANGHAI)
    ask = Ask("operator:li", emergency="gas leak") if by_operator else LADDER
    assert decide(ask, HORN, muted, at).cause is Cause.MUTED


def test_an_emergency_breaks_the_night_and_the_sensitive_area_for_people_only() -> None:
    night = datetime(2026, 7, 1, 16, 0, tzinfo=UTC)
    ward = Speaker("ward", "http", sensitive_area=True)
    assert decide(Ask("operator:li", emergency="gas leak"), ward, AUTOMATIC, night).allowed
    assert not decide(Ask("ladder", emergency="gas leak"), ward, AUTOMATIC, night).allowed


def test_a_sensitive_area_needs_an_exemption_and_names_the_law() -> None:
    ward = Speaker("ward", "http", sensitive_area=True)
    for ask in (LADDER, OFFICER):
        refusal = decide(ask, ward, AUTOMATIC, NOON)
        assert refusal.cause is Cause.SENSITIVE_AREA
        assert "第六十四条" in refusal.why.zh
        assert "article 64" in refusal.why.en
    exempt = Speaker("ward", "http", sensitive_area=True, exemption="区环〔2026〕3 号")
    assert decide(LADDER, exempt, AUTOMATIC, NOON).allowed


@pytest.mark.parametrize(
    ("mode", "ladder", "approved", "officer"),
    [
        (Mode.AUTOMATIC, Cause.NONE, Cause.NONE, Cause.NONE),
        (Mode.APPROVAL, Cause.NEEDS_APPROVAL, Cause.NONE, Cause.NONE),
        (Mode.MANUAL, Cause.MANUAL_ONLY, Cause.MANUAL_ONLY, Cause.NONE),
    ],
)
def test_modes(mode: Mode, ladder: Cause, approved: Cause, officer: Cause) -> None:
    settings = PolicySettings(default_mode=mode, timezone=SHANGHAI)
    assert decide(LADDER, HORN, settings, NOON).cause is ladder
    assert decide(Ask("ladder", approved=True), HORN, settings, NOON).cause is approved
    assert decide(OFFICER, HORN, settings, NOON).cause is officer


def test_the_first_mode_that_fits_zone_and_type_decides() -> None:
    settings = PolicySettings(
        default_mode=Mode.AUTOMATIC,
        modes=(
            ModeRule(Mode.MANUAL, frozenset({ViolationType.GARBAGE}), zone_ids=frozenset({"kerb"})),
            ModeRule(Mode.APPROVAL, frozenset({ViolationType.GARBAGE})),
        ),
        timezone=SHANGHAI,
    )
    assert decide(LADDER, HORN, settings, NOON).cause is Cause.MANUAL_ONLY
    elsewhere = Ask("ladder", ViolationType.GARBAGE, "gate", "lane")
    assert decide(elsewhere, HORN, settings, NOON).cause is Cause.NEEDS_APPROVAL
    assert decide(Ask("ladder", ViolationType.BIKE_MISPARKED), HORN, settings, NOON).allowed


@given(st.integers(0, 1000))
def test_a_speaker_rests_between_announcements(after_s: int) -> None:
    quick = PolicySettings(default_mode=Mode.AUTOMATIC, area_cooldown_s=0, timezone=SHANGHAI)
    decision = decide(LADDER, HORN, quick, NOON, history=[said(HORN, NOON - timedelta(seconds=after_s))])
    assert decision.allowed is (after_s >= 305)  # 300 s after the 5 s that it spoke
    if not decision.allowed:
        assert decision.cause is Cause.SPEAKER_COOLDOWN
        assert decision.again_at == NOON + timedelta(seconds=305 - after_s)


def test_the_area_rests_too() -> None:
    history = [said(NEAR, NOON - timedelta(seconds=30))]
    everyone = [HORN, NEAR, FAR]
    assert decide(LADDER, HORN, AUTOMATIC, NOON, history=history, speakers=everyone).cause is Cause.AREA_COOLDOWN
    assert decide(LADDER, FAR, AUTOMATIC, NOON, history=history, speakers=everyone).allowed
    assert decide(LADDER, HORN, AUTOMATIC, NOON + timedelta(seconds=36), history=history, speakers=everyone).allowed
    assert decide(OFFICER, HORN, AUTOMATIC, NOON, history=history, speakers=everyone).allowed


@pytest.mark.parametrize("outcome", [Outcome.SILENT, Outcome.FAILED])
def test_what_was_never_heard_costs_no_cooldown(outcome: Outcome) -> None:
    assert decide(LADDER, HORN, AUTOMATIC, NOON, history=[said(HORN, NOON, outcome=outcome)]).allowed


def test_the_daily_cap_counts_local_days() -> None:
    horn = Speaker("horn", "http", cooldown_s=0, daily_cap=2)
    midnight = datetime(2026, 6, 30, 16, 0, tzinfo=UTC)
    yesterday = [said(horn, midnight - timedelta(hours=h)) for h in (3, 4, 5)]
    assert decide(LADDER, horn, AUTOMATIC, NOON, history=yesterday).allowed
    today = [said(horn, midnight + timedelta(hours=h)) for h in (7, 8)]
    full = decide(LADDER, horn, AUTOMATIC, NOON, history=today)
    assert full.cause is Cause.DAILY_CAP
    assert full.again_at == midnight + timedelta(days=1)
    assert decide(OFFICER, horn, AUTOMATIC, NOON, history=today).allowed


def test_the_lowest_volume_cap_of_the_hour_counts() -> None:
    settings = PolicySettings(
        default_mode=Mode.AUTOMATIC,
        volumes=((Hours(time(11), time(14)), 0.4), (Hours(time(12), time(13)), 0.6), (Hours(time(20), time(6)), 0.0)),
        timezone=SHANGHAI,
    )
    assert decide(LADDER, HORN, settings, NOON).volume == 0.4
    assert decide(LADDER, Speaker("low", "http", volume_cap=0.2), settings, NOON).volume == 0.2
    assert decide(LADDER, HORN, settings, NOON + timedelta(hours=4)).volume == 1.0
    assert decide(LADDER, HORN, settings, NOON + timedelta(hours=9)).cause is Cause.VOLUME_ZERO


def test_never_two_in_earshot() -> None:
    assert decide(LADDER, HORN, AUTOMATIC, NOON, talking=[NEAR]).cause is Cause.EARSHOT
    assert decide(OFFICER, HORN, AUTOMATIC, NOON, talking=[NEAR]).cause is Cause.EARSHOT
    assert decide(LADDER, HORN, AUTOMATIC, NOON, talking=[FAR]).allowed


def test_earshot_is_mutual_and_a_speaker_always_hears_itself() -> None:
    big = Speaker("big", "http", position=FAR.position, earshot_m=1000)
    assert in_earshot(big, HORN)
    assert in_earshot(HORN, big)
    assert in_earshot(Speaker("lost", "http"), Speaker("lost", "http"))
    assert not in_earshot(Speaker("lost", "http"), HORN)


def test_a_disabled_speaker_is_silent_even_in_an_emergency() -> None:
    off = Speaker("off", "http", enabled=False)
    assert decide(Ask("operator:li", emergency="fire"), off, AUTOMATIC, NOON).cause is Cause.DISABLED


@given(AT_ANY_TIME, st.booleans(), st.booleans(), st.sampled_from(Mode))
def test_every_no_says_why_in_both_languages(
    at: datetime,
    sensitive: bool,  # noqa: FBT001
    operator: bool,  # noqa: FBT001
    mode: Mode,
) -> None:
    speaker = Speaker("s", "http", sensitive_area=sensitive)
    decision = decide(OFFICER if operator else LADDER, speaker, PolicySettings(default_mode=mode), at)
    assert decision.why.zh
    assert decision.why.en
    assert decision.allowed is (decision.cause is Cause.NONE)
