"""What the API stands on: the hub's parts, handed over by the composition root."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from sqlalchemy.orm import Session

from vision.alerts.build import Loudspeakers
from vision.alerts.feed import AlertFeed
from vision.cases.checks import PlatformChecks
from vision.config.access import AccessConfig
from vision.config.console import ConsoleConfig
from vision.config.incidents import IncidentsConfig
from vision.core.clock import Clock
from vision.core.delivery import Delivery, Receipt
from vision.core.errors import Rejected
from vision.core.ports import BlobStore
from vision.core.pressure import Pressure
from vision.core.registry import Camera, Speaker
from vision.hub.build import build_spoken_grace
from vision.hub.daily import DailyReports
from vision.hub.models import ModelShelf
from vision.incidents.events import Event
from vision.storage.database import Database
from vision.streams.discovery import FoundCamera
from vision.streams.ptz import Preset


class Commands(Protocol):
    """What operators do to incidents; hub.incidents.IncidentService."""

    def command(self, incident_id: str, event: Event) -> Any:
        """Apply one event in its own transaction; raises NotThereError, IllegalTransitionError, StorageError."""
        ...

    def settled(self, session: Session, delivery: Delivery, outcome: Receipt | Rejected) -> None:
        """Tell the incident what became of a delivery, within the caller's transaction."""
        ...


class RegistryStore(Protocol):
    """storage.registry.Registry."""

    def cameras(self) -> dict[str, Camera]: ...

    def camera(self, camera_id: str) -> Camera: ...

    def speakers(self) -> dict[str, Speaker]: ...

    def documents(self, kind: str) -> dict[str, dict[str, Any]]: ...

    def document(self, kind: str, key: str) -> dict[str, Any]: ...

    def put(self, kind: str, key: str, document: dict[str, Any], *, by: str) -> bool: ...

    def remove(self, kind: str, key: str, *, by: str) -> None: ...

    def version(self) -> int: ...


class HealthBoard(Protocol):
    """storage.board.Board: camera and worker health, and current pictures on demand."""

    def health(self) -> dict[str, dict[str, Any]]: ...

    def workers(self) -> dict[str, dict[str, Any]]: ...

    def models(self) -> dict[str, dict[str, Any]]: ...

    def watch(self, camera_id: str, *, until_s: float) -> None: ...

    def look(self, camera_id: str) -> bytes | None: ...

    def reference(self, key: str) -> bytes | None: ...

    def accept(self, key: str) -> None: ...

    def hold(self, camera_id: str, *, until_s: float) -> None: ...

    def release(self, camera_id: str) -> None: ...

    def held(self, *, now_s: float) -> Mapping[str, float]: ...


class Turning(Protocol):
    """streams.ptz.OnvifSteering: PTZ cameras turned by hand; raises SourceError, NotThereError (no such preset)."""

    def presets(self, camera: Camera) -> Sequence[Preset]: ...

    def go_to(self, camera: Camera, token: str) -> None: ...


class Finding(Protocol):
    """Cameras in the network; app.finding."""

    def discover(self, hosts: Sequence[str]) -> Sequence[FoundCamera]: ...

    def streams(self, address: str) -> Sequence[str]:
        """Addresses of a camera's streams, the largest first; raises SourceError."""
        ...


class Announcements(Protocol):
    """Speaking outside an incident, now; raises RetryLater, Rejected, NotThereError."""

    def announce(self, speaker_id: str, *, text: str, phrase_id: str | None, actor: str) -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """Attributes:
    name: what the console is headed with.
    language: `zh` or `en`, until a person chooses.
    time_zone: IANA name; statistics cut their days in it.
    camera_metrics: whether /metrics has series for each camera.
    grace_s: how long the ladder leaves after a loudspeaker spoke, by type, camera and zone.
    """

    name: str = "Streetward"
    language: str = "zh"
    time_zone: str = "Asia/Shanghai"
    access: AccessConfig = field(default_factory=AccessConfig)
    console: ConsoleConfig = field(default_factory=ConsoleConfig)
    camera_metrics: bool = True
    grace_s: Callable[[str, str, str], float] = field(default_factory=lambda: build_spoken_grace(IncidentsConfig()))
    version: str = "0.1.0"


@dataclass(frozen=True, slots=True)
class HubServices:
    """Everything the API calls. What is None by default cannot be used where it is left out; `pressure` never waits."""

    database: Database
    blobs: BlobStore
    registry: RegistryStore
    feed: AlertFeed
    incidents: Commands
    clock: Clock
    board: HealthBoard
    settings: ApiSettings
    announcements: Announcements | None = None
    loudspeakers: Loudspeakers | None = None
    models: ModelShelf | None = None
    checks: PlatformChecks | None = None
    reports: DailyReports | None = None
    turning: Turning | None = None
    finding: Finding | None = None
    pressure: Callable[[], Pressure] = Pressure
