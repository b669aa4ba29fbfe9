"""Plots of a study: how much sharing helps each task, and which tasks help which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from polyhead.evaluation.report.canvas import ACCENT, FAINT, INK, LINES, as_label, name_rows, plot

_OTHER = LINES[1]
"""What hurts."""


@dataclass(frozen=True)
class Difference:
    """How much better a figure is with a joint model, in points.

    Attributes:
        name: What it is.
        value: The difference of the means over seeds.
        interval: Its ends, where it has some.
        by_seed: The difference of each seed.
        words: What stands beside it.
    """

    name: str
    value: float
    interval: Sequence[float] | None
    by_seed: Sequence[float]
    words: str


def difference_plot(rows: Sequence[Difference], *, title: str) -> str:
    """Draw differences on a line around 0, with intervals, and a small dot for each seed."""
    with plot(title, rows=1.5 * len(rows) + 0.6) as (axes, drawn):
        axes.axvline(0, color=INK, linewidth=1)
        for row, own in enumerate(reversed(rows)):
            colour = _OTHER if own.interval and own.interval[1] < 0 else ACCENT
            if own.interval:
                axes.plot(own.interval, [row, row], color=colour, linewidth=3, alpha=0.45, solid_capstyle="round")
            axes.plot(own.by_seed, [row - 0.22] * len(own.by_seed), "o", color=INK, markersize=3.5, alpha=0.5)
            axes.plot([own.value], [row], "o", color=colour, markersize=8)
            axes.annotate(own.words, (own.value, row), (0, 9), textcoords="offset points", ha="center")
        name_rows(axes, [own.name for own in reversed(rows)])
        axes.set_ylim(-0.6, len(rows) - 0.4)
        ends = [abs(end) for own in rows for end in (*(own.interval or ()), *own.by_seed, own.value)]
        most = 1.15 * max(*ends, 0.1)
        axes.set_xlim(-most, most)
        axes.set_xlabel("points better (right) or worse (left) with a joint model than with one of its own")
        axes.grid(axis="x", color=FAINT, linewidth=0.6)
        axes.set_axisbelow(True)
    return drawn[0]


def affinity_plot(affinity: Mapping[str, Mapping[str, float]], *, title: str) -> str:
    """Draw how many points each task (a row) gains beside each other one (a column)."""
    from matplotlib.patches import Rectangle

    names = list(affinity)
    most = max([abs(gain) for row in affinity.values() for gain in row.values()] + [1e-9])
    with plot(title, rows=1.3 * len(names) + 3) as (axes, drawn):
        for row, name in enumerate(names):
            for column, other in enumerate(names):
                gain = affinity[name].get(other)
                alpha = 0.05 if gain is None else 0.1 + 0.7 * abs(gain) / most
                colour = FAINT if gain is None else ACCENT if gain >= 0 else _OTHER
                place = (column + 0.02, row + 0.03)
                axes.add_patch(Rectangle(place, 0.96, 0.94, facecolor=colour, alpha=alpha, linewidth=0))
                if gain is not None:
                    axes.text(column + 0.5, row + 0.5, f"{100 * gain:+.2f}", ha="center", va="center", color=INK)
        axes.set_xlim(0, len(names))
        axes.set_ylim(len(names), 0)
        places = [at + 0.5 for at in range(len(names))]
        axes.set_xticks(places, [as_label(name) for name in names], rotation=30, ha="right")
        axes.set_yticks(places, [as_label(name) for name in names])
        axes.set_xlabel("beside this task")
        axes.set_ylabel("gain of this task")
        axes.spines["bottom"].set_visible(False)
        axes.tick_params(length=0)
    return drawn[0]
