"""The page before the server itself, with a tiny model of every kind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

import polyhead
from tests.end_to_end.page.test_access import CONTRASTS

Open = Callable[..., Page]
TEXT = "Anna 😀 books a flight to Berlin in New York."


@contextmanager
def served(model: Path, *options: object) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Run `polyhead serve` until it is ready, and end it."""
    command = [sys.executable, "-m", "polyhead", "serve", str(model), "--port", "0", "--runtime", "torch"]
    process = subprocess.Popen(
        [*command, *map(str, options)],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    try:
        assert process.stderr
        lines = (json.loads(line) for line in process.stderr if line.startswith("{"))
        address = next(line["url"] for line in lines if line["event"] == "listening")
        yield address, process
    finally:
        process.terminate()
        process.communicate(timeout=60)


@pytest.fixture(scope="module")
def address(every_kind: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    examples = tmp_path_factory.mktemp("examples") / "examples.txt"
    examples.write_text(f"{TEXT}\nWhat is the <weather>?\n", encoding="utf-8")
    with served(every_kind, "--examples", examples, "--max-texts", 3) as (found, _):
        yield found


def test_answers_are_the_predictors(address: str, open_page: Open, every_kind: Path) -> None:
    page = open_page(address)  # perhaps before there is a model: the page waits for it
    page.get_by_role("button", name=TEXT).click(timeout=60_000)
    page.wait_for_selector(".answer")
    page.click("summary:has-text('JSON')")
    shown = json.loads(page.get_by_role("group", name="JSON").inner_text())["results"][0]
    (result,) = polyhead.Predictor.load(every_kind)([TEXT], top_k=5)
    assert list(shown["topic"]) == list(result.to_json()["topic"]) == ["label", "score", "classes"]
    assert shown == {**result.to_json(), "windows": 1, "truncated": False}
    groups = {own.get_attribute("aria-label") for own in page.locator(".answer").all()}
    assert groups == {"topic", "themes", "slots", "pos", "places", "stars"}
    entities = shown["slots"]["entities"]
    assert entities
    marked = page.locator('.answer[aria-label="slots"] .marked mark').all_inner_texts()
    assert [own.split("\u00a0")[0] for own in marked] == [f"{own['text']} {own['label']}" for own in entities]
    assert [own for own in page.evaluate(CONTRASTS) if own[0] < 4.5] == []


def test_many_lines_go_in_the_servers_portions(address: str, open_page: Open, tmp_path: Path) -> None:
    page = open_page(address)
    expect(page.locator("#facts")).to_contain_text("6 tasks", timeout=60_000)
    long = "word " * 25_000
    page.fill("#text", "\n".join([TEXT, "<script>alert(1)</script>", "play music", long, "last"]))
    page.check("#many")
    page.click("#predict")
    expect(page.locator("#answers").get_by_text("5 of 5 done")).to_be_visible()
    expect(page.locator("td.refused")).to_contain_text("characters")
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download JSON lines").click()
    waiting.value.save_as(tmp_path / "answers.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "answers.jsonl").read_text("utf-8").splitlines()]
    assert [("error" in own, own["text"][:20]) for own in lines] == [
        (False, TEXT[:20]),
        (False, "<script>alert(1)</sc"),
        (False, "play music"),
        (True, "word word word word "),
        (False, "last"),
    ]


def test_docs_tell_of_every_path(address: str, open_page: Open) -> None:
    page = open_page(address + "/docs")
    page.wait_for_selector(".operation")
    spec = httpx.get(address + "/openapi.json").json()
    told = {own.get_attribute("aria-label") for own in page.locator("section.operation").all()} - {"Schemas"}
    assert told == {f"{method.upper()} {path}" for path, item in spec["paths"].items() for method in item}
    predict = page.get_by_role("region", name="POST /v1/predict")
    statuses = predict.locator(".statuses tbody th").all_inner_texts()
    assert statuses == list(spec["paths"]["/v1/predict"]["post"]["responses"])
    expect(predict.get_by_role("row", name="429")).to_contain_text("Retry-After")
    assert [own for own in page.evaluate(CONTRASTS) if own[0] < 4.5] == []


def test_an_asset_that_there_is_not_is_refused_as_any_path_is(address: str) -> None:
    for path in ("/assets/missing.js", "/assets/..%2froutes.py", "/nothing"):
        answer = httpx.get(address + path)
        assert answer.status_code == 404
        assert answer.json()["error"]["code"] == "not_found"
        assert answer.json()["error"]["request_id"] == answer.headers["x-request-id"]
    found = httpx.get(address + "/assets/app.js")
    assert found.status_code == 200
    assert found.headers["x-request-id"]
    assert (
        httpx.get(address + "/", headers={"If-None-Match": httpx.get(address + "/").headers["etag"]}).status_code == 304
    )
    assert httpx.post(address + "/").status_code == 405


def test_a_server_with_keys_shows_its_page_and_ends_in_words(every_kind: Path, open_page: Open, tmp_path: Path) -> None:
    keys = tmp_path / "keys.txt"
    keys.write_text("a-key-of-this-server-0123456789\n")
    keys.chmod(0o600)
    with served(every_kind, "--api-key-file", keys) as (address, process):
        page = open_page(address)
        page.get_by_label("Key of this server").fill("a-key-of-this-server-0123456789", timeout=60_000)
        page.keyboard.press("Enter")
        expect(page.locator("#facts")).to_contain_text("6 tasks", timeout=60_000)
        page.fill("#text", TEXT)
        page.click("#predict")
        page.wait_for_selector(".answer")
        page.click("summary:has-text('curl')")
        expect(page.get_by_role("group", name="curl")).to_contain_text("Bearer $POLYHEAD_KEY")
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
        page.click("#predict")
        expect(page.get_by_role("alert")).to_contain_text("The server does not answer")
