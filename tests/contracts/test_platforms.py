"""One suite for every kind of case platform, over real HTTP against the sandbox."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.cases.examples import connect, example_draft
from tests.streams.waiting import eventually
from vision.cases.platform import CaseChange, CasePlatform, ChangeKind, Promise
from vision.core.clock import SystemClock
from vision.core.errors import Rejected, RetryLater
from vision.core.incidents import CaseStatus
from vision.sandbox.platform import SandboxPlatform
from vision.sandbox.platform_configs import KINDS


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[SandboxPlatform, str]]:
    sandbox = SandboxPlatform(seed=1)
    with sandbox.serve() as url:
        yield sandbox, url


@pytest.fixture
def sandbox(served: tuple[SandboxPlatform, str]) -> Iterator[SandboxPlatform]:
    sandbox = served[0]
    calm = type(sandbox.faults)().to_record()
    yield sandbox
    sandbox.faults.change(calm)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def platform(kind: str, served: tuple[SandboxPlatform, str], sandbox: SandboxPlatform) -> Iterator[CasePlatform]:
    platform = connect(kind, served[1], SystemClock(), timeout_s=60)
    yield platform
    platform.close()


@pytest.fixture
def impatient(kind: str, served: tuple[SandboxPlatform, str], sandbox: SandboxPlatform) -> Iterator[CasePlatform]:
    platform = connect(kind, served[1], SystemClock(), timeout_s=1)
    yield platform
    platform.close()


def draft(kind: str, name: str) -> Any:
    return example_draft(f"{kind}:{name}", asked_at=datetime.now(tz=UTC))


def change(kind: str, name: str, what: ChangeKind, *, closes: bool = False) -> CaseChange:
    return CaseChange(f"{kind}:{name}:{what}", what, "视频核实", datetime.now(tz=UTC), closes=closes)


def test_what_we_send_fits_what_it_takes(platform: CasePlatform) -> None:
    assert platform.check() == []


def test_a_case_is_made_and_followed(platform: CasePlatform, kind: str, sandbox: SandboxPlatform) -> None:
    report = platform.file(draft(kind, "made"))
    assert report.status is CaseStatus.FILED
    case = sandbox.cases.get(report.case_id)
    assert case is not None
    assert "垃圾堆放 10 分钟" in str(case.document)
    assert "人民路 12 号" in str(case.document)
    sandbox.cases.set_status(report.case_id, "handled", datetime.now(tz=UTC), reason="已清理")
    followed = platform.report(report.case_id)
    assert followed.status is CaseStatus.HANDLED
    assert "已清理" in followed.reason


def test_it_finds_what_it_has_and_nothing_else(platform: CasePlatform, kind: str, sandbox: SandboxPlatform) -> None:
    case_id = platform.file(draft(kind, "found")).case_id
    sandbox.faults.change({"duplicates": True})
    found = platform.find(draft(kind, "found"))
    assert found is not None
    assert found.case_id == case_id
    assert platform.find(draft(kind, "never")) is None


def test_an_idempotent_one_makes_one_case(platform: CasePlatform, kind: str) -> None:
    first, second = (platform.file(draft(kind, "twice")).case_id for _ in range(2))
    assert (first == second) is (platform.promise is Promise.IDEMPOTENT or kind.startswith(("webhook", "urban")))


def test_gone_closes_the_case_and_a_repetition_changes_nothing(
    platform: CasePlatform, kind: str, sandbox: SandboxPlatform
) -> None:
    case_id = platform.file(draft(kind, "gone")).case_id
    for _ in range(2):
        assert platform.change(case_id, change(kind, "gone", ChangeKind.GONE, closes=True)) is not None
    assert [status for status, _words, _at in sandbox.cases.steps(case_id)] == ["filed", "closed"]


def test_still_there_sends_it_back_to_work(platform: CasePlatform, kind: str, sandbox: SandboxPlatform) -> None:
    case_id = platform.file(draft(kind, "still")).case_id
    sandbox.cases.set_status(case_id, "handled", datetime.now(tz=UTC))
    assert platform.change(case_id, change(kind, "still", ChangeKind.STILL_THERE)) is not None
    case = sandbox.cases.get(case_id)
    assert case is not None
    assert case.status == "dispatched"


@pytest.mark.parametrize(
    ("faults", "outcome"),
    [
        ({"down": True}, (False, 0)),
        ({"fail_share": 1.0}, (True, 0)),
        ({"lose_answer_share": 1.0}, (True, 1)),
        ({"malformed_share": 1.0}, (True, 1)),
    ],
    ids=["down", "fails", "hangs up", "malformed"],
)
def test_every_fault_says_what_is_known_of_the_outcome(
    platform: CasePlatform, kind: str, sandbox: SandboxPlatform, faults: dict[str, Any], outcome: tuple[bool, int]
) -> None:
    platform.check()  # reads the service definitions, so that only the filing itself meets the fault
    before = sandbox.cases.count()
    sandbox.faults.change(faults)
    with pytest.raises(RetryLater) as caught:
        platform.file(draft(kind, f"fault {sorted(faults)}"))
    assert (caught.value.outcome_unknown, sandbox.cases.count() - before) == outcome
    assert (caught.value.after_s == 1) is ("down" in faults)


def test_an_answer_that_comes_too_late_leaves_the_outcome_unknown(
    impatient: CasePlatform, kind: str, sandbox: SandboxPlatform
) -> None:
    impatient.check()
    before = sandbox.cases.count()
    sandbox.faults.change({"hang_share": 1.0, "hang_s": 3})
    with pytest.raises(RetryLater) as caught:
        impatient.file(draft(kind, "late"))
    assert caught.value.outcome_unknown
    assert eventually(lambda: sandbox.cases.count() - before == 1)


def test_a_refusal_carries_its_words(platform: CasePlatform, kind: str, sandbox: SandboxPlatform) -> None:
    sandbox.faults.change({"refuse": "不在本辖区"})
    with pytest.raises(Rejected, match="不在本辖区"):
        platform.file(draft(kind, "refused"))


def test_a_case_that_it_does_not_have_is_refused(platform: CasePlatform) -> None:
    with pytest.raises(Rejected):
        platform.report("SB999999")


def test_nobody_there_is_not_an_unknown_outcome(kind: str) -> None:
    platform = connect(kind, "http://127.0.0.1:1", SystemClock(), timeout_s=1, overrides={})
    with pytest.raises(RetryLater) as caught:
        platform.file(draft(kind, "nobody"))
    assert not caught.value.outcome_unknown


def test_its_clock_may_be_off_by_some_minutes(platform: CasePlatform, kind: str, sandbox: SandboxPlatform) -> None:
    for skew_s in (-240.0, 240.0):
        sandbox.faults.change({"clock_skew_s": skew_s})
        case_id = platform.file(draft(kind, f"skew {skew_s}")).case_id
        found = platform.find(draft(kind, f"skew {skew_s}"))
        assert found is not None
        assert found.case_id == case_id


def test_wrong_credentials_keep_the_case_and_say_so(kind: str, served: tuple[SandboxPlatform, str]) -> None:
    wrong = {"secret": "wrong"} if kind.startswith("webhook") else {"api_key": "wrong"}
    if kind.startswith("urban"):
        pytest.skip("says so with a code of its own, tested with that platform")
    platform = connect(kind, served[1], SystemClock(), overrides=wrong)
    with pytest.raises(RetryLater, match=r"401|403") as caught:
        platform.file(draft(kind, "wrong"))
    assert caught.value.after_s is not None
    assert caught.value.after_s >= timedelta(minutes=1).total_seconds()
