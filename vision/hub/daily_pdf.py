"""The daily report on paper, A4, Chinese or English: a page for the city, then one for each district."""

from collections.abc import Mapping, Sequence
from typing import Any

from fpdf.fonts import FontFace

from vision.cases.evidence.paper import FONT, INK, LINE, MARGIN_MM, SOFT, WIDTH_MM, Paper
from vision.core.findings import ViolationType
from vision.hub.daily import Day, Names, Section

_GAP_MM = 6.0
_HALF_MM = (WIDTH_MM - _GAP_MM) / 2
_FILL = (238, 242, 245)
_COLOURS = {"out_of_store": (222, 160, 40), "garbage": (125, 95, 200), "bike_misparked": (40, 125, 190)}
_CHART_MM = 30.0
_RANKED = 6
_WORDS: Mapping[str, Mapping[str, str]] = {
    "zh": {
        "title": "视频监测日报",
        "city": "全市",
        "part": "当日未结束,数据截至制表时间",
        "made": "制表",
        "cameras": "摄像机 {n} 路",
        "raised": "发现",
        "precision": "准确率",
        "filed": "立案",
        "share": "视频发现占比",
        "open": "未结",
        "gone": "消失用时(中位)",
        "warned": "喊话后整改率",
        "types": "分类型",
        "type": "类型",
        "confirmed": "确认",
        "rejected": "驳回",
        "p90": "九成在此时间内消失",
        "hours": "按时段(发现数)",
        "grids": "网格排行",
        "shops": "商户排行",
        "worst": "误报最多的摄像机",
        "districts": "分城区",
        "district": "城区",
        "speakers": "喊话效果",
        "phrase": "用语",
        "spoken": "播出",
        "rectified": "整改",
        "silent": "另有 {n} 次未播出,{failed} 次设备失败",
        "none": "无",
        "seconds": "{n} 秒",
        "minutes": "{n} 分",
        "hm": "{h} 时 {m} 分",
        "page": "第 {n} / {of} 页",
        "out_of_store": "店外经营",
        "garbage": "暴露垃圾",
        "bike_misparked": "非机动车乱停放",
        "note": "准确率 = 确认 / (确认 + 驳回)。视频发现占比 = 未经人工要求的立案 / 全部立案。消失用时自报警起算。",
    },
    "en": {
        "title": "Daily report",
        "city": "Whole city",
        "part": "the day is not over: figures until this page was made",
        "made": "made",
        "cameras": "{n} cameras",
        "raised": "Raised",
        "precision": "Precision",
        "filed": "Filed",
        "share": "AI share",
        "open": "Open",
        "gone": "To gone (median)",
        "warned": "Put right after warning",
        "types": "By type",
        "type": "Type",
        "confirmed": "Confirmed",
        "rejected": "Rejected",
        "p90": "90 % gone within",
        "hours": "By hour of the day (raised)",
        "grids": "Grids",
        "shops": "Shops",
        "worst": "Cameras with most false alarms",
        "districts": "By district",
        "district": "District",
        "speakers": "Loudspeakers' effect",
        "phrase": "Phrase",
        "spoken": "Spoken",
        "rectified": "Put right",
        "silent": "{n} more stayed silent, {failed} failed",
        "none": "none",
        "seconds": "{n} s",
        "minutes": "{n} min",
        "hm": "{h} h {m} min",
        "page": "page {n} of {of}",
        "out_of_store": "Out-of-store business",
        "garbage": "Garbage",
        "bike_misparked": "Misparked bikes",
        "note": "Precision: confirmed of judged. AI share: filed and asked for by nobody. To gone: from the alert.",
    },
}


def printed(day: Day, language: str = "zh") -> bytes:
    """A PDF of one page for each section."""
    paper = _Report(day, _WORDS.get(language, _WORDS["zh"]))
    for section in day.sections:
        paper.page(section)
    return paper.output()


class _Report:
    def __init__(self, day: Day, words: Mapping[str, str]) -> None:
        self._day, self._w = day, words
        self._pdf = Paper(f"{day.city} {words['title']} {day.date}", day.made_at)

    def page(self, section: Section) -> None:
        self._pdf.add_page()
        self._head(section)
        (total,) = section.tables["total"]
        self._tiles(total, section)
        self._heading(self._w["types"])
        self._types(section)
        self._heading(self._w["hours"])
        self._hours(section)
        if section.district is None and len(self._day.sections) > 1:
            self._heading(self._w["districts"])
            self._districts()
        top = self._pdf.get_y()
        names = self._day.names
        left = self._ranking(MARGIN_MM, top, "grids", section.tables["grid"], "grid", names.grids)
        right = self._ranking(MARGIN_MM + _HALF_MM + _GAP_MM, top, "shops", section.tables["shop"], "shop", names.shops)
        top = max(left, right)
        left = self._worst(top, section, names)
        right = self._effect(MARGIN_MM + _HALF_MM + _GAP_MM, top, section)
        self._foot()

    def output(self) -> bytes:
        return bytes(self._pdf.output())

    def _head(self, section: Section) -> None:
        day, w = self._day, self._w
        self._pdf.put(f"{day.city} {w['title']}", 17, height=9)
        where = section.district or w["city"]
        made = f"{w['made']} {day.made_at.astimezone(day.zone):%Y-%m-%d %H:%M}"
        parts = [where, f"{day.date}", w["cameras"].format(n=section.cameras), made]
        self._pdf.put("    ".join(parts), 10, soft=True)
        if not day.whole:
            self._pdf.put(w["part"], 9, soft=True)

    def _tiles(self, total: Mapping[str, Any], section: Section) -> None:
        pdf, w = self._pdf, self._w
        pdf.ln(2)
        shown = [
            (w["raised"], str(total["raised"])),
            (w["precision"], _percent(total["precision"])),
            (w["filed"], str(total["filed"])),
            (w["share"], _percent(total["ai_share"])),
            (w["open"], str(total["open"])),
            (w["gone"], self._span(total["median_to_gone_s"])),
            (w["warned"], _percent(section.effect.total.rate)),
        ]
        width, top = WIDTH_MM / len(shown), pdf.get_y()
        for number, (name, value) in enumerate(shown):
            left = MARGIN_MM + number * width
            pdf.set_fill_color(*_FILL)
            pdf.rect(left, top, width - 1.5, 15, style="F")
            pdf.set_xy(left, top + 1.5)
            self._pdf.put(self._pdf.fitting(name, 7, width - 2), 7, width=width - 1.5, height=4, align="C", soft=True)
            pdf.set_xy(left, top + 6)
            self._pdf.put(self._pdf.fitting(value, 13, width - 2), 13, width=width - 1.5, height=7, align="C")
        pdf.set_xy(MARGIN_MM, top + 15)

    def _types(self, section: Section) -> None:
        w = self._w
        rows = {row["type"]: row for row in section.tables["type"]}
        lines = []
        for kind in ViolationType:
            row = rows.get(kind.value)
            if row is None:
                lines.append([w[kind.value], "0", *["—"] * 7])
                continue
            figures = (row["raised"], row["confirmed"], row["rejected"], _percent(row["precision"]), row["filed"])
            spans = (row["open"], self._span(row["median_to_gone_s"]), self._span(row["p90_to_gone_s"]))
            lines.append([w[kind.value], *map(str, (*figures, *spans))])
        names = ("type", "raised", "confirmed", "rejected", "precision", "filed", "open", "gone", "p90")
        self._table([w[name] for name in names], lines, (34, 14, 16, 16, 17, 14, 14, 26, 31))

    def _districts(self) -> None:
        w = self._w
        lines = []
        for section in self._day.sections[1:]:
            (total,) = section.tables["total"]
            figures = (total["raised"], _percent(total["precision"]), total["filed"], _percent(total["ai_share"]))
            rest = (total["open"], self._span(total["median_to_gone_s"]), _percent(section.effect.total.rate))
            lines.append([section.district or "", *map(str, (*figures, *rest))])
        names = ("district", "raised", "precision", "filed", "share", "open", "gone", "warned")
        self._table([w[name] for name in names], lines[:12], (38, 16, 20, 16, 24, 16, 28, 24))

    def _hours(self, section: Section) -> None:
        """Stacked bars, one an hour."""
        pdf, rows = self._pdf, section.tables["hour"]
        top = pdf.get_y() + 1
        most = max(1, *(sum(row[kind.value] for kind in ViolationType) for row in rows))
        step = WIDTH_MM / 24
        pdf.set_draw_color(*LINE)
        pdf.line(MARGIN_MM, top + _CHART_MM, MARGIN_MM + WIDTH_MM, top + _CHART_MM)
        for row in rows:
            base, left = top + _CHART_MM, MARGIN_MM + row["hour"] * step
            for kind in ViolationType:
                height = (_CHART_MM - 6) * row[kind.value] / most
                pdf.set_fill_color(*_COLOURS[kind.value])
                pdf.rect(left + step * 0.18, base - height, step * 0.64, height, style="F") if height else None
                base -= height
            count = sum(row[kind.value] for kind in ViolationType)
            if count:
                pdf.set_xy(left, base - 3.6)
                self._pdf.put(str(count), 6, width=step, height=3.4, align="C", soft=True)
            pdf.set_xy(left, top + _CHART_MM + 0.4)
            self._pdf.put(str(row["hour"]), 6.5, width=step, height=3.4, align="C", soft=True)
        pdf.set_xy(MARGIN_MM, top + _CHART_MM + 4.4)
        for kind in ViolationType:
            pdf.set_fill_color(*_COLOURS[kind.value])
            pdf.rect(pdf.get_x(), pdf.get_y() + 0.9, 3, 3, style="F")
            pdf.set_x(pdf.get_x() + 4)
            pdf.set_font(FONT, size=7.5)
            pdf.set_text_color(*SOFT)
            pdf.cell(pdf.get_string_width(self._w[kind.value]) + 6, 5, self._w[kind.value])
        pdf.set_xy(MARGIN_MM, pdf.get_y() + 5)

    def _ranking(  # noqa: PLR0917 - where it goes and what it tells
        self, left: float, top: float, title: str, rows: Sequence[Mapping[str, Any]], key: str, names: Mapping[str, str]
    ) -> float:
        w = self._w
        lines = [
            [
                self._pdf.fitting(names.get(row[key], row[key]), 8, 40),
                str(row["raised"]),
                str(row["filed"]),
                self._span(row["median_to_gone_s"]),
            ]
            for row in rows[:_RANKED]
        ]
        heads = [w[title], w["raised"], w["filed"], w["gone"]]
        return self._beside(left, top, w[title], heads, lines, (42, 13, 13, 20))

    def _worst(self, top: float, section: Section, names: Names) -> float:
        w = self._w
        found = [row for row in section.tables["camera_total"] if row["rejected"]]
        found.sort(key=lambda row: (-row["rejected"], row["camera"]))
        lines = [
            [
                self._pdf.fitting(names.cameras.get(row["camera"], row["camera"]), 8, 40),
                str(row["raised"]),
                str(row["rejected"]),
                _percent(row["precision"]),
            ]
            for row in found[:_RANKED]
        ]
        heads = [w["worst"], w["raised"], w["rejected"], w["precision"]]
        return self._beside(MARGIN_MM, top, w["worst"], heads, lines, (42, 13, 13, 20))

    def _effect(self, left: float, top: float, section: Section) -> float:
        w, effect = self._w, section.effect
        lines = [
            [self._pdf.fitting(one.key or "—", 8, 40), str(one.spoken), str(one.rectified), _percent(one.rate)]
            for one in effect.by_phrase[: _RANKED - 1]
        ]
        heads = [w["phrase"], w["spoken"], w["rectified"], w["warned"]]
        bottom = self._beside(left, top, w["speakers"], heads, lines, (42, 13, 13, 20))
        silent = sum(effect.silent.values())
        if silent or effect.failed:
            self._pdf.set_xy(left, bottom - 3)
            self._pdf.put(w["silent"].format(n=silent, failed=effect.failed), 7.5, width=_HALF_MM, soft=True)
        return bottom

    def _beside(  # noqa: PLR0917 - where it goes and what it tells
        self, left: float, top: float, title: str, heads: list[str], lines: list[list[str]], widths: Sequence[int]
    ) -> float:
        """A small table on one half of the page; returns where it ends."""
        self._pdf.set_xy(left, top)
        self._pdf.ln(2)
        self._pdf.set_x(left)
        self._pdf.put(title, 11, width=_HALF_MM, height=6.2)
        if not lines:
            self._pdf.set_x(left)
            self._pdf.put(self._w["none"], 8, width=_HALF_MM, soft=True)
            return self._pdf.get_y()
        self._pdf.set_left_margin(left)
        self._pdf.set_x(left)
        self._table(["", *heads[1:]], lines, widths, width=_HALF_MM)
        self._pdf.set_left_margin(MARGIN_MM)
        return self._pdf.get_y() + 3

    def _table(
        self, heads: list[str], lines: list[list[str]], widths: Sequence[int], *, width: float = WIDTH_MM
    ) -> None:
        self._pdf.set_font(FONT, size=8)
        self._pdf.set_text_color(*INK)
        self._pdf.set_draw_color(*LINE)
        self._pdf.set_fill_color(255, 255, 255)
        style = FontFace(color=SOFT, fill_color=_FILL)
        align = ("LEFT", *["RIGHT"] * (len(heads) - 1))
        with self._pdf.table(
            width=width,
            col_widths=tuple(widths),
            text_align=align,
            headings_style=style,
            line_height=5,
            borders_layout="HORIZONTAL_LINES",
            align="LEFT",
            padding=0.4,
        ) as table:
            for line in (heads, *lines):
                table.row(line)

    def _foot(self) -> None:
        self._pdf.set_xy(MARGIN_MM, 297 - 18)
        self._pdf.put(self._w["note"], 7, soft=True, height=4)
        page = self._w["page"].format(n=self._pdf.page_no(), of=len(self._day.sections))
        self._pdf.put(page, 7, soft=True, height=4, align="R")

    def _heading(self, text: str) -> None:
        self._pdf.ln(3)
        self._pdf.set_x(MARGIN_MM)
        self._pdf.put(text, 11, height=6.2)

    def _span(self, seconds: float | None) -> str:
        if seconds is None:
            return "—"
        if seconds < 60:
            return self._w["seconds"].format(n=round(seconds))
        minutes = round(seconds / 60)
        if minutes < 60:
            return self._w["minutes"].format(n=minutes)
        return self._w["hm"].format(h=minutes // 60, m=minutes % 60)


def _percent(value: float | None) -> str:
    return "—" if value is None else f"{value * 100:.0f} %"
