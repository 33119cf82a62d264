"""Who may use the API and the console, and how they prove who they are."""

from typing import Annotated

from pydantic import Field, SecretStr

from vision.config.base import Section

Role = Annotated[str, Field(pattern="^(viewer|operator|supervisor|engineer|admin)$")]


class ConfiguredKey(Section):
    """An API key given by configuration; keys made on the administration page live in the database."""

    name: str = Field(min_length=1, max_length=80, description="Who uses the key, as the audit log names them.")
    sha256: str = Field(
        pattern="^[0-9a-f]{64}$", description="SHA-256 of the key in hex: printf %s KEY | sha256sum. Never the key."
    )
    role: Role = Field("viewer", description="viewer, operator, supervisor, engineer or admin.")
    districts: tuple[str, ...] = Field((), description="Districts that the key may see; empty: all.")


class OidcConfig(Section):
    """Sign-in by the city's own identity provider (OpenID Connect, authorization code with PKCE)."""

    issuer: str = Field(pattern="^https?://", description="The provider's address, as it names itself in discovery.")
    client_id: str = Field(min_length=1, description="What the provider calls us.")
    client_secret: SecretStr = Field(
        SecretStr(""), description="The secret it gave us; ${NAME}. Empty: a public client."
    )
    label: str = Field("统一身份认证", description="What the button on the sign-in page says.")
    redirect_url: str = Field(
        "",
        pattern="^(https?://.*/api/v1/session/oidc/callback)?$",
        description="Where the provider sends people back: HUB/api/v1/session/oidc/callback; as asked for if unset.",
    )
    scopes: tuple[str, ...] = Field(("openid", "profile"), description="What is asked for; always with openid.")
    name_claim: str = Field("preferred_username", description="Claim that names the person, for good and uniquely.")
    role_claim: str = Field("groups", description="Claim that gives the role: a list, or words.")
    roles: dict[str, Role] = Field(
        default_factory=dict, description="Value of that claim → role; the one that may most counts."
    )
    default_role: Role | None = Field(None, description="Role of everybody the provider knows; nobody's if unset.")
    districts_claim: str = Field("", description="Claim that gives the districts; if unset everybody sees all.")
    districts: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="Value of that claim → districts; a value not named here is a district."
    )
    all_districts: str = Field("*", description="Value of that claim that means every district.")


class AccessConfig(Section):
    """Sign-in, sessions and keys."""

    loopback_without_login: bool = Field(
        False,
        description="Let browsers and programs on this very machine in without a login. For demonstrations only.",
    )
    loopback_role: Role = Field("admin", description="The role that loopback callers get when they need no login.")
    session_h: float = Field(12, gt=0, le=168, description="Hours after which a session ends, used or not.")
    idle_h: float = Field(4, gt=0, le=168, description="Hours without a request after which a session ends.")
    login_attempts: int = Field(
        8, ge=1, le=1000, description="Failed sign-ins allowed per name and per address in ten minutes."
    )
    link_h: float = Field(48, gt=0, le=720, description="Hours for which a one-time link is good.")
    cookie_secure: bool = Field(
        False, description="Send the session cookie over HTTPS only. Set it wherever the console is served by HTTPS."
    )
    evidence_reason: bool = Field(
        False, description="Refuse evidence to callers that give no reason (the console always gives one)."
    )
    oidc: OidcConfig | None = Field(None, description="Sign-in by an OpenID provider; off if unset.")
    password_sign_in: bool = Field(
        True, description="Let people sign in with a password of ours; one-time links work in either case."
    )
    api_keys: tuple[ConfiguredKey, ...] = Field((), description="Keys for programs, as hashes.")
