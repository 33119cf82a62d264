"""Answers to the authentication challenges of RTSP, SIP and raw HTTP: digest (RFC 7616, RFC 2617) and basic."""

import base64
import hashlib
import re
import secrets
from collections.abc import Callable, Sequence

from vision.core.errors import Rejected

_PARAMETER = re.compile(r'(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))')


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


_HASHES: dict[str, Callable[[str], str]] = {"MD5": _md5, "SHA-256": _sha256}


def authorization(challenges: Sequence[str], *, method: str, uri: str, user: str, password: str) -> str:
    """The value of the Authorization header for the strongest challenge that can be answered.

    Raises:
        Rejected: no credentials, or only schemes that are not known.
    """
    if not user:
        raise Rejected("the device asks for a user and a password, and there are none")
    digests = [dict(_parameters(one)) for one in challenges if one.lower().startswith("digest")]
    known = [one for one in digests if one.get("algorithm", "MD5").upper() in _HASHES]
    if known:
        # Devices list SHA-256 beside MD5; the longer name sorts to the stronger hash.
        best = max(known, key=lambda one: len(one.get("algorithm", "MD5")))
        return _digest(best, method=method, uri=uri, user=user, password=password)
    if any(one.lower().startswith("basic") for one in challenges):
        return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
    raise Rejected(f"the device asks for an unknown authentication: {'; '.join(challenges) or 'nothing named'}")


def _digest(challenge: dict[str, str], *, method: str, uri: str, user: str, password: str) -> str:
    algorithm = challenge.get("algorithm", "MD5")
    hashed = _HASHES[algorithm.upper()]
    realm, nonce = challenge.get("realm", ""), challenge.get("nonce", "")
    secret, target = hashed(f"{user}:{realm}:{password}"), hashed(f"{method}:{uri}")
    fields = [f'username="{user}"', f'realm="{realm}"', f'nonce="{nonce}"', f'uri="{uri}"']
    if "auth" in [part.strip() for part in challenge.get("qop", "").split(",")]:
        count, cnonce = "00000001", secrets.token_hex(8)
        response = hashed(f"{secret}:{nonce}:{count}:{cnonce}:auth:{target}")
        fields += ["qop=auth", f"nc={count}", f'cnonce="{cnonce}"']
    else:
        response = hashed(f"{secret}:{nonce}:{target}")
    fields.append(f'response="{response}"')
    if "algorithm" in challenge:
        fields.append(f"algorithm={algorithm}")
    if "opaque" in challenge:
        fields.append(f'opaque="{challenge["opaque"]}"')
    return "Digest " + ", ".join(fields)


def _parameters(challenge: str) -> list[tuple[str, str]]:
    _scheme, _, rest = challenge.partition(" ")
    return [(name.lower(), quoted or bare) for name, quoted, bare in _PARAMETER.findall(rest)]
