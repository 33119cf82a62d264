"""Renders and lints the Helm chart by Helm's own engine, in a process of its own: it brings Go's runtime along."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

CHART = Path(__file__).parents[2] / "deploy" / "helm" / "streetward"


def rendered(*values: dict[str, Any]) -> list[dict[str, Any]]:
    """For each set of values `{"lint": …, "manifests": {template: text}}`, or `{"error": text}`."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.deploy.rendering"],
        input=json.dumps(values),
        cwd=CHART.parents[2],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return list(json.loads(done.stdout))


def _render(values: dict[str, Any]) -> dict[str, Any]:
    import helm_python as helm

    lint = helm.lint(CHART, values, strict=True, kube_version="v1.30.0")
    with helm.Chart.load(CHART) as chart:
        try:
            chart.validate_schema(values)
            return {"lint": lint, "manifests": chart.render(values, name="city", namespace="prod")}
        except helm.HelmError as error:
            return {"lint": lint, "error": str(error)}


if __name__ == "__main__":
    print(json.dumps([_render(values) for values in json.load(sys.stdin)]))
