import pytest

from vision.app.cluster import _place


@pytest.mark.parametrize("url", ["redis://10.0.0.1", "redis://:new@10.0.0.1:6379/0", "rediss://one:old@10.0.0.1/"])
def test_a_city_stays_the_same_with_another_password(url: str) -> None:
    assert _place(url) == "10.0.0.1:6379/0"


@pytest.mark.parametrize("url", ["redis://10.0.0.2", "redis://10.0.0.1:6380", "redis://10.0.0.1/1"])
def test_another_redis_is_another_city(url: str) -> None:
    assert _place(url) != _place("redis://10.0.0.1")
