"""The sandbox platform's desk: the page where a clerk dispatches, handles, returns and closes cases."""

from collections.abc import Callable
from html import escape
from typing import Annotated

from fastapi import APIRouter, Form, HTTPException, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from vision.core.clock import Clock
from vision.sandbox.platform_cases import SandboxCase, SandboxCases

ACTIONS = {
    "dispatched": "派遣 dispatch",
    "handled": "处理完毕 handled",
    "returned": "退回 return",
    "suspended": "挂账 suspend",
    "closed": "结案 close",
}
_STYLE = """
body { font: 15px/1.5 system-ui, "Noto Sans CJK SC", "WenQuanYi Zen Hei", sans-serif; margin: 2rem auto;
  max-width: 72rem; padding: 0 1rem; color: #1d2733; background: #f6f7f9 }
table { border-collapse: collapse; width: 100%; background: #fff }
th, td { padding: .5rem .6rem; border-bottom: 1px solid #dde2e8; text-align: left; vertical-align: top }
form { display: inline }
button { margin: .1rem; padding: .2rem .55rem; border: 1px solid #8b97a5; border-radius: 4px; background: #fff;
  cursor: pointer }
button:hover { background: #e9eef5 }
img { height: 72px; border-radius: 3px }
.filed { color: #b45309 } .handled { color: #1d4ed8 } .closed { color: #15803d }
.returned, .withdrawn { color: #b91c1c }
small { color: #5b6876 }
"""
_RELOAD = """<script>setInterval(() => {
  if (document.activeElement.tagName !== "INPUT") location.reload();
}, 3000)</script>"""


def desk_router(
    cases: SandboxCases,
    clock: Clock,
    pictures: dict[str, tuple[str, bytes]],
    moved: Callable[[SandboxCase], None],
) -> APIRouter:
    """`moved` is told of every case that a clerk moved on."""
    router = APIRouter()

    @router.get("/", response_class=HTMLResponse)
    async def desk() -> str:
        rows = "".join(_row(case) for case in cases.all(limit=200))
        empty = '<tr><td colspan="6">还没有案件 No case yet</td></tr>'
        return (
            '<!doctype html><html lang="zh"><meta charset="utf-8"><title>沙盒案件平台 Sandbox city platform</title>'
            f"<style>{_STYLE}</style>{_RELOAD}"
            f"<h1>沙盒案件平台 <small>Sandbox city platform · {cases.count()} cases</small></h1>"
            "<table><tr><th>案件 case</th><th>事件 event</th><th>地点 place</th><th>照片 picture</th>"
            f"<th>状态 status</th><th></th></tr>{rows or empty}</table></html>"
        )

    @router.post("/desk/{case_id}")
    async def act(case_id: str, status: Annotated[str, Form()], reason: Annotated[str, Form()] = "") -> Response:
        if status not in ACTIONS:
            raise HTTPException(400, f"status should be one of {', '.join(ACTIONS)}")
        case = cases.set_status(case_id, status, clock.now(), reason=reason)
        if case is None:
            raise HTTPException(404, f"no case {case_id}")
        moved(case)
        return RedirectResponse("/", 303)

    @router.get("/pictures/{sha256}")
    async def picture(sha256: str) -> Response:
        if sha256 not in pictures:
            raise HTTPException(404, "no such picture")
        media_type, data = pictures[sha256]
        return Response(data, media_type=media_type)

    return router


def _row(case: SandboxCase) -> str:
    told = case.document.get("case", case.document)
    buttons = "".join(
        f'<button name="status" value="{status}">{words}</button>'
        for status, words in ACTIONS.items()
        if status != case.status
    )
    reason = f"<br><small>{escape(case.reason)}</small>" if case.reason else ""
    form = (
        f'<form method="post" action="/desk/{case.id}"><input name="reason" placeholder="理由 reason" size="10">'
        f"{buttons}</form>"
    )
    return (
        f"<tr><td>{case.id}<br><small>{escape(case.channel)} · {case.created_at:%m-%d %H:%M:%S}</small></td>"
        f"<td>{escape(str(told.get('event_name', '')))} <small>{escape(str(told.get('event_code', '')))}</small><br>"
        f"<small>{escape(str(told.get('description', ''))[:120])}</small></td>"
        f"<td>{escape(str(told.get('place', '')))}</td><td>{_pictures(case)}</td>"
        f'<td class="{escape(case.status)}">{escape(case.status)}{reason}</td><td>{form}</td></tr>'
    )


def _pictures(case: SandboxCase) -> str:
    shown = []
    for entry in case.document.get("evidence", []):
        if str(entry.get("media_type", "")).startswith("image/"):
            url = entry.get("url") or f"/pictures/{entry['sha256']}"
            shown.append(f'<a href="{escape(url)}"><img src="{escape(url)}" alt="{escape(str(entry["role"]))}"></a>')
    return "".join(shown)
