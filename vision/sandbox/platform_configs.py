"""How each kind of case platform is connected to the sandbox: the values that would stand in the YAML file."""

from typing import Any

from vision.sandbox.platform import API_KEY, SECRET

KINDS = ("webhook", "webhook_findable", "open311_json", "open311_xml", "urban", "urban_idempotent")
"""Kinds that promise to be findable or idempotent; webhook_none promises neither."""


_SERVICES = {
    "exposed_garbage": "0110",
    "overflow": "0110",
    "spill": "0114",
    "heaped_material": "0136",
    "out_of_store": "0405",
    "road_occupation": "0406",
    "street_vendor": "0401",
    "bike_misparked": "0410",
}


def platform_values(kind: str, url: str) -> dict[str, Any]:
    """The configuration of one kind, as it would stand in the YAML file."""
    webhook: dict[str, Any] = {"kind": "webhook", "url": f"{url}/webhook", "secret": SECRET, "evidence": "none"}
    open311: dict[str, Any] = {
        "kind": "open311",
        "url": f"{url}/open311",
        "api_key": API_KEY,
        "services": _SERVICES,
        "attributes": {"SOURCE": "video", "GRID": "{grid_id}", "DEADLINE": "{due_at}", "UNHEARD_OF": "{place}"},
        "timezone": "UTC",
        "date_format": "%Y-%m-%dT%H:%M:%SZ",
        "updates": True,
    }
    auth = {"in": "header", "name": "access-token", "value": API_KEY}
    urban: dict[str, Any] = {
        "kind": "urban",
        "promise": "findable",
        "crs": "gcj02",
        "auth": auth,
        "file": {"url": f"{url}/urban/saverec", "fields": _SAVEREC},
        "find": {
            "url": f"{url}/urban/queryrec",
            "method": "GET",
            "body": "query",
            "fields": {"outerid": "{reference}"},
        },
        "status": {"url": f"{url}/urban/rec/{{case_id}}", "method": "GET", "body": "query"},
        "changes": {
            "gone": {"url": f"{url}/urban/verify", "fields": _VERIFY | {"result": "1"}},
            "still_there": {"url": f"{url}/urban/verify", "fields": _VERIFY | {"result": "0"}},
            "withdrawn": {"url": f"{url}/urban/verify", "fields": _VERIFY | {"result": "9"}},
        },
        "answer": {
            "case_id": "data.recid",
            "code": "code",
            "good": ["0"],
            "busy": ["5001"],
            "reason": "backreason",
            "rows": "data.rows",
        },
        "statuses": {
            "立案": "filed",
            "派遣": "dispatched",
            "处理反馈": "handled",
            "退回": "returned",
            "挂账": "suspended",
            "作废": "withdrawn",
            "结案": "closed",
        },
    }
    return {
        "webhook": webhook,
        "webhook_findable": webhook | {"promise": "findable"},
        "webhook_none": webhook | {"promise": "none"},
        "open311_json": open311,
        "open311_xml": open311 | {"format": "xml"},
        "urban": urban,
        "urban_idempotent": urban | {"promise": "idempotent"},
    }[kind]


_SAVEREC = {
    "recsource": "视频发现",
    "outerid": "{reference}",
    "eventtypeid": "{event_code}",
    "eventtypename": "{event_name}",
    "maintypeid": "{event_class}",
    "subtypeid": "{event_item}",
    "eventdesc": "{description}",
    "address": "{place}",
    "districtid": "{district}",
    "cellid": "{grid_id}",
    "coordinatex": "{x:.6f}",
    "coordinatey": "{y:.6f}",
    "reporttime": "{seen_at}",
    "mediaurls": "{media_urls}",
}
_VERIFY = {"recid": "{case_id}", "outerid": "{reference}", "opinion": "{text}", "time": "{at}", "photo": "{media_url}"}
