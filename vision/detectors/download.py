"""Fetches model files: goes on where it broke off, checks the digest, and puts the file in place in one step."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx

from vision.core.errors import ModelFileError, NotThereError, StorageError
from vision.core.registry import redact_url
from vision.detectors.modelfile import sha256

_TIMEOUT = httpx.Timeout(30.0, connect=10.0)
_ATTEMPTS = 3
Progress = Callable[[int, int], None]
"""Called with bytes so far and bytes in all."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file as the catalogue means it: where it is, its SHA-256 digest and its size."""

    url: str
    sha256: str
    size_bytes: int

    @property
    def safe_url(self) -> str:
        return redact_url(self.url)


def fetch(wanted: Wanted, file: Path, progress: Progress = lambda _done, _all: None) -> None:
    """Get a file; what has come lies in `<file>.part` until it is whole, and then takes the file's place at once.

    Raises:
        ModelFileError: what the server gave is not the file that the catalogue means; nothing of it is kept.
        NotThereError: the server cannot be reached, has no such file, or breaks off time and again.
        StorageError: the disk cannot take it.
    """
    part = file.with_name(file.name + ".part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        goes_on = _size(part) > 0
        _transfer(wanted, part, progress)
        if (found := sha256(part)) != wanted.sha256 and goes_on:  # what lay there began another file
            part.unlink()
            _transfer(wanted, part, progress)
            found = sha256(part)
        if found != wanted.sha256:
            part.unlink()
            raise ModelFileError(
                f"{wanted.safe_url}: gave another file than expected, its sha256 is {found[:12]}… "
                f"and should be {wanted.sha256[:12]}…"
            )
        part.replace(file)
    except OSError as error:
        raise StorageError(f"{file}: cannot be written: {error.strerror}") from None


def _transfer(wanted: Wanted, part: Path, progress: Progress) -> None:
    """Bring `part` to its full size, over several connections if need be."""
    reason = ""
    with httpx.Client(timeout=_TIMEOUT, follow_redirects=True) as client:
        for _ in range(_ATTEMPTS):
            try:
                _append(client, wanted, part, progress)
            except httpx.TransportError as error:
                reason = f" ({str(error) or type(error).__name__})"
            if _size(part) == wanted.size_bytes:
                return
    raise NotThereError(
        f"{wanted.safe_url}: broke off at {_size(part)} of {wanted.size_bytes} bytes{reason}; "
        "pull again and it goes on from there"
    )


def _append(client: httpx.Client, wanted: Wanted, part: Path, progress: Progress) -> None:
    """One connection's worth; starts anew where the server cannot go on in the middle."""
    have = _size(part)
    if have == wanted.size_bytes:
        return
    # Compressed on the way, a byte range would count other bytes than the file's.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    with client.stream("GET", wanted.url, headers=headers) as response:
        if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            part.unlink(missing_ok=True)
            return
        if response.is_error:
            raise NotThereError(f"{wanted.safe_url}: the server answers {response.status_code}")
        goes_on = response.status_code == httpx.codes.PARTIAL_CONTENT
        done = have if goes_on else 0
        with part.open("ab" if goes_on else "wb") as stream:
            for chunk in response.iter_raw():
                done += len(chunk)
                if done > wanted.size_bytes:
                    break
                stream.write(chunk)
                progress(done, wanted.size_bytes)
    if done > wanted.size_bytes:
        part.unlink()
        raise ModelFileError(f"{wanted.safe_url}: is larger than the {wanted.size_bytes} bytes expected")


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0
