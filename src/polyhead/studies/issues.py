"""What may be wrong with annotations: findings of several sorts, put together and ranked.

Finding    one reason to doubt one annotation, or a part of it
Issue      all findings about the same part, with a score of them all
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from polyhead.records import Record

Reason = Literal["disagreement", "extent", "unknown label", "same text", "other type", "untagged"]
REASONS: dict[Reason, str] = {
    "disagreement": "models that were trained without the record answer otherwise",
    "extent": "models that were trained without the record find it with other bounds, or nothing there, or find more",
    "unknown label": "no other part of the data shows the label",
    "same text": "the same text is annotated otherwise elsewhere",
    "other type": "the same surface mostly has another type",
    "untagged": "the same surface is mostly tagged elsewhere",
}
"""Why an annotation is doubted."""
_WITNESS: dict[Reason, Reason] = {"extent": "disagreement", "unknown label": "disagreement"}
"""Reasons that come from the same model as another one, and so are not independent of it."""


@dataclass(frozen=True)
class Finding:
    """One reason to doubt an annotation.

    Attributes:
        record: Place of the record.
        task: Name of the task.
        reason: Of `REASONS`.
        weight: How much it counts, 0 to 1.
        given: What is annotated, in words.
        suggested: What might be right, in words.
        span: First character and one past the last, where it is about a part of the text.
        detail: What was found, in words.
    """

    record: int
    task: str
    reason: Reason
    weight: float
    given: str
    suggested: str
    span: tuple[int, int] | None = None
    detail: str = ""


@dataclass(frozen=True)
class Issue:
    """All that speaks against one annotation, or one part of it.

    Attributes:
        findings: The weightiest first.
    """

    findings: tuple[Finding, ...]

    @property
    def score(self) -> float:
        """1 - ∏ (1 - weight), as if reasons were independent chances; of those of a model, the weightiest counts."""
        weights: dict[Reason, float] = {}
        for finding in self.findings:
            witness = _WITNESS.get(finding.reason, finding.reason)
            weights[witness] = max(weights.get(witness, 0.0), finding.weight)
        return 1 - math.prod(1 - weight for weight in weights.values())

    def to_json(self, records: Sequence[Record]) -> dict[str, Any]:
        """Return the issue as JSON.

        Args:
            records: What findings' places are those of.
        """
        first = self.findings[0]
        record = records[first.record]
        place = {"file": record.source.path, "line": record.source.line} if record.source else {}
        second = {} if record.second is None else {"second_text": record.second}
        span = next((finding.span for finding in self.findings if finding.span), None)
        return {
            "score": round(self.score, 6),
            **place,
            "task": first.task,
            "given": first.given,
            "suggested": first.suggested,
            **({"start": span[0], "end": span[1]} if span else {}),
            "text": record.text,
            **second,
            "reasons": [
                {"reason": own.reason, "weight": round(own.weight, 6), **({"detail": own.detail} if own.detail else {})}
                for own in self.findings
            ],
        }


def ranked(findings: Iterable[Finding]) -> list[Issue]:
    """Put findings together that are about the same part of an annotation, and rank what comes of it.

    Findings about parts of a text go together where the parts touch; one about the whole joins them all.

    Args:
        findings: In any order.

    Returns:
        Issues, those with the highest scores first; of equals, the first records.
    """
    by_annotation: dict[tuple[int, str], list[Finding]] = defaultdict(list)
    for finding in findings:
        by_annotation[finding.record, finding.task].append(finding)
    issues = [Issue(group) for own in by_annotation.values() for group in _groups(own)]
    return sorted(issues, key=lambda issue: (-issue.score, issue.findings[0].record))


def _groups(findings: Sequence[Finding]) -> list[tuple[Finding, ...]]:
    whole = [finding for finding in findings if finding.span is None]
    parts = sorted((finding for finding in findings if finding.span is not None), key=lambda own: own.span or (0, 0))
    groups: list[list[Finding]] = []
    end = -1
    for finding in parts:
        start, stop = finding.span or (0, 0)
        if start >= end:
            groups.append([])
        groups[-1].append(finding)
        end = max(end, stop)
    together = [[*group, *whole] for group in groups] or [whole]
    return [tuple(sorted(group, key=lambda own: -own.weight)) for group in together]
