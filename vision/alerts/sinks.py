"""Targets of the feed: an MQTT broker, and a webhook that takes CloudEvents."""

import hashlib
import hmac
import re
from collections.abc import Sequence
from typing import Any

import httpx
import orjson
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from vision.alerts.feed import Alert, AlertFeed
from vision.alerts.publisher import Publisher
from vision.config.publish import MqttConfig, PublishConfig, WebhookConfig
from vision.core.clock import Clock
from vision.core.errors import RetryLater
from vision.core.registry import redact_url
from vision.storage.database import Database

_NOT_IN_TOPICS = re.compile(r"[+#/\x00\s]+")  # MQTT 3.1.1 section 4.7: wildcards and separators
_ACKNOWLEDGED_S = 10.0
EVENT_TYPE = "city.streetward.alert"


def build_publishers(
    config: PublishConfig, source: str, feed: AlertFeed, database: Database, clock: Clock
) -> list[Publisher]:
    """One publisher for each configured target; `source` is the hub's own address, as CloudEvents name it."""
    sinks: list[tuple[str, MqttSink | WebhookSink]] = [
        *((f"mqtt:{name}", MqttSink(broker)) for name, broker in config.mqtt.items()),
        *((f"webhook:{name}", WebhookSink(hook, source)) for name, hook in config.webhooks.items()),
    ]
    return [Publisher(name, sink, feed, database, clock) for name, sink in sinks]


class MqttSink:
    """Publishes with QoS 1 and waits for the broker's acknowledgement."""

    def __init__(self, config: MqttConfig) -> None:
        self._config = config
        self._client: mqtt.Client | None = None

    def send(self, alerts: Sequence[Alert]) -> None:
        client = self._connected()
        try:
            waiting = [client.publish(topic(self._config.topic, a), orjson.dumps(dict(a.body)), qos=1) for a in alerts]
            for message in waiting:
                message.wait_for_publish(_ACKNOWLEDGED_S)
        except (RuntimeError, ValueError, OSError) as error:
            self.close()
            raise RetryLater(f"MQTT broker {self._config.host}: {error}") from error
        if not all(message.is_published() for message in waiting):
            self.close()
            raise RetryLater(f"the MQTT broker {self._config.host} did not acknowledge")

    def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.disconnect()
            client.loop_stop()

    def _connected(self) -> mqtt.Client:
        if self._client is not None and self._client.is_connected():
            return self._client
        self.close()
        client = mqtt.Client(CallbackAPIVersion.VERSION2)
        if self._config.username:
            client.username_pw_set(self._config.username, self._config.password.get_secret_value())
        if self._config.tls:
            client.tls_set()
        try:
            client.connect(self._config.host, self._config.port, keepalive=30)
        except OSError as error:
            raise RetryLater(f"MQTT broker {self._config.host}: {error}") from error
        client.loop_start()
        self._client = client
        return client


class WebhookSink:
    """POSTs one CloudEvent at a time, so that each has its own answer (CloudEvents 1.0, HTTP binding 3.2)."""

    def __init__(self, config: WebhookConfig, source: str) -> None:
        self._config, self._source = config, source
        self._client = httpx.Client(timeout=config.timeout_s)

    def send(self, alerts: Sequence[Alert]) -> None:
        for alert in alerts:
            body = orjson.dumps(cloud_event(alert, self._source))
            headers = {"Content-Type": "application/cloudevents+json; charset=utf-8"}
            secret = self._config.secret.get_secret_value()
            if secret:
                signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
                headers["X-Streetward-Signature"] = f"sha256={signature}"
            try:
                answer = self._client.post(self._config.url, content=body, headers=headers)
            except httpx.HTTPError as error:
                raise RetryLater(f"webhook {redact_url(self._config.url)}: {error}") from error
            if not answer.is_success:
                raise RetryLater(f"webhook {redact_url(self._config.url)} answered {answer.status_code}")

    def close(self) -> None:
        self._client.close()


def topic(template: str, alert: Alert) -> str:
    """The topic of an alert; what a topic may not hold becomes a dash."""
    incident = alert.body["incident"]
    values = {"district": alert.district, "type": incident["type"], "camera": incident["camera_id"], "kind": alert.kind}
    for name, value in values.items():
        template = template.replace(f"{{{name}}}", _NOT_IN_TOPICS.sub("-", str(value)) or "-")
    return template


def cloud_event(alert: Alert, source: str) -> dict[str, Any]:
    """The alert as a CloudEvent 1.0."""
    return {
        "specversion": "1.0",
        "id": str(alert.id),
        "source": source,
        "type": f"{EVENT_TYPE}.{alert.kind}",
        "subject": alert.incident_id,
        "time": alert.body["at"],
        "datacontenttype": "application/json",
        "data": dict(alert.body),
    }
