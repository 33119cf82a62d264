"""Alert rules and dashboard: promtool takes them, and every metric they name is one that a running hub exports."""

import json
import re
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.api.city import make_city
from tests.conftest import ROOT, absent
from vision.api.server import ApiServer
from vision.core.incidents import DeliveryStatus, IncidentStatus
from vision.storage.tables import OutboxRow

PROMETHEUS = ROOT / "deploy" / "prometheus"
DASHBOARD = json.loads((ROOT / "deploy" / "grafana" / "streetward.json").read_text("utf-8"))
OF_PROMETHEUS = {"up"}
HEALTH = {
    "fps": 0.1, "bitrate_kbit_s": 4000.0, "key_interval_s": 2.0, "last_look_age_s": 3.0, "clock_offset_s": 0.1,
    "reconnects": 1, "drops": 2, "missed": 3, "corrupt": 4,
}  # fmt: skip


def rule_expressions() -> list[str]:
    groups = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text("utf-8"))["groups"]
    return [rule["expr"] for group in groups for rule in group["rules"]]


def panel_expressions() -> list[str]:
    return [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", [])]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """Sample name → label names, scraped from a hub with a worker, cameras, incidents and a waiting delivery."""
    city = make_city(tmp_path_factory.mktemp("hub"))
    city.board.states["gate"] |= HEALTH
    city.raise_incident("i-1")
    with city.services.database.transaction() as session:
        session.add(
            OutboxRow(
                incident_id="i-1", kind="file", target="city", idempotency_key="k", payload={}, status="pending",
                next_at=city.clock.now(), created_at=city.clock.now() - timedelta(seconds=90),
            )
        )  # fmt: skip
    server = ApiServer(city.app(), city.services.feed, port=0)
    server.start()
    text = httpx.get(f"http://127.0.0.1:{server.port}/metrics").text
    server.stop()
    city.close()
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def promtool(*arguments: str, cwd: Path = PROMETHEUS) -> subprocess.CompletedProcess[str]:
    if shutil.which("promtool") is None:
        absent("needs Debian's prometheus: apt-get install prometheus")
    return subprocess.run(["promtool", *arguments], cwd=cwd, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.server
def test_promtool_takes_rules_and_scrape_configuration() -> None:
    for arguments in (("check", "rules", "alerts.yml"), ("check", "config", "--syntax-only", "prometheus.yml")):
        done = promtool(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.server
def test_every_rule_fires_when_it_should_and_not_before() -> None:
    done = promtool("test", "rules", "alerts.test.yml")
    assert done.returncode == 0, done.stdout + done.stderr
    tried = yaml.safe_load((PROMETHEUS / "alerts.test.yml").read_text("utf-8"))["tests"]
    fired = {case["alertname"] for test in tried for case in test["alert_rule_test"] if case["exp_alerts"]}
    groups = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text("utf-8"))["groups"]
    assert fired == {rule["alert"] for group in groups for rule in group["rules"]}


@pytest.mark.server
def test_the_dashboards_expressions_are_promql(tmp_path: Path) -> None:
    expressions = [text.replace("$__rate_interval", "5m") for text in panel_expressions()]
    rules = [{"record": f"r:{number}", "expr": text} for number, text in enumerate(expressions)]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}), "utf-8")
    done = promtool("check", "rules", "rules.yml", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_metric_and_label_named_is_exported(exported: dict[str, set[str]]) -> None:
    expressions = [*rule_expressions(), *panel_expressions()]
    named = {name for text in expressions for name in re.findall(r"\b(?:streetward|process|python)_\w+", text)}
    assert named
    assert named - exported.keys() == set()
    for text in expressions:
        for name, selector in re.findall(r"\b(\w+)\{([^}]*)\}", text):
            labels = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", selector)) - {"job", "instance"}
            assert name in OF_PROMETHEUS or labels <= exported[name], text
        for labels in re.findall(r"by \(([^)]*)\)", text):
            assert set(re.split(r",\s*", labels)) <= set().union(*exported.values()), text


def test_every_status_named_is_one_that_there_is() -> None:
    there = {*IncidentStatus, *DeliveryStatus}
    named = {
        one for text in [*rule_expressions(), *panel_expressions()] for one in re.findall(r'status=~?"([^"]+)"', text)
    }
    assert {one for text in named for one in text.split("|")} <= {str(one) for one in there}


def test_workers_and_the_oldest_delivery_are_counted(exported: dict[str, set[str]]) -> None:
    assert exported["streetward_workers"] == set()
    assert exported["streetward_outbox_oldest_seconds"] == {"kind"}


def test_the_dashboard_is_well_made() -> None:
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert at["x"] + at["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells
    variables = {one["name"] for one in DASHBOARD["templating"]["list"]}
    used = set(re.findall(r"\$\{?([a-z]\w*)", json.dumps(panels)))
    assert used == variables
