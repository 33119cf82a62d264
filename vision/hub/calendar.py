"""The city's calendar: its time zone, holidays and exchanged working days."""

from vision.config.schema import CityConfig
from vision.incidents.schedule import Calendar


def calendar_of(city: CityConfig) -> Calendar:
    """Holidays and exchanged days are those of the deadlines' section: a city has one calendar."""
    days = city.cases.deadlines
    return Calendar(city.zone_info, frozenset(days.holidays), frozenset(days.workdays))
