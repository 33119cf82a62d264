import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vision.tracking.belief import Belief

NAMES = ("bicycle", "overflow", "vase")
looks = st.lists(st.dictionaries(st.sampled_from(NAMES), st.floats(0, 1)), max_size=12)


def heard(said: list[dict[str, float]]) -> Belief:
    belief = Belief()
    for look in said:
        belief.hear(look)
    return belief


@given(looks, st.randoms())
def test_the_order_of_looks_does_not_matter(said: list[dict[str, float]], random: Random) -> None:
    shuffled = random.sample(said, len(said))
    for name in NAMES:
        assert heard(shuffled).of(name) == pytest.approx(heard(said).of(name), abs=1e-9)


@given(looks)
def test_beliefs_are_shares_of_a_whole_and_something_stays_unknown(said: list[dict[str, float]]) -> None:
    belief = heard(said)
    assert all(0 <= belief.of(name) <= 1 for name in NAMES)
    assert sum(belief.of(name) for name in NAMES) <= 1 + 1e-9


@given(looks, st.sampled_from(NAMES), st.floats(0.01, 0.99))
def test_a_look_that_speaks_for_a_name_makes_it_surer_and_no_other(
    said: list[dict[str, float]], name: str, support: float
) -> None:
    before, after = heard(said), heard([*said, {name: support}])
    assert after.of(name) >= before.of(name) - 1e-12
    assert all(after.of(other) <= before.of(other) + 1e-12 for other in NAMES if other != name)


@given(st.lists(st.floats(0, 0.9), min_size=1, max_size=6))
def test_alone_it_is_as_sure_as_all_its_looks_together(supports: list[float]) -> None:
    """Simple supports of one name: 1 - the product of the doubts."""
    belief = heard([{"bicycle": support} for support in supports])
    assert belief.of("bicycle") == pytest.approx(1 - math.prod(1 - support for support in supports), abs=1e-9)


def test_two_names_of_one_look_share_it_by_dempster_s_rule() -> None:
    belief = heard([{"bicycle": 0.5, "overflow": 0.5}])
    assert belief.of("bicycle") == belief.of("overflow") == pytest.approx(1 / 3)


def test_weak_looks_that_agree_outweigh_a_strong_one_that_does_not() -> None:
    belief = heard([{"overflow": 0.6}, {"bicycle": 0.3}, {"bicycle": 0.3}])
    assert belief.most() == "overflow"
    belief.hear({"bicycle": 0.3})
    assert belief.most() == "bicycle"


def test_nothing_heard_is_nothing_believed() -> None:
    assert Belief().most() is None
    assert Belief().of("bicycle") == 0
    assert heard([{}]).most() is None
