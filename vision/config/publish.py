"""Where alerts are passed on to other programs: MQTT brokers and webhooks."""

from pydantic import Field, SecretStr

from vision.config.base import Section


class MqttConfig(Section):
    """An MQTT broker; each alert is published as JSON, QoS 1."""

    host: str = Field(description="The broker's address.")
    port: int = Field(1883, ge=1, le=65535, description="The broker's port; 8883 is usual with TLS.")
    tls: bool = Field(False, description="Connect by TLS and check the broker's certificate.")
    username: str = Field("", description="User name; empty: none.")
    password: SecretStr = Field(SecretStr(""), description="Password; empty: none.")
    topic: str = Field(
        "streetward/alerts/{district}/{type}",
        description="Topic; {district}, {type}, {camera} and {kind} are filled in.",
    )


class WebhookConfig(Section):
    """A URL that takes each alert as a CloudEvent (version 1.0, structured JSON)."""

    url: str = Field(pattern="^https?://", description="Where to POST.")
    secret: SecretStr = Field(
        SecretStr(""), description="Signs the body: X-Streetward-Signature: sha256=HMAC. Empty: unsigned."
    )
    timeout_s: float = Field(10, gt=0, le=120, description="Seconds to wait for an answer.")


class PublishConfig(Section):
    """Where alerts go besides the console. Each target has its own cursor: after an outage it goes on where it was."""

    mqtt: dict[str, MqttConfig] = Field(default_factory=dict, description="MQTT brokers by a name of your own.")
    webhooks: dict[str, WebhookConfig] = Field(default_factory=dict, description="Webhooks by a name of your own.")
