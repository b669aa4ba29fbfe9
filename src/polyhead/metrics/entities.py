"""Figures of entity recognition: exact match of place and type, and how near the rest came."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from typing import Any

from polyhead.metrics.by_label import FOUND, HIT, WANTED, f_measure, figures_by_label, label_counts, total
from polyhead.metrics.counts import Counts, Sums
from polyhead.metrics.matching import ERRORS, OUTCOMES, SCHEMES, errors, outcomes
from polyhead.metrics.scorer import Figures, Scorer, Scores, Weights
from polyhead.records import Span

Spans = Sequence[Span]


class EntityScorer(Scorer):
    """Scores entities: right is what has the right start, end and type (CoNLL-2003; seqeval's strict IOB2 figures).

    Micro ``precision``, ``recall`` and ``f1`` (0 where nothing was found or nothing is there to find); ``partial_f1``,
    by place, what touches counting half, and ``type_f1``, by type, of what touches (see `polyhead.metrics.matching`).
    ``per_type`` has the strict figures of each type and ``support``, the number of gold entities; ``matching`` the
    counts and figures of each scheme, as nervaluate's; ``errors`` how many there are of which kind; ``confusion`` which
    types were taken for which.

    Args:
        spans: Makes the gold entities and those found, to be compared, out of a record's gold and its answer.
    """

    def __init__(self, spans: Callable[[Any, Any], tuple[Spans, Spans]]) -> None:
        super().__init__()
        self._spans = spans
        self._counts = Counts()  # what headline figures need: of each record on its own
        self._particulars: Counter[Hashable] = Counter()  # the rest: of all together
        self._errors: Counter[str] = Counter()
        self._confused: Counter[tuple[str, str]] = Counter()

    def scores(self) -> Scores:
        """Return figures, those of types and schemes, and what went wrong."""
        sums = Sums.of_all(self._particulars)
        confusion = [
            {"gold": gold, "predicted": found, "count": count} for (gold, found), count in self._confused.most_common()
        ]
        return {
            **self.headline(),
            "per_type": figures_by_label(sums),
            "matching": {scheme: _of_scheme(sums, scheme) for scheme in SCHEMES},
            "errors": {error: self._errors[error] for error in ERRORS},
            "confusion": confusion,
        }

    def figures(self, weights: Weights | None = None) -> Figures:
        """Return the headline figures."""
        sums = self._counts.sums(weights)
        found, wanted = sums[FOUND], sums[WANTED]
        return {
            **f_measure(sums[HIT], found, wanted),
            "partial_f1": f_measure(sums["partial correct"] + sums["partial partial"] / 2, found, wanted)["f1"],
            "type_f1": f_measure(sums["ent_type correct"], found, wanted)["f1"],
        }

    def _add(self, gold: Any, found: Any) -> None:
        golds, answers = self._spans(gold, found)
        hit = set(golds) & set(answers)
        matched = _scheme_counts(golds, answers)
        self._counts.add(
            {
                WANTED: len(golds),
                FOUND: len(answers),
                HIT: len(hit),
                **{key: matched[key] for key in ("partial correct", "partial partial", "ent_type correct")},
            }
        )
        self._particulars.update(label_counts(*([span.label for span in spans] for spans in (golds, answers, hit))))
        self._particulars.update(matched)
        for error, span, own in errors(golds, answers):
            self._errors[error] += 1
            if span and own and span.label != own.label:
                self._confused[span.label, own.label] += 1


def _scheme_counts(golds: Spans, found: Spans) -> dict[str, int]:
    counts = {scheme: outcomes(golds, found, scheme) for scheme in SCHEMES}
    return {f"{scheme} {outcome}": count for scheme, own in counts.items() for outcome, count in own.items()}


def _of_scheme(sums: Sums, scheme: str) -> dict[str, float]:
    """Return a scheme's counts and figures over all records."""
    counts = {outcome: int(sums[f"{scheme} {outcome}"][0]) for outcome in OUTCOMES}
    found, wanted = total(sums, FOUND), total(sums, WANTED)
    points = sums[f"{scheme} correct"] + sums[f"{scheme} partial"] / 2
    missed = int(wanted[0]) - counts["correct"] - counts["incorrect"] - counts["partial"]
    figures = {name: float(values[0]) for name, values in f_measure(points, found, wanted).items()}
    return dict(counts) | {"missed": missed} | figures
