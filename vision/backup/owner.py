"""Whose is what root brings back: the service runs as somebody else and has to read and write it."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path


def give_to_folders_owner(path: Path) -> None:
    """Run by root, its folder's owner and group get it; a link itself, not what it points to."""
    if os.geteuid() == 0:
        folder = path.parent.stat()
        os.chown(path, folder.st_uid, folder.st_gid, follow_symlinks=False)


@contextmanager
def made_for_the_service(folders: Iterable[Path]) -> Iterator[None]:
    """What root makes or rewrites in these folders meanwhile, or makes to have them, gets its folder's owner and group.

    What was root's before and stays as it was, stays root's.
    """
    if os.geteuid() != 0:
        yield
        return
    places = [folder.resolve() for folder in folders]
    before = dict(_of_root(places))
    try:
        yield
    finally:
        for path, written_ns in _of_root(places):
            if path not in before or (before[path] != written_ns and path.is_file()):
                give_to_folders_owner(path)


def _of_root(folders: Iterable[Path]) -> Iterator[tuple[Path, int]]:
    """Folders above first, then what lies in them, each after its folder, with the time it was last written."""
    for folder in folders:
        above = [place for place in (*reversed(folder.parents), folder) if place.exists()]
        for path in (*above, *_within(folder)):
            told = path.lstat()
            if told.st_uid == 0:
                yield path, told.st_mtime_ns


def _within(folder: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        yield from (Path(place, name) for name in (*folders, *files))
