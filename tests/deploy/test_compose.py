"""deploy/compose stands on what the product really has: its commands, its settings, its environment variables."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from tests.conftest import ROOT, absent
from tests.deploy.commands import parsed
from vision.config.schema import load

FOLDER = ROOT / "deploy" / "compose"
OURS = ("hub", "worker", "worker-gpu")
IN_THE_CONTAINER = "/etc/streetward/city.yaml"


def example() -> dict[str, str]:
    lines = (FOLDER / ".env.example").read_text("utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


@pytest.fixture(scope="module")
def compose(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The file as docker-compose itself reads it, with every secret of .env.example filled in."""
    program = shutil.which("docker-compose")
    if program is None:
        absent("needs Debian's docker-compose: apt-get install docker-compose")
    assert program is not None
    folder = tmp_path_factory.mktemp("checkout") / "deploy" / "compose"
    shutil.copytree(FOLDER, folder)
    filled = {name: value or "abc123" for name, value in example().items()}
    (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in filled.items()), "utf-8")
    done = subprocess.run(
        [program, "--profile", "gpu", "config"], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return dict(yaml.safe_load(done.stdout))


def words(command: list[str]) -> list[str]:
    """What `vision` is called with: the list itself, or what a shell would run."""
    if command[0] in {"CMD", "tini"}:
        return words(command[1:])
    if command[0] == "--":
        return words(command[1:])
    if command[0] in {"CMD-SHELL", "sh"}:
        text = command[-1].replace("$$", "$").replace("$(hostname)", "a1b2c3")
        return words(shlex.split(text.removeprefix("exec ")))
    return command[1:] if command[0] == "vision" else command


def test_no_secret_is_in_the_example() -> None:
    assert [name for name, value in example().items() if re.search(r"PASSWORD|SECRET", name) and value] == []


def test_every_variable_is_in_the_example_and_every_example_is_used() -> None:
    texts = [(FOLDER / name).read_text("utf-8") for name in ("docker-compose.yml", "city.yaml")]
    used = {name for text in texts for name in re.findall(r"(?<!\$)\$\{([A-Z0-9_]+)", text)}
    made_here = {"STREETWARD_REDIS"}  # docker-compose.yml puts it together for both sides
    assert used - made_here <= example().keys()
    assert example().keys() - used == {"CAMERA_PASSWORD"}  # for cameras to come


def test_compose_without_secrets_refuses_to_start(tmp_path: Path, compose: dict[str, Any]) -> None:
    shutil.copy(FOLDER / "docker-compose.yml", tmp_path)
    (tmp_path / ".env").write_text("POSTGRES_PASSWORD=\n")
    done = subprocess.run(["docker-compose", "config"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "in .env" in done.stderr


def test_our_command_lines_and_health_checks_are_the_products_own(compose: dict[str, Any]) -> None:
    for name in OURS:
        service = compose["services"][name]
        run = parsed(words([*service.get("entrypoint", []), *service.get("command", [])]))
        assert str(run["config"]) == IN_THE_CONTAINER
        check = parsed(words(service["healthcheck"]["test"]))
        if name == "hub":
            assert check["hub"] == "http://127.0.0.1:8000"
        else:  # the health check asks for the very name that the worker signs with
            assert check["worker"] == run["name"] == "worker-a1b2c3"


def test_the_city_file_is_right_and_its_servers_are_services(
    compose: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    services = compose["services"]
    for name in OURS:
        for key, value in services[name]["environment"].items():
            monkeypatch.setenv(key, str(value))
        city = load(FOLDER / "city.yaml")
        urls = [city.redis, city.database, services[name]["environment"]["AWS_ENDPOINT"]]
        urls += [camera.url for camera in city.cameras.values()]
        assert {urlsplit(str(url)).hostname for url in urls} <= services.keys()
        assert urlsplit(str(city.database)).password == services["postgres"]["environment"]["POSTGRES_PASSWORD"]
        assert urlsplit(str(city.redis)).password == services["redis"]["environment"]["REDISCLI_AUTH"]
        storage = services["storage"]["environment"]
        assert services[name]["environment"]["AWS_SECRET_ACCESS_KEY"] == storage["AWS_SECRET_ACCESS_KEY"]
    mounts = [volume.split(":") for volume in services["hub"]["volumes"]]
    assert [parts[1] for parts in mounts] == [IN_THE_CONTAINER, str(city.data)]
    assert services["hub"]["ports"] == [f"127.0.0.1:{city.server.port}:{city.server.port}/tcp"]
    assert city.server.host == "0.0.0.0"  # loopback of a container is reached by nobody


def test_every_service_is_bounded_restarts_and_has_a_fixed_image(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        limits = service["deploy"]["resources"]["limits"]
        assert limits["memory"], name
        assert float(limits["cpus"]) > 0, name
        assert service["restart"] == "unless-stopped", name
        assert service["image"].partition(":")[2] not in {"", "latest"}, name
        assert "max-size" in service["logging"]["options"], name


def test_what_keeps_data_keeps_it_in_a_named_volume(compose: dict[str, Any]) -> None:
    for name in ("hub", "postgres", "redis", "storage"):
        kept = [volume.split(":")[0] for volume in compose["services"][name]["volumes"]]
        assert set(kept) & compose["volumes"].keys(), name
    assert "yes" in compose["services"]["redis"]["command"][-1].split("--appendonly ")[1].split()[0]


def test_the_gateway_has_the_path_of_every_camera_that_hangs_on_it(
    compose: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for key, value in compose["services"]["hub"]["environment"].items():
        monkeypatch.setenv(key, str(value))
    paths = yaml.safe_load((FOLDER / "mediamtx.yml").read_text("utf-8"))["paths"]
    hung = [urlsplit(camera.url) for camera in load(FOLDER / "city.yaml").cameras.values()]
    assert {url.path.lstrip("/") for url in hung if url.hostname == "mediamtx"} <= paths.keys()


def test_a_wrong_command_line_is_found_by_these_tests() -> None:
    with pytest.raises(Exception, match="No such option"):
        parsed(["worker", "--config", "x.yaml", "--nmae", "w"])
