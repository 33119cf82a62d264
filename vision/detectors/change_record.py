"""The change detector's memory as plain JSON values: pictures as JPEG, masks as PNG, both in base64."""

import base64
from datetime import datetime
from typing import Any

import cv2
import numpy as np

from vision.detectors.change_measure import Plane
from vision.detectors.change_memory import Mask
from vision.detectors.change_regions import Region

_JPEG_QUALITY = 92


def of_plane(picture: Plane) -> str:
    """A grey picture; about 15 kB at 320 × 180."""
    grey = picture.clip(0, 255).astype(np.uint8)
    return _text(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])


def of_mask(mask: Mask) -> str:
    return _text(".png", mask.astype(np.uint8) * 255, [])


def plane_of(text: str) -> Plane:
    """Raises ValueError when the text is no picture."""
    return np.asarray(_picture(text), np.float32)


def mask_of(text: str) -> Mask:
    """Raises ValueError when the text is no mask."""
    return np.asarray(_picture(text) > 127, np.bool_)


def of_region(region: Region) -> dict[str, Any]:
    contours, _ = cv2.findContours(region.mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    hull = cv2.convexHull(np.concatenate(contours)).reshape(-1, 2)
    return {
        "hull": hull.tolist(),
        "box": list(region.box),
        "figures": [region.area, region.added, region.fill, region.score],
    }


def region_of(record: dict[str, Any], shape: tuple[int, ...]) -> Region:
    """Raises ValueError, KeyError or TypeError when the record is no region's."""
    mask = np.zeros(shape, np.uint8)
    cv2.fillConvexPoly(mask, np.array(record["hull"], np.int32).reshape(-1, 2), 1)
    x1, y1, x2, y2 = (float(edge) for edge in record["box"])
    area, added, fill, score = (float(figure) for figure in record["figures"])
    return Region(mask.astype(np.bool_), (x1, y1, x2, y2), area, added, fill, score)


def of_time(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def time_of(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _text(suffix: str, picture: np.ndarray[Any, np.dtype[np.uint8]], options: list[int]) -> str:
    _, data = cv2.imencode(suffix, picture, options)
    return base64.b64encode(bytes(data)).decode("ascii")


def _picture(text: str) -> np.ndarray[Any, Any]:
    picture = cv2.imdecode(np.frombuffer(base64.b64decode(text), np.uint8), cv2.IMREAD_GRAYSCALE)
    if picture is None:
        raise ValueError("a remembered picture could not be read")
    return np.asarray(picture)
