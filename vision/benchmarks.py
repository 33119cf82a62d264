"""Finds and runs the benchmarks that lie beside the package in a checkout."""

import importlib
import sys
from pathlib import Path

from vision.core.errors import ConfigError, NotThereError

NAMES = (
    "ingest",
    "detect",
    "accuracy",
    "events",
    "inject",
    "layouts",
    "hub",
    "cases",
    "cluster",
    "console",
    "end_to_end",
    "plan",
    "pressure",
    "tiling",
    "twins",
    "change",
)
_CHECKOUT = Path(__file__).resolve().parent.parent


def run(name: str, arguments: list[str]) -> int:
    """Run `benchmarks/NAME.py`'s `main(arguments)`.

    Raises:
        ConfigError: no benchmark of that name.
        NotThereError: the benchmarks are not there (the package was installed without its checkout).
    """
    if name not in NAMES:
        raise ConfigError(f"there is no benchmark {name}; there are {', '.join(NAMES)}")
    if not (_CHECKOUT / "benchmarks" / f"{name}.py").is_file():
        raise NotThereError(f"benchmark {name} is not in {_CHECKOUT / 'benchmarks'}: run it from a checkout")
    sys.path.insert(0, str(_CHECKOUT))
    module = importlib.import_module(f"benchmarks.{name}")
    return int(module.main(arguments))
