"""Grids and bike bays as the map asks for them."""

from datetime import timedelta

import httpx
import pytest

from tests.api.city import City

OUTLINE = [[120.15, 30.27], [120.16, 30.27], [120.16, 30.28], [120.15, 30.28]]
VIEW = [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.1, 0.9]]


def grid(district: str) -> dict[str, object]:
    return {"name": "解放路网格", "kind": "grid", "district": district, "polygons": [OUTLINE]}


def draw_bay(city: City, **values: object) -> None:
    document = dict(city.registry.document("camera", "gate"))
    bay = {"kind": "bike_bay", "name": "北门车位", "polygon": VIEW, "capacity": 20, **values}
    city.registry.put("camera", "gate", {**document, "views": {}, "zones": {"bay": bay}}, by="test")


def test_grids_come_with_their_outlines_and_only_ones_own(city: City, client: httpx.Client) -> None:
    city.registry.put("grid", "330102001001001", grid("东城"), by="test")
    city.registry.put("grid", "330102001001002", grid("西城"), by="test")
    first, _second = client.get("/api/v1/grids").json()["items"]
    assert (first["id"], first["name"], first["polygons"]) == ("330102001001001", "解放路网格", [OUTLINE])
    key = client.post("/api/v1/admin/keys", json={"name": "west", "role": "viewer", "districts": ["西城"]}).json()
    seen = client.get("/api/v1/grids", headers={"X-API-Key": key["key"]}).json()["items"]
    assert [item["id"] for item in seen] == ["330102001001002"]


def test_a_bay_tells_how_full_it_is_while_that_is_known(city: City, client: httpx.Client) -> None:
    draw_bay(city)
    (bay,) = client.get("/api/v1/bays").json()["items"]
    assert (bay["id"], bay["capacity"], bay["bikes"], bay["ground"]) == ("gate/bay", 20, None, [])
    assert bay["position"] == [120.1551, 30.2741], "its camera's place, while nothing better is known"
    at = city.clock.now()
    city.board.states["gate"]["bays"] = {"main/bay": {"bikes": 17, "at": at.isoformat()}}
    assert client.get("/api/v1/bays").json()["items"][0]["bikes"] == 17
    city.board.states["gate"]["bays"]["main/bay"]["at"] = (at - timedelta(hours=1)).isoformat()
    assert client.get("/api/v1/bays").json()["items"][0]["bikes"] is None


def test_a_bay_lies_where_the_calibration_puts_it(city: City, client: httpx.Client) -> None:
    draw_bay(city)
    points = [{"view": seen, "ground": there} for seen, there in zip(VIEW, OUTLINE, strict=True)]
    client.put("/api/v1/cameras/gate/views/main/calibration", json=points)
    (bay,) = client.get("/api/v1/bays").json()["items"]
    assert [tuple(corner) for corner in bay["ground"]] == [pytest.approx(tuple(corner)) for corner in OUTLINE]
    assert bay["position"] == pytest.approx([120.155, 30.275])
    draw_bay(city, ground=[[121, 31], [121.1, 31], [121.1, 31.1]])
    assert client.get("/api/v1/bays").json()["items"][0]["ground"][0] == [121, 31]
