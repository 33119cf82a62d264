"""Whether anything is slow, since when, and which cameras are looked at more rarely for it."""

from typing import Any

from fastapi import APIRouter, Request, Response

from vision.api import wire
from vision.api.access import needs
from vision.api.conditional import send
from vision.api.context import Hub
from vision.api.problems import RESPONSES
from vision.core.findings import Why
from vision.hub import pressure_words

router = APIRouter(prefix="/pressure", tags=["health"], responses=RESPONSES)


@router.get("", response_model=wire.PressureState, dependencies=[needs(None)])
def read_pressure(hub: Hub, request: Request) -> Response:
    """What is slow now, in words; from memory, so that it answers while the database does not."""
    state = hub.services.pressure()
    return send(
        request,
        {
            "summary": None if state.summary is None else _words(state.summary),
            "slow": [
                {
                    "cause": one.cause.value,
                    "name": _words(pressure_words.name(one.cause)),
                    "since": one.since,
                    "why": _words(one.why),
                }
                for one in state.slow
            ],
            "classes": [
                {
                    "priority": pace.priority,
                    "name": _words(pressure_words.class_name(pace.priority)),
                    "views": pace.views,
                    "looks_share": round(pace.share, 3),
                    "every_s": pace.every_s,
                }
                for pace in state.classes
            ],
        },
    )


def _words(why: Why) -> dict[str, Any]:
    return {"zh": why.zh, "en": why.en}
