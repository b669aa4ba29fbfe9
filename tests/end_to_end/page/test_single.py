"""One text on the page: what is asked, and how each shape of answer is drawn."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from starlette.applications import Starlette
from starlette.routing import Mount

from tests.end_to_end.page.conftest import running
from tests.end_to_end.page.double import EXAMPLES, TASKS, Double, make_app

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
    assert double.bodies == [{"texts": ["John books a flight to Berlin."], "top_k": 5}]
    assert [own.get_attribute("aria-label") for own in page.locator(".answer").all()] == [own["name"] for own in TASKS]
    assert [own.get_attribute("aria-valuenow") for own in page.get_by_role("meter").all()] == [
        *("0.63", "0.2775", "0.0925"),
        *("0.998", "0.61", "0.08"),
    ]
    assert marks(page, "slots") == [("John", "PER"), ("Berlin", "LOC")]
    expect(page.locator('.answer[aria-label="stars"] .big')).to_have_text("5.5")
    expect(page.locator('.answer[aria-label="odd"] pre')).to_contain_text('"another"')
    expect(page.locator(".latency")).to_contain_text("4.1 ms in the server")


def bars(page: Page, name: str) -> list[list[str]]:
    """What is written at each bar of a list, above one another."""
    found = page.get_by_role("list", name=name).get_by_role("listitem").all()
    tops = [own.bounding_box()["y"] for own in found]  # type: ignore[index]
    assert tops == sorted(tops)
    return [own.inner_text().replace("\u00a0", " ").split("\n") for own in found]


@pytest.mark.parametrize("width", [1200, 360])
def test_each_class_has_a_bar_with_its_share(address: str, open_page: Open, width: int) -> None:
    page = open_page(address, viewport={"width": width, "height": 900})
    predict(page, "John books a flight to Berlin.")
    wanted = [["travel", "63.0 %"], ["weather", "27.8 %"], ["people", "9.3 %"]]
    assert [[part for part in own if part] for own in bars(page, "Most probable classes")] == wanted
    meters = page.locator('.answer[aria-label="topic"]').get_by_role("meter")
    assert [(own.get_attribute("aria-label"), own.get_attribute("aria-valuetext")) for own in meters.all()] == [
        ("confidence of travel", "63.0\u00a0%"),
        ("confidence of weather", "27.8\u00a0%"),
        ("confidence of people", "9.3\u00a0%"),
    ]
    drawn = [own.bounding_box()["width"] for own in page.locator('.answer[aria-label="topic"] rect').all()]  # type: ignore[index]
    whole = meters.first.bounding_box()["width"]  # type: ignore[index]
    assert drawn == pytest.approx([whole * share for share in (0.63, 0.2775, 0.0925)], rel=0.01)


def test_classes_that_are_not_answered_stand_apart(address: str, open_page: Open) -> None:
    page = open_page(address)
    predict(page, "John books a flight to Berlin.")
    assert [own[0] for own in bars(page, "Answered")] == ["places", "names"]
    assert [own[0] for own in bars(page, "Below their thresholds")] == ["questions"]
    expect(page.locator('.answer[aria-label="themes"] p')).to_have_text("Below their thresholds")
    expect(page.get_by_role("status")).to_contain_text("themes: places 99.8\u00a0%, names 61.0\u00a0%. slots")
    predict(page, "Nothing of it")
    expect(page.locator('.answer[aria-label="themes"]')).to_contain_text("none of its classes")
    assert [own[0] for own in bars(page, "Below their thresholds")] == ["places", "names", "questions"]


def test_a_long_name_is_broken_between_its_words_and_stays_the_same(address: str, open_page: Open) -> None:
    page = open_page(address, viewport={"width": 360, "height": 900})
    name = "card_payment_wrong_exchange_rate_of_a_shop_abroad"
    classes = [{"label": name, "score": 0.9}, {"label": -7, "score": 0.1}]
    result = {"text": "x", "windows": 1, "truncated": False, "topic": {**classes[0], "classes": classes}}
    answer = {"results": [result], "model": "3f2a9c0d", "milliseconds": 1.0}
    page.route("**/v1/predict", lambda route: route.fulfill(json=answer))
    predict(page, "x")
    expect(page.locator(".bar bdi")).to_have_text([name, "-7"])
    # The lines that the browser made of it.
    lines = page.locator(".bar bdi").first.evaluate(
        """own => { const lines = []; let top = -1;
                    for (const part of own.childNodes) for (let at = 0; at < part.length; at += 1) {
                      const range = document.createRange(); range.setStart(part, at); range.setEnd(part, at + 1);
                      const box = range.getBoundingClientRect();
                      if (box.top > top) lines.push(""); top = box.top; lines.push(lines.pop() + part.data[at]);
                    } return lines; }"""
    )
    assert len(lines) > 1
    assert "".join(lines) == name
    assert all(own.endswith("_") for own in lines[:-1])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_bars_can_be_told_from_their_ground_and_from_one_another(address: str, open_page: Open, scheme: str) -> None:
    """Drawings have a contrast of at least 3 to 1 (WCAG 2.2, 1.4.11)."""
    page = open_page(address, color_scheme=scheme)
    predict(page, "John books a flight to Berlin.")
    found = page.locator('.answer[aria-label="topic"] .bar').evaluate_all(
        """bars => bars.map((own) => [getComputedStyle(own.querySelector('rect')).fill,
                                      getComputedStyle(own.querySelector('svg')).backgroundColor])"""
    )
    assert [contrast(*own) >= 3 for own in found] == [True] * 3
    assert found[0] != found[1] == found[2]


def contrast(one: str, other: str) -> float:
    """The contrast of two colours as a browser writes them."""

    def light(colour: str) -> float:
        parts = [int(own) / 255 for own in re.findall(r"\d+", colour)[:3]]
        shares = [own / 12.92 if own <= 0.04045 else ((own + 0.055) / 1.055) ** 2.4 for own in parts]
        return sum(own * share for own, share in zip(shares, (0.2126, 0.7152, 0.0722), strict=True))

    low, high = sorted([light(one), light(other)])
    return (high + 0.05) / (low + 0.05)


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
    predict(page, EVIL)
    assert marks(page, "slots") == [("<script>document.title = 'owned'</script>", "LOC")]
    expect(page.locator('.answer[aria-label="slots"] .marked')).to_contain_text("onerror")
    page.click("summary:has-text('JSON')")
    page.check("#many")
    page.click("#predict")
    page.get_by_role("button", name="Line 1: show it whole").click()
    expect(page.locator("dialog .marked").first).to_contain_text("onerror")
    assert page.locator("main img, main script, dialog img, dialog script").count() == 0
    assert page.title() == "hotels & <b>flights</b> · polyhead"
    expect(page.get_by_role("heading", level=1)).to_have_text("hotels & <b>flights</b>")


def test_a_proxy_may_put_the_server_below_a_path(open_page: Open, double: Double) -> None:
    with running(Starlette(routes=[Mount("/below", make_app(double))])) as address:
        page = open_page(f"{address}/below/")
        predict(page, "John")
        expect(page.get_by_role("group", name="curl", include_hidden=True)).to_contain_text(
            f"{address}/below/v1/predict"
        )
        page.get_by_role("link", name="API").click()
        page.wait_for_selector(".operation")
        assert page.url == f"{address}/below/docs"


def test_the_policy_is_in_force(address: str, open_page: Open) -> None:
    """What the tests look for, violations on the console, does show when there are some."""
    page = open_page(address, allowed=("Content Security Policy",))
    said: list[str] = []
    page.on("console", lambda own: said.append(own.text))
    page.evaluate(
        """() => {
          const script = document.createElement('script'); script.textContent = "document.title = 'owned'";
          const styled = document.createElement('p'); styled.setAttribute('style', 'color: red');
          document.body.append(script, styled);
          setTimeout(() => {
            try { (0, eval)("document.title = 'owned'"); } catch (error) { console.log(error.name); }
          });
        }"""
    )
    page.wait_for_timeout(100)
    assert "EvalError" in said
    assert page.title() != "owned"
    assert [part for part in ("script", "style") if not any(part in own and "Policy" in own for own in said)] == []


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
        "top_k": 5,
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
    assert double.bodies == [{"texts": [["John sleeps.", "Nobody is awake."]], "top_k": 5}]
    page.get_by_role("button", name=f"{EXAMPLES[0]} | He travels.").click()
    expect(page.locator(".second")).to_contain_text("He travels.")


def test_a_second_text_may_be_left_out_where_the_model_says_so(serve: Callable[[Double], str], open_page: Open) -> None:
    double = Double(reads_second="optional")
    page = open_page(serve(double))
    predict(page, "John sleeps.")
    expect(page.get_by_label("Second text (may be left empty)")).to_be_visible()
    assert double.bodies == [{"texts": ["John sleeps."], "top_k": 5}]


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
    assert json.loads(said[said.index("--data-binary") + 1]) == double.bodies[-1] == {"texts": [text], "top_k": 5}
    assert ("Authorization: Bearer right key" in said) == (key is not None)
    expect(page.get_by_role("button", name="Copy curl")).to_have_text("Copy")


def test_the_json_is_what_the_server_said(address: str, open_page: Open) -> None:
    page = open_page(address)
    predict(page, "John books a flight to Berlin.")
    page.click("summary:has-text('JSON')")
    shown = json.loads(page.get_by_role("group", name="JSON").inner_text())
    assert shown["model"] == "3f2a9c0d"
    assert shown["results"][0]["topic"] == {
        "label": "travel",
        "score": 0.63,
        "classes": [
            {"label": "travel", "score": 0.63},
            {"label": "weather", "score": 0.2775},
            {"label": "people", "score": 0.0925},
        ],
    }


def test_only_the_last_answer_is_shown(address: str, open_page: Open) -> None:
    page = open_page(address)
    page.fill("#text", "ERR:slow John")
    page.click("#predict")
    expect(page.get_by_role("button", name="Cancel")).to_be_visible()
    predict(page, "Zoë is quicker")
    page.wait_for_timeout(700)
    assert marks(page, "slots") == [("Zoë", "PER")]
    expect(page.get_by_role("button", name="Cancel")).to_be_hidden()
