"""The Helm chart, rendered by Helm's own engine, is what Kubernetes takes and what the product has."""

from importlib.metadata import version
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

import vision
from tests.deploy.commands import parsed
from tests.deploy.rendering import CHART, rendered
from vision.config.schema import load

SECRET = {
    "STREETWARD_DATABASE": "postgresql+psycopg://u:p@db/streetward",
    "STREETWARD_REDIS": "rediss://:p@redis:6379/0",
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "CAMERA_PASSWORD": "p",
}
CAMERA = {"url": "rtsp://viewer:${CAMERA_PASSWORD}@192.0.2.1/1"}
BASE = {"secret": {"values": SECRET}, "city": {"cameras": {"gate": CAMERA}}}
EVERYTHING = {
    **BASE,
    "environment": {"AWS_ENDPOINT": "https://s3.example.org"},
    "image": {"repository": "registry.example.org/streetward", "tag": "1", "pullSecrets": [{"name": "pull"}]},
    "hub": {
        "replicas": 2,
        "storage": {"className": "fast"},
        "nodeSelector": {"a": "b"},
    },
    "workers": {"gpus": 1, "runtimeClassName": "nvidia", "tolerations": [{"key": "gpu", "operator": "Exists"}]},
    "ingress": {"enabled": True, "className": "nginx", "tlsSecret": "tls", "annotations": {"a": "b"}},
    "networkPolicy": {"from": [{"kubernetes.io/metadata.name": "ingress-nginx"}]},
    "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
    "podAnnotations": {"team": "streets"},
}
RAY = {
    **BASE,
    "secret": {"values": {**SECRET, "RAY_AUTH_TOKEN": "t"}},
    "environment": {"AWS_REGION": "us-east-1"},
    "workers": {"mode": "ray", "replicas": 3, "gpus": 1, "runtimeClassName": "nvidia"},
    "ray": {
        "workersPerPod": 2,
        "gpusPerWorker": 0.5,
        "gcsFaultTolerance": {"redisAddress": "gcs:6379", "passwordKey": "CAMERA_PASSWORD"},
    },
}
OWN_SECRET = {"secret": {"existing": "mine"}, "networkPolicy": {"enabled": False}}
GOOD = {"base": BASE, "everything": EVERYTHING, "ray": RAY, "own secret": OWN_SECRET}
BAD = {
    "no secret": {},
    "Ray without a token": {**BASE, "workers": {"mode": "ray"}},
    "a misspelt value": {**BASE, "wokers": {"replicas": 2}},
    "a database in the city's file": {**BASE, "city": {"database": "sqlite:///x.db"}},
}
CRDS = {"RayCluster", "ServiceMonitor"}


@pytest.fixture(scope="module")
def results() -> dict[str, dict[str, Any]]:
    names = [*GOOD, *BAD]
    return dict(zip(names, rendered(*GOOD.values(), *BAD.values()), strict=True))


@pytest.fixture(scope="module")
def objects(results: dict[str, dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    return {
        name: [
            document
            for template, text in results[name]["manifests"].items()
            if not template.endswith(".txt")
            for document in yaml.safe_load_all(text)
            if document
        ]
        for name in GOOD
    }


def templates(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Every pod template: of Deployments, StatefulSets and the RayCluster's groups."""
    pods = []
    for one in (one["spec"] for one in found if one["kind"] in {"Deployment", "StatefulSet"}):
        claims = [{"name": claim["metadata"]["name"]} for claim in one.get("volumeClaimTemplates", [])]
        spec = one["template"]["spec"]
        pods.append({**one["template"], "spec": {**spec, "volumes": [*spec["volumes"], *claims]}})
    for cluster in (one["spec"] for one in found if one["kind"] == "RayCluster"):
        pods += [cluster["headGroupSpec"]["template"], *(group["template"] for group in cluster["workerGroupSpecs"])]
    return pods


def containers(found: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for pod in templates(found) for one in pod["spec"]["containers"]}


@pytest.mark.slow
def test_helm_lints_without_a_warning(results: dict[str, dict[str, Any]]) -> None:
    for name in GOOD:
        report = results[name]["lint"]
        assert report["errors"] == [], name
        assert [one for one in report["messages"] if one["severity"] > 1] == [], name


@pytest.mark.slow
@pytest.mark.parametrize("kubernetes", ["1.27", "1.34"])
def test_kubernetes_would_take_every_object(objects: dict[str, list[dict[str, Any]]], kubernetes: str) -> None:
    for found in objects.values():
        for one in found:
            if one["kind"] not in CRDS:
                kubernetes_validate.validate(one, kubernetes, strict=True)
        for pod in templates(found):
            whole = {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": "x", **pod["metadata"]},
                "spec": pod["spec"],
            }
            kubernetes_validate.validate(whole, kubernetes, strict=True)


@pytest.mark.slow
def test_wrong_values_are_refused_in_words(results: dict[str, dict[str, Any]]) -> None:
    said = {name: results[name].get("error", "") for name in BAD}
    assert "secret.existing, or secret.values" in said["no secret"]
    assert "RAY_AUTH_TOKEN" in said["Ray without a token"]
    assert "wokers" in said["a misspelt value"]
    assert "city" in said["a database in the city's file"]


@pytest.mark.slow
def test_the_city_file_of_every_release_is_right(
    objects: dict[str, list[dict[str, Any]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key, value in SECRET.items():
        monkeypatch.setenv(key, value)
    for name, found in objects.items():
        (text,) = [one["data"]["city.yaml"] for one in found if one["kind"] == "ConfigMap"]
        (tmp_path / "city.yaml").write_text(text, "utf-8")
        city = load(tmp_path / "city.yaml")
        assert (city.redis, city.database) == (SECRET["STREETWARD_REDIS"], SECRET["STREETWARD_DATABASE"])
        assert str(city.data) in {m["mountPath"] for m in containers(found)["hub"]["volumeMounts"]}
        assert city.server.port == containers(found)["hub"]["ports"][0]["containerPort"]
        if name == "everything":
            assert city.public_url == "https://streetward.example.org"


@pytest.mark.slow
def test_commands_and_probes_are_the_products_own(
    objects: dict[str, list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    hub, worker = containers(objects["base"])["hub"], containers(objects["base"])["worker"]
    assert str(parsed(hub["args"])["config"]) == "/etc/streetward/city.yaml"
    assert {"name": "STREETWARD_WORKER", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}} in worker["env"]
    monkeypatch.setenv("STREETWARD_WORKER", "city-worker-0")
    monkeypatch.setenv("STREETWARD_REDIS", SECRET["STREETWARD_REDIS"])
    assert parsed(worker["args"])["name"] == "city-worker-0"
    probe = parsed(worker["livenessProbe"]["exec"]["command"][1:])
    assert (probe["worker"], probe["redis"]) == ("city-worker-0", SECRET["STREETWARD_REDIS"])
    for name in ("ray-head", "ray-worker", "fleet"):  # Ray lets nobody in who does not know the token
        assert {"RAY_AUTH_MODE", "RAY_AUTH_TOKEN"} <= {one["name"] for one in containers(objects["ray"])[name]["env"]}
    fleet = parsed(containers(objects["ray"])["fleet"]["args"])
    assert (fleet["workers"], fleet["cpus"], fleet["gpus"]) == (6, 2.0, 0.5)
    assert fleet["address"] == "ray://city-head-svc:10001"


@pytest.mark.slow
def test_labels_find_what_they_are_meant_to_find(objects: dict[str, list[dict[str, Any]]]) -> None:
    def selects(selector: dict[str, Any], labels: dict[str, str]) -> bool:
        wanted = selector.get("matchLabels", {}).items() <= labels.items()
        more = selector.get("matchExpressions", [])
        return wanted and all(labels.get(one["key"]) in one["values"] for one in more)

    for name, found in objects.items():
        pods = [pod["metadata"]["labels"] for pod in templates(found)]
        for one in found:
            if one["kind"] == "Service":
                assert any(one["spec"]["selector"].items() <= labels.items() for labels in pods), name
            elif one["kind"] in {"NetworkPolicy", "PodDisruptionBudget"}:
                selector = one["spec"].get("podSelector") or one["spec"]["selector"]
                assert any(selects(selector, labels) for labels in pods), (name, one["metadata"]["name"])
            elif one["kind"] == "ServiceMonitor":
                services = [other["metadata"]["labels"] for other in found if other["kind"] == "Service"]
                assert sum(selects(one["spec"]["selector"], labels) for labels in services) == 1
        if name != "own secret":  # there it is switched off
            policies = [one["spec"]["podSelector"] for one in found if one["kind"] == "NetworkPolicy"]
            assert all(sum(selects(policy, labels) for policy in policies) == 1 for labels in pods), name


@pytest.mark.slow
def test_pods_are_bounded_unprivileged_and_mount_what_they_have(objects: dict[str, list[dict[str, Any]]]) -> None:
    for found in objects.values():
        for pod in templates(found):
            volumes = {volume["name"] for volume in pod["spec"]["volumes"]}
            for one in pod["spec"]["containers"]:
                assert one["resources"]["limits"]["memory"]
                assert {mount["name"] for mount in one["volumeMounts"]} <= volumes
                if not one["name"].startswith("ray-"):  # KubeRay writes into its own pods
                    assert pod["spec"]["securityContext"]["runAsNonRoot"]
                    assert one["securityContext"]["readOnlyRootFilesystem"]


@pytest.mark.slow
def test_a_gpu_brings_its_image_and_its_claim(objects: dict[str, list[dict[str, Any]]]) -> None:
    for name, container in (("everything", "worker"), ("ray", "ray-worker")):
        worker = containers(objects[name])[container]
        assert worker["image"].endswith(":cuda")
        assert worker["resources"]["limits"]["nvidia.com/gpu"] == 1
        assert worker["resources"]["limits"]["memory"]
    assert "nvidia.com/gpu" not in containers(objects["base"])["worker"]["resources"]["limits"]


def test_versions_are_those_of_the_product() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text("utf-8"))
    assert chart["appVersion"] == vision.__version__
    values = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
    assert values["ray"]["version"] == version("ray")  # Ray wants the same version on both sides
