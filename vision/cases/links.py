"""Links to evidence that a platform may open without a login, signed and good for a while."""

from datetime import timedelta
from urllib.parse import quote

from vision.cases.platform import EvidenceFile
from vision.cases.signing import link_token
from vision.core.clock import Clock


class Links:
    """Makes links under `public_url`; the API checks them with signing.check_link and the same secret."""

    def __init__(self, public_url: str, secret: str, lifetime: timedelta, clock: Clock) -> None:
        self._base = public_url.rstrip("/")
        self._secret = secret
        self._lifetime = lifetime
        self._clock = clock

    def to(self, file: EvidenceFile) -> str:
        token = link_token(self._secret, file.key, self._clock.now() + self._lifetime)
        return f"{self._base}/evidence/shared/{quote(file.key)}?token={token}"
