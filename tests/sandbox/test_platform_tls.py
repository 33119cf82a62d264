"""Certificates: a city's own authority is taken, an expired one is told and nothing is sent."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.cases.examples import connect, example_draft
from vision.core.clock import SystemClock
from vision.core.errors import RetryLater
from vision.sandbox.platform import SandboxPlatform
from vision.sandbox.platform_tls import certificate


def test_a_citys_own_authority_is_taken(tmp_path: Path) -> None:
    made = certificate(tmp_path, datetime.now(tz=UTC), timedelta(days=1))
    sandbox = SandboxPlatform()
    with sandbox.serve(ssl_certfile=str(made.certificate), ssl_keyfile=str(made.key)) as url:
        trusting = connect("webhook", url, SystemClock(), overrides={"tls": {"ca_file": str(made.certificate)}})
        assert trusting.file(example_draft()).case_id == "SB000001"
        trusting.close()


@pytest.mark.parametrize(
    ("begins", "trusted"),
    [(lambda now: now - timedelta(days=3), True), (lambda now: now, False)],
    ids=["expired", "unknown"],
)
def test_a_bad_certificate_is_told_and_nothing_is_sent(
    tmp_path: Path, begins: Callable[[datetime], datetime], *, trusted: bool
) -> None:
    made = certificate(tmp_path, begins(datetime.now(tz=UTC)), timedelta(days=1))
    sandbox = SandboxPlatform()
    overrides = {"tls": {"ca_file": str(made.certificate)}} if trusted else {}
    with sandbox.serve(ssl_certfile=str(made.certificate), ssl_keyfile=str(made.key)) as url:
        platform = connect("webhook", url, SystemClock(), overrides=overrides)
        with pytest.raises(RetryLater, match="certificate") as caught:
            platform.file(example_draft())
        platform.close()
        assert ("expired" in str(caught.value)) is trusted
    assert not caught.value.outcome_unknown
    assert sandbox.cases.count() == 0
