"""Puts a worker together and runs it."""

import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import ExitStack, contextmanager
from pathlib import Path

import structlog

from vision.cluster.assigner import Assigner
from vision.config.schema import CityConfig, load
from vision.core.clock import Clock
from vision.core.detections import Detections
from vision.core.errors import ConfigError, DetectorError, ModelFileError
from vision.core.frames import Image
from vision.core.ports import Detector, FrameSource
from vision.core.registry import Camera, View
from vision.logs import configure
from vision.pipeline.guarded import GuardedAnalyser
from vision.pipeline.models import Exchange, Model, ModelFollower
from vision.pipeline.parts import Parts
from vision.pipeline.previews import LONGEST_PX, Previews
from vision.pipeline.scene import SceneAnalyser
from vision.pipeline.shadow import Shadow
from vision.pipeline.spool import Spool
from vision.pipeline.worker import Worker
from vision.rules.book import lacking, needed_classes
from vision.rules.settings import BikeSettings, GarbageSettings, OutOfStoreSettings, RuleSettings
from vision.storage.blobs import ObjectBlobs
from vision.storage.board import Board
from vision.storage.bus import RedisBus
from vision.storage.common_time import common_time
from vision.storage.late_blobs import LateBlobs
from vision.storage.leases import CameraLeases
from vision.streams.factory import open_source
from vision.streams.mailbox import Mailbox
from vision.streams.patrol import Patrol, PatrolLimits
from vision.streams.ptz import OnvifSteering
from vision.streams.supervisor import Supervisor
from vision.streams.turns import Turns
from vision.streams.visits import PatrolRunner, Visitor
from vision.streams.watch import Watch

log = structlog.get_logger()
_CLOSE_LOOK_S = 10.0
_SEAT_S = 4.0


def run_worker(config_path: Path, redis_url: str | None, name: str) -> None:
    """`vision worker`: watch what the board says until SIGTERM or Ctrl-C.

    Raises:
        ConfigError, ModelFileError, NotThereError: the configuration, the model or Redis is not usable.
    """
    city = load(config_path)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_args: stop.set())
    with worker(city, redis_url or _needed_redis(city), name) as running:
        running.run(stop)


def serve(config_path: Path, redis_url: str, name: str, stop: threading.Event) -> None:
    """A worker until `stop` is set: what a Ray actor runs."""
    configure(process=name)
    with worker(load(config_path), redis_url, name) as running:
        running.run(stop)


@contextmanager
def worker(city: CityConfig, redis_url: str, name: str) -> Iterator[Worker]:
    """A worker with its detector loaded; closed again at the end."""
    with ExitStack() as stack:
        bus, board = RedisBus(redis_url), Board(redis_url)
        stack.callback(bus.close)
        stack.callback(board.close)
        clock = stack.enter_context(common_time(board))
        exchange = Exchange(lambda model: _load(city, model, clock), city.detection.model)
        stack.callback(exchange.close)
        shadow = _shadow(city, exchange, clock)
        if shadow is not None:
            stack.callback(shadow.close)
        stack.enter_context(assigning(redis_url, name, board, clock))
        leases = CameraLeases(redis_url, name)
        stack.callback(leases.close)
        mailbox = Mailbox(clock)
        blobs = LateBlobs(ObjectBlobs(city.evidence_url), clock)
        stack.callback(blobs.close)
        settings = rule_settings(city)

        def analyser(camera: Camera, view: View) -> GuardedAnalyser:
            def make(drawn: View) -> SceneAnalyser:
                closer = close_look(exchange, exchange.names, camera.id)
                return SceneAnalyser(camera, drawn, settings, exchange.names, exchange.version, close_look=closer)

            described = _described(city, exchange.model)
            return GuardedAnalyser(
                camera, view, make, lacking(view, exchange.names, f"{exchange.version} ({described})")
            )

        watch = _watch(city, clock, mailbox)
        running = Worker(
            name,
            Parts(
                clock=clock,
                board=board,
                leases=leases,
                blobs=blobs,
                spool=Spool(bus, clock),
                mailbox=mailbox,
                watch=watch,
                batcher=exchange if shadow is None else shadow,
                make_analyser=analyser,
                evidence_waiting=blobs.waiting,
                previews=_previews(clock, board, watch, city),
            ),
        )
        exchange.switched = running.renew
        follower = ModelFollower(name, exchange, board, clock, None if shadow is None else shadow.record)
        follower.start()
        stack.callback(follower.stop)
        yield running


def _load(city: CityConfig, model: str, clock: Clock) -> Model:
    """A model with the thread that feeds it; raises ModelFileError, NotThereError or ConfigError."""
    from vision.detectors.batcher import Batcher

    detector = detector_of(city, model)
    try:
        require_zones_classes(city, detector, model)
    except ConfigError:
        detector.close()
        raise
    section = city.detection
    batcher = Batcher(detector, section.max_batch, section.wait_ms / 1000, capacity=section.queue, clock=clock)
    return Model(model, detector.names, detector.version, batcher)


def require_zones_classes(city: CityConfig, detector: Detector, model: str = "") -> None:
    """Every class that a zone of the city's file counts on is one the model can see.

    Raises:
        ConfigError: a sentence for each zone that asks for a class the model does not have.
    """
    from vision.detectors.catalogue import require_classes

    for key, camera in city.cameras.items():
        wanted = needed_classes(camera.to_core(key), detector.names)
        require_classes(detector, wanted, _described(city, model))


def _described(city: CityConfig, model: str) -> Path:
    """Where the classes of a model of the city are named."""
    from vision.detectors.catalogue import CATALOGUE_FILE, described_in

    return described_in(model, city.detection.catalogue or CATALOGUE_FILE)


def _shadow(city: CityConfig, exchange: Exchange, clock: Clock) -> Shadow | None:
    section = city.detection
    if section.shadow is None:
        return None
    return Shadow(exchange, lambda model: _load(city, model, clock), section.shadow, section.shadow_share)


@contextmanager
def assigning(redis_url: str, name: str, board: Board, clock: Clock) -> Iterator[None]:
    """Every worker is ready to give out the shares; one at a time does, so that they are given out while any lives."""
    seat, stop = CameraLeases(redis_url, f"assigner-{name}", ttl_s=_SEAT_S), threading.Event()
    thread = threading.Thread(target=Assigner(board, seat, clock).run, args=(stop,), name="assigner", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(2)
        seat.close()


def _watch(city: CityConfig, clock: Clock, mailbox: Mailbox) -> Watch:
    section, rounds = city.streams, city.streams.patrol

    def source(camera: Camera, session: int) -> FrameSource:
        return open_source(camera, clock, session=session, look_px=section.look_px)

    limits = PatrolLimits(
        running=rounds.running,
        gateway_running=rounds.gateway_running,
        opens_per_s=rounds.opens_per_s,
        gateway_opens_per_s=rounds.gateway_opens_per_s,
        target_s=dict(enumerate(rounds.target_s, start=1)),
        boosted_s=rounds.boosted_s,
        retry_s=rounds.retry_s,
        most_retry_s=rounds.most_retry_s,
    )
    steering = OnvifSteering(clock)
    visitor = Visitor(clock, look_px=section.look_px, looks=rounds.looks, steering=steering)
    return Watch(Supervisor(clock, source, mailbox), PatrolRunner(clock, mailbox, visitor, Patrol(limits)), steering)


def _previews(clock: Clock, board: Board, watch: Watch, city: CityConfig) -> Previews:
    mailbox, rounds = Mailbox(), city.streams.patrol

    def source(camera: Camera, session: int) -> FrameSource:
        return open_source(camera, clock, session=session, look_px=LONGEST_PX)

    turns = Turns(at_once=rounds.gateway_running, opens_per_s=rounds.gateway_opens_per_s)
    return Previews(clock, board, watch.glance, Supervisor(clock, source, mailbox), mailbox, turns)


def require_model(city: CityConfig) -> None:
    """Raises ModelFileError, NotThereError or ConfigError when the configured model could not be loaded."""
    from vision.detectors.catalogue import CATALOGUE_FILE, find_spec

    spec = find_spec(city.detection.model, city.detection.device, city.detection.catalogue or CATALOGUE_FILE)
    if not spec.file.exists():
        raise ModelFileError(f"model file {spec.file} is not there; vision models pull fetches the shipped ones")


def close_look(batcher: Exchange, names: tuple[str, ...], camera_id: str) -> Callable[[Image], Detections]:
    """Detect on a cut-out by way of the batcher; a cut-out that is pushed out or fails shows nothing."""

    def detect(image: Image) -> Detections:
        try:
            return batcher.submit(image, camera_id).result(timeout=_CLOSE_LOOK_S)
        except (CancelledError, DetectorError, TimeoutError):
            return Detections.empty(names)

    return detect


def detector_of(city: CityConfig, model: str | None = None) -> Detector:
    """A model (the configured one by default) on the configured device.

    Raises:
        ModelFileError, NotThereError, ConfigError: it cannot be used here.
    """
    from vision.detectors.catalogue import CATALOGUE_FILE, open_detector

    return open_detector(
        model or city.detection.model,
        device=city.detection.device,
        score=city.detection.score,
        catalogue_file=city.detection.catalogue or CATALOGUE_FILE,
    )


def rule_settings(city: CityConfig) -> RuleSettings:
    rules = city.rules
    return RuleSettings(
        bikes=BikeSettings(**rules.bikes.model_dump()),
        garbage=GarbageSettings(**rules.garbage.model_dump()),
        out_of_store=OutOfStoreSettings(**rules.out_of_store.model_dump()),
        timezone=city.timezone,
        hidden_share=rules.hidden_share,
    )


def _needed_redis(city: CityConfig) -> str:
    if city.redis is None:
        raise ConfigError("a worker of its own needs `redis:` in the configuration (vision up brings its own)")
    return city.redis
