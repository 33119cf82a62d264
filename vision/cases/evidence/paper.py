"""An A4 sheet with a font that has Chinese: what the case's page and the daily report are printed on."""

from datetime import datetime
from importlib.resources import as_file, files

from fpdf import FPDF
from fpdf.enums import XPos, YPos

FONT = "cjk"
MARGIN_MM = 14.0
WIDTH_MM = 210.0 - 2 * MARGIN_MM
INK, SOFT, LINE = (28, 36, 46), (96, 106, 118), (196, 203, 211)


class Paper(FPDF):
    """Breaks no page by itself; the margins are 14 mm."""

    def __init__(self, title: str, made_at: datetime) -> None:
        super().__init__(format="A4")
        self.set_creation_date(made_at)
        self.set_auto_page_break(auto=False)
        self.set_margin(MARGIN_MM)
        self.set_title(title)
        with as_file(files("paperang_p2_fonts_cjk") / "fonts" / "wqy-microhei.ttc") as path:
            self.add_font(FONT, fname=str(path))

    def put(
        self, text: str, size: float, *, width: float = 0, height: float = 5, align: str = "L", soft: bool = False
    ) -> None:
        """One line of text, sizes in points, lengths in mm; the next one begins at the left margin below it."""
        self.set_font(FONT, size=size)
        self.set_text_color(*(SOFT if soft else INK))
        self.cell(width, height, text, align=align, new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def fitting(self, text: str, size: float, width: float) -> str:
        """The text, cut with an ellipsis where it would not fit into `width` mm."""
        self.set_font(FONT, size=size)
        if self.get_string_width(text) <= width:
            return text
        while text and self.get_string_width(text + "…") > width:
            text = text[:-1]
        return text + "…"
