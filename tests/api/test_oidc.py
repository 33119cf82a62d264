"""Sign-in by an OpenID provider: an independent one runs on this machine, and each forgery is refused."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from sqlalchemy import select

from tests.api.city import City, make_city
from vision.api.access import Role
from vision.api.oidc import OpenId
from vision.api.server import ApiServer
from vision.config.access import AccessConfig, OidcConfig
from vision.core.errors import Rejected, RetryLater
from vision.storage.tables import AuditEntry, User
from vision.testing import ManualClock

CITY = {
    "client_id": "streetward",
    "client_secret": "s3cret",
    "scopes": ["openid", "profile"],
    "role_claim": "groups",
    "roles": {"watch": "operator", "chiefs": "supervisor"},
    "districts_claim": "area",
    "districts": {"330102": ["东城", "西城"]},
}


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it imports what its own dependency calls old
        import oidc_provider_mock

        with oidc_provider_mock.run_server_in_thread() as server:
            yield f"http://localhost:{server.server_port}"


def vouch(provider: str, sub: str, **claims: Any) -> None:
    assert httpx.put(f"{provider}/users/{sub}", json=claims).status_code == 204


@pytest.fixture
def city(tmp_path: Path, provider: str) -> Iterator[City]:
    city = make_city(tmp_path)
    city.with_access(AccessConfig.model_validate({"oidc": {**CITY, "issuer": provider}}))
    yield city
    city.close()


@pytest.fixture
def browser(city: City) -> Iterator[httpx.Client]:
    server = ApiServer(city.app(), city.services.feed, port=0)
    server.start()
    with httpx.Client(base_url=f"http://127.0.0.1:{server.port}") as client:
        yield client
    server.stop()


def come_back(browser: httpx.Client, sub: str) -> httpx.Response:
    """Through the provider and back, as a browser goes; the hub's last answer."""
    gone = browser.get("/api/v1/session/oidc", params={"page": "/console/map"})
    assert gone.status_code == 307
    asked = parse_qs(urlsplit(gone.headers["location"]).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert "code_verifier" not in asked
    back = httpx.post(gone.headers["location"], data={"sub": sub})
    assert back.status_code in {302, 303}
    return browser.get(back.headers["location"])


def test_claims_become_role_and_districts(city: City, browser: httpx.Client, provider: str) -> None:
    vouch(provider, "s1", preferred_username="li", groups=["watch", "chiefs", "chess"], area=["330102"])
    landed = come_back(browser, "s1")
    assert (landed.status_code, landed.headers["location"]) == (303, "/console/map")
    cookie = next(value for value in landed.headers.get_list("set-cookie") if value.startswith("streetward_session"))
    assert "httponly" in cookie.lower()
    assert "samesite=strict" in cookie.lower()
    me = browser.get("/api/v1/me").json()
    assert (me["name"], me["role"], me["districts"]) == ("li", "supervisor", ["东城", "西城"])
    vouch(provider, "s1", preferred_username="li", groups="watch", area="南城")
    come_back(browser, "s1")
    me = browser.get("/api/v1/me").json()
    assert (me["role"], me["districts"]) == ("operator", ["南城"]), "brought up to date at every sign-in"


def test_who_has_no_role_or_is_somebody_elses_name_stays_out(city: City, browser: httpx.Client, provider: str) -> None:
    with city.database.transaction() as session:
        session.add(User(name="wang", role="admin", created_at=city.clock.now()))
    vouch(provider, "s2", preferred_username="zhao", groups=["chess"], area=["*"])
    vouch(provider, "s3", preferred_username="wang", groups=["chiefs"], area=["*"])
    for sub in ("s2", "s3"):
        assert come_back(browser, sub).headers["location"] == "/console/login?trouble=oidc"
        assert browser.get("/api/v1/me").status_code == 401
    with city.database.reading() as session:
        told = [entry.reason for entry in session.scalars(select(AuditEntry).order_by(AuditEntry.id))]
        assert session.get_one(User, "wang").issuer is None
    assert "gives zhao a role" in told[0]
    assert "another account" in told[1]


def test_a_disabled_account_stays_disabled(city: City, browser: httpx.Client, provider: str) -> None:
    vouch(provider, "s4", preferred_username="sun", groups=["watch"], area=["*"])
    come_back(browser, "s4")
    with city.database.transaction() as session:
        session.get_one(User, "sun").enabled = False
    assert come_back(browser, "s4").headers["location"].endswith("trouble=oidc")


def test_a_return_is_good_once_and_only_in_the_browser_that_went(browser: httpx.Client, provider: str) -> None:
    vouch(provider, "s5", preferred_username="qian", groups=["watch"], area=["*"])
    gone = browser.get("/api/v1/session/oidc")
    back = httpx.post(gone.headers["location"], data={"sub": "s5"}).headers["location"]
    with httpx.Client(base_url=browser.base_url) as other:
        assert other.get(back).headers["location"].endswith("trouble=oidc"), "another browser"
    path = urlsplit(back)
    forged = f"{path.path}?code={parse_qs(path.query)['code'][0]}&state=forged"
    assert browser.get(forged).headers["location"].endswith("trouble=oidc")
    assert browser.get(back).headers["location"].endswith("trouble=oidc"), "the flow ended with the forgery"


@pytest.mark.parametrize("page", ["https://evil.example/", "//evil.example", "/console/login", "/console/../x:y"])
def test_nobody_is_sent_to_another_site(browser: httpx.Client, provider: str, page: str) -> None:
    vouch(provider, "s6", preferred_username="zhou", groups=["watch"], area=["*"])
    gone = browser.get("/api/v1/session/oidc", params={"page": page})
    back = httpx.post(gone.headers["location"], data={"sub": "s6"}).headers["location"]
    assert browser.get(back).headers["location"] == "/console/"


def test_passwords_can_be_turned_off(city: City, provider: str) -> None:
    city.with_access(AccessConfig.model_validate({"oidc": {**CITY, "issuer": provider}, "password_sign_in": False}))
    server = ApiServer(city.app(), city.services.feed, port=0)
    server.start()
    with httpx.Client(base_url=f"http://127.0.0.1:{server.port}") as client:
        assert client.get("/api/v1/session").json() == {"password": False, "oidc": "统一身份认证"}
        assert client.post("/api/v1/session", json={"name": "a", "password": "b"}).status_code == 403
    server.stop()


def test_without_a_provider_there_is_none(tmp_path: Path) -> None:
    city = make_city(tmp_path)
    server = ApiServer(city.app(), city.services.feed, port=0)
    server.start()
    with httpx.Client(base_url=f"http://127.0.0.1:{server.port}") as client:
        assert client.get("/api/v1/session").json() == {"password": True, "oidc": None}
        assert client.get("/api/v1/session/oidc").status_code == 404
    server.stop()
    city.close()


class Liar(httpx.BaseTransport):
    """A provider that answers what a test says."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = self.answers.get(request.url.path.rsplit("/", 1)[-1])
        return httpx.Response(404) if answer is None else httpx.Response(200, json=answer)


def oidc(**answers: Any) -> OpenId:
    config = OidcConfig.model_validate({**CITY, "issuer": "https://id.city"})
    discovery = {
        "issuer": "https://id.city",
        "authorization_endpoint": "https://id.city/go",
        "token_endpoint": "https://id.city/token",
        "jwks_uri": "https://id.city/keys",
    }
    return OpenId(config, ManualClock(), Liar(**{"openid-configuration": discovery, **answers}))


def through(openid: OpenId) -> None:
    url, flow = openid.begin("http://hub/api/v1/session/oidc/callback", "/console/")
    openid.finish(flow, "code", parse_qs(urlsplit(url).query)["state"][0])


def test_another_issuer_is_refused() -> None:
    with pytest.raises(Rejected, match="calls itself"):
        through(oidc(**{"openid-configuration": {"issuer": "https://evil"}}))


def test_a_provider_that_is_away_is_told_so() -> None:
    with pytest.raises(RetryLater):
        through(oidc(**{"openid-configuration": None}))


def test_a_token_that_the_provider_did_not_sign_is_refused() -> None:
    from joserfc import jwt
    from joserfc.jwk import OctKey, RSAKey

    ours, theirs = RSAKey.generate_key(2048, {"kid": "a"}), RSAKey.generate_key(2048, {"kid": "a"})
    claims = {"iss": "https://id.city", "aud": "streetward", "sub": "x", "exp": 4e9, "nonce": "x"}
    public = {"keys": [theirs.as_dict(private=False)]}
    forged = jwt.encode({"alg": "RS256", "kid": "a"}, claims, ours)
    with pytest.raises(Rejected, match="ID token is not good"):
        through(oidc(token={"id_token": forged}, keys=public))
    shared = OctKey.import_key("streetward-s3cret-streetward-s3cret")
    symmetric = jwt.encode({"alg": "HS256"}, claims, shared)
    with pytest.raises(Rejected, match="ID token is not good"):
        through(oidc(token={"id_token": symmetric}, keys=public))
    replayed = jwt.encode({"alg": "RS256", "kid": "a"}, claims, theirs)
    with pytest.raises(Rejected, match="nonce"):
        through(oidc(token={"id_token": replayed}, keys=public))


def test_the_role_that_may_most_counts_and_names_are_plain() -> None:
    openid = oidc()
    person = openid.person({"preferred_username": "li", "groups": "watch,chiefs", "area": "330102 南城"})
    assert (person.role, person.districts) == (Role.SUPERVISOR, ("东城", "西城", "南城"))
    assert openid.person({"preferred_username": "li", "groups": ["watch"], "area": ["*"]}).districts == ()
    with pytest.raises(Rejected, match="no district"):
        openid.person({"preferred_username": "li", "groups": ["watch"]})
    for name in ("", "a b", "../x", "x" * 81):
        with pytest.raises(Rejected, match="no name"):
            openid.person({"preferred_username": name, "groups": ["watch"], "area": ["*"]})
