"""Models: what the catalogue has, what each worker looks with, switching and rolling back."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Request, Response
from pydantic import ConfigDict, Field

from vision.api import wire
from vision.api.access import Principal, Scope, needs
from vision.api.conditional import send
from vision.api.context import Context, Hub
from vision.api.problems import RESPONSES
from vision.detectors.catalogue import ModelEntry
from vision.hub.models import ModelShelf, shadows

router = APIRouter(prefix="/admin/models", tags=["administration"], responses=RESPONSES)
Engineer = Annotated[Principal, needs(Scope.REGISTRY_WRITE)]
_SILENT = timedelta(seconds=30)


class ModelItem(wire.Wire):
    """One model of the catalogue."""

    name: str = Field(examples=["street-n"])
    version: str = Field(examples=["0.1.0"])
    summary: str
    licence: str
    data: str = Field(description="Where the data it was trained on is described.")
    input_px: tuple[int, int]
    backends: list[str]
    classes: list[str]
    accuracy: dict[str, dict[str, float]] = Field(description="Measured figures: set, figure, value.")
    installed: bool = Field(description="Its files are here and are what they should be.")
    trouble: list[str]


class WorkerModel(wire.Wire):
    """What one worker looks with."""

    worker: str
    heard_at: datetime
    silent: bool = Field(description="Not heard of lately.")
    model: str
    version: str
    wanted: str
    state: Literal["ready", "loading", "failed"]
    reason: str = Field(description="Why the wanted model could not take over; the one before goes on.")


class Choice(wire.Wire):
    model: str
    number: int
    by: str
    at: datetime


class Differences(wire.Wire):
    """Boxes of one class on the looks that both models saw: same place (IoU of 0.5), or seen by one alone."""

    both: int
    first: int = Field(description="By the model in use alone.")
    shadow: int = Field(description="By the shadow model alone.")


class ShadowModel(wire.Wire):
    """A second model that sees a share of the looks; nothing it sees becomes a finding."""

    model: str
    compared: int = Field(description="Looks that both models answered, over all workers since each began.")
    passed: int = Field(description="Let pass, for the shadow had looks waiting.")
    failed: int
    classes: dict[str, Differences] = Field(description="Boxes with a score of at least 0.35, by class.")
    trouble: dict[str, str] = Field(description="Why a worker runs without it, by worker.")


class Models(wire.Wire):
    configured: str = Field(description="The one of the configuration: what workers begin with.")
    wanted: str
    before: str | None = Field(description="What rolling back would choose.")
    history: list[Choice] = Field(description="Newest first.")
    items: list[ModelItem]
    workers: list[WorkerModel]
    shadows: list[ShadowModel]


class SwitchBody(wire.Wire):
    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"model": "street-n", "reason": "sees overfull bins better"}]}
    )

    model: Annotated[str, Field(min_length=1, max_length=200)]
    reason: wire.Reason = ""


class RollbackBody(wire.Wire):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"reason": "too many false alarms"}]})

    reason: wire.Reason = ""


@router.get("", response_model=Models, dependencies=[needs(Scope.REGISTRY_WRITE)])
def list_models(hub: Hub, request: Request) -> Response:
    """The catalogue, the choice, and which model each worker runs."""
    return send(request, _state(hub))


@router.post("/switch", status_code=202, response_model=Models)
def switch_model(hub: Hub, who: Engineer, body: SwitchBody) -> dict[str, Any]:
    """Have every worker look with another model.

    Workers load it beside the present one and let it take over between two looks, within seconds; one that cannot load
    it keeps the one before and says why.
    """
    return _switch(hub, who, body.model, body.reason, "model_switched")


@router.post("/rollback", status_code=202, response_model=Models)
def roll_back(hub: Hub, who: Engineer, body: RollbackBody) -> dict[str, Any]:
    """Look again with what was looked with before."""
    before = _shelf(hub).before()
    if before is None:
        raise HTTPException(409, "nothing else was ever looked with")
    return _switch(hub, who, before, body.reason, "model_rolled_back")


def _switch(hub: Context, who: Principal, model: str, reason: str, action: str) -> dict[str, Any]:
    before = _shelf(hub).wanted()
    _shelf(hub).switch(model, who.actor)
    hub.audit.record(who.actor, action, f"model:{model}", reason=reason, detail={"before": before})
    return _state(hub)


def _shelf(hub: Context) -> ModelShelf:
    shelf = hub.services.models
    if shelf is None:
        raise HTTPException(503, "this hub has no catalogue of models")
    return shelf


def _state(hub: Context) -> dict[str, Any]:
    shelf = _shelf(hub)
    now = hub.services.clock.now()
    told = hub.services.board.models()
    return {
        "configured": shelf.configured,
        "wanted": shelf.wanted(),
        "before": shelf.before(),
        "history": [{"model": c.model, "number": c.number, "by": c.by, "at": c.at} for c in reversed(shelf.history())],
        "items": [_item(shelf, name, entry) for name, entry in shelf.catalogue().models.items()],
        "workers": [_worker(name, row, now) for name, row in sorted(told.items())],
        "shadows": shadows({name: row["shadow"] for name, row in told.items() if row.get("shadow")}),
    }


def _item(shelf: ModelShelf, name: str, entry: ModelEntry) -> dict[str, Any]:
    trouble = shelf.trouble(name)
    return {
        "name": name,
        "version": entry.version,
        "summary": entry.summary,
        "licence": entry.licence,
        "data": entry.data,
        "input_px": list(entry.input_px),
        "backends": list(entry.backends),
        "classes": shelf.classes(entry),
        "accuracy": entry.accuracy,
        "installed": not trouble,
        "trouble": trouble,
    }


def _worker(name: str, row: dict[str, Any], now: datetime) -> dict[str, Any]:
    heard = {key: row[key] for key in ("model", "version", "wanted", "state", "reason")}
    return {**heard, "worker": name, "heard_at": row["at"], "silent": now - datetime.fromisoformat(row["at"]) > _SILENT}
