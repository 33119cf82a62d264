"""Answers to a camera's challenge, RTSP or HTTP: Basic (RFC 7617) and Digest (RFC 7616, and RFC 2069's older form)."""

import hashlib
import os
import re
from base64 import b64encode
from dataclasses import dataclass, field

_PART = re.compile(r'(\w+)\s*=\s*(?:"([^"]*)"|([^\s,]+))')
_HASHES = {"MD5": "md5", "SHA-256": "sha256"}


@dataclass(slots=True)
class Credentials:
    """One login and the last challenge it was asked to answer."""

    user: str
    password: str = field(repr=False)
    _challenge: dict[str, str] | None = None
    _basic: bool = False
    _count: int = 0

    def challenged(self, headers: list[str]) -> bool:
        """Take in the `WWW-Authenticate` values; False when none of them can be answered.

        Digest is preferred: Basic tells the password to anyone on the way.
        """
        for header in headers:
            scheme, _, rest = header.partition(" ")
            parts = {key.lower(): quoted or plain for key, quoted, plain in _PART.findall(rest)}
            if scheme.lower() == "digest" and parts.get("algorithm", "MD5").upper() in _HASHES and "nonce" in parts:
                self._challenge, self._basic, self._count = parts, False, 0
                return True
        self._basic = any(header.lower().startswith("basic") for header in headers)
        return self._basic

    def header(self, method: str, url: str) -> str | None:
        """The `Authorization` value for a request; None before any challenge."""
        if self._basic:
            return "Basic " + b64encode(f"{self.user}:{self.password}".encode()).decode()
        if self._challenge is None:
            return None
        return self._digest(self._challenge, method, url)

    def _digest(self, challenge: dict[str, str], method: str, url: str) -> str:
        algorithm = challenge.get("algorithm", "MD5")
        realm, nonce = challenge.get("realm", ""), challenge["nonce"]

        def hashed(text: str) -> str:
            return hashlib.new(_HASHES[algorithm.upper()], text.encode(), usedforsecurity=False).hexdigest()

        secret, request = hashed(f"{self.user}:{realm}:{self.password}"), hashed(f"{method}:{url}")
        fields = {"username": self.user, "realm": realm, "nonce": nonce, "uri": url}
        if "auth" in challenge.get("qop", "").split(","):
            self._count += 1
            count, own = f"{self._count:08x}", os.urandom(8).hex()
            fields["response"] = hashed(f"{secret}:{nonce}:{count}:{own}:auth:{request}")
            tail = f', qop=auth, nc={count}, cnonce="{own}"'
        else:
            fields["response"] = hashed(f"{secret}:{nonce}:{request}")
            tail = ""
        if "algorithm" in challenge:
            tail += f", algorithm={algorithm}"
        if "opaque" in challenge:
            fields["opaque"] = challenge["opaque"]
        return "Digest " + ", ".join(f'{key}="{value}"' for key, value in fields.items()) + tail
