"""How the change detector looks, remembers and judges."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ChangeSettings:
    """Settings of the static-change detector; times are scene times, sizes are of the working picture.

    Attributes:
        width_px: width of the working picture; nothing smaller than a few of its pixels is looked for.
        measure: how two pictures are compared, a key of `change_measure.MEASURES`.
        threshold: difference from which a pixel has changed.
        memory_looks: looks in the short memory whose median is compared with the reference.
        least_looks: of these, how many must see a pixel before it is judged.
        least_gap_s: looks nearer in time than this share a slot, so that the memory spans time and not frames.
        steady_levels: a pixel whose looks differ by more than this (grey levels) is still moving.
        night_to_levels: mean grey level to which darker pictures are brightened, for edges to count as by day.
        night_gain: by no more than this factor, for it lifts the noise too.
        light_reach_px: light differs over greater lengths, things are smaller.
        follow_s: time constant at which the reference follows the light where nothing changed.
        forget_s: time constant at which what is no object (a shadow's edge, a shifted leaf) becomes reference.
        least_area: least share of the view.
        least_side_px: thinner things (shadow edges, cables, lane marks) are no objects.
        least_fill: least share of its convex hull that a thing fills.
        adrift_looks: looks in a row that do not fit the reference, after which it is learnt anew.
        most_shift_px: shake of the camera that is taken out; beyond it nothing is judged.
        same_below: mean difference within a thing from its own first picture up to which it is the same still thing;
            people who stand about shift, goods don't.
        gone_looks: visible looks without it after which a thing is gone.
        most_objects: kept per view.
    """

    width_px: int = 320
    measure: str = "gradient"
    threshold: float = 0.5
    memory_looks: int = 5
    least_looks: int = 3
    least_gap_s: float = 0.7
    steady_levels: float = 22.0
    night_to_levels: float = 90.0
    night_gain: float = 2.5
    light_reach_px: float = 24.0
    follow_s: float = 120.0
    forget_s: float = 900.0
    least_area: float = 0.0012
    least_side_px: float = 9.0
    least_fill: float = 0.4
    adrift_looks: int = 3
    most_shift_px: float = 6.0
    same_below: float = 0.12
    gone_looks: int = 2
    most_objects: int = 50
