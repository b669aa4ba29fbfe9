"""Entities that begin or end inside a unit, or overlap: what is found, and what would mend it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyhead.checking.alignment import Alignments
from polyhead.checking.findings import Findings
from polyhead.checking.looking import Seen
from polyhead.encoding.units import find_units
from polyhead.records import Record, Source, Span, Spans
from polyhead.settings import TaskSettings
from polyhead.tasks import kind_named, options_of


def look(
    text: str, *spans: tuple[int, int, str], kind: str = "spans", policy: Any = None, clean: int = 0, **options: Any
):
    settings = TaskSettings(kind=kind, field="f", **options)
    annotation = Spans(tuple(Span(*span) for span in spans))
    task = kind_named(kind, where="t").learn(
        name="t", field="f", weight=1.0, options=options_of("t", settings), annotations=[annotation]
    )
    findings = Findings()
    alignments = Alignments([task], policy, findings)
    alignments.at(Seen(Record(text, {"t": annotation}, Source("f", 1)), "train", None))
    for _ in range(clean):
        alignments.at(Seen(Record("one", {"t": Spans((Span(0, 3, "A"),))}, Source("f", 2)), "train", None))
    return alignments.result()["entities"]["t"], findings.to_json()


def test_an_end_inside_a_word_is_told_with_its_repair() -> None:
    counts, found = look("in New York.", (3, 9, "LOC"))
    assert counts == {"entities": 1, "misaligned": 1, "share": 1.0}
    (own,) = found["misaligned"]
    assert own["severity"] == "error"
    assert own["surface"] == "New Yo"
    assert own["repair"] == {"start": 3, "end": 11, "label": "LOC", "surface": "New York"}


def test_punctuation_is_inside_whitespace_words_only() -> None:
    assert look("in York.", (3, 7, "LOC"))[1] == {}
    (own,) = look("in York.", (3, 7, "LOC"), unit="whitespace")[1]["misaligned"]
    assert own["repair"]["surface"] == "York."


@pytest.mark.parametrize(
    ("policy", "clean", "severity"),
    [
        (None, 0, "error"),
        (None, 98, "error"),
        (None, 99, "warning"),
        ("error", 1000, "error"),
        ("snap", 0, "warning"),
        ("drop", 0, "warning"),
    ],
)
def test_how_bad_it_is_follows_the_policy_or_the_share(policy: Any, clean: int, severity: str) -> None:
    _, found = look("abcdef", (1, 3, "A"), policy=policy, clean=clean)
    assert found["misaligned"][0]["severity"] == severity
    assert (found["misaligned"][0]["repair"] is None) == (policy == "drop")


def test_what_would_overlap_after_the_repair_stays_an_error() -> None:
    _, found = look("abcdef gh", (0, 3, "A"), (3, 6, "B"), kind="tagging", policy="snap")
    assert [own["severity"] for own in found["misaligned"]] == ["error", "error"]
    assert [own["repair"] for own in found["misaligned"]] == [None, None]


def test_overlaps_are_told_of_tags_alone() -> None:
    spans = (0, 8, "A"), (4, 8, "B")
    (own,) = look("New York", *spans, kind="tagging")[1]["overlap"]
    assert own["found"] == "[New York]A and [York]B"
    assert look("New York", *spans)[1] == {}


@given(st.text(alphabet="ab .,é日", min_size=1, max_size=20), st.data())
def test_a_repair_is_of_whole_units_and_loses_nothing(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    if text[start:end].strip() != text[start:end]:
        return
    _, found = look(text, (start, end, "A"))
    units = find_units("pretokenizer", text, ()).extents
    bounds = {first for first, _ in units}, {last for _, last in units}
    for own in found.get("misaligned", []):
        assert start not in bounds[0] or end not in bounds[1]
        repair = own["repair"]
        assert repair["start"] in bounds[0]
        assert repair["end"] in bounds[1]
        assert repair["start"] <= start
        assert repair["end"] >= end
    if not found:
        assert start in bounds[0]
        assert end in bounds[1]
