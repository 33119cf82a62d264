"""The sandbox platform's own interface in the manner of digital urban management: saverec and its companions."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Request

from vision.core.clock import Clock
from vision.sandbox.platform_cases import SandboxCase, SandboxCases
from vision.sandbox.platform_faults import Faults

CHANNEL = "urban"
_NEEDED = ("eventtypeid", "maintypeid", "subtypeid", "eventdesc", "address", "coordinatex", "coordinatey", "recsource")
_STEPS = {"filed": "立案", "dispatched": "派遣", "handled": "处理反馈", "returned": "退回", "suspended": "挂账"} | {
    "withdrawn": "作废",
    "closed": "结案",
}


def urban_router(cases: SandboxCases, faults: Faults, clock: Clock, token: str) -> APIRouter:
    """Refusals come as HTTP 200 with a code in the body, as most of these interfaces do."""
    router = APIRouter(prefix="/urban")

    def refused(code: int, words: str) -> dict[str, Any]:
        return {"code": code, "message": words, "data": None}

    @router.post("/saverec")
    async def save(request: Request, access_token: Annotated[str, Header(alias="access-token")] = "") -> dict[str, Any]:
        if access_token != token:
            return refused(401, "令牌无效")
        record = await request.json()
        missing = [name for name in _NEEDED if not str(record.get(name, "")).strip()]
        if missing:
            return refused(4001, f"缺少字段 {', '.join(missing)}")
        if faults.refuse:
            return refused(4002, faults.refuse)
        document = {
            **record,
            "event_name": record.get("eventtypename", ""),
            "event_code": record["eventtypeid"],
            "description": record["eventdesc"],
            "place": record["address"],
            "evidence": [
                {"role": "media", "media_type": "image/jpeg", "url": url}
                for url in str(record.get("mediaurls", "")).split(",")
                if url
            ],
        }
        key = str(record.get("outerid", ""))
        once = faults.honours_idempotency
        case, _new = cases.accept(CHANNEL, key, document, clock.now(), once_per_key=once)
        return {"code": 0, "message": "成功", "data": {"recid": case.id}}

    @router.get("/queryrec")
    async def query(
        outerid: str = "", access_token: Annotated[str, Header(alias="access-token")] = ""
    ) -> dict[str, Any]:
        if access_token != token:
            return refused(401, "令牌无效")
        if not faults.lists:
            return refused(4040, "不支持查询")
        rows = [_shown(case) for case in cases.with_key(CHANNEL, outerid)]
        return {"code": 0, "message": "成功", "data": {"rows": rows * (2 if faults.duplicates else 1)}}

    @router.get("/rec/{case_id}")
    async def one(case_id: str, access_token: Annotated[str, Header(alias="access-token")] = "") -> dict[str, Any]:
        case = cases.get(case_id)
        if access_token != token or case is None:
            return refused(4041, "无此案卷")
        return {"code": 0, "message": "成功", **_shown(case)}

    @router.post("/verify")
    async def verify(
        request: Request, access_token: Annotated[str, Header(alias="access-token")] = ""
    ) -> dict[str, Any]:
        record = await request.json()
        case = cases.get(str(record.get("recid", "")))
        if access_token != token or case is None:
            return refused(4041, "无此案卷")
        status = {"1": "closed", "0": "dispatched", "9": "withdrawn"}.get(str(record.get("result")), case.status)
        key = str(record.get("outerid", ""))
        cases.set_status(case.id, status, clock.now(), reason=str(record.get("opinion", "")), key=key)
        return {"code": 0, "message": "成功", "data": {"recid": case.id}}

    return router


def _shown(case: SandboxCase) -> dict[str, Any]:
    return {"recid": case.id, "outerid": case.key, "status": _STEPS[case.status], "backreason": case.reason}
