"""City platforms, which case goes to which, and how hard they may be pressed."""

from datetime import date, time
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import available_timezones

from pydantic import Field, HttpUrl, SecretStr, field_validator, model_validator

from vision.config.base import Id, Section
from vision.core.findings import Subtype, ViolationType
from vision.core.incidents import CaseStatus


def known_timezone(name: str) -> str:
    """Raises ValueError when there is none by this name."""
    if name not in available_timezones():
        raise ValueError(f"should be an IANA time zone such as Asia/Shanghai, got {name}")
    return name


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


class StyleSection(PlatformSection):
    """What platforms with their own fields want of times."""

    timezone: str = Field("Asia/Shanghai", description="IANA name; times are told in it.")
    date_format: str = Field("%Y-%m-%d %H:%M:%S", description="strftime format, epoch_s or epoch_ms.")

    @field_validator("timezone")
    @classmethod
    def _known_timezone(cls, name: str) -> str:
        return known_timezone(name)


class Open311Config(StyleSection):
    """An Open311 GeoReport v2 endpoint."""

    kind: Literal["open311"] = Field(description="Open311 GeoReport v2.")
    url: HttpUrl = Field(description="Endpoint, such as https://api.city.gov/open311/v2.")
    api_key: SecretStr = Field(description="Key for making requests.")
    jurisdiction: str = Field("", description="jurisdiction_id, where the endpoint serves several.")
    format: Literal["json", "xml"] = Field("json", description="Spelling of answers; XML is the one all servers have.")
    services: dict[Subtype, str] = Field(min_length=1, description="Service code for each of our subtypes.")
    attributes: dict[str, str] = Field(
        default_factory=dict, description="Templates such as '{grid_id}' by attribute code; see docs/cases.md."
    )
    updates: bool = Field(False, description="It takes servicerequestupdates (an extension).")


class CallConfig(Section):
    """One call of a platform's interface."""

    url: str = Field(pattern=r"^https?://", description="Address; may hold templates such as {case_id}.")
    method: Literal["GET", "POST", "PUT"] = Field("POST", description="HTTP method.")
    body: Literal["json", "form", "query"] = Field("json", description="How the fields travel.")
    fields: dict[str, str] = Field(default_factory=dict, description="Templates by the platform's field name.")


class AnswerConfig(Section):
    """How to read a platform's answers; paths are dotted, such as data.recid."""

    case_id: str = Field(description="Path of the case number.")
    code: str = Field("", description="Path of the code that says whether it worked; none: the HTTP status alone.")
    good: tuple[str, ...] = Field(("0", "200", "true", "success"), description="Codes that mean taken.")
    busy: tuple[str, ...] = Field((), description="Codes that mean not now; every other one is a refusal.")
    words: str = Field("message", description="Path of what it says.")
    status: str = Field("status", description="Path of a case's status.")
    reason: str = Field("", description="Path of the reason of a return.")
    rows: str = Field("", description="Path of the list in the answer of find.")


class FilesConfig(Section):
    """How pictures travel."""

    by: Literal["none", "url", "base64", "multipart"] = Field("url", description="Links, base64 or form parts.")
    name: str = Field("attachments", description="Field of the list (base64) or name of each part (multipart).")
    kinds: dict[str, str] = Field(
        default_factory=lambda: {"annotated": "before", "after": "after"},
        description="The platform's word for each of our roles; other roles are not sent.",
    )


class AuthConfig(Section):
    """The credential of a platform."""

    where: Literal["header", "query"] = Field("header", alias="in", description="Where it goes.")
    name: str = Field(description="Name of the header or of the query's field.")
    value: SecretStr = Field(description="The credential, such as 'Bearer ${CITY_TOKEN}'.")


class UrbanConfig(StyleSection):
    """A digital urban management platform (数字城管) with an HTTP interface of its own."""

    kind: Literal["urban"] = Field(description="Digital urban management, by mapping.")
    promise: PromiseName = Field(
        "none", description="idempotent: one case per reference; findable: can be asked for one; none: neither."
    )
    crs: str = Field("wgs84", description="Of {x} and {y}: wgs84, gcj02, cgcs2000 or epsg:N such as epsg:3857.")
    auth: AuthConfig | None = Field(None, description="Credential, if it wants one.")
    file: CallConfig = Field(description="Makes a case.")
    find: CallConfig | None = Field(None, description="Asks for a reference; needed for promise: findable.")
    status: CallConfig | None = Field(None, description="Asks where a case stands; its URL holds {case_id}.")
    changes: dict[Literal["note", "still_there", "gone", "withdrawn"], CallConfig] = Field(
        default_factory=dict, description="Tells it more of a case: note, still_there, gone, withdrawn."
    )
    answer: AnswerConfig = Field(description="How to read its answers.")
    files: FilesConfig = Field(FilesConfig(), description="How pictures travel.")

    @model_validator(mode="after")
    def _finds_what_it_promises(self) -> Self:
        if self.promise == "findable" and (self.find is None or not self.answer.rows):
            raise ValueError("promise findable needs the call find and answer.rows")
        return self


PlatformConfig = Annotated[WebhookConfig | Open311Config | UrbanConfig, Field(discriminator="kind")]


class RouteConfig(Section):
    """Which cases go where; a case goes to the platforms of every route that fits."""

    platforms: tuple[Id, ...] = Field(min_length=1, description="Platforms by id.")
    districts: tuple[str, ...] = Field((), description="Districts of the camera; all if none.")
    types: tuple[ViolationType, ...] = Field((), description="Violation types; all if none.")


class CodeConfig(Section):
    """One row of a city's own code table."""

    code: str = Field(pattern=r"^[0-9A-Za-z]{1,16}$", description="Event code.")
    name: str = Field(min_length=1, description="Its name in the standard.")


class LimitConfig(Section):
    """How long a case may take."""

    value: float = Field(gt=0, description="How many.")
    unit: Literal["urgent_hours", "work_hours", "days", "work_days"] = Field(
        description="紧急工作时 (round the clock), 工作时 (working hours), 天 or 工作日."
    )


class DeadlinesConfig(Section):
    """Time limits, and the calendar they are counted in."""

    limits: dict[Subtype, LimitConfig] = Field(
        default_factory=dict, description="Limits over the shipped ones, by subtype; see docs/cases.md."
    )
    timezone: str = Field("Asia/Shanghai", description="IANA name of the calendar's time zone.")
    hours: tuple[tuple[time, time], ...] = Field(
        ((time(8), time(12)), (time(14), time(18))), description="Working hours of a working day."
    )
    holidays: tuple[date, ...] = Field((), description="Days off beside weekends.")
    workdays: tuple[date, ...] = Field((), description="Weekend days worked in exchange (调休).")
    warn_before_s: float = Field(1800.0, ge=0, description="How long before its deadline a case is warned of.")
    remind_every_s: float = Field(14400.0, gt=0, description="How often after it.")

    @field_validator("timezone")
    @classmethod
    def _known_timezone(cls, name: str) -> str:
        return known_timezone(name)

    @field_validator("hours")
    @classmethod
    def _in_order(cls, hours: tuple[tuple[time, time], ...]) -> tuple[tuple[time, time], ...]:
        moments = [moment for stretch in hours for moment in stretch]
        if not moments or moments != sorted(set(moments)):
            raise ValueError("should be stretches in order, such as [['08:00', '12:00'], ['14:00', '18:00']]")
        return hours


class CasesConfig(Section):
    """Cases with the city's platforms."""

    platforms: dict[Id, PlatformConfig] = Field(default_factory=dict, description="City platforms by id.")
    routes: tuple[RouteConfig, ...] = Field((), description="Which cases go where; all to every platform if none.")
    standard: str = Field("gbt30428-2013", description="Code table: cjt214, gbt30428-2013, gbt47678-2026 or one's own.")
    codes: dict[Subtype, CodeConfig] = Field(default_factory=dict, description="Rows over the shipped code table.")
    conditions: Path | None = Field(
        None, description="CSV of the city's own 立案/结案 conditions and limits by event and area; see docs/cases.md."
    )
    deadlines: DeadlinesConfig = Field(DeadlinesConfig(), description="Time limits and their calendar.")
    link_days: float = Field(30.0, gt=0, description="How long links to pictures in cases stay good.")
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
