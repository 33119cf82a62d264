"""Checks evidence packages offline: every file against its hash, every manifest against its place in the chain."""

import hashlib
import json
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vision.cases.evidence.manifest import FIRST, FORMAT, Sealed
from vision.core.errors import NotThereError

MANIFEST, CHAIN = "manifest.json", "chain.json"
_MADE = "made/"
"""What was made for reading or publication lies here; it is derived, so no manifest names it."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What a check found; nothing wrong when `problems` is empty."""

    manifests: int = 0
    files: int = 0
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Package:
    """A package's parts, read from a ZIP or a folder."""

    name: str
    sealed: Sealed
    links: tuple[tuple[int, str, str], ...]  # (seq, previous, sha256) of the chain up to it
    hashes: dict[str, tuple[int, str]]  # name → (size, sha256) of the files that are there


def verify(paths: Sequence[Path]) -> Findings:
    """Check packages one by one, and their manifests against each other.

    Raises:
        NotThereError: a path is not there or cannot be read.
    """
    findings = Findings()
    manifests = files = 0
    packages = []
    for path in paths:
        try:
            package = read(path)
        except ValueError as error:
            findings.problems.append(f"{path.name}: {error}")
            continue
        packages.append(package)
        manifests += 1
        files += len(package.hashes)
        findings.problems.extend(f"{package.name}: {problem}" for problem in check_files(package))
        findings.problems.extend(f"{package.name}: {problem}" for problem in check_links(package))
    findings.problems.extend(_agree(packages))
    return Findings(manifests, files, findings.problems)


def read(path: Path) -> Package:
    """Raises NotThereError (no such path) or ValueError (not a package)."""
    if path.is_dir():
        contents = {p.relative_to(path).as_posix(): p.read_bytes() for p in sorted(path.rglob("*")) if p.is_file()}
    elif path.is_file():
        try:
            with zipfile.ZipFile(path) as archive:
                contents = {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}
        except (zipfile.BadZipFile, RuntimeError, OSError) as error:
            raise ValueError(f"cannot be read: {error}") from error
    else:
        raise NotThereError(f"evidence package {path} is not there")
    if MANIFEST not in contents or CHAIN not in contents:
        raise ValueError(f"is not an evidence package: it has no {MANIFEST} or no {CHAIN}")
    body = contents.pop(MANIFEST)
    try:
        document: dict[str, Any] = json.loads(body)
        links = tuple((int(seq), str(before), str(own)) for seq, before, own in json.loads(contents.pop(CHAIN)))
        sealed = Sealed(int(document["seq"]), document["previous"], hashlib.sha256(body).hexdigest(), body.decode())
        known = document["format"] == FORMAT
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{MANIFEST} or {CHAIN} cannot be read: {error}") from error
    if not known:
        raise ValueError(f"is of another format: {document['format']}")
    hashes = {
        name: (len(data), hashlib.sha256(data).hexdigest())
        for name, data in contents.items()
        if not name.startswith(_MADE)
    }
    return Package(path.name, sealed, links, hashes)


def check_files(package: Package) -> list[str]:
    """Every file that the manifest names, against what is there; and nothing beside."""
    problems = []
    named = {entry["name"]: entry for entry in package.sealed.document["files"]}
    for name, entry in named.items():
        if name not in package.hashes:
            problems.append(f"{name} is missing")
        elif package.hashes[name] != (entry["size"], entry["sha256"]):
            problems.append(
                f"{name} was altered: its SHA-256 is {package.hashes[name][1]}, sealed was {entry['sha256']}"
            )
    problems += [f"{name} is not in the manifest" for name in package.hashes if name not in named]
    return problems


def check_links(package: Package) -> list[str]:
    """The manifest against the chain that came with it, link by link."""
    own = next((link for link in package.links if link[0] == package.sealed.seq), None)
    problems = check_chain(package.links)
    if own is None:
        problems.append(f"manifest {package.sealed.seq} is not in its own chain")
    elif own != (package.sealed.seq, package.sealed.previous, package.sealed.sha256):
        problems.append(f"manifest {package.sealed.seq} was altered: its hash is not the one in the chain")
    return problems


def check_chain(links: Iterable[tuple[int, str, str]]) -> list[str]:
    """Whether each names the one before; a missing number shows."""
    problems = []
    expected_seq, expected_hash = 1, FIRST
    for seq, previous, own in links:
        if seq != expected_seq:
            gap = f"{expected_seq}" if seq == expected_seq + 1 else f"{expected_seq} to {seq - 1}"
            problems.append(f"manifest {gap} is missing from the chain")
        elif previous != expected_hash:
            problems.append(f"manifest {seq} does not follow manifest {seq - 1}: one of them was altered")
        expected_seq, expected_hash = seq + 1, own
    return problems


def check_sealed(manifests: Iterable[Sealed]) -> list[str]:
    """The same over whole manifests: their text against their hash as well."""
    kept = list(manifests)
    problems = [
        f"manifest {one.seq} was altered: its text does not have its hash"
        for one in kept
        if hashlib.sha256(one.body.encode()).hexdigest() != one.sha256 or one.document.get("previous") != one.previous
    ]
    return problems + check_chain((one.seq, one.previous, one.sha256) for one in kept)


def _agree(packages: Sequence[Package]) -> list[str]:
    """Chains of one centre are the same as far as they go together."""
    known: dict[int, tuple[str, str]] = {}
    problems = []
    for package in packages:
        for seq, _previous, own in package.links:
            name, other = known.setdefault(seq, (package.name, own))
            if other != own:
                problems.append(f"{package.name} and {name} disagree on manifest {seq}")
    return problems
