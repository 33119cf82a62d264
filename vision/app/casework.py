"""Puts together what has to do with the city's platforms: sending, following, callbacks, links to evidence."""

import secrets
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from vision.cases.build import (
    Surroundings,
    build_codes,
    build_links,
    build_pacing,
    build_platforms,
)
from vision.cases.callbacks import Callbacks, CallbackSettings
from vision.cases.follow import CaseFollower, Followed, Reported
from vision.cases.handler import CaseHandler
from vision.config.schema import CityConfig
from vision.core.clock import Clock
from vision.core.errors import StorageError
from vision.core.ports import BlobStore
from vision.storage.database import Database


@dataclass(frozen=True, slots=True)
class Casework:
    """`link_secret` signs links to evidence, and checks them again when a platform comes for a picture."""

    handler: CaseHandler
    follower: CaseFollower
    callbacks: Callbacks
    link_secret: str


def casework(city: CityConfig, database: Database, blobs: BlobStore, clock: Clock, reported: Reported) -> Casework:
    """Raises ConfigError for a mapping or a code table that cannot work, StorageError without a link secret."""
    secret = link_secret(city.data)
    links = build_links(city.cases, city.public_url, secret, clock)
    platforms = build_platforms(city.cases, Surroundings(blobs, links, clock))
    sections = city.cases.platforms
    handler = CaseHandler(
        database, clock, platforms, build_codes(city.cases), reconcile_after_s=city.cases.reconcile_after_s
    )
    followed = {
        name: Followed(
            platform,
            None if sections[name].poll_s is None else timedelta(seconds=sections[name].poll_s or 0),
            build_pacing(sections[name].pacing),
        )
        for name, platform in platforms.items()
    }
    calling = {
        name: CallbackSettings(section.callback_secret.get_secret_value(), section.statuses)
        for name, section in sections.items()
        if section.callback_secret is not None
    }
    return Casework(
        handler,
        CaseFollower(database, clock, followed, reported),
        Callbacks(database, clock, calling, reported),
        secret,
    )


def link_secret(data: Path) -> str:
    """The key of signed evidence links: made once, kept in the data folder for this user alone.

    Raises:
        StorageError: it can be neither read nor written.
    """
    path = data / "links.key"
    try:
        if not path.exists():
            data.mkdir(parents=True, exist_ok=True)
            made = path.with_suffix(".new")
            made.touch(mode=0o600)
            made.write_text(secrets.token_hex(32), encoding="ascii")
            made.rename(path)
        return path.read_text(encoding="ascii").strip()
    except OSError as error:
        raise StorageError(f"link secret {path}: {error.strerror}") from error
