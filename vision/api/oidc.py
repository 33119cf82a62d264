"""Sign-in by an OpenID provider: authorization code with PKCE (OpenID Connect Core 1.0 section 3.1, RFC 7636)."""

import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import structlog
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from vision.api.access import Role
from vision.config.access import OidcConfig
from vision.core.clock import Clock
from vision.core.errors import Rejected, RetryLater

log = structlog.get_logger()
_TIMEOUT_S = 10.0
_FLOW_S = 600.0
_MOST_FLOWS = 1000
_KNOWN_S = 3600.0
_LEEWAY_S = 60
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Only asymmetric ones: the keys are the provider's public ones."""


@dataclass(frozen=True, slots=True)
class Flow:
    """One sign-in on its way; known by the value of a cookie of the browser that began it."""

    state: str
    nonce: str
    verifier: str
    redirect_url: str
    page: str
    until_s: float


@dataclass(frozen=True, slots=True)
class Person:
    """Whom the provider vouches for, in our words."""

    name: str
    role: Role
    districts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Provider:
    authorize_url: str
    token_url: str
    userinfo_url: str
    keys_url: str
    until_s: float


class OpenId:
    """Sends browsers to the provider and takes them back; talks to the provider only while somebody signs in."""

    def __init__(self, config: OidcConfig, clock: Clock, transport: httpx.BaseTransport | None = None) -> None:
        self._config, self._clock = config, clock
        self._http = httpx.Client(timeout=_TIMEOUT_S, transport=transport)
        self._flows: dict[str, Flow] = {}
        self._provider: _Provider | None = None
        self._keys: KeySet | None = None
        self._lock = threading.Lock()

    @property
    def issuer(self) -> str:
        return self._config.issuer

    def begin(self, redirect_url: str, page: str) -> tuple[str, str]:
        """Where the browser goes, and the cookie value by which it is known when it comes back to `page`.

        Raises:
            RetryLater: the provider cannot be reached.
            Rejected: it is none, or another one than the configured.
        """
        provider = self._discovered()
        verifier, flow_id = secrets.token_urlsafe(48), secrets.token_urlsafe(32)
        flow = Flow(
            state=secrets.token_urlsafe(24),
            nonce=secrets.token_urlsafe(24),
            verifier=verifier,
            redirect_url=self._config.redirect_url or redirect_url,
            page=page,
            until_s=self._clock.monotonic_s() + _FLOW_S,
        )
        with self._lock:
            now_s = self._clock.monotonic_s()
            alive = [(key, one) for key, one in self._flows.items() if one.until_s > now_s]
            self._flows = dict(alive[-(_MOST_FLOWS - 1) :])
            self._flows[flow_id] = flow
        url: str = prepare_grant_uri(
            provider.authorize_url,
            self._config.client_id,
            "code",
            redirect_uri=flow.redirect_url,
            scope=" ".join(self._config.scopes),
            state=flow.state,
            nonce=flow.nonce,
            code_challenge=create_s256_code_challenge(verifier),
            code_challenge_method="S256",
        )
        return url, flow_id

    def finish(self, flow_id: str, code: str, state: str, error: str = "") -> tuple[Person, str]:
        """The person that came back with a code, and the page they wanted; a flow is good once.

        Raises:
            Rejected: the flow is unknown or over, the answer is not good, or the person may not come in.
            RetryLater: the provider cannot be reached.
        """
        with self._lock:
            flow = self._flows.pop(flow_id, None)
        if flow is None or flow.until_s <= self._clock.monotonic_s() or not secrets.compare_digest(flow.state, state):
            raise Rejected("this sign-in is not known or took too long: begin again")
        if error:
            raise Rejected(f"the OpenID provider said {error}")
        provider = self._discovered()
        answer = self._exchanged(provider, flow, code)
        claims = self._verified(provider, str(answer.get("id_token", "")), flow.nonce)
        return self.person(claims | self._userinfo(provider, str(answer.get("access_token", "")), claims)), flow.page

    def person(self, claims: Mapping[str, Any]) -> Person:
        """Claims as name, role and districts.

        Raises:
            Rejected: there is no name in them, or nothing that gives a role or a district.
        """
        config = self._config
        name = str(claims.get(config.name_claim, "")).strip()
        if not name or len(name) > 80 or any(sign.isspace() or sign in "/#?%:" for sign in name):
            raise Rejected(f"the claim {config.name_claim} gives no name that can be used here (got {name!r})")
        groups = _several(claims.get(config.role_claim))
        order = list(Role)
        roles = [Role(config.roles[group]) for group in groups if group in config.roles]
        if config.default_role is not None:
            roles.append(Role(config.default_role))
        if not roles:
            raise Rejected(f"none of {config.role_claim} ({', '.join(groups) or 'nothing'}) gives {name} a role here")
        districts: tuple[str, ...] = ()
        if config.districts_claim:
            told = _several(claims.get(config.districts_claim))
            if config.all_districts not in told:
                found = [config.districts.get(one, (one,)) for one in told]
                districts = tuple(dict.fromkeys(name for group in found for name in group))
                if not districts:
                    raise Rejected(f"the claim {config.districts_claim} gives {name} no district here")
        return Person(name, max(roles, key=order.index), districts)

    def _discovered(self) -> _Provider:
        """The provider's addresses (OpenID Connect Discovery 1.0), asked anew every hour."""
        known = self._provider
        if known is not None and known.until_s > self._clock.monotonic_s():
            return known
        document = self._get(self._config.issuer.rstrip("/") + "/.well-known/openid-configuration")
        if str(document.get("issuer", "")).rstrip("/") != self._config.issuer.rstrip("/"):
            raise Rejected(f"the provider calls itself {document.get('issuer')!r}, not {self._config.issuer!r}")
        missing = {"authorization_endpoint", "token_endpoint", "jwks_uri"} - set(document)
        if missing:
            raise Rejected(f"the provider's discovery document lacks {', '.join(sorted(missing))}")
        self._provider = _Provider(
            authorize_url=str(document["authorization_endpoint"]),
            token_url=str(document["token_endpoint"]),
            userinfo_url=str(document.get("userinfo_endpoint", "")),
            keys_url=str(document["jwks_uri"]),
            until_s=self._clock.monotonic_s() + _KNOWN_S,
        )
        self._keys = None
        return self._provider

    def _exchanged(self, provider: _Provider, flow: Flow, code: str) -> dict[str, Any]:
        body = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": flow.redirect_url,
            "client_id": self._config.client_id,
            "code_verifier": flow.verifier,
        }
        secret = self._config.client_secret.get_secret_value()
        credentials = httpx.BasicAuth(self._config.client_id, secret) if secret else httpx.Auth()
        try:
            answer = self._http.post(provider.token_url, data=body, auth=credentials)
        except httpx.HTTPError as error:
            raise RetryLater(f"the OpenID provider does not answer: {error}") from error
        if answer.status_code >= 500:
            raise RetryLater(f"the OpenID provider answers {answer.status_code}")
        if answer.status_code != 200:
            raise Rejected(f"the OpenID provider refused the code: {answer.text[:200]}")
        found: dict[str, Any] = answer.json()
        return found

    def _verified(self, provider: _Provider, id_token: str, nonce: str) -> dict[str, Any]:
        """The ID token's claims, its signature, issuer, audience, times and nonce checked (Core section 3.1.3.7)."""
        fresh = self._keys is None
        try:
            return self._decoded(id_token, self._known_keys(provider), nonce)
        except (JoseError, ValueError) as error:
            if fresh:
                raise Rejected(f"the ID token is not good: {error}") from error
        self._keys = None  # the provider may have new keys
        try:
            return self._decoded(id_token, self._known_keys(provider), nonce)
        except (JoseError, ValueError) as error:
            raise Rejected(f"the ID token is not good: {error}") from error

    def _decoded(self, id_token: str, keys: KeySet, nonce: str) -> dict[str, Any]:
        token = jwt.decode(id_token, keys, algorithms=list(_ALGORITHMS))
        registry = jwt.JWTClaimsRegistry(
            now=lambda: int(self._clock.now().timestamp()),
            leeway=_LEEWAY_S,
            iss={"essential": True, "values": [self._config.issuer, self._config.issuer.rstrip("/")]},
            aud={"essential": True, "value": self._config.client_id},
            exp={"essential": True},
            sub={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        registry.validate(token.claims)
        claims: dict[str, Any] = dict(token.claims)
        return claims

    def _known_keys(self, provider: _Provider) -> KeySet:
        if self._keys is None:
            self._keys = KeySet.import_key_set(self._get(provider.keys_url))  # type: ignore[arg-type]
        return self._keys

    def _userinfo(self, provider: _Provider, access_token: str, claims: Mapping[str, Any]) -> dict[str, Any]:
        """What the ID token left out; only of the same subject (Core section 5.3.2)."""
        wanted = {self._config.name_claim, self._config.role_claim, self._config.districts_claim} - {""}
        if not provider.userinfo_url or not access_token or wanted <= set(claims):
            return {}
        found = self._get(provider.userinfo_url, {"Authorization": f"Bearer {access_token}"})
        if found.get("sub") != claims["sub"]:
            raise Rejected("the OpenID provider tells of another person than the one who signed in")
        return {name: found[name] for name in wanted if name in found}

    def _get(self, url: str, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        try:
            answer = self._http.get(url, headers=headers)
            answer.raise_for_status()
            found: dict[str, Any] = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise RetryLater(f"the OpenID provider does not answer: {error}") from error
        return found


def _several(value: Any) -> list[str]:
    """A claim's values: a list, or words apart by spaces or commas."""
    if isinstance(value, list | tuple):
        return [str(one) for one in value]
    return str(value).replace(",", " ").split() if value else []
