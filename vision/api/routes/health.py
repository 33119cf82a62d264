"""Whether this process lives, is ready, and how it fares: for supervisors and Prometheus."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Gauge, generate_latest
from sqlalchemy import func, select, text

from vision.api.access import Principal, Role
from vision.api.camera_metrics import CameraFigures, PatrolFigures
from vision.api.context import Context, Hub
from vision.api.problems import problem
from vision.api.routes.cameras import camera_items
from vision.api.routes.workers import worker_items
from vision.core.errors import StorageError
from vision.core.incidents import DeliveryStatus
from vision.core.pressure import Cause
from vision.storage.tables import IncidentRow, OutboxRow

router = APIRouter(tags=["health"])
_WAITING = (DeliveryStatus.PENDING, DeliveryStatus.SENDING)
_SILENT = timedelta(seconds=30)
_EVERYTHING = Principal("system:metrics", "metrics", Role.VIEWER, (), "system")


@router.get("/healthz", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
def healthz() -> Response:
    """The process answers."""
    return Response("ok\n", media_type="text/plain")


@router.get("/readyz", response_class=Response, responses={200: {"content": {"text/plain": {}}}, 503: {}})
def readyz(hub: Hub) -> Response:
    """The database and Redis answer, and alerts flow."""
    ailing = []
    try:
        with hub.services.database.reading() as session:
            session.execute(text("SELECT 1"))
    except StorageError:
        ailing.append("database")
    try:
        hub.services.board.workers()
    except StorageError:
        ailing.append("redis")
    if hub.services.feed.stopped:
        ailing.append("alert feed")
    return problem(503, f"not ready: {', '.join(ailing)}") if ailing else Response("ready\n", media_type="text/plain")


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
def metrics(hub: Hub) -> Response:
    """Prometheus text: this process's own counters and the hub's present figures. Numbers only, no names of people.

    While the database or Redis does not answer at all, what it would have to be asked for is left out and not waited
    for; what is merely slow is asked, since alerts want to hear of cameras and workers then more than ever.
    """
    registry = CollectorRegistry()
    unreachable = hub.services.pressure().unreachable
    _pressure(hub, registry)
    if Cause.REDIS not in unreachable:
        _load(hub, registry)
    if not unreachable:
        _gauges(hub, registry, camera_items(hub, _EVERYTHING))
    text = generate_latest(REGISTRY) + generate_latest(registry)
    return Response(text, media_type=CONTENT_TYPE_LATEST)


def _gauges(hub: Context, registry: CollectorRegistry, items: list[dict[str, Any]]) -> None:
    if hub.services.settings.camera_metrics:
        registry.register(CameraFigures(items))
    registry.register(PatrolFigures(worker_items(hub)))
    incidents = Gauge("streetward_incidents", "Incidents by type and status", ("type", "status"), registry=registry)
    outbox = Gauge("streetward_outbox", "Deliveries by kind and status", ("kind", "status"), registry=registry)
    cameras = Gauge("streetward_cameras", "Cameras by state", ("state",), registry=registry)
    listeners = Gauge("streetward_alert_listeners", "Clients that wait for alerts", registry=registry)
    head = Gauge("streetward_alert_cursor", "Id of the newest alert passed on", registry=registry)
    workers = Gauge("streetward_workers", "Workers that reported lately", registry=registry)
    oldest = Gauge("streetward_outbox_oldest_seconds", "Age of the oldest open delivery", ("kind",), registry=registry)
    now = hub.services.clock.now()
    with hub.services.database.reading() as session:
        by_state = select(IncidentRow.type, IncidentRow.status, func.count())
        for kind, status, count in session.execute(by_state.group_by(IncidentRow.type, IncidentRow.status)):
            incidents.labels(kind, status).set(count)
        by_kind = select(OutboxRow.kind, OutboxRow.status, func.count())
        for kind, status, count in session.execute(by_kind.group_by(OutboxRow.kind, OutboxRow.status)):
            outbox.labels(kind, status).set(count)
        waiting = select(OutboxRow.kind, func.min(OutboxRow.created_at)).where(OutboxRow.status.in_(_WAITING))
        for kind, created_at in session.execute(waiting.group_by(OutboxRow.kind)):
            oldest.labels(kind).set((now - created_at).total_seconds())
    for state, count in Counter(item["state"] for item in items).items():
        cameras.labels(state).set(count)
    workers.set(_reporting(hub, now))
    listeners.set(hub.services.feed.listeners)
    head.set(hub.services.feed.head)


def _reporting(hub: Context, now: datetime) -> int:
    """Workers heard of within `_SILENT`; none when Redis is away, since nobody is then known to work."""
    try:
        rows = hub.services.board.workers().values()
    except StorageError:
        return 0
    return sum(now - datetime.fromisoformat(row["at"]) <= _SILENT for row in rows)


def _load(hub: Context, registry: CollectorRegistry) -> None:
    """What waits where, and which workers look more rarely for it."""
    share = Gauge("streetward_looks_share", "Share of its looks that a worker makes", ("worker",), registry=registry)
    spool = Gauge("streetward_findings_waiting", "Findings waiting in a worker", ("worker",), registry=registry)
    behind = Gauge("streetward_findings_behind", "Findings that the hubs have not finished", registry=registry)
    try:
        rows = hub.services.board.workers()
    except StorageError:
        return
    loads = {name: row.get("load") for name, row in rows.items() if row.get("alive")}
    for name, load in loads.items():
        if load:
            share.labels(name).set(load["looks_share"])
            spool.labels(name).set(load["findings_waiting"])
            behind.set(load["findings_behind"])


def _pressure(hub: Context, registry: CollectorRegistry) -> None:
    """What is slow, and how much each class of cameras is looked at."""
    slow = Gauge("streetward_slow", "1 while this is slow or away", ("cause",), registry=registry)
    made = Gauge("streetward_class_looks_share", "Share of looks judged", ("priority",), registry=registry)
    state = hub.services.pressure()
    for cause in Cause:
        slow.labels(cause.value).set(any(one.cause is cause for one in state.slow))
    for pace in state.classes:
        made.labels(str(pace.priority)).set(pace.share)
