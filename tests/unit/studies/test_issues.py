"""Findings about one part of an annotation are one issue; the weightiest stand first."""

from __future__ import annotations

import pytest

from polyhead.records import Record, Source
from polyhead.studies.issues import Finding, Reason, ranked

RECORDS = [Record(f"text {at}", {}, Source("train.jsonl", at + 1)) for at in range(5)]


def finding(
    record: int, reason: Reason, weight: float, span: tuple[int, int] | None = None, task: str = "slots"
) -> Finding:
    return Finding(record, task, reason, weight, f"given {weight}", f"suggested {weight}", span)


def test_reasons_about_the_same_place_add_up() -> None:
    (issue,) = ranked([finding(0, "untagged", 0.5, (0, 4)), finding(0, "disagreement", 0.9, (2, 6))])
    assert issue.score == pytest.approx(1 - 0.5 * 0.1)
    shown = issue.to_json(RECORDS)
    assert (shown["file"], shown["line"], shown["task"]) == ("train.jsonl", 1, "slots")
    assert (shown["start"], shown["end"]) == (2, 6)
    assert (shown["given"], shown["suggested"]) == ("given 0.9", "suggested 0.9")
    assert [own["reason"] for own in shown["reasons"]] == ["disagreement", "untagged"]


def test_findings_of_one_reason_count_once() -> None:
    (issue,) = ranked([finding(0, "disagreement", 0.8, (0, 4)), finding(0, "disagreement", 0.7, (3, 6))])
    assert issue.score == pytest.approx(0.8)


def test_reasons_of_the_same_model_count_once() -> None:
    (issue,) = ranked([finding(0, "disagreement", 0.8, (0, 4)), finding(0, "extent", 0.6, (2, 6))])
    assert issue.score == pytest.approx(0.8)


def test_other_places_tasks_and_records_are_other_issues() -> None:
    findings = [
        finding(0, "disagreement", 0.5, (0, 4)),
        finding(0, "disagreement", 0.9, (4, 6)),  # begins where the other ends
        finding(1, "disagreement", 0.7, (0, 4)),
        finding(0, "disagreement", 0.6, None, task="intent"),
    ]
    assert [issue.findings for issue in ranked(findings)] == [(findings[at],) for at in (1, 2, 3, 0)]


def test_what_is_about_the_whole_text_joins_each_part() -> None:
    whole = finding(0, "same text", 0.5)
    parts = [finding(0, "disagreement", 0.9, (0, 4)), finding(0, "disagreement", 0.2, (7, 9))]
    assert [issue.score for issue in ranked([whole, *parts])] == [pytest.approx(0.95), pytest.approx(0.6)]
    (alone,) = ranked([whole])
    assert alone.findings == (whole,)
    assert "start" not in alone.to_json(RECORDS)


def test_equals_keep_the_order_of_the_records() -> None:
    findings = [finding(at, "disagreement", 0.5) for at in (3, 0, 2)]
    assert [issue.findings[0].record for issue in ranked(findings)] == [0, 2, 3]
    assert ranked([]) == []
