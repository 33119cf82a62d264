"""Statistics as JSON, CSV and Parquet."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, HTTPException, Path, Query, Request, Response

from vision.api import wire
from vision.api.access import Principal, Scope, needs
from vision.api.conditional import send
from vision.api.context import Context, Hub
from vision.api.problems import RESPONSES
from vision.api.statistics import figures, speaker_effect
from vision.core.errors import NotThereError
from vision.hub.bays import BAY_TABLES, bay_tables
from vision.hub.statistics import TABLES, Item, Table, items, tables, to_csv, to_parquet

router = APIRouter(prefix="/statistics", tags=["statistics"], responses=RESPONSES)
Reader = Annotated[Principal, needs(Scope.STATISTICS_READ)]
_LONGEST = timedelta(days=400)


@dataclass(frozen=True, slots=True)
class Span:
    """What is asked for."""

    begin: datetime
    end: datetime
    all_cases: int | None


def _span(
    hub: Hub,
    since: Annotated[datetime | None, Query(description="Begin; 30 days before `until` if not given.")] = None,
    until: Annotated[datetime | None, Query(description="End; now if not given.")] = None,
    all_cases: Annotated[
        int | None, Query(ge=0, description="The city's cases from every source, for the AI share; else the hub's own.")
    ] = None,
) -> Span:
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
    return Span(begin, end, all_cases)


Asked = Annotated[Span, Depends(_span)]
TableName = Annotated[str, Path(pattern="^[a-z_]{1,20}$", description="total, type, trend, zone, grid, camera, cell…")]
_PARQUET = "application/vnd.apache.parquet"


def _file(media_type: str, words: str) -> dict[int | str, dict[str, Any]]:
    return {200: {"content": {media_type: {}}, "description": words}}


@router.get("", response_model=wire.Statistics)
def get_statistics(hub: Hub, who: Reader, request: Request, asked: Asked) -> Response:
    """Trends, precision, times, rankings, heat cells, the AI share and the loudspeakers' effect."""
    with hub.services.database.reading() as session:
        found = items(session, asked.begin, asked.end, who.districts)
        speakers = speaker_effect(session, asked.begin, asked.end, found)
        bays = bay_tables(session, asked.begin, asked.end, _zone(hub), who.districts)
    shown = figures(_tables(hub, who, found, asked) | bays, speakers)
    return send(request, {"since": asked.begin.isoformat(), "until": asked.end.isoformat(), **shown})


@router.get("/{table}.csv", response_class=Response, responses=_file("text/csv", "CSV, UTF-8."))
def get_csv(hub: Hub, who: Reader, table: TableName, asked: Asked) -> Response:
    """One table, with a byte-order mark so that spreadsheets read the Chinese."""
    text = to_csv(_table(hub, who, table, asked))
    return Response(text, media_type="text/csv; charset=utf-8", headers=_named(f"{table}.csv"))


@router.get("/{table}.parquet", response_class=Response, responses=_file(_PARQUET, "Parquet."))
def get_parquet(hub: Hub, who: Reader, table: TableName, asked: Asked) -> Response:
    """One table for programs that reckon; needs the extra `export`."""
    data = to_parquet(_table(hub, who, table, asked))
    return Response(data, media_type=_PARQUET, headers=_named(f"{table}.parquet"))


def _table(hub: Context, who: Principal, name: str, asked: Span) -> Table:
    known = TABLES | BAY_TABLES
    if name not in known:
        raise NotThereError(f"there is no table {name}; there are {', '.join(sorted(known))}")
    with hub.services.database.reading() as session:
        if name in BAY_TABLES:
            return bay_tables(session, asked.begin, asked.end, _zone(hub), who.districts)[name]
        found = items(session, asked.begin, asked.end, who.districts)
    return _tables(hub, who, found, asked)[name]


def _tables(hub: Context, who: Principal, found: list[Item], asked: Span) -> dict[str, Table]:
    cameras = sum(
        1
        for camera in hub.services.registry.documents("camera").values()
        if camera.get("enabled", True) and who.sees(camera.get("district", ""))
    )
    days = (asked.end - asked.begin) / timedelta(days=1)
    return tables(found, days, _zone(hub), all_cases=asked.all_cases, cameras=cameras)


def _zone(hub: Context) -> ZoneInfo:
    return ZoneInfo(hub.services.settings.time_zone)


def _named(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="streetward-{name}"'}
