from dataclasses import dataclass, field

from vision.cases.checks import PlatformChecks
from vision.core.errors import DeliveryError, Rejected, RetryLater
from vision.testing import FlakyCasePlatform, ManualClock


@dataclass
class Answering(FlakyCasePlatform):
    answers: list[list[str] | DeliveryError] = field(default_factory=list)

    def check(self) -> list[str]:
        answer = self.answers.pop(0)
        if isinstance(answer, DeliveryError):
            raise answer
        return answer


def test_mismatches_are_kept_and_one_that_is_away_is_asked_again() -> None:
    fits, away = Answering(answers=[[]]), Answering(answers=[RetryLater("down"), ["no service 0110"]])
    closed = Answering(answers=[Rejected("404 nothing here")])
    checks = PlatformChecks({"fits": fits, "away": away, "closed": closed}, ManualClock())
    assert not checks.run_once()
    assert checks.problems == {"fits": [], "closed": ["404 nothing here"]}
    assert checks.run_once()
    assert checks.problems["away"] == ["no service 0110"]
