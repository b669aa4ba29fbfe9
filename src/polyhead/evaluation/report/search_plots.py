"""Plots of a search of settings: how it went, and what mattered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from polyhead.evaluation.report.canvas import ACCENT, FAINT, INK, LINES, name_rows, plot

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Scored:
    """A trial.

    Attributes:
        number: From 0, which is the one that others are compared with.
        score: In per cent.
        complete: Whether it was trained to its end.
    """

    number: int
    score: float
    complete: bool


@dataclass(frozen=True)
class Mattered:
    """How much something mattered.

    Attributes:
        name: What it is.
        share: In per cent.
        chance: The share, in per cent, that chance reaches in one of twenty cases.
    """

    name: str
    share: float
    chance: float


def history_plot(trials: Sequence[Scored], *, title: str) -> str:
    """Draw trials in their order: complete ones as dots, others as crosses, a line of the best so far.

    Scores far below the others are left out of the picture, at whose lower edge they stand as arrows.

    Args:
        trials: At least one.
        title: What it shows.
    """
    colour, given_up = LINES[0], LINES[1]
    with plot(title, rows=8) as (axes, drawn):
        low, high = _limits([own.score for own in trials])
        for own in trials:
            if own.score < low:
                axes.plot([own.number], [low], "v", color=FAINT, markersize=7, clip_on=False)
            else:
                sign, own_colour = ("o", colour) if own.complete else ("x", given_up)
                axes.plot([own.number], [own.score], sign, color=own_colour, markersize=6, zorder=4)
        complete = [own for own in trials if own.complete]
        if complete:
            best = np.maximum.accumulate([own.score for own in complete])
            axes.step([own.number for own in complete], best, where="post", color=colour, linewidth=1.6, alpha=0.6)
            axes.axhline(complete[0].score, color=INK, linewidth=1, linestyle=(0, (4, 3)), alpha=0.7)
            _name_ends(axes, trials[-1].number, first=complete[0], best=float(best[-1]), height=high - low)
        axes.set_ylim(low, high)
        axes.set_xlim(-0.5, trials[-1].number + 0.5)
        axes.set_xticks(_ticks(trials[-1].number))
        axes.set_xlabel("trial (crosses: given up before their last epoch)")
        axes.set_ylabel("score on dev, %")
        axes.grid(color=FAINT, linewidth=0.6)
        axes.set_axisbelow(True)
    return drawn[0]


def _limits(scores: Sequence[float]) -> tuple[float, float]:
    """Return the ends of the axis: all that is not far below the middle."""
    lower, middle = np.quantile(scores, [0.25, 0.5])
    high = max(scores)
    least = lower - 2.5 * max(high - lower, middle - lower)
    low = min(score for score in scores if score >= least)
    room = 0.08 * max(high - low, 2.0)
    return float(low - room), float(high + room)


def _name_ends(axes: Axes, last: int, *, first: Scored, best: float, height: float) -> None:
    """Name the two lines at their right, one above the other."""
    name = "default settings" if first.number == 0 else f"trial {first.number}"
    apart = max(0.0, 0.09 * height - (best - first.score)) / 2
    ends = ((f"best {best:.2f}", best + apart, LINES[0]), (f"{name} {first.score:.2f}", first.score, INK))
    for text, place, colour in ends if best > first.score else ends[1:]:
        at = place if text.startswith("best") else place - apart
        axes.annotate(
            text, (last + 0.5, at), (8, 0), textcoords="offset points", va="center", color=colour, annotation_clip=False
        )


def _ticks(last: int) -> list[int]:
    every = max(1, -(-last // 10))
    return list(range(0, last + 1, every))


def importance_plot(found: Sequence[Mattered], *, title: str) -> str:
    """Draw shares as bars, the largest on top, each with a mark where chance may bring it.

    Args:
        found: The largest first.
        title: What it shows.
    """
    rows = list(reversed(found))
    longest = max([own.share for own in rows] + [own.chance for own in rows])
    with plot(title, rows=len(rows) + 2) as (axes, drawn):
        told = [own.share > own.chance for own in rows]
        bars = axes.barh(range(len(rows)), [own.share for own in rows], color=ACCENT, height=0.55)
        for bar, is_told in zip(bars, told, strict=True):
            bar.set_alpha(0.95 if is_told else 0.4)
        for at, own in enumerate(rows):
            axes.plot([own.chance] * 2, [at - 0.38, at + 0.38], color=INK, linewidth=1.6)
            # Behind the bar, unless the mark stands there.
            place = own.chance if 0 <= own.chance - own.share < 0.1 * longest else own.share
            axes.annotate(f"{own.share:.0f}", (place, at), (6, 0), textcoords="offset points", va="center")
        name_rows(axes, [own.name for own in rows])
        axes.set_xlim(0, 1.12 * longest)
        axes.set_xlabel("share of what mattered, %\na bar that ends before its line is not told from chance")
    return drawn[0]
