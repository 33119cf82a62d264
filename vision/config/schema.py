"""The whole configuration file, and how it is loaded and checked."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import time
from pathlib import Path
from typing import Any, Literal, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import Field, ValidationError, field_validator, model_validator

from vision.config.access import AccessConfig
from vision.config.base import Id, Section
from vision.config.cases import CasesConfig
from vision.config.console import ConsoleConfig
from vision.config.detection import DetectionConfig
from vision.config.incidents import IncidentsConfig
from vision.config.notify import NotifierConfig
from vision.config.publish import PublishConfig
from vision.config.registry import CameraConfig, SpeakerConfig
from vision.config.rules import RulesConfig
from vision.config.speakers import SpeakersConfig
from vision.config.streams import StreamsConfig
from vision.config.yaml_file import YamlFile, read_yaml
from vision.core.errors import ConfigError
from vision.core.registry import redact_url


class ServerConfig(Section):
    """Where the hub's page and API listen."""

    host: str = Field("127.0.0.1", description="Address to listen on; 0.0.0.0 for all.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 picks a free one.")
    public_url: str = Field("", description="How others reach it, for links in cases; from host and port if unset.")
    camera_metrics: bool = Field(
        default=True, description="Whether /metrics has ten series for each camera besides those for the whole city."
    )


class ReportConfig(Section):
    """The daily report."""

    at: time | None = Field(
        time(6, 30), description="Local time at which yesterday's report is made; null: only when somebody asks."
    )


class CityConfig(Section):
    """A city's monitoring centre."""

    name: str = Field("Streetward", description="What the page is headed with.")
    language: Literal["zh", "en"] = Field("zh", description="Language people see first.")
    timezone: str = Field("Asia/Shanghai", description="IANA name; permitted and quiet hours are in it.")
    data: Path = Field(Path("var/streetward"), description="Folder for the database, evidence and Valkey's file.")
    database: str | None = Field(None, description="SQLAlchemy URL; SQLite in the data folder if unset.")
    redis: str | None = Field(None, description="redis:// or rediss:// URL; an embedded Valkey if unset.")
    evidence: str | None = Field(None, description="file:// or s3:// URL; a folder in the data folder if unset.")
    server: ServerConfig = Field(ServerConfig(), description="Page and API.")
    streams: StreamsConfig = Field(StreamsConfig(), description="How cameras are reached.")
    detection: DetectionConfig = Field(DetectionConfig(), description="Detector of the workers.")
    rules: RulesConfig = Field(RulesConfig(), description="What counts as a violation.")
    incidents: IncidentsConfig = Field(IncidentsConfig(), description="Life-cycle, deduplication, the ladder.")
    cases: CasesConfig = Field(CasesConfig(), description="Platforms that take cases, routes, codes.")
    notifiers: dict[Id, NotifierConfig] = Field(
        default_factory=dict, description="Who is told, by id; steps name them."
    )
    access: AccessConfig = Field(AccessConfig(), description="Who may use page and API.")
    console: ConsoleConfig = Field(ConsoleConfig(), description="What the console shows.")
    report: ReportConfig = Field(ReportConfig(), description="The daily report.")
    publish: PublishConfig = Field(PublishConfig(), description="Other programs that get the alerts.")
    loudspeakers: SpeakersConfig = Field(SpeakersConfig(), description="Who may speak, when, how loud, what.")
    cameras: dict[Id, CameraConfig] = Field(default_factory=dict, description="Cameras by id.")
    speakers: dict[Id, SpeakerConfig] = Field(default_factory=dict, description="Loudspeakers by id.")

    @field_validator("timezone")
    @classmethod
    def _known_timezone(cls, name: str) -> str:
        if name not in available_timezones():
            raise ValueError(f"should be an IANA time zone such as Asia/Shanghai, got {name}")
        return name

    @model_validator(mode="after")
    def _speakers_exist(self) -> Self:
        for camera_id, camera in self.cameras.items():
            views = camera.views.values()
            for zone_id, zone in [*camera.zones.items(), *(pair for view in views for pair in view.zones.items())]:
                unknown = [speaker for speaker in zone.speakers if speaker not in self.speakers]
                if unknown:
                    raise ValueError(
                        f"zone {zone_id} of camera {camera_id} names unknown speakers: {', '.join(unknown)}"
                    )
        return self

    @model_validator(mode="after")
    def _notifiers_exist(self) -> Self:
        ladders = {
            "out_of_store": self.incidents.out_of_store,
            "garbage": self.incidents.garbage,
            "bike_misparked": self.incidents.bike_misparked,
            **self.incidents.zones,
        }
        unknown = [
            f"incidents {name}: a notify step names unknown notifier {notifier}"
            for name, ladder in ladders.items()
            for step in ladder.steps or ()
            for notifier in ((step.to, step.fallback) if step.do == "notify" else ())
            if notifier and notifier not in self.notifiers
        ]
        if unknown:
            raise ValueError("; ".join(unknown))
        return self

    @property
    def zone_info(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @property
    def database_url(self) -> str:
        return self.database or f"sqlite:///{(self.data / 'hub.db').resolve()}"

    @property
    def public_url(self) -> str:
        return self.server.public_url or f"http://{self.server.host}:{self.server.port}"

    @property
    def evidence_url(self) -> str:
        return self.evidence or f"file://{(self.data / 'evidence').resolve()}"


def load(path: Path) -> CityConfig:
    """Read and check a configuration file.

    Raises:
        NotThereError: no such file.
        ConfigError: every mistake at once, each as `city.yaml:4: cameras.gate.sample_s: should be …`.
    """
    with _nothing_to_collect():
        file = read_yaml(path)
        values = {} if file.values is None else file.values
        if not isinstance(values, dict):
            raise ConfigError(f"{file.name}:1: should be a mapping of settings, got a {type(values).__name__}")
        try:
            config = CityConfig.model_validate(values)
        except ValidationError as error:
            raise ConfigError(*problems(error, file)) from None
    return config.model_copy(update={"data": _beside(path, config.data)})


@contextmanager
def _nothing_to_collect() -> Iterator[None]:
    """A file of thousands of cameras makes millions of objects that all stay: looking for cycles takes longer."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def problems(error: ValidationError, file: YamlFile) -> list[str]:
    """One line for each mistake, in the order of the file; values are shown, passwords in URLs are not."""
    told = []
    for item in error.errors(include_url=False):
        path = tuple(part for part in item["loc"] if part != "[key]")
        dotted = ".".join(str(part) for part in path) or "(the whole file)"
        told.append((_line(file.where(path)), f"{file.where(path)}: {dotted}: {_sentence(item)}"))
    return [text for _line_number, text in sorted(told)]


def _sentence(item: Any) -> str:
    kind, message, given = item["type"], str(item["msg"]), item.get("input")
    if kind == "extra_forbidden":
        return "is not a setting"
    if kind == "missing":
        return "is missing"
    message = message.removeprefix("Value error, ")
    message = message.replace("Input should be", "should be")
    if isinstance(given, str | int | float | bool) and "got" not in message:
        message += f" (got {redact_url(str(given))})"
    return message


def _line(where: str) -> int:
    _name, _colon, line = where.rpartition(":")
    return int(line) if line.isdigit() else 0


def _beside(path: Path, folder: Path) -> Path:
    """Relative folders are meant from where the file lies, so that a command works from anywhere."""
    return folder if folder.is_absolute() else path.resolve().parent / folder
