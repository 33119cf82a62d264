"""Which loudspeakers reach a zone: those it names, else those whose horn points at it, nearest first."""

import math
from collections.abc import Mapping

from vision.core.geometry import Point, centroid, haversine_m
from vision.core.registry import Camera, Speaker, Zone

BEAM_DEG = 60.0  # half the angle in which a horn is still loud


def reaching(camera: Camera, zone: Zone, speakers: Mapping[str, Speaker]) -> list[Speaker]:
    """Speakers in the order in which they should be tried.

    A zone's own list comes first; then, nearest first, every other one within its earshot of the place that it points
    at (all round when it has no bearing). The place is the zone's ground polygon, else the camera's position.
    """
    named = [speakers[key] for key in zone.speaker_ids if key in speakers]
    place = place_of(camera, zone)
    if place is None:
        return named
    others = [speaker for key, speaker in speakers.items() if key not in zone.speaker_ids]
    near = [(distance_m(speaker, place), speaker) for speaker in others if covers(speaker, place)]
    return named + [speaker for _, speaker in sorted(near, key=lambda pair: (pair[0], pair[1].id))]


def place_of(camera: Camera, zone: Zone) -> Point | None:
    """(longitude, latitude) of the zone, as well as it is known."""
    return centroid(zone.ground) if zone.ground else camera.position


def covers(speaker: Speaker, place: Point) -> bool:
    """Whether the place lies in earshot and, for a horn, before it."""
    if speaker.position is None or haversine_m(speaker.position, place) > speaker.earshot_m:
        return False
    if speaker.bearing_deg is None or haversine_m(speaker.position, place) < 1.0:
        return True
    off = abs((bearing_deg(speaker.position, place) - speaker.bearing_deg + 180) % 360 - 180)
    return off <= BEAM_DEG


def distance_m(speaker: Speaker, place: Point | None) -> float:
    """Infinite when either place is unknown."""
    return math.inf if speaker.position is None or place is None else haversine_m(speaker.position, place)


def bearing_deg(a: Point, b: Point) -> float:
    """Initial great-circle bearing from a to b, clockwise from north, 0–360."""
    lon1, lat1, lon2, lat2 = map(math.radians, (*a, *b))
    y = math.sin(lon2 - lon1) * math.cos(lat2)
    x = math.cos(lat1) * math.sin(lat2) - math.sin(lat1) * math.cos(lat2) * math.cos(lon2 - lon1)
    return math.degrees(math.atan2(y, x)) % 360
