"""HTTP towards loudspeakers: time-outs, authentication, and answers turned into the project's errors."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from vision.alerts.speakers.driver import Address
from vision.core.errors import DeliveryError, Rejected, RetryLater

_BUSY = frozenset({408, 409, 423, 425, 429, 500, 502, 503, 504})


def client(address: Address, *, scheme: str = "digest", timeout_s: float = 5.0) -> httpx.Client:
    """`scheme`: digest, basic or none. Environment proxies are not for devices on the city's own network."""
    auth: httpx.Auth | None = None
    if address.user and scheme != "none":
        kind = httpx.BasicAuth if scheme == "basic" else httpx.DigestAuth
        auth = kind(address.user, address.password)
    return httpx.Client(auth=auth, timeout=timeout_s, trust_env=False)


@contextmanager
def telling(what: str) -> Iterator[None]:
    """Network faults as RetryLater; an answer lost after sending says so."""
    try:
        yield
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        raise RetryLater(f"{what} is offline: {error or type(error).__name__}") from error
    except httpx.TransportError as error:
        raise RetryLater(f"{what} broke off: {error or type(error).__name__}", outcome_unknown=True) from error


def check(answer: httpx.Response, what: str) -> None:
    """Raises RetryLater when the device is busy, Rejected when it refuses."""
    if answer.is_success:
        return
    words = f"{what} answered {answer.status_code} {answer.reason_phrase}: {answer.text[:200]}".rstrip(": ")
    fault: type[DeliveryError] = RetryLater if answer.status_code in _BUSY else Rejected
    raise fault(words)
