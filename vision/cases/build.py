"""Makes platforms, routes and dispatch settings of the configuration's section on cases."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

import httpx

from vision.cases import crs, wire
from vision.cases.callbacks import Callbacks, CallbackSettings
from vision.cases.deadlines import Deadlines
from vision.cases.fields import Style
from vision.cases.follow import CaseFollower, Followed, Reported
from vision.cases.links import Links
from vision.cases.outbox import DispatchSettings
from vision.cases.pacing import Pacing
from vision.cases.platform import CasePlatform, ChangeKind, Promise
from vision.cases.platforms.open311 import Open311Platform, Open311Settings
from vision.cases.platforms.urban import Answer, Call, Files, UrbanPlatform, UrbanSettings
from vision.cases.platforms.webhook import EvidenceBy, WebhookPlatform, WebhookSettings
from vision.cases.routing import Route
from vision.cases.worktime import Calendar, Limit, Unit
from vision.config.cases import (
    CallConfig,
    CasesConfig,
    Open311Config,
    PacingConfig,
    PlatformConfig,
    StyleSection,
    UrbanConfig,
    WebhookConfig,
)
from vision.core.clock import Clock
from vision.core.codes import Standard, standard
from vision.core.errors import ConfigError, NotThereError
from vision.core.ports import BlobStore
from vision.storage.database import Database


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every platform stands on; `transport` replaces the network in tests."""

    blobs: BlobStore
    links: Links
    clock: Clock
    transport: httpx.BaseTransport | None = None


def build_platforms(config: CasesConfig, around: Surroundings) -> dict[str, CasePlatform]:
    """Every platform by id.

    Raises:
        ConfigError: a mapping that cannot work, every mistake of every platform at once.
    """
    built: dict[str, CasePlatform] = {}
    problems: list[str] = []
    for name, platform in config.platforms.items():
        try:
            built[name] = build_platform(platform, around)
        except ConfigError as error:
            problems += [f"cases.platforms.{name}: {problem}" for problem in error.problems]
    if problems:
        raise ConfigError(*problems)
    return built


def build_platform(config: PlatformConfig, around: Surroundings) -> CasePlatform:
    """Raises ConfigError when the mapping cannot work."""
    match config:
        case WebhookConfig():
            return WebhookPlatform(_webhook(config), _http(config, around), around.blobs, around.links, around.clock)
        case Open311Config():
            return Open311Platform(_open311(config), _http(config, around), around.links, around.clock)
        case UrbanConfig():
            settings = _urban(config)
            if problems := settings.problems():
                raise ConfigError(*problems)
            return UrbanPlatform(settings, _http(config, around), around.blobs, around.links, around.clock)


def build_links(config: CasesConfig, public_url: str, secret: str, clock: Clock) -> Links:
    """`public_url` is where this hub is reached from outside."""
    return Links(public_url, secret, timedelta(days=config.link_days), clock)


def build_routes(config: CasesConfig) -> tuple[Route, ...]:
    """The routes as configured; one that leads everything everywhere when there is none."""
    if not config.routes:
        return (Route(tuple(config.platforms)),)
    return tuple(Route(route.platforms, frozenset(route.districts), frozenset(route.types)) for route in config.routes)


def build_standard(config: CasesConfig) -> Standard:
    """The code table with the city's own rows and conditions.

    Raises:
        ConfigError: the table has gaps, or the file of conditions bad rows.
        NotThereError: there is no such file.
    """
    conditions = ""
    if config.conditions is not None:
        try:
            conditions = config.conditions.read_text(encoding="utf-8")
        except OSError as error:
            raise NotThereError(f"cases.conditions: {config.conditions}: {error.strerror}") from error
    own = {subtype: (row.code, row.name) for subtype, row in config.codes.items()}
    return standard(config.standard, own, conditions, where=str(config.conditions))


def build_deadlines(config: CasesConfig) -> Deadlines:
    section = config.deadlines
    own = {subtype: Limit(limit.value, Unit(limit.unit)) for subtype, limit in section.limits.items()}
    return Deadlines(
        standard=build_standard(config),
        own=own,
        calendar=Calendar(
            ZoneInfo(section.timezone), section.hours, frozenset(section.holidays), frozenset(section.workdays)
        ),
        warn_before=timedelta(seconds=section.warn_before_s),
        remind_every=timedelta(seconds=section.remind_every_s),
    )


def build_callbacks(config: CasesConfig, database: Database, clock: Clock, reported: Reported) -> Callbacks:
    """Only platforms with a callback_secret may call back."""
    settings = {
        name: CallbackSettings(platform.callback_secret.get_secret_value(), platform.statuses)
        for name, platform in config.platforms.items()
        if platform.callback_secret is not None
    }
    return Callbacks(database, clock, settings, reported)


def build_follower(
    config: CasesConfig,
    platforms: Mapping[str, CasePlatform],
    database: Database,
    clock: Clock,
    reported: Reported,
) -> CaseFollower:
    followed = {
        name: Followed(
            platforms[name],
            None if section.poll_s is None else timedelta(seconds=section.poll_s),
            build_pacing(section.pacing),
        )
        for name, section in config.platforms.items()
    }
    return CaseFollower(database, clock, followed, reported)


def build_dispatch(config: CasesConfig, others: Mapping[str, Pacing] | None = None) -> DispatchSettings:
    """Pacing of every platform, and of `others` (notifiers, speakers) by target."""
    pacing = {name: build_pacing(platform.pacing) for name, platform in config.platforms.items()}
    return DispatchSettings(
        workers=config.workers, lease=timedelta(seconds=config.lease_s), pacing={**(others or {}), **pacing}
    )


def build_pacing(config: PacingConfig) -> Pacing:
    return Pacing(**config.model_dump())


def _http(config: PlatformConfig, around: Surroundings) -> httpx.Client:
    tls = config.tls
    return wire.client(
        timeout_s=config.timeout_s,
        concurrency=config.pacing.concurrency,
        ca_file=tls.ca_file,
        certificate_file=tls.certificate_file,
        key_file=tls.key_file,
        transport=around.transport,
    )


def _style(config: StyleSection, crs_name: str = crs.WGS84) -> Style:
    crs.check(crs_name)
    return Style(crs_name, ZoneInfo(config.timezone), config.date_format)


def _webhook(config: WebhookConfig) -> WebhookSettings:
    return WebhookSettings(
        url=str(config.url),
        secret=config.secret.get_secret_value(),
        promise=Promise(config.promise),
        evidence_by=EvidenceBy(config.evidence),
        evidence_roles=config.evidence_roles,
        statuses=config.statuses or None,
    )


def _open311(config: Open311Config) -> Open311Settings:
    settings = Open311Settings(
        url=str(config.url),
        api_key=config.api_key.get_secret_value(),
        services={subtype.value: code for subtype, code in config.services.items()},
        jurisdiction=config.jurisdiction,
        format=config.format,
        attributes=config.attributes,
        updates=config.updates,
        style=_style(config),
    )
    settings.check_templates()
    return settings if not config.statuses else settings.with_statuses(config.statuses)


def _urban(config: UrbanConfig) -> UrbanSettings:
    auth = config.auth
    answer = config.answer.model_dump() | {
        "good": frozenset(code.lower() for code in config.answer.good),
        "busy": frozenset(code.lower() for code in config.answer.busy),
    }
    return UrbanSettings(
        file=_call(config.file),
        answer=Answer(**answer),
        find=_call(config.find) if config.find else None,
        status=_call(config.status) if config.status else None,
        changes={ChangeKind(kind): _call(call) for kind, call in config.changes.items()},
        promise=Promise(config.promise),
        auth=(auth.where, auth.name, auth.value.get_secret_value()) if auth else None,
        style=_style(config, config.crs),
        statuses=config.statuses,
        files=Files(**config.files.model_dump()),
    )


def _call(config: CallConfig) -> Call:
    return Call(**config.model_dump())
