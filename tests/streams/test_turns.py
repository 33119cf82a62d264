"""However many watch, a gateway has few streams open, and everybody's turn comes."""

from hypothesis import given
from hypothesis import strategies as st

from vision.streams.turns import Turns


def test_one_after_the_other_up_to_the_cap() -> None:
    turns, wanted = Turns(at_once=2, opens_per_s=1.0), dict.fromkeys("abc", "nvr")
    assert turns.share(wanted, 0.0) == {"a"}
    assert turns.share(wanted, 0.5) == {"a"}, "not faster than the gateway may be asked"
    assert turns.share(wanted, 1.0) == {"a", "b"}
    assert turns.share(wanted, 9.0) == {"a", "b"}
    assert turns.share(wanted, 20.0) == {"b"}, "its turn is over, and it closes before another opens"
    assert turns.share(wanted, 20.4) == {"b", "c"}


def test_who_is_alone_keeps_the_stream_and_who_leaves_makes_room() -> None:
    turns = Turns(at_once=1)
    assert turns.share({"a": "nvr"}, 0.0) == {"a"}
    assert turns.share({"a": "nvr"}, 500.0) == {"a"}
    assert turns.share({"b": "nvr", "c": "other"}, 500.4) == {"b", "c"}
    assert turns.share({}, 501.0) == set()


@given(st.integers(1, 4), st.lists(st.sets(st.integers(0, 9)), min_size=1, max_size=60))
def test_the_cap_holds_at_every_instant(at_once: int, watched: list[set[int]]) -> None:
    turns, before = Turns(at_once=at_once, turn_s=3.0), set[str]()
    for step, cameras in enumerate(watched):
        wanted = {str(number): str(number % 2) for number in cameras}
        open_now = turns.share(wanted, step * 0.4)
        assert open_now <= set(wanted)
        for gateway in ("0", "1"):
            both = {key for key in open_now | (before & set(wanted)) if wanted[key] == gateway}
            assert len(both) <= at_once, "also while what is left closes"
        before = open_now


def test_everybody_is_seen() -> None:
    turns, wanted = Turns(at_once=3), {str(number): "nvr" for number in range(16)}
    seen: set[str] = set()
    for step in range(600):
        seen |= turns.share(wanted, step * 0.4)
    assert seen == set(wanted)
