"""The page's files by themselves: nothing inline, nothing from elsewhere, no way from data into HTML, colours to be read."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from itertools import product

import pytest

from polyhead.serving.page.files import static_files

FILES = {name: file.content.decode("utf-8") for name, file in static_files().items()}
SCRIPTS = {name: text for name, text in FILES.items() if name.endswith(".js")}
PAGES = {name: text for name, text in FILES.items() if name.endswith(".html")}
SHEETS = {name: text for name, text in FILES.items() if name.endswith(".css")}


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.script = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.found and self.found[-1][0] in {"script", "style"}:
            self.script += data.strip()


@pytest.mark.parametrize("name", PAGES)
def test_pages_have_nothing_inline_and_nothing_from_elsewhere(name: str) -> None:
    tags = Tags(PAGES[name])
    assert tags.script == ""
    assert "style" not in {tag for tag, _ in tags.found}
    for tag, attributes in tags.found:
        assert "style" not in attributes, tag
        assert not [own for own in attributes if own.startswith("on")], tag
        for own in (attributes.get("src"), attributes.get("href")):
            if own and not own.startswith("#"):
                assert ":" not in own and not own.startswith("/"), (
                    "addresses are relative, so that a proxy may move them"
                )  # noqa: PT018
                asset = own.removeprefix("assets/")
                assert asset in FILES if own.startswith("assets/") else own in {"docs", "./", "openapi.json"}
    ids = [attributes["id"] for _, attributes in tags.found if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in tags.found:
        for own in ("for", "aria-labelledby", "aria-describedby"):
            assert attributes.get(own) is None or attributes[own] in {*ids, "whole-title"}
    assert tags.found[0] == ("html", {"lang": "en"})


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_make_no_html_and_run_no_text(name: str) -> None:
    text = SCRIPTS[name]
    forbidden = (
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|DOMParser|\.style\b|https?://"
    )
    assert re.findall(forbidden, text.replace("http://www.w3.org/2000/svg", "")) == []
    assert len(text.splitlines()) < 300
    assert max(map(len, text.splitlines())) <= 120


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_import_what_there_is(name: str) -> None:
    for names, module in re.findall(r"import \{([^}]*)\} from \"\./([^\"]+)\"", SCRIPTS[name]):
        for own in filter(None, map(str.strip, names.split(","))):
            assert re.search(rf"export (async )?(function|class|const) {own}\b", SCRIPTS[module]), f"{own} of {module}"
            assert len(re.findall(rf"\b{own}\b", SCRIPTS[name])) > 1, f"{own} is not used"


def test_ids_that_scripts_look_for_are_on_the_page() -> None:
    for name, page in (("app.js", "index.html"), ("batch.js", "index.html"), ("docs.js", "docs.html")):
        ids = re.findall(r'\bid="([^"]+)"', PAGES[page])
        for own in re.findall(r'\bfind\("([^"]+)"\)', SCRIPTS[name]):
            assert own in ids, f"#{own} of {name}"


def _light(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [own / 12.92 if own <= 0.04045 else ((own + 0.055) / 1.055) ** 2.4 for own in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours as WCAG 2.2 defines it."""
    high, low = sorted((_light(one), _light(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


COLOURS = {
    name: pair
    for name, *pair in re.findall(r"--([a-z0-9-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);", FILES["app.css"])
}
LABELS = [f"c{at}" for at in range(8)]
READ = [
    *product(["ink", "soft", "accent", "bad"], ["paper", "panel"]),
    *product(["ink"], [*LABELS, "note-paper", "bad-paper"]),
    ("bad", "bad-paper"),
    ("on-accent", "accent"),
]
SEEN = [*product(["edge", "accent"], ["paper", "panel"]), ("accent", "line")]
"""Borders of fields, the ring of focus, and bars: WCAG 2.2, 1.4.11."""


def test_contrast_is_computed_as_wcag_does() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_colours_can_be_told_apart(scheme: int) -> None:
    assert {*LABELS, "ink", "paper"} <= set(COLOURS)
    assert [pair for pair in READ if contrast(*(COLOURS[own][scheme] for own in pair)) < 4.5] == []
    assert [pair for pair in SEEN if contrast(*(COLOURS[own][scheme] for own in pair)) < 3] == []
    assert len({COLOURS[own][scheme] for own in LABELS}) == len(LABELS)


@pytest.mark.parametrize("name", SHEETS)
def test_colours_stand_in_one_place(name: str) -> None:
    rules = re.sub(r":root \{.*?\n\}", "", SHEETS[name], flags=re.DOTALL)
    assert re.findall(r"#[0-9a-fA-F]{3,8}\b(?=[ ;,)])", rules) == []
    assert "@import" not in rules
    assert "url(" not in rules
    for own in re.findall(r"var\(--([a-z0-9-]+)\)", rules):
        assert own in COLOURS or own == "round", own
