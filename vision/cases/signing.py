"""Signatures of messages in both directions: HMAC-SHA256 over time and body, so that none is forged or replayed."""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

TIMESTAMP_HEADER = "X-Streetward-Timestamp"
SIGNATURE_HEADER = "X-Streetward-Signature"
TOLERANCE = timedelta(minutes=5)


class SignatureError(ValueError):
    """The message is unsigned, forged, altered or too old; says which."""


def sign(secret: str, body: bytes, at: datetime) -> dict[str, str]:
    """The two headers of a message: seconds since 1970 and `v1=` + hex HMAC-SHA256 (RFC 2104) of `seconds.body`."""
    timestamp = str(int(at.timestamp()))
    return {TIMESTAMP_HEADER: timestamp, SIGNATURE_HEADER: f"v1={_mac(secret, timestamp, body)}"}


def verify(
    secret: str, headers: Mapping[str, str], body: bytes, now: datetime, *, tolerance: timedelta = TOLERANCE
) -> datetime:
    """When the message was signed.

    Raises:
        SignatureError: a header is missing, the signature is not of this body, or the time is off by more than
            `tolerance`.
    """
    given = {name.lower(): value for name, value in headers.items()}
    timestamp = given.get(TIMESTAMP_HEADER.lower(), "")
    signature = given.get(SIGNATURE_HEADER.lower(), "")
    if not timestamp.isdigit() or not signature.startswith("v1="):
        raise SignatureError(f"needs the headers {TIMESTAMP_HEADER} and {SIGNATURE_HEADER}")
    if not hmac.compare_digest(signature.encode(), f"v1={_mac(secret, timestamp, body)}".encode()):
        raise SignatureError("the signature is not of this body and secret")
    at = datetime.fromtimestamp(int(timestamp), tz=UTC)
    if abs(now - at) > tolerance:
        raise SignatureError(f"signed at {at.isoformat()}, more than {tolerance} from now; check both clocks")
    return at


def link_token(secret: str, key: str, expires_at: datetime) -> str:
    """What makes a link to one evidence file good until `expires_at`: `seconds.hex`."""
    seconds = str(int(expires_at.timestamp()))
    return f"{seconds}.{_mac(secret, seconds, key.encode())}"


def check_link(secret: str, key: str, token: str, now: datetime) -> None:
    """Raises SignatureError when the token is not of this key, or has expired."""
    seconds, _, mac = token.partition(".")
    if not seconds.isdigit() or not hmac.compare_digest(mac.encode(), _mac(secret, seconds, key.encode()).encode()):
        raise SignatureError("this link is not ours")
    if datetime.fromtimestamp(int(seconds), tz=UTC) < now:
        raise SignatureError("this link has expired")


def _mac(secret: str, timestamp: str, body: bytes) -> str:
    return hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
