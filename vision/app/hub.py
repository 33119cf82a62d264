"""Puts the hub together: incidents, outbox, page and API over one database."""

import secrets
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

import structlog
from sqlalchemy.orm import Session

from vision.alerts.build import Loudspeakers, build_loudspeakers
from vision.alerts.feed import AlertFeed
from vision.alerts.sinks import build_publishers
from vision.api.accounts import Accounts, invite
from vision.api.app import create_app
from vision.api.callbacks import platform_router
from vision.api.records import RecordedAlerts
from vision.api.server import ApiServer
from vision.api.services import ApiSettings, HubServices
from vision.app.casework import Casework, casework
from vision.app.finding import OnvifFinding
from vision.cases.build import build_routes
from vision.cases.follow import Reported
from vision.cases.outbox import Dispatcher
from vision.cases.platform import CaseReport
from vision.cases.routing import route
from vision.config.schema import CityConfig
from vision.console.site import add_console
from vision.core.clock import Clock
from vision.core.errors import StorageError
from vision.core.findings import ViolationType
from vision.core.incidents import DeliveryKind
from vision.detectors.catalogue import CATALOGUE_FILE
from vision.hub.bays import BayBook
from vision.hub.boosts import Boosts
from vision.hub.build import build_incidents, build_spoken_grace
from vision.hub.daily import DailyReports, DayBook
from vision.hub.incidents import IncidentService
from vision.hub.models import ModelShelf
from vision.hub.ownership import Ownership
from vision.hub.pressure import PressureWatch
from vision.hub.runtime import CHORES, Hub
from vision.hub.surroundings import CitySurroundings
from vision.incidents.events import CaseStatusReported, Recheck
from vision.storage.blobs import ObjectBlobs
from vision.storage.board import Board
from vision.storage.bus import RedisBus
from vision.storage.common_time import common_time
from vision.storage.database import Database
from vision.storage.registry import Registry
from vision.streams.ptz import OnvifSteering

log = structlog.get_logger()

_FOLLOW_S = 1.0
_RECHECK_S = 0.2
_LATE_COMMIT_S = 0.7


@dataclass(frozen=True, slots=True)
class RunningHub:
    """What a hub's commands may lean on."""

    hub: Hub
    server: ApiServer
    database: Database
    registry: Registry
    board: Board
    url: str


@dataclass(frozen=True, slots=True)
class _Ground:
    """What everything in a hub stands on."""

    clock: Clock
    database: Database
    registry: Registry
    bus: RedisBus
    board: Board
    blobs: ObjectBlobs
    feed: AlertFeed


@contextmanager
def hub(city: CityConfig, redis_url: str) -> Iterator[RunningHub]:
    """A hub that takes findings, delivers, and serves its page; stopped in order at the end.

    Raises:
        StorageError: the database or the evidence folder cannot be used.
        NotThereError: the port is taken.
        ConfigError: the code table has gaps, or an interval is out of range.
    """
    with ExitStack() as stack:
        ground = stack.enter_context(_ground(city, redis_url))
        clock, database, registry = ground.clock, ground.database, ground.registry
        loudspeakers = build_loudspeakers(
            city.loudspeakers,
            database=database,
            registry=registry,
            blobs=ground.blobs,
            clock=clock,
            timezone=city.zone_info,
        )
        wake = _Wakeups([ground.feed.poke])
        read = registry.version()
        rechecks = _Rechecks(ground.board, clock)
        parts = build_incidents(city, database, registry, clock, route=_routing(city), rechecks=rechecks, nudge=wake)
        incidents = parts.service
        cases = casework(city, database, registry, blobs=ground.blobs, clock=clock, reported=_reporting(incidents))
        name = f"{socket.gethostname()}-{secrets.token_hex(4)}"
        ownership = None if database.is_sqlite else Ownership(database, clock, name, CHORES + 1)
        dispatcher = Dispatcher(
            database,
            clock,
            {**cases.handlers, DeliveryKind.ANNOUNCE: loudspeakers.announcer},
            settings=cases.dispatch,
            settled=incidents.settled,
            ours=_ours(ownership, registry),
        )
        wake.calls.append(dispatcher.nudge)
        models = ModelShelf(registry, clock, city.detection.model, city.detection.catalogue or CATALOGUE_FILE)
        reports = _reports(city, ground)
        services = _services(city, ground, incidents=incidents, loudspeakers=loudspeakers, models=models, cases=cases)
        pressure = PressureWatch(
            ground.board,
            database,
            clock,
            committing_s=lambda: running.committing_s,
            writes=lambda: CHORES in running.owned,
        )
        app = create_app(replace(services, reports=reports, pressure=pressure.now))
        add_console(app)
        app.include_router(platform_router(cases.callbacks, database, ground.blobs, clock, cases.link_secret))
        server = ApiServer(app, ground.feed, host=city.server.host, port=city.server.port)
        follow = _Follower(registry, ground.board, parts.surroundings, clock, models, read=read)
        publishers = build_publishers(city.publish, city.public_url, ground.feed, database, clock)
        loops = {
            "outbox": dispatcher.run,
            "registry": follow.run,
            "upkeep": parts.upkeep.run,
            "reports": reports.run,
            "rechecks": rechecks.run,
            "pressure": pressure.watch,
            "pressure_redis": pressure.listen,
            "pressure_record": pressure.write,
        }
        boosts = Boosts(database, ground.board, clock)
        bays = BayBook(database, clock, ground.board.health, parts.surroundings.place)
        chores = {
            "bays": bays.run,
            "boosts": boosts.run,
            **cases.loops,
            **{each.name: each.run for each in publishers},
        }
        running = Hub(ground.bus, incidents, clock, loops, chores=chores, ownership=ownership)
        follow.once()
        server.start()
        stack.callback(server.stop)
        url = _reached_at(city.server.host, server.port)
        if not city.access.loopback_without_login:
            invite(Accounts(database, clock, city.access), city.server.public_url or url)
        running.start()
        stack.callback(running.stop)
        stack.callback(loudspeakers.announcer.floor.stop_all, "hub")  # nobody waits for the end of a phrase
        yield RunningHub(running, server, database, registry, ground.board, url)


def _reached_at(host: str, port: int) -> str:
    """A URL that answers on this machine."""
    everywhere = host in {"0.0.0.0", "::", ""}  # noqa: S104 - told apart, not listened on
    name = "127.0.0.1" if everywhere else f"[{host}]" if ":" in host else host
    return f"http://{name}:{port}"


@contextmanager
def _ground(city: CityConfig, redis_url: str) -> Iterator[_Ground]:
    with ExitStack() as stack:
        bus, board = RedisBus(redis_url), Board(redis_url)
        stack.callback(bus.close)
        stack.callback(board.close)
        clock = stack.enter_context(common_time(board))
        database = Database(city.database_url)
        stack.callback(database.close)
        database.migrate()
        registry = Registry(database, clock)
        adopt(city, registry)
        # PostgreSQL may commit a lower alert id after a higher one; SQLite has one writer.
        gap_wait_s = 0.0 if database.is_sqlite else _LATE_COMMIT_S
        feed = AlertFeed(RecordedAlerts(database, clock.now), clock, gap_wait_s=gap_wait_s)
        yield _Ground(clock, database, registry, bus, board, ObjectBlobs(city.evidence_url), feed)


def _services(
    city: CityConfig,
    ground: _Ground,
    *,
    incidents: IncidentService,
    loudspeakers: Loudspeakers,
    models: ModelShelf,
    cases: Casework,
) -> HubServices:
    return HubServices(
        database=ground.database,
        blobs=ground.blobs,
        registry=ground.registry,
        feed=ground.feed,
        incidents=incidents,
        clock=ground.clock,
        board=ground.board,
        settings=ApiSettings(
            name=city.name,
            language=city.language,
            time_zone=city.timezone,
            access=city.access,
            console=city.console,
            camera_metrics=city.server.camera_metrics,
            grace_s=build_spoken_grace(city.incidents),
        ),
        announcements=loudspeakers.desk,
        loudspeakers=loudspeakers,
        models=models,
        checks=cases.checks,
        turning=OnvifSteering(ground.clock),
        finding=OnvifFinding(ground.clock),
    )


def _reports(city: CityConfig, ground: _Ground) -> DailyReports:
    clock, zone = ground.clock, city.zone_info
    grace_s = build_spoken_grace(city.incidents)
    book = DayBook(ground.database, ground.registry, clock, city=city.name, zone=zone, grace_s=grace_s)
    return DailyReports(book, ground.blobs, clock, at=city.report.at, zone=zone, language=city.language)


def adopt(city: CityConfig, registry: Registry) -> None:
    """Bring the file's cameras and speakers into the database."""
    cameras = {key: camera.model_dump(mode="json", by_alias=True) for key, camera in city.cameras.items()}
    speakers = {key: speaker.model_dump(mode="json", by_alias=True) for key, speaker in city.speakers.items()}
    changed = registry.adopt("camera", cameras) + registry.adopt("speaker", speakers)
    log.info("configuration_adopted", cameras=len(cameras), speakers=len(speakers), changed=changed)


def _reporting(incidents: IncidentService) -> Reported:
    """What a platform says of its case becomes an event of the incident, in the same transaction."""

    def report(session: Session, incident_id: str, platform: str, said: CaseReport) -> None:
        if said.status is not None:
            event = CaseStatusReported(platform, said.status, said.words, said.reason)
            incidents.apply(session, incident_id, event)

    return report


class _Rechecks:
    """Re-checks become wishes on the board, posted by a loop of its own: a slow Redis must not hold up a commit.

    A board that is away costs earliness, since looks come anyway.
    """

    def __init__(self, board: Board, clock: Clock) -> None:
        self._board, self._clock = board, clock
        self._wanted: dict[str, float] = {}
        self._lock = threading.Lock()

    def __call__(self, rechecks: Sequence[Recheck]) -> None:
        with self._lock:
            self._wanted |= {recheck.camera_id: recheck.by.timestamp() for recheck in rechecks}

    def run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            with self._lock:
                wanted, self._wanted = self._wanted, {}
            try:
                self._board.want_looks(wanted)
            except StorageError as error:
                log.warning("recheck_not_asked_for", cameras=len(wanted), reason=str(error))
            self._clock.sleep(_RECHECK_S, stop)


def _ours(ownership: Ownership | None, registry: Registry) -> Callable[[str], bool]:
    """A loudspeaker is one hub's, so that it has one floor; platforms are everybody's."""
    if ownership is None:
        return lambda _target: True
    return lambda target: CHORES in ownership.owned or target not in _speaking(registry)


def _speaking(registry: Registry) -> set[str]:
    return {"", "*", *registry.documents("speaker")}


def _routing(city: CityConfig) -> Callable[[ViolationType, str], list[str]]:
    routes = build_routes(city.cases)
    return lambda type_, district: route(routes, type_, district)


@dataclass(slots=True)
class _Wakeups:
    """Who is told after a commit that there is something new to send or to show."""

    calls: list[Callable[[], None]]

    def __call__(self) -> None:
        for call in self.calls:
            call()


class _Follower:
    """Hands a changed registry to the workers and to the incidents, within a second."""

    def __init__(
        self,
        registry: Registry,
        board: Board,
        surroundings: CitySurroundings,
        clock: Clock,
        models: ModelShelf,
        *,
        read: int,
    ) -> None:
        """`read`: version of the registry that the surroundings know at least."""
        self._registry, self._board, self._surroundings, self._clock = registry, board, surroundings, clock
        self._models, self._read = models, read
        self._posted: int | None = None

    def once(self) -> None:
        version = self._registry.version()
        if version == self._posted and self._board.registry_version() == version:
            return
        if version != self._read:  # seconds for a city's thousands
            self._surroundings.refresh()
            self._read = version
        self._board.post_registry(version, {"cameras": self._registry.documents("camera")})
        chosen = self._models.chosen()
        if chosen is not None:
            self._board.want_model(chosen.model, chosen.number)
        self._posted = version

    def run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                self.once()
            except StorageError as error:
                log.warning("registry_not_followed", reason=str(error))
            self._clock.sleep(_FOLLOW_S, stop)
