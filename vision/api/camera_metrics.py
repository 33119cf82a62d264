"""Cameras' streams and workers' patrols as Prometheus series."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

_UNTOLD = frozenset({"unwatched", "disabled"})


class CameraFigures(Collector):
    """Ten series a camera, from `camera_items`. A figure that is not known (no look yet, no clock told) has no sample.

    Label `camera` is the camera's id; `state` one of seven, so that a camera has one series of it at a time.
    """

    def __init__(self, items: Iterable[Mapping[str, Any]]) -> None:
        self._items = items

    def collect(self) -> Iterator[Metric]:
        state = GaugeMetricFamily("streetward_camera_state", "1 for the state it is in", labels=["camera", "state"])
        figures = _figures()
        for item in self._items:
            state.add_metric([item["id"], item["state"]], 1.0)
            if item["state"] in _UNTOLD:
                continue
            health = item["health"]
            for key, family, factor in figures:
                value = health.get(key)
                if value is not None:
                    family.add_metric([item["id"]], float(value) * factor)
        yield state
        yield from (family for _, family, _ in figures)


class PatrolFigures(Collector):
    """Six series a worker that patrols, from `worker_items`."""

    def __init__(self, workers: Iterable[Mapping[str, Any]]) -> None:
        self._workers = workers

    def collect(self) -> Iterator[Metric]:
        worker = ["worker"]
        families: dict[str, GaugeMetricFamily | CounterMetricFamily] = {
            "cameras": GaugeMetricFamily("streetward_patrol_cameras", "Cameras that it visits", labels=worker),
            "dead": GaugeMetricFamily("streetward_patrol_dead_cameras", "Of them, those that fail", labels=worker),
            "within_target": GaugeMetricFamily(
                "streetward_patrol_within_target_ratio", "Share of the living seen within their target", labels=worker
            ),
            "worst_age_s": GaugeMetricFamily(
                "streetward_patrol_worst_age_seconds", "Longest that a living camera was not seen", labels=worker
            ),
            "visits": CounterMetricFamily("streetward_patrol_visits", "Visits after the first", labels=worker),
            "late_visits": CounterMetricFamily("streetward_patrol_late_visits", "After their target", labels=worker),
        }
        for row in self._workers:
            for key, family in families.items() if row["patrol"] is not None else ():
                family.add_metric([row["id"]], row["patrol"][key])
        yield from families.values()


def _figures() -> list[tuple[str, GaugeMetricFamily | CounterMetricFamily, float]]:
    """Key in a health record, family, and what makes it the family's unit."""
    camera = ["camera"]
    return [
        ("fps", GaugeMetricFamily("streetward_camera_looks_per_second", "Over the last minute", labels=camera), 1),
        (
            "bitrate_kbit_s",
            GaugeMetricFamily("streetward_camera_bits_per_second", "Of its stream, between looks", labels=camera),
            1000,
        ),
        (
            "key_interval_s",
            GaugeMetricFamily("streetward_camera_key_interval_seconds", "Between keyframes", labels=camera),
            1,
        ),
        (
            "last_look_age_s",
            GaugeMetricFamily("streetward_camera_last_look_age_seconds", "Since its last look came", labels=camera),
            1,
        ),
        (
            "clock_offset_s",
            GaugeMetricFamily("streetward_camera_clock_offset_seconds", "Its clock minus the worker's", labels=camera),
            1,
        ),
        (
            "reconnects",
            CounterMetricFamily("streetward_camera_reconnects", "Sessions after the first", labels=camera),
            1,
        ),
        (
            "drops",
            CounterMetricFamily("streetward_camera_drops", "Looks that inference did not take", labels=camera),
            1,
        ),
        ("missed", CounterMetricFamily("streetward_camera_missed_looks", "Looks that did not come", labels=camera), 1),
        (
            "corrupt",
            CounterMetricFamily("streetward_camera_corrupt_pictures", "Keyframes that were not whole", labels=camera),
            1,
        ),
    ]
