import json
import re
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.conftest import ROOT
from tests.test_cli import vision
from vision.core.errors import ConfigError, NotThereError
from vision.plan.cameras import Group, read_cameras, sampling
from vision.plan.costs import COSTS_FILE, Costs, load_costs
from vision.plan.model import Plan, Wishes, plan
from vision.plan.report import as_table, as_text

CITY = [Group(cameras=17_000), Group(cameras=500, kind="patrol", sample_s=1800)]
groups = st.builds(
    Group,
    cameras=st.integers(1, 20_000),
    kind=st.sampled_from(["live", "patrol", "snapshot"]),
    codec=st.sampled_from(["h264", "h265"]),
    width=st.integers(352, 3840),
    height=st.integers(288, 2160),
    kbit_s=st.floats(100, 16_000),
    sample_s=st.floats(1, 3600),
    passes=st.floats(1, 9),
)
LOADS = (
    "looks_per_s", "detector_passes_per_s", "worker_cores", "hub_cores", "network_mbit_s", "findings_per_s", "redis_mb",
    "worker_memory_mb", "evidence_gb", "database_gb", "workers", "cores", "hubs",
)  # fmt: skip


def planned(*found: Group, wishes: Wishes | None = None) -> Plan:
    return plan(found, load_costs(), wishes or Wishes())


def test_the_measured_figures_come_out_again() -> None:
    """A camera-minute at the very settings that were measured costs what was measured."""
    for size, codec, looks, cpu_s in (
        ((1920, 1080, 4000.0), "h264", 6, 0.135),
        ((1920, 1080, 4000.0), "h264", 30, 0.534),
        ((704, 576, 512.0), "h264", 6, 0.037),
        ((704, 576, 512.0), "h264", 30, 0.122),
        ((1920, 1080, 4000.0), "h265", 30, 0.694),
    ):
        costs = load_costs()
        zero = {"detector_cpu_s_per_pass", "scene_cpu_s_per_look", "worker_idle_cores"}
        for name in zero:
            costs.by_name[name] = costs.by_name[name].model_copy(update={"value": 0.0})
        width, height, kbit_s = size
        group = Group.model_validate(
            {"codec": codec, "width": width, "height": height, "kbit_s": kbit_s, "sample_s": 60 / looks}
        )
        assert plan([group], costs, Wishes()).worker_cores * 60 == pytest.approx(cpu_s, rel=0.01)


# One worker and its spare once took more cores than two workers and theirs.
@example(Group(cameras=4955, codec="h265", width=352, height=288, kbit_s=2224.0, sample_s=1422.0, passes=3.0), 2)
@given(groups, st.integers(2, 5))
def test_more_cameras_or_looks_never_take_less(group: Group, times: int) -> None:
    one = planned(group)
    for more in (
        planned(group.model_copy(update={"cameras": group.cameras * times})),
        planned(group.model_copy(update={"sample_s": group.sample_s / times})),
    ):
        assert all(getattr(more, name) >= getattr(one, name) for name in LOADS)


@given(groups, groups)
def test_groups_add_up(first: Group, second: Group) -> None:
    both, one, other = planned(first, second), planned(first), planned(second)
    for name in ("looks_per_s", "network_mbit_s", "findings_per_s", "evidence_gb", "database_gb"):
        assert getattr(both, name) == pytest.approx(getattr(one, name) + getattr(other, name))


def test_the_cost_of_a_camera_is_flat_with_the_city() -> None:
    small, large = planned(Group(cameras=1000)), planned(Group(cameras=17_500))
    assert large.worker_cores / 17_500 == pytest.approx(small.worker_cores / 1000, rel=0.05)


def test_a_gpu_that_nobody_measured_is_named_and_not_invented() -> None:
    made = planned(*CITY, wishes=Wishes(gpu=True))
    if load_costs().by_name["gpu_passes_per_s"].value is None:
        assert made.gpus is None
        assert made.not_measured == ("gpu_passes_per_s",)
        text = as_table(made, Wishes(gpu=True), load_costs())
        assert re.search(r"^GPUs +not measured$", text, re.MULTILINE)
        assert "not measured: gpu_passes_per_s (vision bench detect" in text
    assert made.worker_cores < planned(*CITY).worker_cores  # the detector is off the CPUs


def test_a_gpu_that_was_measured_counts() -> None:
    costs = load_costs()
    costs.by_name["gpu_passes_per_s"] = costs.by_name["gpu_passes_per_s"].model_copy(update={"value": 1000.0})
    assert plan([Group(cameras=17_500)], costs, Wishes(gpu=True, headroom=0.5)).gpus == 4


def test_what_is_only_assumed_is_said() -> None:
    text = as_table(planned(*CITY), Wishes(), load_costs())
    assert "taken as given: patrol_visit_s 4 s" in text


def test_a_clip_takes_what_its_stream_takes() -> None:
    thin, thick = planned(Group(kbit_s=500)), planned(Group(kbit_s=4000))
    assert thick.evidence_gb > 4 * thin.evidence_gb  # the pictures are as large in both
    assert planned(Group(kind="snapshot")).evidence_gb < thin.evidence_gb
    small, wide = (planned(Group(kind="snapshot", width=px, height=px // 2)).evidence_gb for px in (640, 1920))
    assert wide / small == pytest.approx(4.4, rel=0.02)  # as weighed: 223 kB and 51
    assert planned(Group(kind="snapshot", width=320, height=160)).evidence_gb == small


def test_headroom_and_spares_are_on_top() -> None:
    tight = planned(*CITY, wishes=Wishes(headroom=0, spare=0))
    roomy = planned(*CITY, wishes=Wishes(headroom=0.5, spare=2))
    assert roomy.workers >= 2 * tight.workers
    assert roomy.network_mbit_s == tight.network_mbit_s


def test_every_unit_cost_is_used_and_says_where_it_is_from() -> None:
    costs = load_costs()
    plan([*CITY, Group(codec="h265"), Group(kind="snapshot")], costs, Wishes())
    plan(CITY, costs, Wishes(gpu=True))
    assert costs.used == costs.by_name.keys()
    for name, cost in costs.by_name.items():
        assert cost.command, name
        if cost.value is not None:
            measured = cost.machine is not None and cost.measured_on is not None
            assert measured or cost.command.startswith(("an assumption", "options")), name
        bench = re.match(r"vision bench (\w+)", cost.command)
        assert bench is None or (ROOT / "benchmarks" / f"{bench[1]}.py").is_file(), name


def test_a_file_of_cameras(tmp_path: Path) -> None:
    file = tmp_path / "cameras.csv"
    file.write_text("id,kind,cameras,sample_s,codec\na,live,,,\nb,patrol,40,,\nc,snapshot,3,30,h265\n", "utf-8")
    found = read_cameras(file, sampling("live=5,patrol=600"))
    assert [(one.kind, one.cameras, one.sample_s) for one in found] == [
        ("live", 1, 5.0), ("patrol", 40, 600.0), ("snapshot", 3, 30.0),
    ]  # fmt: skip
    assert read_cameras(file, sampling("20"))[0].sample_s == 20


def test_every_bad_row_is_told(tmp_path: Path) -> None:
    file = tmp_path / "cameras.csv"
    file.write_text("kind,cameras\nlive,x\nflying,2\n")
    with pytest.raises(ConfigError) as told:
        read_cameras(file, sampling(""))
    assert [problem.split(": ")[0] for problem in told.value.problems] == ["cameras.csv:2", "cameras.csv:3"]
    file.write_text("name\nx\n")
    with pytest.raises(ConfigError, match="needs a header"):
        read_cameras(file, sampling(""))
    with pytest.raises(NotThereError):
        read_cameras(tmp_path / "none.csv", sampling(""))


@pytest.mark.parametrize("text", ["0", "-1", "fast", "live=x", "drone=5"])
def test_a_wrong_sampling_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="sampling reads"):
        sampling(text)


def test_wrong_unit_costs_are_refused(tmp_path: Path) -> None:
    (tmp_path / "costs.json").write_text('{"costs": {"x": {"value": -1}}}')
    with pytest.raises(ConfigError):
        load_costs(tmp_path / "costs.json")
    with pytest.raises(ConfigError, match="lack"):
        plan(CITY, Costs({}), Wishes())


def test_by_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "cameras.csv").write_text("cameras\n17500\n")
    done = vision("plan", "--cameras", str(tmp_path / "cameras.csv"), "--sampling", "live=30", "--gpu", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert told["plan"]["looks_per_s"] == pytest.approx(17_500 / 30)
    assert (
        told["costs"]["gpu_passes_per_s"]["command"]
        == json.loads(COSTS_FILE.read_text("utf-8"))["costs"]["gpu_passes_per_s"]["command"]
    )
    assert as_text(planned(*CITY), Wishes(), load_costs()).startswith("{")
