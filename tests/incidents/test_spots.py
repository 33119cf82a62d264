from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.incidents.street import absent, at, present, unknown
from vision.core.findings import FindingState
from vision.core.geometry import Box
from vision.incidents.context import Context
from vision.incidents.events import FindingSeen
from vision.incidents.incident import Incident
from vision.incidents.ladder import JoinRule, Ladder
from vision.incidents.lifecycle import begin
from vision.incidents.spots import Yardstick, divide, gap

LEFT: Box = (0.0, 0.4, 0.1, 0.5)
NEAR_LEFT: Box = (0.2, 0.4, 0.3, 0.5)
RIGHT: Box = (0.9, 0.4, 1.0, 0.5)
IN_PICTURE = Yardstick(JoinRule(split_view=0.35))
ON_GROUND = Yardstick(JoinRule(split_m=15.0), lambda point: (point[0] * 20, point[1] * 20))


def incident(name: str, *boxes: Box) -> Incident:
    step = begin(name, FindingSeen(present(0, boxes=boxes)), Context(at(0), Ladder(())))
    return step.incident


def test_far_objects_are_two_incidents() -> None:
    parts = divide(present(10, boxes=(LEFT, RIGHT)), [], IN_PICTURE)
    assert [(p.incident_id, [o.box for o in p.finding.objects]) for p in parts] == [(None, [LEFT]), (None, [RIGHT])]


def test_a_chain_of_near_objects_is_one() -> None:
    middle: Box = (0.5, 0.4, 0.6, 0.5)
    chain = (LEFT, NEAR_LEFT, middle, (0.75, 0.4, 0.8, 0.5), RIGHT)
    assert len(divide(present(10, boxes=chain), [], IN_PICTURE)) == 1


def test_each_object_goes_to_its_own_incident_and_the_empty_one_sees_absence() -> None:
    left, right = incident("L", LEFT), incident("R", RIGHT)
    parts = {p.incident_id: p.finding for p in divide(present(10, boxes=(RIGHT,)), [left, right], IN_PICTURE)}
    assert parts["R"].state is FindingState.PRESENT
    assert parts["L"].state is FindingState.ABSENT
    assert parts["L"].objects == ()


def test_unknown_and_absent_concern_them_all() -> None:
    both = [incident("L", LEFT), incident("R", RIGHT)]
    assert [p.finding.state for p in divide(unknown(10), both, IN_PICTURE)] == [FindingState.UNKNOWN] * 2
    assert [p.finding.state for p in divide(absent(10), both, IN_PICTURE)] == [FindingState.ABSENT] * 2


def test_a_pile_grows_at_its_edge() -> None:
    middle: Box = (0.45, 0.4, 0.55, 0.5)
    parts = divide(present(10, boxes=(LEFT, NEAR_LEFT, middle)), [incident("L", LEFT)], IN_PICTURE)
    assert [(p.incident_id, len(p.finding.objects)) for p in parts] == [("L", 3)]


def test_metres_decide_where_the_ground_is_known() -> None:
    # 0.2 of the view is 4 m here, 0.9 is 18 m.
    assert not ON_GROUND.apart(LEFT, NEAR_LEFT)
    assert ON_GROUND.apart(LEFT, (0.95, 0.4, 1.0, 0.5))


def test_a_spots_own_age_counts_for_it() -> None:
    finding = present(500, since=0, boxes=(LEFT, RIGHT))
    young = replace(finding.objects[1], first_seen=at(490))
    parts = divide(replace(finding, objects=(finding.objects[0], young)), [], IN_PICTURE)
    assert [p.finding.dwelled for p in parts] == [True, False]


corner = st.floats(0, 0.9, allow_nan=False).map(lambda v: round(v, 3))
boxes = st.lists(
    st.tuples(corner, corner).map(lambda p: (p[0], p[1], p[0] + 0.05, p[1] + 0.05)), min_size=1, max_size=8
)


@given(seen=boxes, anchors=st.lists(boxes, max_size=3), ground=st.booleans())
def test_no_object_is_lost_or_counted_twice(seen: list[Box], anchors: list[list[Box]], *, ground: bool) -> None:
    known = [incident(f"I{n}", *group) for n, group in enumerate(anchors)]
    parts = divide(present(10, boxes=tuple(seen)), known, ON_GROUND if ground else IN_PICTURE)
    told = [o.box for part in parts for o in part.finding.objects]
    assert sorted(told) == sorted(seen)
    assert [p.incident_id for p in parts if p.incident_id] == [i.id for i in known]


@given(seen=boxes)
def test_new_spots_are_apart_from_each_other(seen: list[Box]) -> None:
    parts = divide(present(10, boxes=tuple(seen)), [], IN_PICTURE)
    for n, one in enumerate(parts):
        for other in parts[n + 1 :]:
            assert all(gap(a.box, b.box) > 0.35 for a in one.finding.objects for b in other.finding.objects)
