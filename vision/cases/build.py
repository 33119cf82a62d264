"""Makes platforms, routes and dispatch settings of the configuration's section on cases."""

from collections.abc import Mapping
from datetime import timedelta

import httpx

from vision.cases import wire
from vision.cases.codes import CodeTable, code_table
from vision.cases.outbox import DispatchSettings
from vision.cases.pacing import Pacing
from vision.cases.platform import CasePlatform, Promise
from vision.cases.routing import Route
from vision.config.cases import CasesConfig, PacingConfig, PlatformConfig, WebhookConfig
from vision.core.clock import Clock
from vision.core.ports import BlobStore


def build_platforms(
    config: CasesConfig,
    blobs: BlobStore,
    clock: Clock,
    *,
    public_url: str,
    transport: httpx.BaseTransport | None = None,
) -> dict[str, CasePlatform]:
    """Every platform by id; `public_url` is where this hub is reached from outside, for links to evidence."""
    return {
        name: build_platform(platform, blobs, clock, public_url=public_url, transport=transport)
        for name, platform in config.platforms.items()
    }


def build_platform(
    config: PlatformConfig,
    blobs: BlobStore,
    clock: Clock,
    *,
    public_url: str,
    transport: httpx.BaseTransport | None = None,
) -> CasePlatform:
    tls = config.tls
    http = wire.client(
        timeout_s=config.timeout_s,
        concurrency=config.pacing.concurrency,
        ca_file=str(tls.ca_file) if tls.ca_file else None,
        certificate_file=str(tls.certificate_file) if tls.certificate_file else None,
        key_file=str(tls.key_file) if tls.key_file else None,
        transport=transport,
    )
    return _webhook(config, http, blobs, clock, public_url)


def build_routes(config: CasesConfig) -> tuple[Route, ...]:
    """The routes as configured; one that leads everything everywhere when there is none."""
    if not config.routes:
        return (Route(tuple(config.platforms)),)
    return tuple(Route(route.platforms, frozenset(route.districts), frozenset(route.types)) for route in config.routes)


def build_codes(config: CasesConfig) -> CodeTable:
    """Raises ConfigError when the table has gaps."""
    return code_table(config.standard, {subtype: (row.code, row.name) for subtype, row in config.codes.items()})


def build_dispatch(config: CasesConfig, others: Mapping[str, Pacing] | None = None) -> DispatchSettings:
    """Pacing of every platform, and of `others` (notifiers, speakers) by target."""
    pacing = {name: build_pacing(platform.pacing) for name, platform in config.platforms.items()}
    return DispatchSettings(
        workers=config.workers, lease=timedelta(seconds=config.lease_s), pacing={**(others or {}), **pacing}
    )


def build_pacing(config: PacingConfig) -> Pacing:
    return Pacing(**config.model_dump())


def _webhook(
    config: WebhookConfig, http: httpx.Client, blobs: BlobStore, clock: Clock, public_url: str
) -> CasePlatform:
    from vision.cases.platforms.webhook import EvidenceBy, WebhookPlatform, WebhookSettings

    settings = WebhookSettings(
        url=str(config.url),
        secret=config.secret.get_secret_value(),
        promise=Promise(config.promise),
        evidence_by=EvidenceBy(config.evidence),
        evidence_base_url=public_url,
        evidence_roles=config.evidence_roles,
        link_lifetime=config.link_lifetime,
        statuses=config.statuses or None,
    )
    return WebhookPlatform(settings, http, blobs, clock)
