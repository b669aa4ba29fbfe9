"""How figures go over a run, as a plot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from polyhead.evaluation.report.canvas import FAINT, LINES, as_label, plot
from polyhead.evaluation.report.plots import name_ends


@dataclass(frozen=True)
class Course:
    """How a figure goes over a run.

    Attributes:
        name: What it is.
        steps: Where it was measured.
        values: What it was there.
    """

    name: str
    steps: Sequence[int]
    values: Sequence[float]


@dataclass(frozen=True)
class Panel:
    """Figures that are drawn together.

    Attributes:
        label: What they are.
        courses: How they go.
        span: The ends of the axis.
        level: Where a line is drawn to compare with.
    """

    label: str
    courses: Sequence[Course]
    span: tuple[float, float]
    level: float


def course_plot(panels: Sequence[Panel], *, title: str) -> str:
    """Draw how figures go over a run, one panel above the other: a dot a measurement, a line through running means."""
    with plot(title, rows=7.5 * len(panels), panels=len(panels)) as (first, drawn):
        for axes, panel in zip(first.figure.axes, panels, strict=True):
            axes.axhline(panel.level, color=FAINT, linewidth=1.5)
            ends = []
            for at, own in enumerate(panel.courses):
                colour, means = LINES[at % len(LINES)], _running_means(own.values)
                axes.plot(own.steps, own.values, "o", color=colour, markersize=4, alpha=0.4)
                axes.plot(own.steps, means, color=colour, linewidth=2)
                ends.append((means[-1], own.steps[-1], as_label(own.name), colour))
            axes.set_ylim(*panel.span)
            axes.set_ylabel(panel.label)
            axes.grid(color=FAINT, linewidth=0.6)
            axes.set_axisbelow(True)
            name_ends(axes, ends)
        axes.set_xlabel("step")
    return drawn[0]


def _running_means(values: Sequence[float], reach: int = 3) -> list[float]:
    parts = [values[max(0, at - reach) : at + reach + 1] for at in range(len(values))]
    return [sum(part) / len(part) for part in parts]
