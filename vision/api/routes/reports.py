"""The daily report as PDF, kept or made on demand."""

from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Query, Request, Response

from vision.api.access import Principal, Scope, needs
from vision.api.conditional import send_bytes
from vision.api.context import Hub
from vision.api.problems import RESPONSES

router = APIRouter(prefix="/reports", tags=["statistics"], responses=RESPONSES)
_PDF = "application/pdf"


@router.get(
    "/daily/{day}.pdf",
    response_class=Response,
    responses={200: {"content": {_PDF: {"schema": {"type": "string", "format": "binary"}}}, "description": "PDF, A4."}},
)
def get_daily(
    hub: Hub,
    who: Annotated[Principal, needs(Scope.STATISTICS_READ)],
    request: Request,
    day: date,
    language: Annotated[Literal["zh", "en"] | None, Query(description="The city's if not given.")] = None,
) -> Response:
    """A local day's figures: for the city a page, then one for each district; of the caller's districts only."""
    reports = hub.services.reports
    if reports is None:
        raise HTTPException(503, "this hub makes no reports")
    data = reports.get(day, language or hub.services.settings.language, who.districts)
    answer = send_bytes(request, data, media_type=_PDF)
    answer.headers["Content-Disposition"] = f'attachment; filename="streetward-{day.isoformat()}.pdf"'
    return answer
