"""HTTP to case platforms: one client a platform, and what each kind of failure says about the outcome."""

import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx

from vision.cases.platform import CaseReport
from vision.core.errors import Rejected, RetryLater

_WORDS_MOST = 1000  # characters of a platform's answer that are kept
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol, httpx.ProxyError)
_NOT_NOW = frozenset({429, 503})  # by their definition not taken (RFC 9110 section 15.6.4, RFC 6585 section 4)
_OUR_CREDENTIALS = frozenset({401, 403, 407})
CREDENTIALS_RETRY_S = 120.0


def client(
    *,
    timeout_s: float,
    concurrency: int,
    ca_file: Path | None = None,
    certificate_file: Path | None = None,
    key_file: Path | None = None,
    auth: tuple[str, str] | None = None,
    transport: httpx.BaseTransport | None = None,
) -> httpx.Client:
    """A client for one platform; certificates are always checked, against `ca_file` where a city has its own."""
    context = ssl.create_default_context(cafile=ca_file)
    if certificate_file is not None:
        context.load_cert_chain(certificate_file, key_file)
    return httpx.Client(
        timeout=timeout_s,
        verify=context,
        auth=auth,
        transport=transport,
        limits=httpx.Limits(max_connections=concurrency + 2, max_keepalive_connections=concurrency + 2),
        headers={"User-Agent": "streetward"},
        trust_env=False,
    )


def send(
    http: httpx.Client,
    request: httpx.Request,
    *,
    writes: bool,
    words: Callable[[httpx.Response], str] | None = None,
) -> httpx.Response:
    """The answer, when it is a good one. After a request that `writes`, a lost answer leaves the outcome unknown.

    Raises:
        RetryLater: no connection, no answer, too busy, a server fault, or our credentials were refused.
        Rejected: any other 4xx, in the platform's words.
    """
    try:
        answer = http.send(request)
    except _NOT_SENT as error:
        raise RetryLater(f"cannot connect: {error}") from error
    except httpx.HTTPError as error:
        raise RetryLater(f"no answer: {type(error).__name__} {error}".rstrip(), outcome_unknown=writes) from error
    if answer.is_success:
        return answer
    told = f"{answer.status_code} {(words or words_of)(answer)}".rstrip()
    if answer.status_code in _NOT_NOW:
        raise RetryLater(told, after_s=retry_after_s(answer))
    if answer.status_code in _OUR_CREDENTIALS:
        # Not the case's fault: a city that renews a key would find every case of the day refused.
        raise RetryLater(told, after_s=CREDENTIALS_RETRY_S)
    if answer.status_code >= 500 or answer.status_code == 408:
        raise RetryLater(told, after_s=None, outcome_unknown=writes)
    raise Rejected(told)


def words_of(answer: httpx.Response) -> str:
    """What the other side said, in one line."""
    return " ".join(answer.text.split())[:_WORDS_MOST]


def retry_after_s(answer: httpx.Response) -> float | None:
    """Seconds asked for by Retry-After (RFC 9110 section 10.2.3); a date counts from the answer's own Date."""
    value = answer.headers.get("Retry-After", "").strip()
    if value.isdigit():
        return float(value)
    at, now = _http_date(value), _http_date(answer.headers.get("Date", ""))
    return max(0.0, (at - now).total_seconds()) if at is not None and now is not None else None


def json_object(answer: httpx.Response, *, writes: bool) -> dict[str, Any]:
    """The answer's JSON object; a malformed one leaves the outcome of a write unknown (RetryLater)."""
    try:
        document = answer.json()
    except ValueError as error:
        raise RetryLater(f"malformed answer: {words_of(answer)[:200]!r}", outcome_unknown=writes) from error
    if not isinstance(document, dict):
        raise RetryLater(f"answer is not an object: {words_of(answer)[:200]!r}", outcome_unknown=writes)
    return document


def only(reports: list[CaseReport]) -> CaseReport | None:
    """The first of what a look-up found: should the platform itself hold several, the oldest is the case."""
    return reports[0] if reports else None


def _http_date(value: str) -> datetime | None:
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
