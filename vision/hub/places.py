"""Who answers for a place: districts, blocks, grids and street lines looked up by point."""

from collections.abc import Mapping
from typing import Any

import shapely

from vision.core.geometry import Point
from vision.hub.surroundings import Responsible

_FINEST_FIRST = {"line": 0, "grid": 1, "block": 2, "district": 3}


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
        ordered = sorted(keys, key=lambda key: (_FINEST_FIRST[self._documents[key]["kind"]], key))
        found = [self._documents[key] for key in ordered]
        return Responsible(
            grid_id=next((key for key in ordered if self._documents[key]["kind"] in {"line", "grid"}), ordered[0]),
            district=_first(found, "district"),
            department=_first(found, "department"),
            department_code=_first(found, "department_code"),
            area_class=_first(found, "area_class"),
        )


def _first(documents: list[Mapping[str, Any]], name: str) -> str:
    return next((str(document[name]) for document in documents if document.get(name)), "")
