"""Every story under `stories/` ends as its file says."""

from pathlib import Path

import pytest

from tests.scenarios.street_story import Story

STORIES = sorted((Path(__file__).parent / "stories").glob("*.yaml"))


def test_there_are_enough_of_them() -> None:
    assert len(STORIES) >= 40


# Two seconds of a processor and more: many looks, or a fault in every one of them.
SLOW = {"06_bag_by_the_bin_at_night", "20_stall_before_its_hour", "44_fault_storm", "33_review_before_filing"}
MARKED = [pytest.param(path, id=path.stem, marks=[pytest.mark.slow] * (path.stem in SLOW)) for path in STORIES]


@pytest.mark.parametrize("path", MARKED)
def test_story(path: Path, tmp_path: Path) -> None:
    story = Story(path, tmp_path)
    try:
        story.play()
        told = story.told()
    finally:
        story.close()
    expected = story.words["expect"]
    assert [one["status"] for one in told] == [one["status"] for one in expected], told
    for one, wanted in zip(told, expected, strict=True):
        for key, value in wanted.items():
            if key == "says":
                for words in value:
                    assert words in one["text"], one["text"]
            elif key == "never":
                assert not set(value) & set(one["log"]), one["log"]
            else:
                assert one[key] == value, (key, one[key], one["log"])
    for words in story.words.get("refused", []):
        assert any(words in refusal for refusal in story.refusals), story.refusals
