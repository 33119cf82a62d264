from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from vision.core.findings import Finding, FindingObject, FindingState, Picture, Subtype, ViolationType, Why
from vision.core.registry import redact_url
from vision.testing import EPOCH


def finding(state: FindingState = FindingState.PRESENT, stood_s: float = 60, dwell_s: float = 30) -> Finding:
    at = EPOCH + timedelta(seconds=stood_s)
    thing = FindingObject("bicycle", (0.1, 0.2, 0.3, 0.4), 0.7, EPOCH, at)
    return Finding(
        "gate", "main", "bay", ViolationType.BIKE_MISPARKED, Subtype.BIKE_MISPARKED, state, at, EPOCH, dwell_s,
        Why("停放", "parked"), (thing,), 0.7, (Picture("annotated", "a.jpg", "0" * 64, 9),),
    )  # fmt: skip


def test_a_finding_survives_the_wire() -> None:
    assert Finding.from_record(finding().to_record()) == finding()


@given(st.floats(0, 100), st.floats(0, 100))
def test_only_what_stood_long_enough_has_dwelled(stood_s: float, dwell_s: float) -> None:
    f = finding(stood_s=stood_s, dwell_s=dwell_s)
    assert f.dwelled == ((f.at - f.since).total_seconds() >= dwell_s)


def test_unknown_never_dwells() -> None:
    assert not finding(FindingState.UNKNOWN).dwelled


def test_passwords_are_taken_out_of_urls() -> None:
    assert redact_url("open rtsp://admin:p@ss@10.0.0.1/101 failed").count("p") == 2
    assert "secret" not in redact_url("rtsp://u:secret@h/1 and http://v:secret@h/2")
