"""Puts together what has to do with the city's platforms: sending, following, callbacks, links to evidence."""

import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text

from vision.alerts.notify import NotifyHandler, build_notifiers
from vision.cases.build import (
    Surroundings,
    build_callbacks,
    build_deadlines,
    build_dispatch,
    build_follower,
    build_links,
    build_pacing,
    build_platforms,
    build_standard,
)
from vision.cases.callbacks import Callbacks
from vision.cases.checks import PlatformChecks
from vision.cases.deadlines import DeadlineKeeper
from vision.cases.evidence.sealing import Sealer
from vision.cases.follow import Reported
from vision.cases.handler import CaseHandler
from vision.cases.outbox import DispatchSettings
from vision.config.schema import CityConfig
from vision.core.clock import Clock
from vision.core.delivery import DeliveryHandler
from vision.core.errors import StorageError
from vision.core.incidents import DeliveryKind
from vision.core.ports import BlobStore
from vision.storage.database import Database
from vision.storage.registry import Registry
from vision.storage.tables import RegistryRow

_SECRET = ("secret", "links")
_ONE_SECRET = 5_318_011  # advisory lock
_CASES = (DeliveryKind.FILE, DeliveryKind.UPDATE, DeliveryKind.CLOSE)


@dataclass(frozen=True, slots=True)
class Casework:
    """What the hub needs of it.

    Attributes:
        handlers: by delivery kind, for the dispatcher.
        loops: what has to turn beside it, by name.
        checks: what each platform said of our settings.
        link_secret: signs links to evidence, and checks them again when a platform comes for a picture.
    """

    handlers: Mapping[DeliveryKind, DeliveryHandler]
    loops: Mapping[str, Callable[[threading.Event], None]]
    dispatch: DispatchSettings
    callbacks: Callbacks
    checks: PlatformChecks
    link_secret: str


def casework(
    city: CityConfig, database: Database, registry: Registry, *, blobs: BlobStore, clock: Clock, reported: Reported
) -> Casework:
    """Raises ConfigError for a mapping or a code table that cannot work, StorageError without a link secret."""
    secret = link_secret(city.data) if database.is_sqlite else shared_secret(database, clock)
    links = build_links(city.cases, city.public_url, secret, clock)
    platforms = build_platforms(city.cases, Surroundings(blobs, links, clock))
    deadlines = build_deadlines(city.cases)
    cases = CaseHandler(
        database,
        clock,
        platforms,
        build_standard(city.cases),
        deadlines=deadlines,
        reconcile_after_s=city.cases.reconcile_after_s,
    )
    notices = NotifyHandler(
        database,
        blobs,
        clock,
        build_notifiers(city.notifiers),
        city=city.name,
        zone=city.zone_info,
        register=lambda kind, key: registry.documents(kind).get(key, {}),
    )
    checks = PlatformChecks(platforms, clock)
    follower = build_follower(city.cases, platforms, database, clock, reported)
    return Casework(
        handlers={**dict.fromkeys(_CASES, cases), DeliveryKind.NOTIFY: notices},
        loops={
            "platforms": follower.run,
            "deadlines": DeadlineKeeper(database, clock, deadlines).run,
            "evidence": Sealer(database, clock).run,
            "checks": checks.run,
        },
        dispatch=build_dispatch(city.cases, {n: build_pacing(one.pacing) for n, one in city.notifiers.items()}),
        callbacks=build_callbacks(city.cases, database, clock, reported),
        checks=checks,
        link_secret=secret,
    )


def shared_secret(database: Database, clock: Clock) -> str:
    """The key of signed evidence links where several hubs answer: made once, kept in the database that they share."""
    with database.transaction() as session:
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ONE_SECRET})
        row = session.get(RegistryRow, _SECRET)
        if row is None:
            kind, key = _SECRET
            row = RegistryRow(
                kind=kind,
                id=key,
                document={"key": secrets.token_hex(32)},
                deleted=False,
                version=0,
                updated_at=clock.now(),
                updated_by="hub",
            )
            session.add(row)
        return str(row.document["key"])


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
