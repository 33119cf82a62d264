"""A plan as a table for people and as JSON for programs; both say what it stands on."""

import json
from collections.abc import Iterator
from dataclasses import asdict

from vision.plan.costs import Costs
from vision.plan.model import Plan, Wishes


def as_table(plan: Plan, wishes: Wishes, costs: Costs) -> str:
    rows = list(_rows(plan, wishes))
    width = max(len(name) for name, _ in rows)
    lines = [f"{name:<{width}}  {value}" for name, value in rows]
    lines += [f"not measured: {name} ({costs.by_name[name].command})" for name in plan.not_measured]
    given = [
        name for name in plan.stands_on if costs.by_name[name].measured_on is None and name not in plan.not_measured
    ]
    lines += [f"taken as given: {name} {costs.by_name[name].value:g} {costs.by_name[name].unit}" for name in given]
    machines = sorted({str(costs.by_name[name].machine) for name in plan.stands_on if costs.by_name[name].machine})
    lines.append(f"Stands on {len(plan.stands_on)} unit costs, measured on: {'; '.join(machines)}.")
    return "\n".join(lines) + "\n"


def as_text(plan: Plan, wishes: Wishes, costs: Costs) -> str:
    used = {name: costs.by_name[name].model_dump(mode="json") for name in plan.stands_on}
    return (
        json.dumps({"plan": asdict(plan), "wishes": asdict(wishes), "costs": used}, indent=1, ensure_ascii=False) + "\n"
    )


def _rows(plan: Plan, wishes: Wishes) -> Iterator[tuple[str, str]]:
    free = 1 - wishes.headroom
    yield "cameras", f"{plan.cameras:,}"
    yield "looks", f"{plan.looks_per_s:,.1f} a second; findings {plan.findings_per_s:,.1f} a second"
    yield "detector", f"{plan.detector_passes_per_s:,.1f} network passes a second"
    if wishes.gpu:
        yield "GPUs", "not measured" if plan.gpus is None else str(plan.gpus)
    yield "workers", f"{plan.workers}, of up to {wishes.worker_cores:g} cores each ({wishes.spare} of them spare)"
    yield "hubs", str(plan.hubs)
    yield "CPU cores", f"{plan.cores} (busy: workers {plan.worker_cores:.1f}, hubs {plan.hub_cores:.2f})"
    memory_gb = (plan.worker_memory_mb + plan.hub_memory_mb * plan.hubs) / free / 1e3
    yield (
        "memory",
        f"{memory_gb:.1f} GB (workers {plan.worker_memory_mb / 1e3:.1f}, each hub {plan.hub_memory_mb / 1e3:.1f})",
    )
    yield "network in", f"{plan.network_mbit_s / free / 1e3:.2f} Gbit/s (streams {plan.network_mbit_s / 1e3:.2f})"
    yield (
        "Redis",
        f"{plan.redis_mb:,.0f} MB (steady {plan.redis_steady_mb:.0f}, and {wishes.outage_min:g} min of findings)",
    )
    yield "evidence", f"{plan.evidence_gb:,.0f} GB in {wishes.evidence_days:g} days"
    yield "database", f"{plan.database_gb:,.1f} GB"
    yield "assumed", f"{wishes.incidents_per_camera_day:g} incidents a camera and day, {wishes.headroom:.0%} headroom"
