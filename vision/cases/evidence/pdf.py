"""The printed page of a case, in Chinese, A4: what, where, when, before and after side by side, and the proof."""

from collections.abc import Mapping
from datetime import datetime, tzinfo
from io import BytesIO
from typing import Any, cast
from zoneinfo import ZoneInfo

from fpdf.enums import XPos, YPos

from vision.cases.evidence.manifest import Sealed
from vision.cases.evidence.paper import FONT, INK, LINE, MARGIN_MM, WIDTH_MM, Paper

_GAP_MM = 4.0
_PICTURE_MM = ((WIDTH_MM - _GAP_MM) / 2, 60.0)
_LOG_LINES = 9
_TYPES = {"garbage": "垃圾", "out_of_store": "店外经营", "bike_misparked": "非机动车乱停放"}
_SUBTYPES = {
    "out_of_store": "店外经营",
    "road_occupation": "占道经营",
    "street_vendor": "无照经营游商",
    "exposed_garbage": "暴露垃圾",
    "overflow": "垃圾满溢",
    "spill": "道路遗撒",
    "heaped_material": "乱堆物堆料",
    "bike_misparked": "非机动车乱停放",
}
_COLOURS = {"yellow": "黄色", "green": "绿色", "red": "红色"}
_STATUSES = {
    "suspected": "疑似",
    "open": "已发现",
    "warned": "已提醒",
    "filed": "已立案",
    "handled": "已处置待核实",
    "reopened": "核实未通过",
    "closed": "已结案",
    "rectified": "已整改",
    "rejected": "已驳回",
    "lapsed": "已消失",
    "dispatched": "已派遣",
    "returned": "退回",
    "suspended": "挂账",
    "withdrawn": "撤销",
    "pending": "待受理",
    "dead": "无法送达",
}
_TIME_SOURCES = {"camera": "摄像机时钟", "arrival": "接收时间", "file": "文件时间"}
_BEFORE = ("annotated", "original")
_AFTER = ("after_annotated", "after")


def printed(
    sealed: Sealed, pictures: Mapping[str, bytes], *, published: bool = False, zone: tzinfo | None = None
) -> bytes:
    """A PDF of one page.

    Args:
        sealed: the manifest.
        pictures: JPEG or PNG files by their name in the package; those that were removed are left out.
        published: the pictures are blurred copies, and the page says so.
        zone: local time of the page; Asia/Shanghai if None.
    """
    page = _Page(sealed, zone or ZoneInfo("Asia/Shanghai"))
    page.head(published=published)
    page.facts()
    page.account()
    page.pictures(pictures)
    page.story()
    page.foot()
    return page.output()


class _Page:
    def __init__(self, sealed: Sealed, zone: tzinfo) -> None:
        self._sealed = sealed
        self._told = sealed.document
        self._zone = zone
        made_at = datetime.fromisoformat(self._told["sealed_at"])
        self._pdf = Paper(f"案件证据单 {self._told['incident']['id']}", made_at)
        self._pdf.set_creator(self._told["software"])
        self._pdf.add_page()

    def head(self, *, published: bool) -> None:
        pdf, incident = self._pdf, self._told["incident"]
        self._pdf.put("视频监控发现案件证据单", 18, align="C", height=9)
        subtitle = f"事件编号 {incident['id']}    清单序号 {self._sealed.seq}"
        self._pdf.put(subtitle + ("    (公开版:人员与车辆已作模糊处理)" if published else ""), 9, align="C", soft=True)
        pdf.ln(1.5)

    def facts(self) -> None:
        incident, place, review = self._told["incident"], self._told["place"], self._told["review"]
        code = " ".join(part for part in (incident["standard_ref"], incident["event_code"]) if part)
        position = "未标定"
        if place["longitude"] is not None and place["latitude"] is not None:
            position = f"{place['longitude']:.6f}, {place['latitude']:.6f}(WGS-84)"
        case = self._told["cases"][0] if self._told["cases"] else None
        rows = [
            (
                "事件类型",
                f"{_TYPES.get(incident['type'], incident['type'])} / {_SUBTYPES.get(incident['subtype'], '')}",
            ),
            ("标准与代码", code or "—"),
            ("当前状态", _STATUSES.get(incident["status"], incident["status"])),
            ("数量与置信度", f"{incident['object_count']} 处,{incident['confidence']:.2f}"),
            ("地点", place["place"] or "—"),
            ("区域 / 网格", f"{place['district'] or '—'} / {place['grid_id'] or '—'}"),
            ("责任部门 / 区域类别", f"{place.get('department') or '—'} / {place.get('area_class') or '—'}"),
            (
                "累计次数 / 标记",
                f"{incident.get('offences') or '—'} / {_COLOURS.get(incident.get('colour') or '', '—')}",
            ),
            ("坐标", position),
            ("摄像机 / 视角 / 区域", f"{place['camera_id']} / {place['view_id']} / {place['zone_id']}"),
            ("首次发现", self._time(incident["began_at"])),
            ("确认违规", self._time(incident["confirmed_at"])),
            ("最后所见", self._time(incident["last_seen_at"])),
            ("消除时间", self._time(incident["ended_at"])),
            ("案件平台 / 案号", f"{case['platform']} / {case['case_id'] or '—'}" if case else "未立案"),
            ("案件状态", _STATUSES.get(case["status"], case["status"]) if case else "—"),
            ("立案时间", self._time(case["filed_at"]) if case else "—"),
            ("处置时限", self._time(case["due_at"]) if case else "—"),
            ("人工复核", {"confirm": "确认", "reject": "驳回"}.get(review["verdict"] or "", "未复核")),
            ("复核人", (review["reviewer"] or "—").removeprefix("operator:")),
        ]
        half = WIDTH_MM / 2
        for number in range(0, len(rows), 2):
            top = self._pdf.get_y()
            for column, (name, value) in enumerate(rows[number : number + 2]):
                self._fact(MARGIN_MM + column * half, top, half, name, value)
            self._pdf.set_xy(MARGIN_MM, top + 6.4)

    def account(self) -> None:
        self._heading("判定说明")
        self._paragraph(self._told["incident"]["why"]["zh"] or "—", 9.5, lines=3)

    def pictures(self, pictures: Mapping[str, bytes]) -> None:
        self._heading("影像证据")
        top, (width, height) = self._pdf.get_y(), _PICTURE_MM
        for column, (title, roles) in enumerate((("整改前", _BEFORE), ("整改后", _AFTER))):
            left = MARGIN_MM + column * (width + _GAP_MM)
            entry = self._picture(pictures, roles, newest=column == 1)
            self._pdf.set_draw_color(*LINE)
            self._pdf.rect(left, top, width, height)
            if entry is None:
                self._pdf.set_xy(left, top + height / 2 - 3)
                self._pdf.put("(尚无画面)", 10, width=width, align="C", soft=True)
            else:
                self._pdf.image(BytesIO(pictures[entry["name"]]), left, top, width, height, keep_aspect_ratio=True)
            self._pdf.set_xy(left, top + height + 0.8)
            self._pdf.put(title if entry is None else f"{title}  {self._time(entry['captured_at'])}", 9, width=width)
            if entry is not None:
                self._pdf.set_x(left)
                source = _TIME_SOURCES.get(entry["time_source"], entry["time_source"])
                accuracy = "" if entry["uncertainty_s"] is None else f"(±{entry['uncertainty_s']:g} 秒)"
                self._pdf.put(f"{entry['camera_id']},{source}{accuracy}", 7.5, width=width, soft=True, height=3.8)
                self._pdf.set_x(left)
                self._pdf.put(f"SHA-256 {entry['sha256'][:32]}…", 7, width=width, soft=True, height=3.6)
        self._pdf.set_xy(MARGIN_MM, top + height + 13.5)

    def story(self) -> None:
        log = self._told["log"]
        self._heading(f"流程记录(共 {len(log)} 条)")
        shown = log if len(log) <= _LOG_LINES else [*log[:3], *log[3 - _LOG_LINES :]]
        for number, step in enumerate(shown):
            if number == 3 and len(log) > _LOG_LINES:
                self._pdf.put(f"……中间 {len(log) - _LOG_LINES} 条见 manifest.json", 8, soft=True, height=4.2)
            text = f"{self._time(step['wall_at'])}  {step['actor']}  {step['zh'] or step['cause']}"
            self._pdf.put(self._pdf.fitting(text, 8, WIDTH_MM), 8, height=4.4)

    def foot(self) -> None:
        pdf = self._pdf
        pdf.set_xy(MARGIN_MM, 297 - 37)
        self._pdf.put(
            "复核人(签字):________________        负责人(签字):________________        日期:________________", 9.5
        )
        pdf.set_y(297 - 25)
        pdf.set_draw_color(*LINE)
        pdf.line(MARGIN_MM, pdf.get_y(), MARGIN_MM + WIDTH_MM, pdf.get_y())
        pdf.ln(1)
        versions = sorted({f"{f['model']}" for f in self._told["files"] if f["model"]})
        self._pdf.put(f"清单 SHA-256 {self._sealed.sha256}", 7, soft=True, height=3.8)
        self._pdf.put(f"前一清单    {self._sealed.previous}", 7, soft=True, height=3.8)
        made = f"封存 {self._time(self._told['sealed_at'])}    文件 {len(self._told['files'])} 个"
        by = f"{self._told['software']}    模型 {','.join(versions) or '—'}"
        self._pdf.put(f"{made}    {by}", 7, soft=True, height=3.8)
        self._pdf.put(
            "原始文件以本页所列 SHA-256 为准,可用 vision evidence verify 离线核验。", 7, soft=True, height=3.8
        )

    def output(self) -> bytes:
        return bytes(self._pdf.output())

    def _picture(self, pictures: Mapping[str, bytes], roles: tuple[str, ...], *, newest: bool) -> dict[str, Any] | None:
        for role in roles:
            found = [entry for entry in self._told["files"] if entry["role"] == role and entry["name"] in pictures]
            if found:
                one: dict[str, Any] = found[-1 if newest else 0]
                return one
        return None

    def _fact(self, left: float, top: float, width: float, name: str, value: str) -> None:
        label_mm = 31.0
        self._pdf.set_draw_color(*LINE)
        self._pdf.rect(left, top, width, 6.4)
        self._pdf.set_xy(left + 1.5, top + 0.7)
        self._pdf.put(name, 8, width=label_mm, soft=True, height=5)
        self._pdf.set_xy(left + label_mm, top + 0.7)
        self._pdf.put(self._pdf.fitting(value, 9, width - label_mm - 2), 9, width=width - label_mm, height=5)

    def _heading(self, text: str) -> None:
        self._pdf.ln(2)
        self._pdf.set_x(MARGIN_MM)
        self._pdf.put(text, 11, height=6.2)

    def _paragraph(self, text: str, size: float, *, lines: int) -> None:
        self._pdf.set_font(FONT, size=size)
        self._pdf.set_text_color(*INK)
        broken = cast("list[str]", self._pdf.multi_cell(WIDTH_MM, 5, text, dry_run=True, output="LINES", align="L"))
        if len(broken) > lines:
            broken = [*broken[: lines - 1], broken[lines - 1][:-1] + "…"]
        self._pdf.multi_cell(WIDTH_MM, 5, "\n".join(broken), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def _time(self, at: str | None) -> str:
        return "—" if at is None else datetime.fromisoformat(at).astimezone(self._zone).strftime("%Y-%m-%d %H:%M:%S")
