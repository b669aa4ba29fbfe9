"""The page without a mouse, without eyes, in the dark, and on a small screen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.end_to_end.page.double import Double

Open = Callable[..., Page]
TEXT = "John books a flight to Berlin near New York City Hall?"

# The contrast of every piece of text that is drawn with what is drawn behind it (WCAG 2.2, 1.4.3), from computed styles.
CONTRASTS = """() => {
  const shown = (own) => own.checkVisibility({ opacityProperty: true, visibilityProperty: true });
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => [r, g, b].map((own) => own / 255)
    .map((own) => own <= 0.04045 ? own / 12.92 : ((own + 0.055) / 1.055) ** 2.4)
    .reduce((sum, own, at) => sum + own * [0.2126, 0.7152, 0.0722][at], 0);
  const behind = (own) => {
    for (let at = own; at; at = at.parentElement) {
      const found = rgba(getComputedStyle(at).backgroundColor);
      if (found[3] === 255) return found;
    }
    return rgba('canvas');
  };
  const seen = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const own = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !shown(own) || own.closest('.unseen, .skip, option, :disabled')) continue;
    const [a, b] = [light(rgba(getComputedStyle(own).color)), light(behind(own))].sort((x, y) => y - x);
    seen.push([(a + 0.05) / (b + 0.05), walker.currentNode.data.trim().slice(0, 40), own.className]);
  }
  return seen;
}"""


def start(page: Page) -> None:
    expect(page.get_by_role("heading", name="hotels")).to_be_visible()
    page.click("summary:has-text('About this model')")
    page.click("summary:has-text('Options')")


def single(page: Page) -> None:
    page.fill("#text", TEXT)
    page.click("#predict")
    page.wait_for_selector(".answer")
    for name in ("JSON", "curl", "as a list"):
        page.locator(f"summary:has-text('{name}')").first.click()


def many(page: Page) -> None:
    page.fill("#text", f"{TEXT}\nERR:422\nZoë\nfour\nERR:500")
    page.check("#many")
    page.click("#predict")
    page.wait_for_selector("td.refused")
    page.wait_for_selector(".alert")


def whole(page: Page) -> None:
    many(page)
    page.get_by_role("button", name="Line 1: show it whole").click()


def docs(page: Page) -> None:
    page.goto(page.url.rstrip("/") + "/docs")
    page.wait_for_selector(".operation")
    for summary in page.locator("summary").all():
        summary.click()


VIEWS = {view.__name__: view for view in (start, single, many, whole, docs)}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("view", VIEWS)
def test_every_text_can_be_read(address: str, open_page: Open, view: str, scheme: Any) -> None:
    page = open_page(address, color_scheme=scheme, reduced_motion="reduce")
    VIEWS[view](page)
    found = page.evaluate(CONTRASTS)
    assert len(found) > 15
    assert [own for own in found if own[0] < 4.5] == []


@pytest.mark.parametrize("view", VIEWS)
def test_nothing_is_wider_than_a_small_screen(address: str, open_page: Open, view: str) -> None:
    page = open_page(address, viewport={"width": 360, "height": 740})
    VIEWS[view](page)
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    beyond = """[...document.querySelectorAll('button, input, textarea, select, summary, h1, h2, h3')]
        .filter((own) => own.checkVisibility() && !own.closest('.wide, .unseen'))
        .filter((own) => own.getBoundingClientRect().right > 361).map((own) => own.outerHTML)"""
    assert page.evaluate(beyond) == []


def test_dark_is_chosen_by_the_system_or_by_hand(address: str, open_page: Open) -> None:
    page = open_page(address, color_scheme="dark")
    paper = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(paper)
    page.get_by_role("combobox", name="Theme").select_option("light")
    light = page.evaluate(paper)
    assert (light, dark) == ("rgb(255, 255, 255)", "rgb(18, 22, 27)")
    page.reload()
    assert page.evaluate(paper) == light
    expect(page.get_by_role("combobox", name="Theme")).to_have_value("light")
    page.goto(address + "/docs")
    assert page.evaluate(paper) == light
    page.get_by_role("combobox", name="Theme").select_option("system")
    assert page.evaluate(paper) == dark
    assert page.evaluate("localStorage.length") == 0


def test_all_is_done_by_keyboard(address: str, open_page: Open, double: Double) -> None:
    page = open_page(address)
    expect(page.get_by_role("heading", name="hotels")).to_be_visible()
    focused = """() => { const own = document.activeElement, style = getComputedStyle(own);
        return [own.id || own.textContent.trim().slice(0, 12), style.outlineStyle !== 'none' && style.outlineWidth !== '0px']; }"""
    seen = []
    for _ in range(11):
        page.keyboard.press("Tab")
        seen.append(page.evaluate(focused))
    names = [name for name, _ in seen]
    assert names[0] == "Skip to the "
    assert [name for name in names if name in {"theme", "text", "many", "predict"}] == [
        "theme",
        "text",
        "many",
        "predict",
    ]
    assert [name for name, is_visible in seen if not is_visible] == []
    page.focus("#text")
    page.keyboard.type("John\nZoë")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector(".answer")
    assert double.bodies[-1]["texts"] == ["John\nZoë"]
    page.focus("#many")
    page.keyboard.press("Space")
    page.focus("#text")
    page.keyboard.press("Meta+Enter")
    page.wait_for_selector("table.answers")
    page.get_by_role("button", name="Line 2: show it whole").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Line 2")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Line 2: show it whole")).to_be_focused()
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_a_screen_reader_finds_its_way(address: str, open_page: Open) -> None:
    page = open_page(address)
    single(page)
    tree = page.locator("body").aria_snapshot()
    for part in (
        'link "Skip to the text"',
        "banner:",
        'heading "hotels & <b>flights</b>" [level=1]',
        'navigation "Pages"',
        "main:",
        'form "Texts"',
        'textbox "Text"',
        'button "Predict"',
        'region "Answers"',
        'group "slots"',
        'meter "confidence of travel"',
        "contentinfo:",
    ):
        assert part in tree, f"{part} is not in\n{tree}"
    said = page.get_by_role("status").inner_text()
    assert said.startswith("Answered 7 tasks. topic: travel ")
    assert "slots: 3 found: John PER, Berlin LOC, New York LOC" in said
    assert "places: 4 found" in said
    marked = page.locator('.answer[aria-label="slots"] .marked').inner_text()
    assert marked.startswith("John PER\u00a088.0\u00a0% ")


def test_every_control_has_a_name_and_ids_are_unique(address: str, open_page: Open) -> None:
    page = open_page(address)
    for view in (start, many, whole, docs):
        page.goto(address)
        view(page)
        nameless = """[...document.querySelectorAll('button, input, textarea, select, a, summary, [role=region], nav, form, dialog')]
            .filter((own) => own.checkVisibility() && !(own.ariaLabel || own.textContent.trim() || own.labels?.length
                || document.getElementById(own.getAttribute('aria-labelledby')))).map((own) => own.outerHTML)"""
        assert page.evaluate(nameless) == []
        doubled = """[...document.querySelectorAll('[id]')].map((own) => own.id).filter((id, at, all) => all.indexOf(id) !== at)"""
        assert page.evaluate(doubled) == []


def test_motion_is_left_out_where_it_is_not_wanted(address: str, open_page: Open) -> None:
    page = open_page(address, reduced_motion="reduce")
    single(page)
    moving = (
        "[...document.querySelectorAll('*')].filter((own) => getComputedStyle(own).transitionDuration !== '0s').length"
    )
    page.evaluate("document.body.classList.add('busy')")
    assert page.evaluate(moving) == 0
