"""The capacity model: sums over groups of cameras of measured unit costs, and machines to carry them.

Decoding is linear in pixels and receiving linear in bitrate between and beyond the two streams that were measured
(main 1920×1080 at 4 Mbit/s, sub 704×576 at 0.512); everything else is proportional to cameras, looks, findings or
incidents. What was not measured is named, never guessed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil

from vision.plan.cameras import Group
from vision.plan.costs import Costs

_MAIN_MP, _SUB_MP = 1920 * 1080 / 1e6, 704 * 576 / 1e6
_MAIN_MBIT_S, _SUB_MBIT_S = 4.0, 0.512
_DAY_S = 86_400.0
_EVIDENCE_PX, _EVIDENCE_GROWTH = 640, 1.35
"""Width that evidence was weighed at, and how a JPEG's bytes grow with it: a shopping street takes 51 kB at 640 px and
223 at 1920, a lane at night 43 and 120 at 1280."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the city decides.

    Attributes:
        headroom: share of every core and link that stays free.
        worker_cores: cores that one worker process gets at most.
        incidents_per_camera_day: how many incidents a camera sees; counts from pilots differ by orders of magnitude.
        evidence_days, findings_days: how long they are kept.
        outage_min: how long Redis holds findings while no hub takes them.
        spare: workers and hubs more than the load wants, for when one dies.
    """

    headroom: float = 0.4
    worker_cores: float = 4.0
    incidents_per_camera_day: float = 0.1
    evidence_days: float = 365.0
    findings_days: float = 45.0
    outage_min: float = 30.0
    runs_per_zone_day: float = 10.0
    gpu: bool = False
    spare: int = 1


@dataclass(frozen=True, slots=True)
class Plan:
    """What a city takes. Cores and links without headroom; `workers`, `hubs` and `cores` with it.

    Attributes:
        worker_cores: of all workers together, the detector on CPUs included unless GPUs were wished.
        detector_passes_per_s: network passes, whatever carries them.
        gpus: None where a GPU's rate was not measured.
        not_measured: names of unit costs that the plan lacks.
        stands_on: names of unit costs that it used.
    """

    cameras: int
    looks_per_s: float
    detector_passes_per_s: float
    worker_cores: float
    hub_cores: float
    cores: int
    workers: int
    hubs: int
    gpus: int | None
    worker_memory_mb: float
    hub_memory_mb: float
    network_mbit_s: float
    findings_per_s: float
    redis_steady_mb: float
    redis_mb: float
    evidence_gb: float
    database_gb: float
    not_measured: tuple[str, ...] = ()
    stands_on: tuple[str, ...] = field(default=())


def plan(groups: Sequence[Group], costs: Costs, wishes: Wishes) -> Plan:
    """Raises ConfigError when a unit cost that has no substitute is missing."""
    cost = costs.known
    cameras = sum(group.cameras for group in groups)
    looks = sum(group.looks_per_s for group in groups)
    passes = sum(group.looks_per_s * group.passes for group in groups)
    findings = sum(group.looks_per_s * group.zones for group in groups)
    streams = sum(_stream_cores(group, costs) for group in groups)
    detector = 0.0 if wishes.gpu else passes * cost("detector_cpu_s_per_pass")
    scene = looks * cost("scene_cpu_s_per_look")
    load = streams + detector + scene
    free = 1 - wishes.headroom
    needed = max(1, ceil(load / free / wishes.worker_cores))
    hub_load = findings * cost("hub_cpu_s_per_finding") + cameras * cost("hub_cores_per_camera")
    hubs = max(1, ceil(hub_load / free))  # a hub is one process, of one core
    workers = needed + (wishes.spare if cameras else 0)
    hubs += wishes.spare if hubs > 1 or workers > 2 else 0
    worker_cores = load + needed * cost("worker_idle_cores")
    hub_cores = hub_load + cost("hub_idle_cores")
    gpu_rate = costs.maybe("gpu_passes_per_s") if wishes.gpu else None
    steady_mb = cost("redis_base_mb") + cameras * cost("redis_kb_per_camera") / 1e3
    per_day = cameras * wishes.incidents_per_camera_day
    zones = sum(group.cameras * group.zones for group in groups)
    runs_bytes = zones * wishes.runs_per_zone_day * wishes.findings_days * cost("database_bytes_per_run")
    return Plan(
        cameras=cameras,
        looks_per_s=looks,
        detector_passes_per_s=passes,
        worker_cores=worker_cores,
        hub_cores=hub_cores,
        cores=ceil((worker_cores + (workers - needed) * min(worker_cores, wishes.worker_cores) + hub_cores) / free),
        workers=workers,
        hubs=hubs,
        gpus=0 if not wishes.gpu else None if gpu_rate is None else ceil(passes / gpu_rate / free),
        worker_memory_mb=needed * cost("worker_base_mb") + _stream_memory_mb(groups, costs),
        hub_memory_mb=cost("hub_base_mb"),
        network_mbit_s=sum(_mbit_s(group, costs) for group in groups),
        findings_per_s=findings,
        redis_steady_mb=steady_mb,
        redis_mb=(steady_mb + findings * wishes.outage_min * 60 * cost("redis_bytes_per_finding") / 1e6) / free,
        evidence_gb=sum(_evidence_kb(group, costs) * group.cameras for group in groups)
        * wishes.incidents_per_camera_day
        * wishes.evidence_days
        / 1e6,
        database_gb=(per_day * wishes.evidence_days * cost("database_kb_per_incident") * 1e3 + runs_bytes) / 1e9,
        not_measured=tuple(sorted(name for name in costs.used if costs.by_name[name].value is None)),
        stands_on=tuple(sorted(costs.used)),
    )


def _line(at: float, low: tuple[float, float], high: tuple[float, float]) -> float:
    """On the line through two measured points, never below nought."""
    slope = (high[1] - low[1]) / (high[0] - low[0])
    return max(0.0, low[1] + (at - low[0]) * slope)


def _stream_cores(group: Group, costs: Costs) -> float:
    """Cores for receiving and decoding."""
    if group.kind == "snapshot":
        return group.looks_per_s * costs.known("snapshot_cpu_s_per_look")
    if group.kind == "patrol":
        return group.looks_per_s * costs.known("patrol_cpu_s_per_visit")
    pixels, mbit_s = group.width * group.height / 1e6, group.kbit_s / 1e3
    h264_look = costs.known("live_look_cpu_s_h264_main")
    look = _line(pixels, (_SUB_MP, costs.known("live_look_cpu_s_h264_sub")), (_MAIN_MP, h264_look))
    opened_main = costs.known("live_open_cores_h264_main")
    opened = _line(mbit_s, (_SUB_MBIT_S, costs.known("live_open_cores_h264_sub")), (_MAIN_MBIT_S, opened_main))
    if group.codec == "h265":
        look *= costs.known("live_look_cpu_s_h265_main") / h264_look
        opened *= costs.known("live_open_cores_h265_main") / opened_main
    return group.cameras * opened + group.looks_per_s * look


def _stream_memory_mb(groups: Sequence[Group], costs: Costs) -> float:
    """Evidence rings of live cameras: 15 s of stream, 7 MB at most by default, and what a connection takes."""
    ring_mb = costs.known("ring_mb_most")
    seconds, own_mb = costs.known("ring_s"), costs.known("worker_mb_per_live_camera_beside_ring")
    return sum(
        group.cameras * (min(ring_mb, group.kbit_s / 8e3 * seconds) + own_mb)
        for group in groups
        if group.kind == "live"
    )


def _evidence_kb(group: Group, costs: Costs) -> float:
    """An incident's pictures and, of a live camera, its clip out of the compressed stream."""
    clip_kb = costs.known("clip_s") * group.kbit_s / 8 if group.kind == "live" else 0.0
    larger: float = max(1.0, max(group.width, group.height) / _EVIDENCE_PX) ** _EVIDENCE_GROWTH
    return costs.known("evidence_pictures_kb_per_incident") * larger + clip_kb


def _mbit_s(group: Group, costs: Costs) -> float:
    """What comes in: a live stream always, a visit for as long as it is open, a picture a look."""
    if group.kind == "live":
        return group.cameras * group.kbit_s / 1e3
    if group.kind == "patrol":
        return group.looks_per_s * costs.known("patrol_visit_s") * group.kbit_s / 1e3
    return group.looks_per_s * costs.known("snapshot_kb_per_look") * 8 / 1e3
