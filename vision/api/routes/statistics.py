"""Statistics as JSON and as CSV."""

import csv
import io
from datetime import datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, HTTPException, Query, Request, Response

from vision.api import wire
from vision.api.access import Principal, Scope, needs
from vision.api.conditional import send
from vision.api.context import Context, Hub
from vision.api.problems import RESPONSES
from vision.api.statistics import figures

router = APIRouter(prefix="/statistics", tags=["statistics"], responses=RESPONSES)
Reader = Annotated[Principal, needs(Scope.STATISTICS_READ)]
_LONGEST = timedelta(days=400)
Since = Annotated[datetime | None, Query(description="Begin; 30 days before `until` if not given.")]
Until = Annotated[datetime | None, Query(description="End; now if not given.")]


@router.get("", response_model=wire.Statistics)
def get_statistics(hub: Hub, who: Reader, request: Request, since: Since = None, until: Until = None) -> Response:
    """Trends, precision, rankings and the loudspeakers' effect."""
    begin, end = _stretch(hub, since, until)
    with hub.services.database.reading() as session:
        zone = ZoneInfo(hub.services.settings.time_zone)
        return send(request, figures(session, begin, end, zone, who.districts))


@router.get(
    "/trend.csv", response_class=Response, responses={200: {"content": {"text/csv": {}}, "description": "CSV, UTF-8."}}
)
def get_trend_csv(hub: Hub, who: Reader, since: Since = None, until: Until = None) -> Response:
    """The trend as a table, one row a day and type, with a byte-order mark so that spreadsheets read the Chinese."""
    begin, end = _stretch(hub, since, until)
    with hub.services.database.reading() as session:
        zone = ZoneInfo(hub.services.settings.time_zone)
        found = figures(session, begin, end, zone, who.districts)
    table = io.StringIO()
    writer = csv.DictWriter(table, ("day", "type", "raised", "confirmed", "rejected", "filed"))
    writer.writeheader()
    writer.writerows(found["trend"])
    headers = {"Content-Disposition": 'attachment; filename="streetward-trend.csv"'}
    return Response("\ufeff" + table.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


def _stretch(hub: Context, since: datetime | None, until: datetime | None) -> tuple[datetime, datetime]:
    end = until or hub.services.clock.now()
    if end.tzinfo is None or (since is not None and since.tzinfo is None):
        raise HTTPException(422, "since and until should carry their zone, such as 2026-07-01T08:00:00Z")
    try:
        begin = since or end - timedelta(days=30)
        length = end - begin
    except OverflowError as error:
        raise HTTPException(422, "since and until should lie in our age") from error
    if not timedelta(0) < length <= _LONGEST:
        raise HTTPException(422, "since should lie before until, at most 400 days")
    return begin, end
