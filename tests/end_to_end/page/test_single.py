"""One text on the page: what is asked, and how each shape of answer is drawn."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.end_to_end.page.double import EXAMPLES, TASKS, Double

Open = Callable[..., Page]
EVIL = "<script>document.title = 'owned'</script><img src=x onerror=\"document.title='owned'\"> & \"'"


def predict(page: Page, text: str) -> None:
    page.fill("#text", text)
    page.click("#predict")
    page.wait_for_selector("#answers:visible .answer")


def marks(page: Page, task: str) -> list[tuple[str, str]]:
    """The stretches that are marked, without and with their labels."""
    found = page.locator(f'.answer[aria-label="{task}"] .marked mark')
    label = "own => own.lastElementChild.querySelector('bdi').textContent"
    text = """own => { const copy = own.cloneNode(true); copy.querySelectorAll('small').forEach(part => part.remove());
              return copy.textContent; }"""
    return [(own.evaluate(text), own.evaluate(label)) for own in found.all()]


def test_all_tasks_are_answered_at_once(address: str, open_page: Open, double: Double) -> None:
    page = open_page(address)
    predict(page, "John books a flight to Berlin.")
    assert double.bodies == [{"texts": ["John books a flight to Berlin."]}]
    assert [own.get_attribute("aria-label") for own in page.locator(".answer").all()] == [own["name"] for own in TASKS]
    meters = page.get_by_role("meter")
    assert [own.get_attribute("aria-label") for own in meters.all()] == [
        "confidence of travel",
        "confidence of places",
        "confidence of names",
    ]
    assert [own.get_attribute("aria-valuenow") for own in meters.all()] == ["0.63", "0.998", "0.61"]
    assert [own.bounding_box()["width"] for own in page.locator(".bar rect").all()] == pytest.approx(  # type: ignore[index]
        [page.locator(".bar svg").first.bounding_box()["width"] * share for share in (0.63, 0.998, 0.61)],
        rel=0.01,  # type: ignore[index]
    )
    assert marks(page, "slots") == [("John", "PER"), ("Berlin", "LOC")]
    expect(page.locator('.answer[aria-label="stars"] .big')).to_have_text("5.5")
    expect(page.locator('.answer[aria-label="odd"] pre')).to_contain_text('"another"')
    expect(page.locator(".latency")).to_contain_text("4.1 ms in the server")


def test_words_have_their_labels_beneath(address: str, open_page: Open) -> None:
    page = open_page(address)
    predict(page, "John books nothing today")
    words = page.locator('.answer[aria-label="pos"] li')
    assert [own.inner_text().split() for own in words.all()] == [
        ["John", "NOUN", "91.0", "%"],
        ["books", "VERB", "91.0", "%"],
        ["nothing", "NOUN", "91.0", "%"],
        ["today", "–"],
    ]
    word, label = words.first.locator("bdi").bounding_box(), words.first.locator("small").bounding_box()
    assert word
    assert label
    assert label["y"] >= word["y"] + word["height"] - 1


def test_spans_within_others_and_across_them_are_all_shown(address: str, open_page: Open) -> None:
    page = open_page(address)
    predict(page, "John books a flight to Berlin near New York City Hall.")
    assert marks(page, "places") == [
        ("a flight to Berlin", "TRIP"),
        ("Berlin", "LOC"),
        ("New York City", "LOC"),
        ("York City Hall", "ORG"),
    ]
    assert page.locator('.answer[aria-label="places"] mark mark').count() == 1
    expect(page.locator('.answer[aria-label="places"]')).to_contain_text("Overlaps with those above")
    page.locator('.answer[aria-label="places"] summary').click()
    expect(page.get_by_role("region", name="Entities as a list").locator("tbody tr")).to_have_count(4)


def test_marks_stand_where_python_counts_them(address: str, open_page: Open) -> None:
    """Emoji are two UTF-16 units and one code point; an accent of its own is a code point, too."""
    page = open_page(address)
    text = "😀😀 cafe\u0301 👩\u200d💻 Zoë flew from İzmir via Łódź to 北京市"
    predict(page, text)
    assert marks(page, "slots") == [
        ("👩\u200d💻", "PER"),
        ("Zoë", "PER"),
        ("İzmir", "LOC"),
        ("Łódź", "LOC"),
        ("北京市", "LOC"),
    ]
    without_labels = (
        """own => { own.querySelectorAll('small').forEach(part => part.remove()); return own.textContent; }"""
    )
    assert page.locator('.answer[aria-label="slots"] .marked').evaluate(without_labels) == text


def test_a_script_in_the_text_is_only_text(address: str, open_page: Open) -> None:
    page = open_page(address)
    title = page.title()
    predict(page, EVIL)
    assert marks(page, "slots") == [("<script>document.title = 'owned'</script>", "LOC")]
    expect(page.locator('.answer[aria-label="slots"] .marked')).to_contain_text("onerror")
    page.click("summary:has-text('JSON')")
    page.check("#many")
    page.click("#predict")
    page.get_by_role("button", name="Line 1: show it whole").click()
    expect(page.locator("dialog .marked").first).to_contain_text("onerror")
    assert page.locator("main img, main script, dialog img, dialog script").count() == 0
    assert page.title() == title == "hotels & <b>flights</b> · polyhead"
    expect(page.get_by_role("heading", level=1)).to_have_text("hotels & <b>flights</b>")


def test_examples_are_a_click_away(address: str, open_page: Open, double: Double) -> None:
    page = open_page(address)
    page.get_by_role("button", name=EXAMPLES[1]).click()
    page.wait_for_selector(".answer")
    assert page.input_value("#text") == EXAMPLES[1]
    assert double.bodies[-1]["texts"] == [EXAMPLES[1]]


def test_options_become_fields_and_answers_follow_them(address: str, open_page: Open, double: Double) -> None:
    page = open_page(address)
    predict(page, "John books a flight to Berlin.")
    page.click("summary:has-text('Options')")
    page.get_by_label("Minimum confidence").fill("0.9")
    expect(page.locator("#confidence-value")).to_have_text("90.0\u00a0%")
    expect(page.locator('.answer[aria-label="topic"]')).to_contain_text("not sure enough")
    assert marks(page, "slots") == [("Berlin", "LOC")]
    page.get_by_role("checkbox", name="topic", exact=True).uncheck()
    expect(page.locator('.answer[aria-label="topic"]')).to_have_count(0)
    assert double.bodies[-1] == {
        "texts": ["John books a flight to Berlin."],
        "tasks": [own["name"] for own in TASKS if own["name"] != "topic"],
        "min_confidence": 0.9,
    }
    for own in TASKS[1:]:
        page.get_by_role("checkbox", name=own["name"], exact=True).uncheck()
    expect(page.get_by_role("alert")).to_contain_text("Choose at least one task")


def test_what_was_cut_or_read_in_windows_is_said(address: str, open_page: Open) -> None:
    page = open_page(address)
    page.fill("#text", "word " * 300)
    expect(page.locator("#count")).to_have_text("1,500 characters")
    page.click("#predict")
    expect(page.get_by_role("alert")).to_contain_text("“texts[0]”: has 1500 characters, the limit is 1000")
    page.click("summary:has-text('Options')")
    page.get_by_label("Cut texts longer than 1,000 characters").check()
    page.click("#predict")
    expect(page.locator(".remark")).to_have_text(
        [
            "The text was cut at the server's limit: what follows was not read.",
            "The text is longer than the encoder takes: it was read in 3 overlapping windows.",
        ]
    )
    expect(page.get_by_role("alert")).to_be_empty()


def test_a_model_of_pairs_has_a_second_field(serve: Callable[[Double], str], open_page: Open) -> None:
    double = Double(reads_second=True)
    page = open_page(serve(double))
    page.fill("#text", "John sleeps.")
    page.click("#predict")
    expect(page.get_by_role("alert")).to_contain_text("reads two texts together")
    page.get_by_label("Second text").fill("Nobody is awake.")
    page.click("#predict")
    expect(page.locator(".second")).to_contain_text("Nobody is awake.")
    assert double.bodies == [{"texts": [["John sleeps.", "Nobody is awake."]]}]
    page.get_by_role("button", name=f"{EXAMPLES[0]} | He travels.").click()
    expect(page.locator(".second")).to_contain_text("He travels.")


def test_a_second_text_may_be_left_out_where_the_model_says_so(serve: Callable[[Double], str], open_page: Open) -> None:
    double = Double(reads_second="optional")
    page = open_page(serve(double))
    predict(page, "John sleeps.")
    expect(page.get_by_label("Second text (may be left empty)")).to_be_visible()
    assert double.bodies == [{"texts": ["John sleeps."]}]


@pytest.mark.parametrize("key", [None, "right key"])
def test_the_curl_line_asks_for_the_same(
    serve: Callable[[Double], str], open_page: Open, double: Double, key: str | None
) -> None:
    double.key = key
    page = open_page(serve(double), permissions=["clipboard-read", "clipboard-write"])
    if key:
        page.get_by_label("Key of this server").fill(key)
        page.click("text=Use it")
    text = 'it\'s $HOME `date` "quoted" \\ !x\nline two 😀 %s'
    predict(page, text)
    page.click("summary:has-text('curl')")
    page.get_by_role("button", name="Copy curl").click()
    expect(page.get_by_role("button", name="Copied curl")).to_have_text("Copied")
    line = page.evaluate("navigator.clipboard.readText()")
    assert "right key" not in line
    # The shell reads the line; a function in curl's place tells what curl would have been given.
    said = subprocess.run(
        ["bash", "-c", f"curl() {{ printf '%s\\0' \"$@\"; }}; POLYHEAD_KEY='right key'; {line}"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\0")
    assert said[1].endswith("/v1/predict")
    assert json.loads(said[said.index("--data-binary") + 1]) == double.bodies[-1] == {"texts": [text]}
    assert ("Authorization: Bearer right key" in said) == (key is not None)
    expect(page.get_by_role("button", name="Copy curl")).to_have_text("Copy")


def test_the_json_is_what_the_server_said(address: str, open_page: Open) -> None:
    page = open_page(address)
    predict(page, "John books a flight to Berlin.")
    page.click("summary:has-text('JSON')")
    shown = json.loads(page.get_by_role("group", name="JSON").inner_text())
    assert shown["model"] == "3f2a9c0d"
    assert shown["results"][0]["topic"] == {"label": "travel", "score": 0.63}


def test_only_the_last_answer_is_shown(address: str, open_page: Open) -> None:
    page = open_page(address)
    page.fill("#text", "ERR:slow John")
    page.click("#predict")
    expect(page.get_by_role("button", name="Cancel")).to_be_visible()
    predict(page, "Zoë is quicker")
    page.wait_for_timeout(700)
    assert marks(page, "slots") == [("Zoë", "PER")]
    expect(page.get_by_role("button", name="Cancel")).to_be_hidden()
