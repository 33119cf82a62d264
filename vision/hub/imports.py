"""Shops, grids and bike operators from CSV or GeoJSON files, with every bad row told."""

import csv
import io
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import shapely
from pydantic import BaseModel, ValidationError

from vision.config.places import BikeOperatorConfig, GridConfig, ShopConfig
from vision.core.errors import ConfigError

Document = dict[str, Any]
_MODELS: dict[str, type[BaseModel]] = {"shop": ShopConfig, "grid": GridConfig, "bike_operator": BikeOperatorConfig}


@dataclass(frozen=True, slots=True)
class Imported:
    """What a file held: documents for the registry by id, and one line for each row that was left out."""

    kind: str
    documents: dict[str, Document]
    problems: tuple[str, ...]


def read_csv(kind: str, text: str, name: str) -> Imported:
    """One thing a row; columns are the model's fields, with `longitude` and `latitude` for a position.

    Raises:
        ConfigError: no such kind, or the file has no `id` column.
    """
    reader = csv.DictReader(io.StringIO(text.lstrip("\ufeff")))
    if "id" not in (reader.fieldnames or ()):
        raise ConfigError(f"{name}:1: needs a header row with a column `id`")
    rows = []
    for row in reader:
        values = {key.strip(): value.strip() for key, value in row.items() if key and value and value.strip()}
        rows.append((f"{name}:{reader.line_num}", values.pop("id", ""), _with_position(values)))
    return _checked(kind, rows)


def read_geojson(kind: str, text: str, name: str) -> Imported:
    """One thing a feature (RFC 7946): its id from `id` or `properties.id`, points and polygons from its geometry.

    Raises:
        ConfigError: not GeoJSON, or no such kind.
    """
    try:
        document = json.loads(text)
        features = document["features"]
    except (ValueError, KeyError, TypeError):
        raise ConfigError(f"{name}: should be a GeoJSON FeatureCollection") from None
    rows: list[tuple[str, str, Document]] = []
    problems = []
    for number, feature in enumerate(features, start=1):
        where = f"{name}: feature {number}"
        values = dict(feature.get("properties") or {})
        key = str(feature.get("id") or values.pop("id", ""))
        values.pop("id", None)
        try:
            values |= _geometry(kind, feature.get("geometry"))
        except ValueError as error:
            problems.append(f"{where}: {error}")
            continue
        rows.append((where, key, values))
    checked = _checked(kind, rows)
    return Imported(kind, checked.documents, (*problems, *checked.problems))


def _with_position(values: dict[str, str]) -> Document:
    document: Document = dict(values)
    longitude, latitude = document.pop("longitude", None), document.pop("latitude", None)
    if longitude is not None or latitude is not None:
        document["position"] = [longitude, latitude]
    if "districts" in document:
        document["districts"] = [part.strip() for part in values["districts"].split(";") if part.strip()]
    return document


def _geometry(kind: str, geometry: Any) -> Document:
    """Raises ValueError: missing, broken or of the wrong sort."""
    if geometry is None:
        if kind == "grid":
            raise ValueError("has no geometry")
        return {}
    try:
        shape = shapely.from_geojson(json.dumps(geometry))
    except shapely.errors.GEOSException as error:
        raise ValueError(f"geometry cannot be read: {error}") from None
    if kind == "grid":
        if shape.geom_type not in {"Polygon", "MultiPolygon"}:
            raise ValueError(f"geometry should be a polygon, got a {shape.geom_type}")
        if not shape.is_valid:
            raise ValueError(f"polygon is not valid: {shapely.is_valid_reason(shape)}")
        polygons = [shape] if shape.geom_type == "Polygon" else list(shape.geoms)
        return {"polygons": [list(polygon.exterior.coords)[:-1] for polygon in polygons]}
    centre = shape.centroid
    return {"position": [centre.x, centre.y]}


def _checked(kind: str, rows: Iterable[tuple[str, str, Document]]) -> Imported:
    model = _MODELS.get(kind)
    if model is None:
        raise ConfigError(f"cannot import {kind}; there are {', '.join(_MODELS)}")
    documents: dict[str, Document] = {}
    problems: list[str] = []
    for where, key, values in rows:
        if not key:
            problems.append(f"{where}: id: is missing")
        elif key in documents:
            problems.append(f"{where}: id: {key} is there twice")
        elif kind == "grid" and values.get("kind", "grid") == "grid" and not (key.isdigit() and len(key) == 15):
            problems.append(f"{where}: id: a unit grid's should have 15 digits, got {key}")
        else:
            try:
                documents[key] = model.model_validate(values).model_dump(mode="json")
            except ValidationError as error:
                problems += [f"{where}: {_told(item)}" for item in error.errors(include_url=False)]
    return Imported(kind, documents, tuple(problems))


def _told(item: Any) -> str:
    path = ".".join(str(part) for part in item["loc"])
    if item["type"] == "extra_forbidden":
        return f"{path}: is not a column of this register"
    if item["type"] == "missing":
        return f"{path}: is missing"
    return f"{path}: {str(item['msg']).replace('Input should', 'should')} (got {item['input']!r})"
