"""City platforms, which case goes to which, and how hard they may be pressed."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, HttpUrl, SecretStr, model_validator

from vision.config.base import Id, Section
from vision.core.findings import Subtype, ViolationType
from vision.core.incidents import CaseStatus

PromiseName = Literal["idempotent", "findable", "none"]


class PacingConfig(Section):
    """How fast one platform, notifier or speaker may be pressed."""

    concurrency: int = Field(4, ge=1, le=64, description="Pushes under way at once.")
    rate_per_s: float = Field(20.0, gt=0, description="Pushes begun per second, on average.")
    burst: int = Field(20, ge=1, description="Pushes that may begin at once after a pause.")
    backoff_first_s: float = Field(2.0, gt=0, description="Wait after the first failure; doubles, with jitter.")
    backoff_most_s: float = Field(600.0, gt=0, description="Longest wait between two attempts.")
    breaker_failures: int = Field(10, ge=1, description="Failures in a row after which it is left alone for a while.")
    breaker_rest_s: float = Field(15.0, gt=0, description="How long it is left alone first; doubles.")


class TlsConfig(Section):
    """Certificates; the platform's own is always checked."""

    ca_file: Path | None = Field(None, description="Authority that signed the platform's certificate, if not public.")
    certificate_file: Path | None = Field(None, description="Our certificate, where the platform asks for one.")
    key_file: Path | None = Field(None, description="Key of our certificate.")


class PlatformSection(Section):
    """What every platform has."""

    timeout_s: float = Field(15.0, gt=0, le=120, description="Longest wait for an answer.")
    pacing: PacingConfig = Field(PacingConfig(), description="How fast it may be pressed.")
    tls: TlsConfig = Field(TlsConfig(), description="Certificates.")
    poll_s: float | None = Field(
        60.0, gt=0, description="Seconds between two looks at an open case; none: callbacks only."
    )
    callback_secret: SecretStr | None = Field(None, description="Secret of its signed callbacks; none refuses them.")
    statuses: dict[str, CaseStatus] = Field(
        default_factory=dict, description="Its status words and ours: filed, dispatched, handled, returned, …"
    )


class WebhookConfig(PlatformSection):
    """A platform that takes signed JSON messages."""

    kind: Literal["webhook"] = Field(description="Signed JSON webhook.")
    url: HttpUrl = Field(description="Where messages are posted.")
    secret: SecretStr = Field(description="Key of the HMAC-SHA256 signature.")
    promise: PromiseName = Field(
        "idempotent", description="idempotent: one case per key; findable: can be asked for a key; none: neither."
    )
    evidence: Literal["none", "url", "inline", "multipart"] = Field("url", description="How pictures reach it.")
    evidence_roles: tuple[str, ...] = Field(("original", "annotated", "after"), description="Which pictures.")
    link_days: float = Field(30.0, gt=0, description="How long links to pictures stay good.")

    @property
    def link_lifetime(self) -> timedelta:
        return timedelta(days=self.link_days)


PlatformConfig = Annotated[WebhookConfig, Field()]


class RouteConfig(Section):
    """Which cases go where; a case goes to the platforms of every route that fits."""

    platforms: tuple[Id, ...] = Field(min_length=1, description="Platforms by id.")
    districts: tuple[str, ...] = Field((), description="Districts of the camera; all if none.")
    types: tuple[ViolationType, ...] = Field((), description="Violation types; all if none.")


class CodeConfig(Section):
    """One row of a city's own code table."""

    code: str = Field(pattern=r"^[0-9A-Za-z]{1,16}$", description="Event code.")
    name: str = Field(min_length=1, description="Its name in the standard.")


class CasesConfig(Section):
    """Cases with the city's platforms."""

    platforms: dict[Id, PlatformConfig] = Field(default_factory=dict, description="City platforms by id.")
    routes: tuple[RouteConfig, ...] = Field((), description="Which cases go where; all to every platform if none.")
    standard: str = Field("gbt30428-2013", description="Code table: cjt214, gbt30428-2013, gbt47678-2026 or one's own.")
    codes: dict[Subtype, CodeConfig] = Field(default_factory=dict, description="Rows over the shipped code table.")
    workers: int = Field(8, ge=1, le=64, description="Threads that send.")
    lease_s: float = Field(60.0, gt=0, description="After this long a push whose sender died is taken up again.")
    reconcile_after_s: float = Field(
        15.0, ge=0, description="After a lost answer, seconds until the platform is asked whether it has the case."
    )

    @model_validator(mode="after")
    def _routes_lead_somewhere(self) -> Self:
        for route in self.routes:
            unknown = [name for name in route.platforms if name not in self.platforms]
            if unknown:
                raise ValueError(f"a route names unknown platforms: {', '.join(unknown)}")
        return self

    @model_validator(mode="after")
    def _lease_outlives_timeouts(self) -> Self:
        longest = max((platform.timeout_s for platform in self.platforms.values()), default=0.0)
        if self.lease_s < longest * 2:
            raise ValueError(
                f"lease_s should be at least twice the longest timeout_s ({longest:g}), got {self.lease_s:g}"
            )
        return self
