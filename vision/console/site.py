"""Serves the console's files. They hold no data: everything they show comes over /api/v1, under its access rules."""

import mimetypes
from importlib.resources import files
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

_STATIC = Path(str(files("vision.console") / "static"))
mimetypes.add_type("text/javascript", ".js")
mimetypes.add_type("image/webp", ".webp")


class _Files(StaticFiles):
    """Static files that browsers check for newness each time, so that an upgrade is seen at once."""

    async def get_response(self, path: str, scope: object) -> Response:
        response = await super().get_response(path, scope)  # type: ignore[arg-type]
        response.headers["Cache-Control"] = "no-cache"
        return response


def add_console(app: FastAPI) -> None:
    """Mount the console on the API's app: `/` and every page under `/console/`."""
    page = (_STATIC / "index.html").read_text(encoding="utf-8")

    @app.get("/", include_in_schema=False)
    def home() -> Response:
        return RedirectResponse("/console/")

    @app.get("/favicon.ico", include_in_schema=False)
    def icon() -> Response:
        return Response((_STATIC / "icon.svg").read_bytes(), media_type="image/svg+xml")

    app.mount("/console/static", _Files(directory=_STATIC), name="console-static")

    @app.get("/console/{path:path}", include_in_schema=False)
    def console(request: Request, path: str) -> Response:
        """One page for every address: the page's own script reads the address."""
        if path.startswith("static/"):
            raise HTTPException(404, f"there is no {request.url.path}")
        return Response(page, media_type="text/html; charset=utf-8", headers={"Cache-Control": "no-cache"})
