from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.pipeline.streets import finding
from vision.core.findings import FindingState
from vision.hub.fences import Fences


@given(st.lists(st.integers(0, 5)))
def test_a_token_lower_than_one_seen_is_refused(tokens: list[int]) -> None:
    fences = Fences()
    look = finding(FindingState.PRESENT, 10)
    for n, token in enumerate(tokens):
        assert fences.admit(replace(look, fence=token)) == (token >= max(tokens[:n], default=0))
    assert fences.refused == sum(token < max(tokens[:n], default=0) for n, token in enumerate(tokens))


def test_cameras_are_fenced_one_by_one() -> None:
    fences = Fences()
    look = finding(FindingState.PRESENT, 10)
    assert fences.admit(replace(look, fence=7))
    assert fences.admit(replace(look, camera_id="yard", fence=1))
