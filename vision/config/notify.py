"""Who is told of a violation before a case is filed: shops, bike operators, departments."""

from typing import Annotated, Literal

from pydantic import Field, HttpUrl, SecretStr

from vision.config.base import Section
from vision.config.cases import PacingConfig

_TEXT = "【{city}】{party}:{place}发现{event_name}({why_zh}),请于{due_at}前({grace_min}分钟内)整改。编号 {incident_id}"


class NotifierSection(Section):
    """What every notifier has."""

    text: str = Field(_TEXT, min_length=1, description="Template of the message; see docs/cases.md for its names.")
    pacing: PacingConfig = Field(PacingConfig(), description="How fast it may be pressed.")
    timeout_s: float = Field(10.0, gt=0, le=60, description="Longest wait for an answer.")


class GatewayConfig(NotifierSection):
    """An SMS gateway or any other HTTP service that takes a message."""

    kind: Literal["webhook"] = Field(description="HTTP gateway, such as one for SMS.")
    url: HttpUrl = Field(description="Where messages go.")
    headers: dict[str, SecretStr] = Field(default_factory=dict, description="Headers such as Authorization.")
    body: Literal["json", "form"] = Field("json", description="How the fields travel.")
    to: str = Field("{phone}", description="Template of the recipient: a fixed number, or the party's own {phone}.")
    fields: dict[str, str] = Field(
        default_factory=lambda: {"to": "{to}", "text": "{text}"}, description="Templates by the gateway's field name."
    )


class MailConfig(NotifierSection):
    """E-mail by SMTP."""

    kind: Literal["smtp"] = Field(description="E-mail.")
    host: str = Field(description="Mail server.")
    port: int = Field(587, ge=1, le=65535, description="Its port.")
    security: Literal["starttls", "tls", "none"] = Field("starttls", description="How the connection is protected.")
    user: str = Field("", description="Login name, if it wants one.")
    password: SecretStr = Field(SecretStr(""), description="Password.")
    sender: str = Field(description="From whom the mail is.")
    to: str = Field("{email}", description="Template of the recipients, separated by commas.")
    subject: str = Field("{event_name}:{place}", description="Template of the subject.")
    picture: bool = Field(True, description="Attach the newest annotated picture.")


NotifierConfig = Annotated[GatewayConfig | MailConfig, Field(discriminator="kind")]
