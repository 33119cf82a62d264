import json

import pytest

from vision.core.errors import ConfigError
from vision.hub.imports import read_csv, read_geojson
from vision.hub.places import GridIndex

GRID = "310101001001001"


def square(x: float, y: float, size: float) -> list[list[float]]:
    return [[x, y], [x + size, y], [x + size, y + size], [x, y + size], [x, y]]


def feature(key: str, ring: list[list[float]], **properties: object) -> dict[str, object]:
    return {
        "type": "Feature",
        "id": key,
        "properties": properties,
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }


def collection(*features: object) -> str:
    return json.dumps({"type": "FeatureCollection", "features": features})


def test_good_rows_are_taken_and_every_bad_one_is_told() -> None:
    text = (
        "\ufeffid,name,keeper,phone,grid,longitude,latitude\n"
        f"s1,海鲜店,王,13800000000,{GRID},121.4,31.2\n"
        "s2,,李,,,,\n"
        "s3,面馆,,call me,12,,\n"
        ",水果店,,,,,\n"
        "s1,again,,,,,\n"
        "s4,茶馆,,,,500,31\n"
    )
    found = read_csv("shop", text, "shops.csv")
    assert list(found.documents) == ["s1"]
    assert found.documents["s1"]["position"] == [121.4, 31.2]
    assert [problem.split(": ")[0] for problem in found.problems] == [
        "shops.csv:3",
        "shops.csv:4",
        "shops.csv:4",
        "shops.csv:5",
        "shops.csv:6",
        "shops.csv:7",
    ]
    assert "name: is missing" in found.problems[0]
    assert "there twice" in found.problems[4]


def test_a_column_nobody_knows_is_told() -> None:
    found = read_csv("bike_operator", "id,name,districts,boss\na,Bikes,east; west,x\nb,Other,,\n", "ops.csv")
    assert found.problems == ("ops.csv:2: boss: is not a column of this register",)
    assert list(found.documents) == ["b"]


def test_files_that_are_none_are_refused() -> None:
    with pytest.raises(ConfigError, match="column `id`"):
        read_csv("shop", "name\nx\n", "shops.csv")
    with pytest.raises(ConfigError, match="FeatureCollection"):
        read_geojson("grid", "[]", "grids.json")
    with pytest.raises(ConfigError, match="cannot import tree"):
        read_csv("tree", "id\nx\n", "trees.csv")


def test_grids_with_bad_shapes_are_told() -> None:
    bow_tie = [[0.0, 0.0], [1.0, 1.0], [1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]
    point = {"type": "Feature", "id": GRID, "properties": {}, "geometry": {"type": "Point", "coordinates": [0, 0]}}
    text = collection(
        feature(GRID, square(121.0, 31.0, 0.01), department="城管", department_code="X" * 18),
        feature("12", square(121.0, 31.0, 0.01)),
        feature("310101001001002", bow_tie),
        point,
        {"type": "Feature", "id": "a", "properties": {"kind": "block"}, "geometry": None},
    )
    found = read_geojson("grid", text, "grids.geojson")
    assert list(found.documents) == [GRID]
    assert len(found.problems) == 4
    assert any("not valid" in problem for problem in found.problems)


def test_the_finest_grid_answers_and_the_coarser_fill_in() -> None:
    text = collection(
        feature("d1", square(121.0, 31.0, 0.1), kind="district", district="东区", area_class="B"),
        feature(GRID, square(121.0, 31.0, 0.01), department="城管一中队"),
        feature("line1", square(121.0, 31.0, 0.001), kind="line", area_class="A"),
    )
    index = GridIndex(read_geojson("grid", text, "g").documents)
    fine, middle, coarse = index.at((121.0005, 31.0005)), index.at((121.005, 31.005)), index.at((121.05, 31.05))
    assert (fine and (fine.grid_id, fine.area_class, fine.department)) == ("line1", "A", "城管一中队")
    assert (middle and (middle.grid_id, middle.district, middle.area_class)) == (GRID, "东区", "B")
    assert (coarse and coarse.grid_id) == "d1"
    assert index.at((120.0, 30.0)) is None


def test_a_point_on_a_common_edge_belongs_to_one_grid() -> None:
    other = "310101001001002"
    text = collection(feature(GRID, square(121.0, 31.0, 0.01)), feature(other, square(121.01, 31.0, 0.01)))
    found = GridIndex(read_geojson("grid", text, "g").documents).at((121.01, 31.005))
    assert found is not None
    assert found.grid_id == GRID
