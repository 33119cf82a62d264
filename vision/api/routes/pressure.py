"""Whether anything is slow, since when, and which cameras are looked at more rarely for it."""

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response

from vision.api import wire
from vision.api.access import Principal, Scope, needs
from vision.api.conditional import send
from vision.api.context import Hub
from vision.api.problems import RESPONSES
from vision.core.findings import Why
from vision.hub import pressure_words

router = APIRouter(prefix="/pressure", tags=["health"], responses=RESPONSES)


@router.get("", response_model=wire.PressureState)
def read_pressure(hub: Hub, who: Annotated[Principal, needs(None)], request: Request) -> Response:
    """What is slow now, in words; from memory, so that it answers while the database does not.

    A platform's own words are only for those who look after deliveries.
    """
    state = hub.services.pressure()
    if who.may(Scope.DELIVERIES):
        slow = tuple(replace(one, why=one.quoted or one.why) for one in state.slow)
        state = replace(state, slow=slow, summary=pressure_words.summary(slow, state.classes))
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
