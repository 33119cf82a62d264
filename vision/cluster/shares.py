"""Spreads cameras over workers: by capacity, a gateway's cameras together, and moving as few as can be on change.

Rendezvous hashing (Thaler & Ravishankar, IEEE/ACM ToN 1998) with bounded loads (Mirrokni, Thorup & Zadimoghaddam, SODA
2018): every group of cameras ranks all workers by a hash and goes to the first with room for it.
"""

import hashlib
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

SLACK = 1.15
"""How far above its fair part a worker may be loaded; less moves more cameras on change."""


@dataclass(frozen=True, slots=True)
class Load:
    """One camera: what it costs (any unit, the same for all) and the gateway whose opens are counted together."""

    camera_id: str
    cost: float = 1.0
    gateway: str | None = None


def spread(loads: Sequence[Load], capacities: Mapping[str, float], slack: float = SLACK) -> dict[str, list[str]]:
    """Camera ids by worker; every camera is given out, whatever it costs.

    Pure: the same cameras and workers give the same answer on every machine and after every restart.

    Args:
        loads: the cameras.
        capacities: what each worker can bear, in any unit; only their proportion counts.
        slack: see SLACK.
    """
    workers = {name: capacity for name, capacity in capacities.items() if capacity > 0}
    if not workers:
        return {}
    total, room = sum(load.cost for load in loads), sum(workers.values())
    bounds = {name: total * capacity / room * slack for name, capacity in workers.items()}
    shares: dict[str, list[str]] = {name: [] for name in sorted(workers)}
    filled = dict.fromkeys(workers, 0.0)
    for group in _groups(loads, min(bounds.values())):
        name = _home(group, workers, bounds, filled)
        shares[name] += [load.camera_id for load in group]
        filled[name] += sum(load.cost for load in group)
    return shares


def _groups(loads: Sequence[Load], most: float) -> list[list[Load]]:
    """A gateway's cameras as one group, cut where it would not fit a worker; largest first, for even filling."""
    by_gateway: defaultdict[str, list[Load]] = defaultdict(list)
    for load in sorted(loads, key=lambda load: load.camera_id):
        by_gateway[load.gateway or f"camera:{load.camera_id}"].append(load)
    groups: list[list[Load]] = []
    for members in by_gateway.values():
        group: list[Load] = []
        cost = 0.0
        for load in members:
            if group and cost + load.cost > most:
                groups.append(group)
                group, cost = [], 0.0
            group.append(load)
            cost += load.cost
        groups.append(group)
    return sorted(groups, key=lambda group: (-sum(load.cost for load in group), group[0].camera_id))


def _home(
    group: Sequence[Load], workers: Mapping[str, float], bounds: Mapping[str, float], filled: Mapping[str, float]
) -> str:
    cost = sum(load.cost for load in group)
    key = group[0].gateway or group[0].camera_id
    ranked = sorted(workers, key=lambda name: _score(key, name, workers[name]))
    for name in ranked:
        if filled[name] + cost <= bounds[name]:
            return name
    return min(ranked, key=lambda name: (filled[name] + cost) / bounds[name])


def _score(key: str, worker: str, capacity: float) -> float:
    """Weighted rendezvous score, lower is better: an exponential draw whose rate is the worker's capacity."""
    digest = hashlib.blake2b(f"{key}\n{worker}".encode(), digest_size=8).digest()
    uniform = (int.from_bytes(digest) + 1) / 2**64
    return -math.log(uniform) / capacity
