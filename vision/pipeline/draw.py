"""Draws zones and objects on a copy of a picture, for people to see what the rule saw."""

import cv2
import numpy as np

from vision.core.findings import Finding
from vision.core.frames import Image
from vision.core.registry import Zone

_ZONE = (0, 200, 255)
_OBJECT = (40, 40, 235)
_INK = (255, 255, 255)


def annotate(image: Image, zone: Zone, finding: Finding) -> Image:
    """A copy with the zone's outline and the finding's boxes; lines scale with the picture."""
    drawn = image.copy()
    height, width = drawn.shape[:2]
    thick = max(1, round(width / 500))
    corners = np.array([(x * width, y * height) for x, y in zone.polygon], np.int32)
    cv2.polylines(drawn, [corners], isClosed=True, color=_ZONE, thickness=thick, lineType=cv2.LINE_AA)
    for thing in finding.objects:
        x1, y1, x2, y2 = thing.box
        low, high = (round(x1 * width), round(y1 * height)), (round(x2 * width), round(y2 * height))
        cv2.rectangle(drawn, low, high, _OBJECT, thick + 1, cv2.LINE_AA)
        stood_s = int((thing.last_seen - thing.first_seen).total_seconds())
        _label(drawn, low, f"{thing.name} {thing.score:.2f} {stood_s // 60}:{stood_s % 60:02d}")
    return drawn


def _label(drawn: Image, corner: tuple[int, int], text: str) -> None:
    height, width = drawn.shape[:2]
    scale = max(0.4, width / 1600)
    (w, h), _base = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
    x = min(max(corner[0], 0), max(0, width - w - 4))
    y = corner[1] if corner[1] > h + 8 else min(height - 2, corner[1] + h + 8)
    cv2.rectangle(drawn, (x, y - h - 8), (x + w + 4, y), _OBJECT, cv2.FILLED)
    cv2.putText(drawn, text, (x + 2, y - 4), cv2.FONT_HERSHEY_SIMPLEX, scale, _INK, 1, cv2.LINE_AA)


def jpeg(image: Image, quality: int = 90) -> bytes:
    """Raises ValueError when the picture cannot be encoded."""
    done, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise ValueError(f"a picture of {image.shape} could not be encoded as JPEG")
    return bytes(data)


def shrunk(image: Image, longest_px: int) -> Image:
    """The picture with its longest side at most `longest_px`."""
    scale = longest_px / max(image.shape[:2])
    if scale >= 1:
        return image
    return np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
