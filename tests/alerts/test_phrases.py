from datetime import UTC, datetime, time

import pytest

from vision.alerts.phrases import DEFAULT_PHRASES, Phrase, choose, within
from vision.config.speakers import PhraseConfig
from vision.core.findings import ViolationType
from vision.core.registry import Hours

WEDNESDAY_NOON = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)


def chosen(
    phrases: tuple[Phrase, ...],
    *,
    camera: str = "c",
    zone: str = "z",
    hour: int = 12,
    warning: int = 1,
    kind: ViolationType = ViolationType.GARBAGE,
) -> str | None:
    local = WEDNESDAY_NOON.replace(hour=hour)
    found = choose(phrases, type=kind, camera_id=camera, zone_id=zone, local=local, warning=warning)
    return None if found is None else found.id


def test_fields_are_filled_in() -> None:
    phrase = Phrase("p", "{shop},请不要越门经营,请保持周边环境整洁", "{shop}, please keep your goods inside.")
    assert phrase.text({"shop": "海鲜店"}, "zh") == "海鲜店,请不要越门经营,请保持周边环境整洁"
    assert phrase.text({"shop": "Sea Food"}, "en") == "Sea Food, please keep your goods inside."


def test_an_unknown_shop_leaves_no_stray_comma() -> None:
    phrase = Phrase("p", "{shop},请不要越门经营", "{shop}, please keep inside")
    assert phrase.text({}, "zh") == "请不要越门经营"
    assert phrase.text({"shop": ""}, "en") == "please keep inside"


@pytest.mark.parametrize("kind", ViolationType)
@pytest.mark.parametrize("warning", [1, 2, 3])
def test_every_type_has_words_of_its_own_in_both_languages(kind: ViolationType, warning: int) -> None:
    phrase = choose(DEFAULT_PHRASES, type=kind, camera_id="c", zone_id="z", local=WEDNESDAY_NOON, warning=warning)
    assert phrase is not None
    assert phrase.types == {kind}
    assert phrase.text({}, "zh")
    assert phrase.text({}, "en")


def test_the_second_warning_is_stricter() -> None:
    kind = ViolationType.OUT_OF_STORE
    assert chosen(DEFAULT_PHRASES, kind=kind, warning=1) != chosen(DEFAULT_PHRASES, kind=kind, warning=2)


def test_order_is_priority_and_place_and_time_narrow() -> None:
    phrases = (
        Phrase("morning", "早", hours=(Hours(time(6), time(9)),)),
        Phrase("gate", "门", camera_ids=frozenset({"gate"}), zone_ids=frozenset({"kerb"})),
        Phrase("any", "都"),
    )
    assert chosen(phrases, camera="gate", zone="kerb", hour=7) == "morning"
    assert chosen(phrases, camera="gate", zone="kerb", hour=10) == "gate"
    assert chosen(phrases, camera="gate", zone="lane", hour=10) == "any"
    assert chosen(phrases[:2], camera="gate", zone="lane", hour=10) is None


def test_hours_past_midnight_belong_to_the_day_they_began_on() -> None:
    friday_night = Hours(time(22), time(2), frozenset({5}))
    assert within(friday_night, datetime(2026, 7, 3, 23, tzinfo=UTC))
    assert within(friday_night, datetime(2026, 7, 4, 1, tzinfo=UTC))
    assert not within(friday_night, datetime(2026, 7, 3, 1, tzinfo=UTC))


@pytest.mark.parametrize("text", ["{owner} go", "{shop", "{} x"])
def test_a_template_with_unknown_fields_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"fields|expected|brace"):
        PhraseConfig(zh=text)
