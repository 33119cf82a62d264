"""Tells shops, bike operators and departments of a violation: by an HTTP or SMS gateway, or by e-mail."""

import smtplib
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.utils import parseaddr
from hashlib import sha256
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import httpx
from sqlalchemy import select

from vision.config.notify import GatewayConfig, MailConfig, NotifierConfig
from vision.core.clock import Clock
from vision.core.delivery import Delivery, NoticeReceipt
from vision.core.errors import ConfigError, NotThereError, Rejected, RetryLater, StorageError
from vision.core.ports import BlobStore
from vision.core.templates import check_template, fill
from vision.storage.database import Database
from vision.storage.tables import EvidenceRow, IncidentRow

NAMES = frozenset(
    {
        *("city", "incident_id", "type", "standard_ref", "event_code", "event_name", "place", "district", "grid_id"),
        *("why_zh", "why_en", "began_at", "seen_at", "due_at", "grace_min", "object_count", "camera_id"),
        *("party", "keeper", "phone", "email"),
        *("shop_id", "shop_name", "shop_phone", "shop_email"),
    }
)
_EVENTS = {
    "out_of_store": "店外经营",
    "road_occupation": "占道经营",
    "street_vendor": "无照经营游商",
    "exposed_garbage": "暴露垃圾",
    "overflow": "垃圾满溢",
    "spill": "道路遗撒",
    "heaped_material": "乱堆物堆料",
    "bike_misparked": "非机动车乱停放",
}
Register = Callable[[str, str], Mapping[str, Any]]
"""A register's document by kind (shop, bike_operator) and id; empty when there is none."""
Picture = tuple[str, str, bytes]
"""File name, media type, bytes."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that its gateway or mail server took."""

    to: str
    text: str


class Notifier(Protocol):
    @property
    def attaches(self) -> bool:
        """Whether it can carry a picture."""
        ...

    @property
    def how(self) -> str:
        """The way it goes, as the record names it: webhook or smtp."""
        ...

    def send(self, key: str, values: Mapping[str, Any], picture: Picture | None) -> Sent:
        """Send one message; returns where it went and what it said.

        Raises:
            RetryLater: not taken now.
            Rejected: refused for good, or nobody to send it to.
        """
        ...


class NotifyHandler:
    """Delivers NOTIFY rows; the row's target names the notifier. See core.delivery.DeliveryHandler."""

    def __init__(
        self,
        database: Database,
        blobs: BlobStore,
        clock: Clock,
        notifiers: Mapping[str, Notifier],
        *,
        city: str,
        zone: ZoneInfo,
        register: Register = lambda _kind, _key: {},
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._clock = clock
        self._notifiers = notifiers
        self._city = city
        self._zone = zone
        self._register = register

    def deliver(self, delivery: Delivery) -> NoticeReceipt:
        """Send one notice.

        Raises:
            RetryLater, Rejected: as the notifier says.
        """
        notifier = self._notifiers.get(delivery.target)
        if notifier is None:
            raise Rejected(f"there is no notifier {delivery.target} in the configuration")
        try:
            values, picture_row = self._read(delivery)
            picture = self._picture(picture_row) if notifier.attaches and picture_row is not None else None
        except StorageError as error:
            raise RetryLater(str(error)) from error
        sent = notifier.send(delivery.idempotency_key, values, picture)
        now = self._clock.now()
        notice = {
            "party": dict(delivery.payload.get("party", {})),
            "to": sent.to,
            "how": notifier.how,
            "via": delivery.target,
            "text": sent.text,
            "notified_at": now.isoformat(),
            "due_at": (now + timedelta(seconds=_grace_s(delivery))).isoformat(),
        }
        return NoticeReceipt(delivery.target, notice)

    def _read(self, delivery: Delivery) -> tuple[dict[str, Any], EvidenceRow | None]:
        with self._database.reading() as session:
            incident = session.get(IncidentRow, delivery.incident_id)
            if incident is None:
                raise Rejected(f"incident {delivery.incident_id} is not in the record")
            picture = session.scalars(
                select(EvidenceRow)
                .where(EvidenceRow.incident_id == incident.id, EvidenceRow.role == "annotated")
                .order_by(EvidenceRow.captured_at.desc())
                .limit(1)
            ).first()
        grace_s = _grace_s(delivery)
        return {
            "city": self._city,
            "incident_id": incident.id,
            "type": incident.type,
            "event_name": _EVENTS.get(incident.subtype, incident.subtype),
            "standard_ref": incident.standard_ref,
            "event_code": incident.event_code,
            "place": incident.place,
            "district": incident.district,
            "grid_id": incident.grid_id or "",
            "why_zh": incident.why_zh,
            "why_en": incident.why_en,
            "began_at": self._time(incident.began_at),
            "seen_at": self._time(incident.last_seen_at),
            "due_at": self._time(self._clock.now() + timedelta(seconds=grace_s)),
            "grace_min": round(grace_s / 60),
            "object_count": incident.object_count,
            "camera_id": incident.camera_id,
            **self._party(delivery),
            **self._shop(incident.shop_id or ""),
        }, picture

    def _time(self, at: datetime) -> str:
        return at.astimezone(self._zone).strftime("%m-%d %H:%M")

    def _party(self, delivery: Delivery) -> dict[str, str]:
        """Whom the notice is for, as the register has them now: a number corrected since goes before the one noted."""
        noted = delivery.payload.get("party", {})
        now = self._register(noted["kind"], noted["id"]) if noted.get("kind") in _REGISTERS else {}
        found = {name: str(now.get(name) or noted.get(name, "")) for name in ("keeper", "phone", "email")}
        fixed = noted.get("kind", "notifier") == "notifier"  # its name is a setting's, nobody's own
        return {"party": "责任单位" if fixed else str(now.get("name") or noted["name"]), **found}

    def _shop(self, shop_id: str) -> dict[str, str]:
        shop = self._register("shop", shop_id) if shop_id else {}
        return {"shop_id": shop_id, **{f"shop_{name}": str(shop.get(name, "")) for name in ("name", "phone", "email")}}

    def _picture(self, row: EvidenceRow) -> Picture | None:
        try:
            return row.id.rpartition("/")[2], row.media_type, self._blobs.get(row.id)
        except NotThereError:
            return None


_REGISTERS = frozenset({"shop", "bike_operator"})


def _grace_s(delivery: Delivery) -> float:
    return float(delivery.payload.get("grace_s", 0.0))


class GatewayNotifier:
    """An HTTP service; the key goes along as Idempotency-Key, for gateways that know it."""

    attaches = False
    how = "webhook"

    def __init__(self, config: GatewayConfig, transport: httpx.BaseTransport | None = None) -> None:
        """Raises ConfigError when a template names what does not exist."""
        _check(config.text, config.to)
        for template in config.fields.values():
            check_template(template, NAMES | {"to", "text"})
        self._config = config
        self._http = httpx.Client(timeout=config.timeout_s, trust_env=False, transport=transport)

    def send(self, key: str, values: Mapping[str, Any], picture: Picture | None) -> Sent:  # noqa: ARG002 - the seam's
        to = _recipient(self._config.to, values)
        text = fill(self._config.text, values)
        told = {**values, "to": to, "text": text}
        fields = {name: fill(template, told) for name, template in self._config.fields.items()}
        headers = {name: value.get_secret_value() for name, value in self._config.headers.items()}
        headers["Idempotency-Key"] = key
        try:
            if self._config.body == "json":
                answer = self._http.post(str(self._config.url), json=fields, headers=headers)
            else:
                answer = self._http.post(str(self._config.url), data=fields, headers=headers)
        except httpx.HTTPError as error:
            raise RetryLater(f"gateway: {type(error).__name__} {error}".rstrip()) from error
        words = f"{answer.status_code} {' '.join(answer.text.split())[:300]}".rstrip()
        if answer.status_code >= 500 or answer.status_code in {401, 403, 408, 429}:
            after = answer.headers.get("Retry-After", "")
            raise RetryLater(words, after_s=float(after) if after.isdigit() else None)
        if answer.is_error:
            raise Rejected(words)
        return Sent(to, text)


class MailNotifier:
    """E-mail; the Message-ID is made of the key, so that a mail sent twice is one mail to the reader's program."""

    how = "smtp"

    def __init__(self, config: MailConfig) -> None:
        """Raises ConfigError when a template names what does not exist."""
        _check(config.text, config.to, config.subject)
        self._config = config
        self.attaches = config.picture

    def send(self, key: str, values: Mapping[str, Any], picture: Picture | None) -> Sent:
        to = _recipient(self._config.to, values)
        message = EmailMessage()
        message["From"], message["To"] = self._config.sender, to
        message["Subject"] = " ".join(fill(self._config.subject, values).split())
        domain = parseaddr(self._config.sender)[1].rpartition("@")[2] or "localhost"
        message["Message-ID"] = f"<{sha256(key.encode()).hexdigest()[:32]}@{domain}>"
        text = fill(self._config.text, values)
        message.set_content(text)
        if picture is not None:
            name, media_type, data = picture
            kind, _, subtype = media_type.partition("/")
            message.add_attachment(data, maintype=kind, subtype=subtype, filename=name)
        try:
            with self._connect() as server:
                if self._config.user:
                    server.login(self._config.user, self._config.password.get_secret_value())
                server.send_message(message)
        except smtplib.SMTPRecipientsRefused as error:
            raise Rejected(f"recipients refused: {_words(error)}") from error
        except smtplib.SMTPResponseException as error:
            if 500 <= error.smtp_code < 600 and not isinstance(error, smtplib.SMTPAuthenticationError):
                raise Rejected(f"{error.smtp_code} {_words(error)}") from error
            raise RetryLater(f"{error.smtp_code} {_words(error)}") from error
        except (smtplib.SMTPException, OSError) as error:
            raise RetryLater(f"mail server: {error}") from error
        return Sent(to, text)

    def _connect(self) -> smtplib.SMTP:
        config = self._config
        if config.security == "tls":
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(config.host, config.port, timeout=config.timeout_s, context=context)
        server = smtplib.SMTP(config.host, config.port, timeout=config.timeout_s)
        if config.security == "starttls":
            server.starttls(context=ssl.create_default_context())
        return server


def build_notifiers(config: Mapping[str, NotifierConfig]) -> dict[str, Notifier]:
    """Notifiers by id; raises ConfigError with every mistake at once."""
    built: dict[str, Notifier] = {}
    problems: list[str] = []
    for name, section in config.items():
        try:
            built[name] = GatewayNotifier(section) if isinstance(section, GatewayConfig) else MailNotifier(section)
        except ConfigError as error:
            problems += [f"notifiers.{name}: {problem}" for problem in error.problems]
    if problems:
        raise ConfigError(*problems)
    return built


def _check(*templates: str) -> None:
    for template in templates:
        check_template(template, NAMES)


def _recipient(template: str, values: Mapping[str, Any]) -> str:
    to = fill(template, values).strip(" ,")
    if not to:
        raise Rejected("nobody to send it to: the register has no number or address")
    return to


def _words(error: smtplib.SMTPException) -> str:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return "; ".join(f"{who}: {code} {_text(words)}" for who, (code, words) in error.recipients.items())
    if isinstance(error, smtplib.SMTPResponseException):
        return _text(error.smtp_error)
    return str(error)


def _text(words: bytes | str) -> str:
    return words.decode("utf-8", "replace") if isinstance(words, bytes) else words
