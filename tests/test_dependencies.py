"""The base install has everything that the product imports: what another package happened to bring doesn't count."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parents[1]
EXTRAS = {"torch", "torchvision", "ultralytics", "nncf", "ray", "skvideo", "polars", "matplotlib", "tensorrt", "onnx"}
"""Imported lazily, with an error that names the extra."""


def imported() -> set[str]:
    names = set()
    for path in (ROOT / "vision").rglob("*.py"):
        if "training" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module.partition(".")[0])
    return names - set(sys.stdlib_module_names) - {"vision"} - EXTRAS


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_import_is_a_declared_dependency() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    packages = {canonical(re.split(r"[\[<>=!~ ]", line)[0]) for line in declared}
    providers = packages_distributions()
    missing = {name for name in imported() if not {canonical(p) for p in providers.get(name, [])} & packages}
    assert missing == set()
