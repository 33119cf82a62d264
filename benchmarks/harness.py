"""What every benchmark shares: rows, targets, the printed table, the JSON file and the facts of the machine."""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Result:
    """One row. `ok` is None where no target is set."""

    name: str
    value: float
    unit: str
    target: str = ""
    ok: bool | None = None


def at_most(name: str, value: float, unit: str, limit: float) -> Result:
    return Result(name, value, unit, f"<= {limit:g}", value <= limit)


def at_least(name: str, value: float, unit: str, limit: float) -> Result:
    return Result(name, value, unit, f">= {limit:g}", value >= limit)


def machine() -> dict[str, Any]:
    """Facts that a figure means nothing without."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [
            line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")
        ]
        cpu = names[0] if names else cpu
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "cpu": cpu,
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(memory_gib, 1),
        "python": platform.python_version(),
        "system": platform.system(),
    }


def commit() -> str:
    """The checkout's short commit, `unknown` outside one."""
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or "unknown"


def cpu_seconds(pid: int | None = None) -> float:
    """User and system CPU seconds of this process (all threads), or of another running one."""
    if pid is None:
        used = resource.getrusage(resource.RUSAGE_SELF)
        return used.ru_utime + used.ru_stime
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def table(results: Iterable[Result]) -> str:
    """The rows as a Markdown table."""
    lines = ["| figure | value | unit | target | met |", "|---|---|---|---|---|"]
    mark = {True: "yes", False: "**no**", None: ""}
    lines += [f"| {r.name} | {r.value:.4g} | {r.unit} | {r.target} | {mark[r.ok]} |" for r in results]
    return "\n".join(lines)


def report(name: str, results: list[Result], json_file: Path | None) -> None:
    """Print the table; write the JSON file when one was asked for."""
    print(f"{name} at {commit()}\n{table(results)}")
    if json_file is not None:
        document = {
            "benchmark": name,
            "commit": commit(),
            "machine": machine(),
            "results": [asdict(result) for result in results],
        }
        json_file.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def main(
    name: str,
    run: Callable[[argparse.Namespace], list[Result]],
    extend: Callable[[argparse.ArgumentParser], None] = lambda _parser: None,
    argv: list[str] | None = None,
) -> int:
    """The command line every benchmark has: `--quick`, `--json FILE` and what `extend` adds.

    Returns:
        0 when it ran; missed targets are told in the table, not by the exit code.
    """
    parser = argparse.ArgumentParser(prog=f"vision bench {name}")
    parser.add_argument("--quick", action="store_true", help="under a minute; figures are rougher")
    parser.add_argument("--json", type=Path, default=None, metavar="FILE", help="also write the results here")
    extend(parser)
    args = parser.parse_args(argv)
    report(name, run(args), args.json)
    sys.stdout.flush()
    return 0
