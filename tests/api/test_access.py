"""Every route × every role, and what keeps strangers, forgers and guessers out."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select, update

from tests.api.city import ROLES, City, key_of, make_city
from tests.api.conftest import calling, serving
from vision.api.access import SCOPES, Role, Scope
from vision.api.accounts import Accounts, invite
from vision.api.app import PUBLIC, _refuse_unguarded, api_routes
from vision.config.access import AccessConfig
from vision.storage.tables import AuditEntry, LoginSession, User
from vision.testing import ManualClock

EVERYBODY = set(ROLES)
ACTING = EVERYBODY - {"viewer"}
P = "/api/v1"
ALLOWED: dict[tuple[str, str], set[str]] = {
    ("GET", f"{P}/incidents"): EVERYBODY,
    ("GET", f"{P}/incidents/{{incident_id}}"): EVERYBODY,
    ("POST", f"{P}/incidents/{{incident_id}}/verdict"): ACTING,
    ("POST", f"{P}/incidents/{{incident_id}}/file"): ACTING,
    ("POST", f"{P}/incidents/{{incident_id}}/presence"): ACTING,
    ("POST", f"{P}/incidents/{{incident_id}}/claim"): ACTING,
    ("POST", f"{P}/incidents/{{incident_id}}/comments"): ACTING,
    ("GET", f"{P}/alerts/stream"): EVERYBODY,
    ("GET", f"{P}/cameras"): EVERYBODY,
    ("GET", f"{P}/cameras/{{camera_id}}"): EVERYBODY,
    ("GET", f"{P}/cameras/{{camera_id}}/views"): EVERYBODY,
    ("GET", f"{P}/cameras/{{camera_id}}/look"): EVERYBODY,
    ("GET", f"{P}/cameras/{{camera_id}}/live"): EVERYBODY,
    ("POST", f"{P}/discovery"): {"engineer", "admin"},
    ("POST", f"{P}/discovery/add"): {"engineer", "admin"},
    ("GET", f"{P}/cameras/{{camera_id}}/views/{{view_id}}/reference"): EVERYBODY,
    ("POST", f"{P}/cameras/{{camera_id}}/views/{{view_id}}/reference"): {"engineer", "admin"},
    ("GET", f"{P}/grids"): EVERYBODY,
    ("GET", f"{P}/bays"): EVERYBODY,
    ("GET", f"{P}/cameras/{{camera_id}}/presets"): ACTING,
    ("POST", f"{P}/cameras/{{camera_id}}/presets/{{token}}"): ACTING,
    ("DELETE", f"{P}/cameras/{{camera_id}}/hold"): ACTING,
    ("PUT", f"{P}/cameras/{{camera_id}}"): {"engineer", "admin"},
    ("PATCH", f"{P}/cameras/{{camera_id}}"): {"engineer", "admin"},
    ("DELETE", f"{P}/cameras/{{camera_id}}"): {"engineer", "admin"},
    ("POST", f"{P}/cameras/{{camera_id}}/views/{{view_id}}/dry-run"): {"engineer", "admin"},
    ("PUT", f"{P}/cameras/{{camera_id}}/views/{{view_id}}/zones"): {"engineer", "admin"},
    ("PUT", f"{P}/cameras/{{camera_id}}/views/{{view_id}}/calibration"): {"engineer", "admin"},
    ("GET", f"{P}/evidence/{{evidence_id:path}}"): EVERYBODY,
    ("GET", f"{P}/speakers"): EVERYBODY,
    ("GET", f"{P}/workers"): EVERYBODY,
    ("GET", f"{P}/pressure"): EVERYBODY,
    ("POST", f"{P}/speakers/{{speaker_id}}/announce"): ACTING,
    ("PATCH", f"{P}/speakers/{{speaker_id}}"): {"engineer", "admin"},
    ("POST", f"{P}/speakers/{{speaker_id}}/stop"): ACTING,
    ("GET", f"{P}/cameras/{{camera_id}}/speakers"): EVERYBODY,
    ("GET", f"{P}/loudspeakers"): EVERYBODY,
    ("PUT", f"{P}/loudspeakers/mute"): ACTING,
    ("GET", f"{P}/announcements"): EVERYBODY,
    ("GET", f"{P}/announcements/{{announcement_id}}/audio"): EVERYBODY,
    ("GET", f"{P}/phrases"): EVERYBODY,
    ("PUT", f"{P}/phrases/{{phrase_id}}"): {"engineer", "admin"},
    ("DELETE", f"{P}/phrases/{{phrase_id}}"): {"engineer", "admin"},
    ("PUT", f"{P}/phrases/{{phrase_id}}/recording"): {"engineer", "admin"},
    ("DELETE", f"{P}/phrases/{{phrase_id}}/recording"): {"engineer", "admin"},
    ("GET", f"{P}/phrases/{{phrase_id}}/preview"): ACTING,
    ("GET", f"{P}/statistics/loudspeakers"): EVERYBODY,
    ("GET", f"{P}/statistics"): EVERYBODY,
    ("GET", f"{P}/reports/daily/{{day}}.pdf"): EVERYBODY,
    ("GET", f"{P}/statistics/{{table}}.csv"): EVERYBODY,
    ("GET", f"{P}/statistics/{{table}}.parquet"): EVERYBODY,
    ("GET", f"{P}/me"): EVERYBODY,
    ("PUT", f"{P}/me/settings"): EVERYBODY,
    ("POST", f"{P}/me/shift"): EVERYBODY,
    ("DELETE", f"{P}/session"): EVERYBODY,
    ("GET", f"{P}/admin/platforms"): {"supervisor", "engineer", "admin"},
    ("POST", f"{P}/admin/deliveries/{{delivery_id}}/filed"): {"supervisor", "engineer", "admin"},
    ("GET", f"{P}/admin/models"): {"engineer", "admin"},
    ("POST", f"{P}/admin/models/switch"): {"engineer", "admin"},
    ("POST", f"{P}/admin/models/rollback"): {"engineer", "admin"},
    ("GET", f"{P}/admin/users"): {"admin"},
    ("POST", f"{P}/admin/users"): {"admin"},
    ("PATCH", f"{P}/admin/users/{{name}}"): {"admin"},
    ("POST", f"{P}/admin/users/{{name}}/link"): {"admin"},
    ("GET", f"{P}/admin/keys"): {"admin"},
    ("POST", f"{P}/admin/keys"): {"admin"},
    ("DELETE", f"{P}/admin/keys/{{key_id}}"): {"admin"},
    ("GET", f"{P}/admin/audit"): {"supervisor", "admin"},
    ("GET", f"{P}/admin/deliveries"): {"supervisor", "engineer", "admin"},
    ("POST", f"{P}/admin/deliveries/{{delivery_id}}/resend"): {"supervisor", "engineer", "admin"},
    ("POST", f"{P}/admin/deliveries/{{delivery_id}}/drop"): {"supervisor", "engineer", "admin"},
    ("GET", f"{P}/admin/suppressions"): {"supervisor", "admin"},
    ("POST", f"{P}/admin/suppressions"): {"supervisor", "admin"},
    ("DELETE", f"{P}/admin/suppressions/{{suppression_id}}"): {"supervisor", "admin"},
}
_ENDLESS = {f"{P}/alerts/stream", f"{P}/cameras/{{camera_id}}/live", f"{P}/cameras/{{camera_id}}/look"}


def routes(app: FastAPI) -> set[tuple[str, str]]:
    return {(method, route.path or "") for route in api_routes(app) for method in route.methods or ()} - PUBLIC


def test_the_matrix_knows_every_route(city: City) -> None:
    assert routes(city.app()) == set(ALLOWED)


@pytest.fixture(scope="module")
def shared_client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """One hub for the whole matrix: what it asks for is of nobody, so no question changes the next one's answer."""
    city = make_city(tmp_path_factory.mktemp("matrix"))
    with serving(city) as server, calling(server) as client:
        yield client
    city.close()


@pytest.mark.parametrize(("method", "path"), sorted(ALLOWED))
def test_every_role_on_every_route(shared_client: httpx.Client, method: str, path: str) -> None:
    client = shared_client
    url = path.replace(":path", "")
    for name in ("incident_id", "camera_id", "view_id", "evidence_id", "speaker_id", "phrase_id", "name", "key_id"):
        url = url.replace(f"{{{name}}}", "nobody")
    url = url.replace("{day}", "2026-07-01")
    url = url.replace("{announcement_id}", "999").replace("{delivery_id}", "999").replace("{suppression_id}", "999")
    assert ask(client, method, url, {"X-API-Key": ""}) == 401, "without a key"
    assert ask(client, method, url, {"X-API-Key": "wrong"}) == 401, "with a wrong key"
    for role in ROLES:
        if path in _ENDLESS and role in ALLOWED[method, path] and path.endswith("stream"):
            continue  # it would stream for ever: tests of the stream read it
        status = ask(client, method, url, {"X-API-Key": key_of(role)})
        if role in ALLOWED[method, path]:
            assert status not in {401, 403}, role
        else:
            assert status == 403, role


def ask(client: httpx.Client, method: str, url: str, headers: dict[str, str]) -> int:
    with client.stream(method, url, headers=headers, json={} if method in {"POST", "PUT", "PATCH"} else None) as answer:
        return answer.status_code


def test_roles_only_grow_where_meant() -> None:
    assert SCOPES[Role.VIEWER] < SCOPES[Role.OPERATOR] < SCOPES[Role.SUPERVISOR] < SCOPES[Role.ADMIN]
    assert SCOPES[Role.OPERATOR] < SCOPES[Role.ENGINEER] < SCOPES[Role.ADMIN]
    assert SCOPES[Role.ADMIN] == set(Scope)


def test_a_route_without_a_scope_stops_the_start(city: City) -> None:
    app = city.app()

    @app.get("/api/v1/forgotten")
    def forgotten() -> None:
        """Asks nobody who they are."""

    with pytest.raises(RuntimeError, match="forgotten"):
        _refuse_unguarded(app)


def test_another_district_is_not_there(city: City, client: httpx.Client) -> None:
    city.raise_incident("east")
    city.raise_incident("west", camera_id="market", zone_id="shop")
    key = client.post("/api/v1/admin/keys", json={"name": "west", "role": "operator", "districts": ["西城"]}).json()
    limited = {"X-API-Key": key["key"]}
    assert [i["id"] for i in client.get("/api/v1/incidents", headers=limited).json()["items"]] == ["west"]
    assert client.get("/api/v1/incidents/east", headers=limited).status_code == 404
    body = {"verdict": "reject"}
    assert client.post("/api/v1/incidents/east/verdict", json=body, headers=limited).status_code == 404
    picture = client.get("/api/v1/incidents/east").json()["evidence"][0]["id"]
    assert client.get(f"/api/v1/evidence/{picture}", headers=limited).status_code == 404
    assert [c["id"] for c in client.get("/api/v1/cameras", headers=limited).json()["items"]] == ["market"]
    assert client.get("/api/v1/cameras/gate", headers=limited).status_code == 404


def test_keys_are_kept_as_hashes_and_can_be_revoked(city: City, client: httpx.Client) -> None:
    made = client.post("/api/v1/admin/keys", json={"name": "sweeper", "days": 1}).json()
    assert client.get("/api/v1/incidents", headers={"Authorization": f"Bearer {made['key']}"}).status_code == 200
    assert made["key"] not in client.get("/api/v1/admin/keys").text
    assert made["key"].encode() not in Path(str(city.database.url.database)).read_bytes()
    assert client.delete(f"/api/v1/admin/keys/{made['id']}").status_code == 204
    assert client.get("/api/v1/incidents", headers={"X-API-Key": made["key"]}).status_code == 401


def test_the_first_administrator_comes_in_by_a_one_time_link(city: City, client: httpx.Client) -> None:
    accounts = client_accounts(city)
    link = invite(accounts, "http://hub")
    assert link is not None
    token = link.partition("#")[2]
    anonymous = httpx.Client(base_url=client.base_url)
    with anonymous:
        weak = anonymous.post("/api/v1/session/link", json={"token": token, "password": "short"})
        assert weak.status_code == 422
        good = anonymous.post("/api/v1/session/link", json={"token": token, "password": "plover-tide-9"})
        assert good.status_code == 201
        assert anonymous.get("/api/v1/me").json()["role"] == "admin"
        again = anonymous.post("/api/v1/session/link", json={"token": token, "password": "plover-tide-9"})
        assert again.status_code == 401
    assert invite(accounts, "http://hub") is None


def client_accounts(city: City) -> Accounts:
    accounts: Accounts = city.app().state.context.accounts
    return accounts


@contextmanager
def sign_in(city: City, client: httpx.Client, name: str = "li", role: str = "operator") -> Iterator[httpx.Client]:
    token = client.post("/api/v1/admin/users", json={"name": name, "role": role}).json()["token"]
    with httpx.Client(base_url=client.base_url) as browser:
        made = browser.post("/api/v1/session/link", json={"token": token, "password": "plover-tide-9"})
        assert made.status_code == 201
        browser.headers["X-CSRF-Token"] = made.json()["csrf"]
        yield browser


def test_a_session_acts_under_its_own_name(city: City, client: httpx.Client) -> None:
    city.raise_incident("i-1")
    with sign_in(city, client) as browser:
        assert browser.post("/api/v1/incidents/i-1/verdict", json={"verdict": "confirm"}).status_code == 202
        assert city.desk.taken[0][1].actor == "operator:li"
        assert browser.delete("/api/v1/session").status_code == 204
        assert browser.get("/api/v1/me").status_code == 401


def test_the_cookie_cannot_be_read_or_sent_from_elsewhere(city: City, client: httpx.Client) -> None:
    with sign_in(city, client) as browser:
        answer = browser.post("/api/v1/session", json={"name": "li", "password": "plover-tide-9"})
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie


@pytest.mark.parametrize(
    "headers",
    [
        {"X-CSRF-Token": ""},
        {"X-CSRF-Token": "guess"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
    ],
)
def test_forged_requests_are_refused(city: City, client: httpx.Client, headers: dict[str, str]) -> None:
    city.raise_incident("i-1")
    with sign_in(city, client) as browser:
        answer = browser.post("/api/v1/incidents/i-1/verdict", json={"verdict": "confirm"}, headers=headers)
        assert answer.status_code == 403
    assert city.desk.taken == []


@pytest.mark.slow
def test_guessing_is_slow(city: City, client: httpx.Client) -> None:
    with sign_in(city, client) as browser:
        wrong = {"name": "li", "password": "not the password"}
        statuses = [browser.post("/api/v1/session", json=wrong).status_code for _ in range(9)]
        assert statuses == [401] * 8 + [429]
        right = browser.post("/api/v1/session", json={"name": "li", "password": "plover-tide-9"})
        assert right.status_code == 429
        assert int(right.headers["retry-after"]) > 0
    with city.database.reading() as session:
        failed = session.scalars(select(AuditEntry).where(AuditEntry.action == "sign_in_failed")).all()
    assert len(failed) == 8


def test_sessions_end(tmp_path: Path) -> None:
    clock = ManualClock()
    city = make_city(tmp_path, clock=clock, access={"session_h": 12, "idle_h": 4})
    app = city.app()
    accounts = app.state.context.accounts
    with city.database.transaction() as session:
        session.add(User(name="li", role="operator", created_at=clock.now()))
    token, _csrf, _end = accounts.open_session("li", "")

    def status(headers: dict[str, str] | None = None) -> int:
        return asyncio.run(get(app, "/api/v1/me", headers or {"Cookie": f"streetward_session={token}"}))

    assert status() == 200
    clock.advance(3.9 * 3600)
    assert status() == 200  # and counts as a sign of life
    clock.advance(3.9 * 3600)
    assert status() == 200
    clock.advance(4.1 * 3600)
    assert status() == 401  # idle
    token, _csrf, _end = accounts.open_session("li", "")
    for _ in range(4):
        clock.advance(3 * 3600)
        last = status()
    assert last == 401  # twelve hours, however busy
    token, _csrf, _end = accounts.open_session("li", "")
    with city.database.transaction() as session:
        session.execute(update(User).values(enabled=False))
    assert status() == 401
    with city.database.reading() as session:
        kept = session.scalars(select(LoginSession)).all()
    assert all(token not in row.token_sha256 for row in kept)
    city.close()


async def get(
    app: FastAPI, path: str, headers: dict[str, str], *, client: str = "127.0.0.1", host: str = "127.0.0.1"
) -> int:
    transport = httpx.ASGITransport(app, client=(client, 50000))
    async with httpx.AsyncClient(transport=transport, base_url=f"http://{host}") as session:
        return (await session.get(path, headers=headers)).status_code


@pytest.mark.parametrize(
    ("client", "host", "headers", "status"),
    [
        ("127.0.0.1", "127.0.0.1:8000", {}, 200),
        ("127.0.0.1", "localhost", {}, 200),
        ("::1", "[::1]:8000", {}, 200),
        ("10.1.2.3", "127.0.0.1", {}, 401),  # another machine
        ("127.0.0.1", "rebound.example", {}, 401),  # DNS rebinding: a foreign name that leads here
        ("127.0.0.1", "127.0.0.1", {"X-Forwarded-For": "10.1.2.3"}, 401),  # somebody behind a proxy on this machine
    ],
)
def test_only_this_very_machine_needs_no_login(
    city: City, client: str, host: str, headers: dict[str, str], status: int
) -> None:
    city.with_access(AccessConfig(loopback_without_login=True))
    assert asyncio.run(get(city.app(), "/api/v1/me", headers, client=client, host=host)) == status


def test_every_other_setting_asks_this_machine_too(city: City) -> None:
    assert asyncio.run(get(city.app(), "/api/v1/me", {})) == 401


def test_secure_headers(client: httpx.Client) -> None:
    for path in ("/api/v1/incidents", "/healthz"):
        headers = client.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert "server" not in headers


def test_evidence_can_ask_for_a_reason(tmp_path: Path) -> None:
    city = make_city(tmp_path, access={"evidence_reason": True})
    city.raise_incident("i-1")
    key = {"X-API-Key": city.key("viewer")}
    with city.database.reading() as session:
        from vision.storage.tables import EvidenceRow

        picture = session.scalars(select(EvidenceRow.id)).first()
    app = city.app()
    assert asyncio.run(get(app, f"/api/v1/evidence/{picture}", key)) == 422
    assert asyncio.run(get(app, f"/api/v1/evidence/{picture}", key | {"X-Reason": "appeal 7"})) == 200
    city.close()


def test_administrators_cannot_lock_themselves_out(city: City, client: httpx.Client) -> None:
    with sign_in(city, client, "wang", "admin") as browser:
        assert browser.patch("/api/v1/admin/users/wang", json={"enabled": False}).status_code == 409
        assert browser.patch("/api/v1/admin/users/wang", json={"role": "viewer"}).status_code == 409
