"""Plots as SVG to stand in a page, in the colours of the page they stand in, light or dark."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from polyhead.evaluation.report.canvas import ACCENT, FAINT, INK, LINES, as_label, name_rows, plot

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Measured:
    """A figure with its interval, in per cent.

    Attributes:
        name: What it is.
        value: The figure.
        interval: Its ends, where it has some.
    """

    name: str
    value: float
    interval: Sequence[float] | None


def interval_plot(figures: Sequence[Measured]) -> str:
    """Draw figures as dots on a line from 0 to 100 %, as far as needed, with their intervals."""
    lowest = min([own.value for own in figures] + [own.interval[0] for own in figures if own.interval])
    with plot("figures with their 95 % intervals", rows=len(figures)) as (axes, drawn):
        for row, own in enumerate(reversed(figures)):
            if own.interval:
                axes.plot(own.interval, [row, row], color=ACCENT, linewidth=3, alpha=0.45, solid_capstyle="round")
            axes.plot([own.value], [row], "o", color=ACCENT, markersize=7)
            axes.annotate(f"{own.value:.2f}", (own.value, row), (0, 8), textcoords="offset points", ha="center")
        name_rows(axes, [own.name for own in reversed(figures)])
        axes.set_xlim(max(0.0, 5 * (lowest // 5) - 2), 101)
        axes.set_ylim(-0.6, len(figures) - 0.2)
        axes.set_xlabel("%")
        axes.grid(axis="x", color=FAINT, linewidth=0.6)
        axes.set_axisbelow(True)
    return drawn[0]


def bar_plot(counts: Mapping[str, int], *, title: str) -> str:
    """Draw counts as bars, in their order from top to bottom."""
    with plot(title, rows=len(counts)) as (axes, drawn):
        names, values = list(counts)[::-1], list(counts.values())[::-1]
        bars = axes.barh(range(len(names)), values, color=ACCENT, height=0.6)
        axes.bar_label(bars, padding=4, color=INK)
        name_rows(axes, names)
        axes.set_xlim(0, max(*values, 1) * 1.12)
        axes.spines["bottom"].set_visible(False)
        axes.set_xticks([])
    return drawn[0]


def histogram_plot(edges: Sequence[float], counts: Sequence[int], *, title: str, xlabel: str) -> str:
    """Draw how many values fall between each two edges."""
    with plot(title, rows=5) as (axes, drawn):
        widths = [end - start for start, end in itertools.pairwise(edges)]
        axes.bar(edges[:-1], counts, width=widths, align="edge", color=ACCENT, alpha=0.85)
        axes.set_xlabel(xlabel)
        axes.set_xlim(left=0)
        axes.grid(axis="y", color=FAINT, linewidth=0.6)
        axes.set_axisbelow(True)
    return drawn[0]


def confusion_plot(pairs: Sequence[Mapping[str, Any]], *, title: str, most: int = 14) -> str:
    """Draw how often which label was taken for which, of the labels that it happened to most."""
    weights: dict[str, int] = {}
    for pair in pairs:
        for side in (pair["gold"], pair["predicted"]):
            weights[_name(side)] = weights.get(_name(side), 0) + pair["count"]
    names = sorted(sorted(weights, key=lambda name: -weights[name])[:most])
    cells = {(_name(pair["gold"]), _name(pair["predicted"])): pair["count"] for pair in pairs}
    highest = max(cells.values())
    with plot(title, rows=len(names) * 1.05 + 3.2) as (axes, drawn):
        for row, gold in enumerate(names):
            for column, found in enumerate(names):
                count = cells.get((gold, found), 0)
                axes.add_patch(_square(column, row, alpha=0.08 if not count else 0.2 + 0.7 * count / highest))
                if count:
                    axes.text(column + 0.5, row + 0.5, f"{count:,}", ha="center", va="center", color=INK)
        axes.set_xlim(0, len(names))
        axes.set_ylim(len(names), 0)
        axes.set_xticks(
            [at + 0.5 for at in range(len(names))], [as_label(name) for name in names], rotation=45, ha="right"
        )
        axes.set_yticks([at + 0.5 for at in range(len(names))], [as_label(name) for name in names])
        axes.set_xlabel("predicted")
        axes.set_ylabel("gold")
        axes.spines["bottom"].set_visible(False)
        axes.tick_params(length=0)
    return drawn[0]


def reliability_plot(bins: Sequence[Mapping[str, Any]], *, title: str) -> str:
    """Draw how often answers are right against how sure they were; on the line a model is as sure as it is right."""
    most = max(row["answers"] for row in bins)
    with plot(title, rows=9) as (axes, drawn):
        axes.plot([0, 1], [0, 1], color=FAINT, linewidth=1.5)
        for row in bins:
            size = 5 + 11 * (row["answers"] / most) ** 0.5
            place = (row["confidence"], row["accuracy"])
            axes.plot(*([own] for own in place), "o", color=ACCENT, markersize=size)
            axes.annotate(f"{row['answers']:,}", place, (0, 10), textcoords="offset points", ha="center")
        axes.set_xlim(-0.02, 1.04)
        axes.set_ylim(-0.02, 1.1)
        axes.set_aspect("equal")
        axes.set_xlabel("how sure the answers were")
        axes.set_ylabel("share that is right")
        axes.grid(color=FAINT, linewidth=0.6)
        axes.set_axisbelow(True)
    return drawn[0]


@dataclass(frozen=True)
class Curve:
    """How a figure grows.

    Attributes:
        name: What it is.
        sizes: What it grows with.
        values: By size, the figure in each run, in per cent.
    """

    name: str
    sizes: Sequence[int]
    values: Sequence[Sequence[float]]


def curve_plot(curves: Sequence[Curve], *, title: str) -> str:
    """Draw figures by the number of records: a dot for each run, a line through the means, on a logarithmic scale."""
    with plot(title, rows=9) as (axes, drawn):
        ends = []
        for at, curve in enumerate(curves):
            colour = LINES[at % len(LINES)]
            known = [(size, own) for size, own in zip(curve.sizes, curve.values, strict=True) if own]
            means = [sum(own) / len(own) for _, own in known]
            axes.plot([size for size, _ in known], means, color=colour, linewidth=2, zorder=3)
            for size, own in known:
                axes.plot([size] * len(own), own, "o", color=colour, markersize=6, alpha=0.55, zorder=4)
            if known:
                ends.append((means[-1], known[-1][0], f"{as_label(curve.name)} {means[-1]:.2f}", colour))
        axes.set_xscale("log")
        sizes = sorted({size for curve in curves for size in curve.sizes})
        axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
        axes.minorticks_off()
        axes.set_xlabel("records trained on")
        axes.set_ylabel("on dev, %")
        axes.grid(color=FAINT, linewidth=0.6)
        axes.set_axisbelow(True)
        axes.margins(y=0.1)
        name_ends(axes, ends)
    return drawn[0]


def name_ends(axes: Axes, ends: Sequence[tuple[float, int, str, str]]) -> None:
    """Write names beside the ends of lines, far enough from each other to be read."""
    low, high = axes.get_ylim()
    apart, place = 0.075 * (high - low), -float("inf")
    for value, size, name, colour in sorted(ends):
        place = max(value, place + apart)
        axes.annotate(
            name, (size, place), (12, 0), textcoords="offset points", va="center", color=colour, annotation_clip=False
        )


def _square(column: int, row: int, *, alpha: float) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle((column + 0.03, row + 0.03), 0.94, 0.94, facecolor=ACCENT, alpha=alpha, linewidth=0)


def _name(label: object) -> str:
    return "nothing" if label is None else str(label)
