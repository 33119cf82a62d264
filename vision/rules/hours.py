"""When a zone's use is permitted: night markets, breakfast stalls."""

from collections.abc import Iterable
from datetime import datetime, timedelta, tzinfo

from vision.core.registry import Hours


def permitted_by(permitted: Iterable[Hours], at: datetime, zone: tzinfo) -> Hours | None:
    """The stretch of permitted hours that `at` falls into, begin included, end not; None outside all of them.

    A stretch that runs past midnight belongs to the weekday on which it began.
    """
    local = at.astimezone(zone)
    today, yesterday = local.isoweekday(), (local - timedelta(days=1)).isoweekday()
    now = local.time()
    for hours in permitted:
        if hours.begin <= hours.end:
            within = hours.begin <= now < hours.end and today in hours.weekdays
        else:
            evening = now >= hours.begin and today in hours.weekdays
            within = evening or (now < hours.end and yesterday in hours.weekdays)
        if within:
            return hours
    return None
