"""Against the worked examples of RFC 7616 section 3.9.1 and RFC 2069's form as cameras use it."""

import hashlib
from base64 import b64decode

import pytest

from vision.streams.login import Credentials


def fields(header: str) -> dict[str, str]:
    parts = (part.strip().partition("=") for part in header.removeprefix("Digest ").split(","))
    return {key: value.strip('"') for key, _, value in parts}


@pytest.mark.parametrize(("algorithm", "name"), [("MD5", "md5"), ("SHA-256", "sha256")])
def test_digest_with_qop(algorithm: str, name: str) -> None:
    login = Credentials("Mufasa", "Circle of Life")
    challenge = (
        f'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={algorithm}, '
        'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
    )
    assert login.challenged([challenge])
    given = fields(login.header("GET", "/dir/index.html") or "")

    def hashed(text: str) -> str:
        return hashlib.new(name, text.encode()).hexdigest()

    secret, request = hashed("Mufasa:http-auth@example.org:Circle of Life"), hashed("GET:/dir/index.html")
    joined = f"{secret}:{given['nonce']}:{given['nc']}:{given['cnonce']}:auth:{request}"
    assert given["response"] == hashed(joined)
    assert given["opaque"].startswith("FQhe")
    assert fields(login.header("GET", "/") or "")["nc"] == "00000002"


def test_old_digest_is_preferred_to_basic() -> None:
    login = Credentials("admin", "12345")
    assert login.header("DESCRIBE", "rtsp://h/") is None
    assert login.challenged(['Basic realm="x"', 'Digest realm="IP Camera", nonce="abc"'])
    expected = hashlib.md5(b"admin:IP Camera:12345").hexdigest()
    request = hashlib.md5(b"DESCRIBE:rtsp://h/").hexdigest()
    given = fields(login.header("DESCRIBE", "rtsp://h/") or "")
    assert given["response"] == hashlib.md5(f"{expected}:abc:{request}".encode()).hexdigest()


def test_basic_when_nothing_better_is_offered() -> None:
    login = Credentials("admin", "pass:word")
    assert login.challenged(['Basic realm="x"'])
    assert b64decode((login.header("PLAY", "x") or "").removeprefix("Basic ")) == b"admin:pass:word"


def test_challenge_that_cannot_be_answered() -> None:
    assert not Credentials("a", "b").challenged(['Digest realm="x", nonce="y", algorithm=SHA-512-256'])
    assert "b" not in repr(Credentials("a", "b")).replace("Credentials", "").replace("basic", "")
