from hypothesis import given
from hypothesis import strategies as st

from vision.cluster.shares import SLACK, Load, spread

CITY = [Load(f"c{n:05}", gateway=f"nvr{n // 16}") for n in range(4_000)]
FOUR = {f"w{n}": 1.0 for n in range(4)}


def where(shares: dict[str, list[str]]) -> dict[str, str]:
    return {camera: worker for worker, cameras in shares.items() for camera in cameras}


@given(
    st.lists(st.floats(0.1, 5), min_size=1, max_size=60),
    st.dictionaries(st.sampled_from("abcdef"), st.floats(0.1, 10), min_size=1),
    st.integers(1, 8),
)
def test_every_camera_has_exactly_one_worker(
    costs: list[float], capacities: dict[str, float], per_gateway: int
) -> None:
    loads = [Load(f"c{n}", cost, f"g{n // per_gateway}") for n, cost in enumerate(costs)]
    shares = spread(loads, capacities)
    assert sorted(camera for cameras in shares.values() for camera in cameras) == sorted(x.camera_id for x in loads)


def test_the_load_is_even_and_gateways_stay_together() -> None:
    shares = spread(CITY, FOUR)
    assert max(map(len, shares.values())) <= len(CITY) / 4 * SLACK
    home = where(shares)
    assert all(len({home[load.camera_id] for load in CITY[n : n + 16]}) == 1 for n in range(0, len(CITY), 16))


def test_a_lost_worker_moves_little_beside_its_own_cameras() -> None:
    before, after = where(spread(CITY, FOUR)), where(spread(CITY, {k: v for k, v in FOUR.items() if k != "w2"}))
    moved = [camera for camera, worker in before.items() if worker != "w2" and after[camera] != worker]
    assert len(moved) <= 0.10 * len(CITY)


def test_a_new_camera_moves_nobody() -> None:
    before = where(spread(CITY[:-16], FOUR))
    after = where(spread(CITY, FOUR))
    assert sum(after[camera] != worker for camera, worker in before.items()) <= 0.02 * len(CITY)


def test_capacity_decides_how_much_a_worker_gets() -> None:
    shares = spread(CITY, {"big": 3.0, "small": 1.0})
    assert 2.4 <= len(shares["big"]) / len(shares["small"]) <= 4.2


def test_without_workers_nobody_gets_anything() -> None:
    assert spread(CITY, {}) == {}
    assert spread(CITY, {"w": 0.0}) == {}
