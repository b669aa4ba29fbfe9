"""A diagnosis as a plot."""

from __future__ import annotations

from polyhead.evaluation.report.canvas import as_file
from polyhead.evaluation.report.courses import Course, Panel, course_plot
from polyhead.training.diagnosis.findings import Diagnosis

_MOST = 6
"""Pairs that are drawn: those with the lowest cosines."""


def diagnosis_plot(found: Diagnosis) -> str:
    """Return, as an SVG file, how the cosines and the shares of the gradient norm went over the run.

    Raises:
        MissingExtraError: If matplotlib is not installed.
    """
    seen = found.measurements
    lowest = sorted((own.cosine.mean, own.tasks) for own in found.pairs if own.cosine)[:_MOST]
    cosines = [_course(" / ".join(pair), [(own.step, own.cosine(pair)) for own in seen]) for _, pair in lowest]
    shares = [_course(own.task, [(each.step, each.share(own.task)) for each in seen]) for own in found.tasks]
    panels = [
        Panel("cosine of gradients", cosines, (-1.05, 1.05), 0.0),
        Panel("share of gradient norm", shares, (-0.03, 1.03), 1 / max(1, len(shares))),
    ]
    return as_file(course_plot(panels, title="the tasks' gradients over the run"))


def _course(name: str, points: list[tuple[int, float | None]]) -> Course:
    known = [(step, value) for step, value in points if value is not None]
    return Course(name, [step for step, _ in known], [value for _, value in known])
