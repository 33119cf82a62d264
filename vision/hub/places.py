"""A zone's place in the city: where it is, and the grid, district and department that answer for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import shapely

from vision.core.geometry import Box, Point, centroid, haversine_m
from vision.core.registry import Camera, View, Zone
from vision.incidents.ground import GroundMap, Spot

_FINEST_FIRST = {"line": 0, "grid": 1, "block": 2, "district": 3}


@dataclass(frozen=True, slots=True)
class Responsible:
    """Who answers for a position: unit grid (15 digits), district, department with its credit code; area A, B or C."""

    grid_id: str
    district: str = ""
    department: str = ""
    department_code: str = ""
    area_class: str = ""
    department_phone: str = ""
    department_email: str = ""


class Grids(Protocol):
    """Which grid, district and department a position belongs to."""

    def at(self, position: Point) -> Responsible | None: ...

    def of(self, grid_id: str) -> Responsible | None: ...


@dataclass(frozen=True, slots=True)
class Place:
    """One zone of one view, with what is known of where it is.

    Attributes:
        ground: the view's map to the ground, from its calibration or from the zone's own four or more corners.
        middle: the zone's middle on the ground with half its size as error, or the camera's own position without one.
        district, grid_id: the registry's, else what the grids say of its position; `responsible` is theirs whole.
        area_class: the zone's own, else its grid's: A, B, C or unknown.
    """

    camera: Camera
    view: View
    zone: Zone
    ground: GroundMap | None = None
    middle: Spot | None = None
    district: str = ""
    grid_id: str | None = None
    responsible: Responsible | None = None

    @property
    def area_class(self) -> str:
        return self.zone.area_class or ("" if self.responsible is None else self.responsible.area_class)

    @property
    def words(self) -> str:
        camera, zone = self.camera, self.zone
        return " · ".join(part for part in (camera.place or camera.name, zone.name or zone.id) if part)

    @property
    def position(self) -> Point | None:
        """For maps: the zone's middle, else where the camera hangs."""
        return self.camera.position if self.middle is None else self.middle.position

    def spot(self, box: Box | None) -> Spot | None:
        """Where a box of the view stands, as exactly as is known; None when only the camera's position is."""
        if box is not None and self.ground is not None:
            exact = self.ground.spot(box)
            if exact is not None and (self.middle is None or exact.error_m <= self.middle.error_m):
                return exact
        return self.middle


def located(camera: Camera, view: View, zone: Zone, calibrated: GroundMap | None, grids: Grids | None) -> Place:
    """A zone with all that its polygons, its view's calibration and the grids tell of where it is."""
    ground, middle = calibrated, None
    if zone.ground:
        at = centroid(zone.ground)
        middle = Spot(at, max(haversine_m(at, corner) for corner in zone.ground))
        if ground is None and len(zone.ground) == len(zone.polygon) >= 4:
            ground = ground_map(list(zip(zone.polygon, zone.ground, strict=True)))
    place = Place(camera, view, zone, ground, middle, camera.district, zone.grid_id)
    position = place.position
    found = None
    if grids is not None:
        found = grids.of(zone.grid_id) if zone.grid_id else None
        if found is None and position is not None:
            found = grids.at(position)
    if found is None:
        return place
    return replace(
        place,
        district=place.district or found.district,
        grid_id=place.grid_id or found.grid_id,
        responsible=found,
    )


def ground_map(pairs: Sequence[tuple[Point, Point]]) -> GroundMap | None:
    """None for points from which no map can be made; `vision check` tells their owner."""
    try:
        return GroundMap(pairs) if len(pairs) >= 4 else None
    except ValueError:
        return None


class GridIndex:
    """Polygons in an STR-tree (Leutenegger, Lopez & Edgington 1997, as shapely has it)."""

    def __init__(self, documents: Mapping[str, Mapping[str, Any]]) -> None:
        """`documents`: config.places.GridConfig dumps by id."""
        self._ids: list[str] = []
        self._documents = documents
        shapes = []
        for key, document in documents.items():
            for outline in document["polygons"]:
                shapes.append(shapely.Polygon(outline))
                self._ids.append(key)
        self._tree = shapely.STRtree(shapes)

    def __len__(self) -> int:
        return len(self._documents)

    def at(self, position: Point) -> Responsible | None:
        """The finest grid that holds the point, what it leaves unsaid filled in from the coarser ones; None outside."""
        hits = self._tree.query(shapely.Point(position), predicate="intersects")
        keys = {self._ids[int(n)] for n in hits}
        if not keys:
            return None
        return self._responsible(sorted(keys, key=self._rank))

    def of(self, grid_id: str) -> Responsible | None:
        """A grid by its id, with the block and district that it belongs to; None where the register has none."""
        keys: list[str] = []
        while grid_id in self._documents and grid_id not in keys:
            keys.append(grid_id)
            grid_id = str(self._documents[grid_id].get("parent", ""))
        return self._responsible(keys) if keys else None

    def _rank(self, key: str) -> tuple[int, str]:
        return _FINEST_FIRST[self._documents[key]["kind"]], key

    def _responsible(self, keys: Sequence[str]) -> Responsible:
        """`keys`: finest first."""
        found = [self._documents[key] for key in keys]
        department = next((document for document in found if document.get("department")), {})
        return Responsible(
            grid_id=next((key for key in keys if self._documents[key]["kind"] in {"line", "grid"}), keys[0]),
            district=_first(found, "district"),
            department=str(department.get("department", "")),
            department_code=str(department.get("department_code", "")),
            area_class=_first(found, "area_class"),
            department_phone=str(department.get("department_phone", "")),
            department_email=str(department.get("department_email", "")),
        )


def _first(documents: list[Mapping[str, Any]], name: str) -> str:
    return next((str(document[name]) for document in documents if document.get(name)), "")
