"""Many lines on the page: portions, patience, the table, the files."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.end_to_end.page.double import Double

Open = Callable[..., Page]


def paste(page: Page, lines: list[str]) -> None:
    page.fill("#text", "\n".join(lines))
    page.check("#many")
    page.click("#predict")


def saved(page: Page, name: str, tmp_path: Path) -> Path:
    with page.expect_download() as waiting:
        page.get_by_role("button", name=name).click()
    path = tmp_path / waiting.value.suggested_filename
    waiting.value.save_as(path)
    return path


def test_lines_go_in_portions_and_come_back_as_rows(address: str, open_page: Open, double: Double) -> None:
    page = open_page(address)
    names, words = [f"John goes to Łódź {at}" for at in range(5)], [f"word {at}" for at in range(5)]
    paste(page, [*names, "", "  ", *words, ""])
    expect(page.locator("#answers").get_by_text("10 of 10 done")).to_be_visible()
    assert [len(body["texts"]) for body in double.bodies] == [4, 4, 2]
    expect(page.locator("#answers").get_by_text("2 empty lines left out")).to_be_visible()
    table = page.get_by_role("table", name="Answers, one row a text, one column a task")
    heads = table.get_by_role("columnheader").all_inner_texts()
    assert heads == ["Line", "Text", "topic", "themes", "slots", "places", "pos", "stars", "odd"]
    rows = table.locator("tbody tr")
    expect(rows).to_have_count(10)
    assert rows.nth(5).locator("td, th").first.inner_text() == "8"  # the line of the pasted text
    assert rows.first.locator("mark").all_inner_texts() == ["John PER", "Łódź LOC"]
    expect(page.get_by_role("status")).to_contain_text("10 of 10 done")


def test_several_lines_are_one_text_until_somebody_says_otherwise(
    address: str, open_page: Open, double: Double
) -> None:
    page = open_page(address)
    page.fill("#text", "John\nZoë")
    page.click("#predict")
    page.wait_for_selector(".answer")
    assert double.bodies[-1]["texts"] == ["John\nZoë"]
    page.get_by_role("button", name="These are 2 lines: answer each by itself").click()
    expect(page.locator("#answers").get_by_text("2 of 2 done")).to_be_visible()
    assert double.bodies[-1]["texts"] == ["John", "Zoë"]


def test_a_portion_is_no_larger_than_the_server_takes(address: str, open_page: Open, double: Double) -> None:
    page = open_page(address)
    paste(page, ["ü" * 700] * 4 + ['"' * 900] * 2)
    expect(page.locator("#answers").get_by_text("6 of 6 done")).to_be_visible()
    assert [len(body["texts"]) for body in double.bodies] == [2, 2, 1, 1]


def test_a_text_that_is_refused_takes_none_of_the_others_along(address: str, open_page: Open, double: Double) -> None:
    page = open_page(address)
    paste(page, ["one", "x" * 1001, "three", "ERR:422 too", "y" * 5000, "six"])
    expect(page.locator("#answers").get_by_text("6 of 6 done")).to_be_visible()
    expect(page.locator("#answers").get_by_text("3 of them refused")).to_be_visible()
    assert page.locator("table.answers tbody td:first-child").all_inner_texts() == ["1", "2", "3", "4", "5", "6"]
    refused = page.locator("td.refused").all_inner_texts()
    assert refused == [
        "Refused: has 1001 characters, the limit is 1000",
        "Refused: chosen by the text: ERR:422",
        "Refused: the body has more than 4096 bytes",
    ]


def test_a_busy_server_is_waited_for(address: str, open_page: Open, double: Double) -> None:
    page = open_page(address)
    paste(page, ["one", "ERR:429x2", *(f"word {at}" for at in range(4))])
    expect(page.locator("#answers").get_by_text("The server is busy: waiting 1 second")).to_be_visible()
    expect(page.locator("#answers").get_by_text("6 of 6 done")).to_be_visible()
    assert [len(body["texts"]) for body in double.bodies] == [4, 4, 4, 2]


def test_what_takes_too_long_is_tried_in_halves(address: str, open_page: Open, double: Double) -> None:
    page = open_page(address)
    paste(page, ["one", "two", "ERR:504x2", "four"])
    expect(page.locator("#answers").get_by_text("4 of 4 done")).to_be_visible()
    assert [len(body["texts"]) for body in double.bodies] == [4, 2, 2, 1, 1]


def test_a_run_can_be_cancelled_and_gone_on_with(address: str, open_page: Open, double: Double, tmp_path: Path) -> None:
    page = open_page(address)
    paste(page, [*(f"word {at}" for at in range(4)), "ERR:slow", *(f"word {at}" for at in range(4))])
    expect(page.locator("#answers").get_by_text("4 of 9 done")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("alert")).to_contain_text("Stopped: 4 of 9 done")
    kept = [json.loads(line) for line in saved(page, "Download JSON lines", tmp_path).read_text("utf-8").splitlines()]
    assert [own.get("error", {}).get("code") for own in kept] == [None] * 4 + ["not_answered"] * 5
    page.get_by_role("button", name="Go on").click()
    expect(page.locator("#answers").get_by_text("9 of 9 done")).to_be_visible()
    expect(page.locator("table.answers tbody tr")).to_have_count(9)
    expect(page.get_by_role("alert")).to_be_empty()


def test_what_was_answered_stays_when_the_server_fails(address: str, open_page: Open, double: Double) -> None:
    page = open_page(address)
    paste(page, [*(f"word {at}" for at in range(4)), "ERR:500x1", "last"])
    expect(page.get_by_role("alert")).to_contain_text("Something went wrong inside the server")
    expect(page.locator("table.answers tbody tr")).to_have_count(4)
    page.get_by_role("button", name="Go on").click()
    expect(page.locator("#answers").get_by_text("6 of 6 done")).to_be_visible()


def test_csv_holds_all_and_no_formula(address: str, open_page: Open, tmp_path: Path) -> None:
    page = open_page(address)
    lines = [
        '=HYPERLINK("http://x","y")',
        "+1 to John",
        "-12.5",
        "@sum",
        " \t=1+1",
        "＝1+1",
        'say "hi", Zoë',
        "ERR:422",
    ]
    paste(page, lines)
    expect(page.locator("#answers").get_by_text("8 of 8 done")).to_be_visible()
    raw = saved(page, "Download CSV", tmp_path).read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(raw.decode("utf-8-sig").splitlines(keepends=True)))
    texts = [row["text"] for row in rows]
    assert texts == ["'" + lines[0], "'+1 to John", "-12.5", "'@sum", "' \t=1+1", "'＝1+1", lines[6], "ERR:422"]
    assert [row["line number"] for row in rows] == [str(at) for at in range(1, 9)]
    assert rows[1]["topic"] == "weather"
    assert rows[1]["slots"] == "PER: John (6–10, 0.88)"
    assert rows[1]["themes"] == "places; names"
    assert rows[1]["themes scores"] == "0.998; 0.61"
    assert rows[2]["stars"] == "0.5"
    assert rows[0]["stars"] == "0.5"
    assert rows[7]["not answered because"] == "chosen by the text: ERR:422"
    assert rows[7]["topic"] == ""


def test_negative_numbers_stay_numbers_in_csv(address: str, open_page: Open) -> None:
    page = open_page(address)
    fields = page.evaluate(
        """async values => { const { csvField } = await import('/assets/files.js'); return values.map(csvField); }""",
        [-1.5, "-2e-7", "-2-1", "a\nb", None, 0],
    )
    assert fields == ['"-1.5"', '"-2e-7"', '"\'-2-1"', '"a\nb"', '""', '"0"']


def test_json_lines_are_the_results(address: str, open_page: Open, tmp_path: Path) -> None:
    page = open_page(address)
    paste(page, ["=John \u2028 & <b>", "ERR:422"])
    expect(page.locator("#answers").get_by_text("2 of 2 done")).to_be_visible()
    lines = saved(page, "Download JSON lines", tmp_path).read_text("utf-8").split("\n")
    first, second = (json.loads(line) for line in lines[:2])
    assert lines[2:] == [""]
    assert first["text"] == "=John \u2028 & <b>"
    assert first["slots"]["entities"][0]["text"] == "John"
    assert second == {"text": "ERR:422", "error": {"code": "invalid", "message": "chosen by the text: ERR:422"}}


def test_columns_sort(address: str, open_page: Open) -> None:
    page = open_page(address)
    paste(page, ["b " * 3, "John", "a", "Zoë c c"])
    expect(page.locator("#answers").get_by_text("4 of 4 done")).to_be_visible()

    def lines() -> list[str]:
        return page.locator("table.answers tbody td:first-child").all_inner_texts()

    page.get_by_role("button", name="stars").click()
    assert lines() == ["2", "3", "1", "4"]
    page.get_by_role("button", name="stars").click()
    assert lines() == ["1", "4", "2", "3"]
    expect(page.get_by_role("columnheader", name="stars")).to_have_attribute("aria-sort", "descending")
    page.get_by_role("button", name="Text").click()
    assert lines() == ["3", "1", "2", "4"]
    page.get_by_role("button", name="topic").click()
    assert lines()[0] == "4"
    assert page.locator("[aria-sort]").count() == 1


def test_a_long_table_is_drawn_in_parts_but_saved_whole(
    serve: Callable[[Double], str], open_page: Open, tmp_path: Path
) -> None:
    page = open_page(serve(Double(texts=256, body_bytes=2**20)))
    paste(page, [f"word {at}" for at in range(1000)])
    expect(page.locator("#answers").get_by_text("1,000 of 1,000 done")).to_be_visible()
    rows = page.locator("table.answers tbody tr")
    expect(rows).to_have_count(100)
    page.get_by_role("button", name="Show 100 more of 900").click()
    expect(rows).to_have_count(200)
    assert len(saved(page, "Download JSON lines", tmp_path).read_text("utf-8").splitlines()) == 1000


def test_pairs_are_parted_by_a_tab(serve: Callable[[Double], str], open_page: Open, tmp_path: Path) -> None:
    double = Double(reads_second=True)
    page = open_page(serve(double))
    paste(page, ["John\tsleeps", "no tab"])
    expect(page.get_by_role("alert")).to_contain_text(
        "Line 2 must hold two texts with one tab between them; it has 0 tabs"
    )
    paste(page, ["John\tsleeps", "Zoë\twakes"])
    expect(page.locator("#answers").get_by_text("2 of 2 done")).to_be_visible()
    assert double.bodies == [{"texts": [["John", "sleeps"], ["Zoë", "wakes"]], "top_k": 5}]
    rows = list(csv.DictReader(saved(page, "Download CSV", tmp_path).read_text("utf-8-sig").splitlines()))
    assert [row["second text"] for row in rows] == ["sleeps", "wakes"]
