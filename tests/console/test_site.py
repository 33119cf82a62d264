"""The console's files: both languages whole, no inline script, every colour readable."""

import re
from pathlib import Path

import pytest

import vision.console

STATIC = Path(vision.console.__file__).parent / "static"
SCRIPTS = sorted((STATIC / "js").glob("*.js"))


def words(language: str) -> dict[str, str]:
    text = (STATIC / "js" / f"words-{language}.js").read_text(encoding="utf-8")
    return dict(re.findall(r'(\w+): "((?:[^"\\]|\\.)*)"', text))


def test_both_languages_have_the_same_words() -> None:
    zh, en = words("zh"), words("en")
    assert set(zh) == set(en)
    assert len(zh) > 200
    for key in zh:
        assert set(re.findall(r"\{\w+\}", zh[key])) == set(re.findall(r"\{\w+\}", en[key])), key


@pytest.mark.parametrize("language", ["zh", "en"])
def test_no_word_is_said_twice(language: str) -> None:
    """The later one would win, on somebody else's page."""
    text = (STATIC / "js" / f"words-{language}.js").read_text(encoding="utf-8")
    keys = re.findall(r'(\w+): "(?:[^"\\]|\\.)*"', text)
    assert sorted(keys) == sorted(set(keys))


def test_every_word_asked_for_is_there() -> None:
    known = words("zh")
    asked = {name for path in SCRIPTS for name in re.findall(r'\bt\("(\w+)"', path.read_text(encoding="utf-8"))}
    assert asked
    assert asked - set(known) == set()


def test_no_page_needs_inline_script_or_style() -> None:
    page = (STATIC / "index.html").read_text(encoding="utf-8")
    assert re.findall(r"<script(?![^>]*\bsrc=)", page) == []
    assert " style=" not in page
    assert "<style" not in page
    for path in SCRIPTS:
        text = path.read_text(encoding="utf-8")
        assert "innerHTML" not in text, path.name  # text is always text: nothing from outside becomes markup
        assert "eval(" not in text, path.name


def test_every_file_that_is_named_exists() -> None:
    for path in SCRIPTS:
        for name in re.findall(r'from "\./([\w-]+\.js)"', path.read_text(encoding="utf-8")):
            assert (STATIC / "js" / name).is_file(), f"{path.name} names {name}"


def themes() -> dict[str, dict[str, str]]:
    css = (STATIC / "css" / "tokens.css").read_text(encoding="utf-8")
    blocks = re.findall(r'\[data-theme="(\w+)"\] \{(.*?)\n\}', css, re.DOTALL)
    return {name: dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", body)) for name, body in blocks}


def luminance(colour: str) -> float:
    """Relative luminance by WCAG 2.2."""
    parts = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    red, green, blue = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(a: str, b: str) -> float:
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


PAIRS = [
    *((text, ground) for text in ("text", "muted") for ground in ("bg", "surface", "raised", "hover", "selected")),
    *(("faint", ground) for ground in ("bg", "surface")),
    *(("accent", ground) for ground in ("bg", "surface", "accent-soft")),
    *((colour, f"{colour}-soft") for colour in ("red", "amber", "green", "violet")),
    ("on-accent", "accent"),
    ("on-red", "red"),
    ("on-green", "green"),
]


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize(("text", "ground"), PAIRS)
def test_text_can_be_read(theme: str, text: str, ground: str) -> None:
    colours = themes()[theme]
    assert contrast(colours[text], colours[ground]) >= 4.5, "WCAG 2.2 AA, 1.4.3"
