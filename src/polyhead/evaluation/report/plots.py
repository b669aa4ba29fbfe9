"""Plots as SVG to stand in a page, in the colours of the page they stand in, light or dark."""

from __future__ import annotations

import html
import io
import itertools
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from polyhead.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.axes import Axes

_INK, FAINT, _ACCENT = "#010203", "#010204", "#010205"
LINES = tuple(f"#01020{digit}" for digit in "6789ab")
"""Colours of lines, in their order."""
_VARIABLES = {_INK: "var(--ink)", FAINT: "var(--faint)", _ACCENT: "var(--accent)"} | {
    colour: f"var(--line{at})" for at, colour in enumerate(LINES)
}
"""Colours that no plot has otherwise, and what the page puts in their place."""
_OF_FILE = {
    "light": {"paper": "#ffffff", "ink": "#1b1f24", "faint": "#d0d5db", "accent": "#2563a8"},
    "dark": {"paper": "#14171b", "ink": "#e6e8eb", "faint": "#3a414a", "accent": "#6aa9ee"},
}
_LINES_OF_FILE = {
    "light": ("#2563a8", "#b4530a", "#1f7a3d", "#a4236b", "#6b3fc0", "#7a6a00"),
    "dark": ("#6aa9ee", "#f0a35e", "#6cc98a", "#ee86b7", "#b79bf2", "#d6c54a"),
}
"""Colours of a plot that stands in a file of its own."""
_WIDTH = 7.2
"""Inches of 72 points."""
_STYLE = {
    "svg.fonttype": "none",  # letters stay letters: to be read out, searched for and copied
    "font.size": 10,
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "axes.edgecolor": FAINT,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "ytick.left": False,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
}


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
    with drawing("figures with their 95 % intervals", rows=len(figures)) as (axes, drawn):
        for row, own in enumerate(reversed(figures)):
            if own.interval:
                axes.plot(own.interval, [row, row], color=_ACCENT, linewidth=3, alpha=0.45, solid_capstyle="round")
            axes.plot([own.value], [row], "o", color=_ACCENT, markersize=7)
            axes.annotate(f"{own.value:.2f}", (own.value, row), (0, 8), textcoords="offset points", ha="center")
        _name_rows(axes, [own.name for own in reversed(figures)])
        axes.set_xlim(max(0.0, 5 * (lowest // 5) - 2), 101)
        axes.set_ylim(-0.6, len(figures) - 0.2)
        axes.set_xlabel("%")
        axes.grid(axis="x", color=FAINT, linewidth=0.6)
        axes.set_axisbelow(True)
    return drawn[0]


def bar_plot(counts: Mapping[str, int], *, title: str) -> str:
    """Draw counts as bars, in their order from top to bottom."""
    with drawing(title, rows=len(counts)) as (axes, drawn):
        names, values = list(counts)[::-1], list(counts.values())[::-1]
        bars = axes.barh(range(len(names)), values, color=_ACCENT, height=0.6)
        axes.bar_label(bars, padding=4, color=_INK)
        _name_rows(axes, names)
        axes.set_xlim(0, max(*values, 1) * 1.12)
        axes.spines["bottom"].set_visible(False)
        axes.set_xticks([])
    return drawn[0]


def histogram_plot(edges: Sequence[float], counts: Sequence[int], *, title: str, xlabel: str) -> str:
    """Draw how many values fall between each two edges."""
    with drawing(title, rows=5) as (axes, drawn):
        widths = [end - start for start, end in itertools.pairwise(edges)]
        axes.bar(edges[:-1], counts, width=widths, align="edge", color=_ACCENT, alpha=0.85)
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
    with drawing(title, rows=len(names) * 1.05 + 3.2) as (axes, drawn):
        for row, gold in enumerate(names):
            for column, found in enumerate(names):
                count = cells.get((gold, found), 0)
                axes.add_patch(_square(column, row, alpha=0.08 if not count else 0.2 + 0.7 * count / highest))
                if count:
                    axes.text(column + 0.5, row + 0.5, f"{count:,}", ha="center", va="center", color=_INK)
        axes.set_xlim(0, len(names))
        axes.set_ylim(len(names), 0)
        axes.set_xticks(
            [at + 0.5 for at in range(len(names))], [plain(name) for name in names], rotation=45, ha="right"
        )
        axes.set_yticks([at + 0.5 for at in range(len(names))], [plain(name) for name in names])
        axes.set_xlabel("predicted")
        axes.set_ylabel("gold")
        axes.spines["bottom"].set_visible(False)
        axes.tick_params(length=0)
    return drawn[0]


def reliability_plot(bins: Sequence[Mapping[str, Any]], *, title: str) -> str:
    """Draw how often answers are right against how sure they were; on the line a model is as sure as it is right."""
    most = max(row["answers"] for row in bins)
    with drawing(title, rows=9) as (axes, drawn):
        axes.plot([0, 1], [0, 1], color=FAINT, linewidth=1.5)
        for row in bins:
            size = 5 + 11 * (row["answers"] / most) ** 0.5
            place = (row["confidence"], row["accuracy"])
            axes.plot(*([own] for own in place), "o", color=_ACCENT, markersize=size)
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
    with drawing(title, rows=9) as (axes, drawn):
        ends = []
        for at, curve in enumerate(curves):
            colour = LINES[at % len(LINES)]
            known = [(size, own) for size, own in zip(curve.sizes, curve.values, strict=True) if own]
            means = [sum(own) / len(own) for _, own in known]
            axes.plot([size for size, _ in known], means, color=colour, linewidth=2, zorder=3)
            for size, own in known:
                axes.plot([size] * len(own), own, "o", color=colour, markersize=6, alpha=0.55, zorder=4)
            if known:
                ends.append((means[-1], known[-1][0], f"{plain(curve.name)} {means[-1]:.2f}", colour))
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


def as_file(svg: str) -> str:
    """Make an SVG of this module a file of its own, which follows its reader's light or dark setting."""
    rules = {mode: "; ".join(f"--{name}: {value}" for name, value in _of_file(mode)) for mode in _OF_FILE}
    style = f":root {{ {rules['light']} }} @media (prefers-color-scheme: dark) {{ :root {{ {rules['dark']} }} }}"
    start, _, rest = svg.partition(">")
    paper = '<rect width="100%" height="100%" style="fill: var(--paper)"/>'
    return f"{start}><style>{style} text {{ font-family: system-ui, sans-serif }}</style>{paper}{rest}"


def _of_file(mode: str) -> list[tuple[str, str]]:
    lines = [(f"line{at}", colour) for at, colour in enumerate(_LINES_OF_FILE[mode])]
    return [*_OF_FILE[mode].items(), *lines]


def check_plots(what: str) -> None:
    """See that plots can be drawn, before anything costs time.

    Args:
        what: What needs them.

    Raises:
        MissingExtraError: If matplotlib is not installed.
    """
    if find_spec("matplotlib") is None:
        raise MissingExtraError(what, "report")


def _square(column: int, row: int, *, alpha: float) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle((column + 0.03, row + 0.03), 0.94, 0.94, facecolor=_ACCENT, alpha=alpha, linewidth=0)


def _name(label: object) -> str:
    return "nothing" if label is None else str(label)


def plain(text: str) -> str:
    """Keep a label short, and keep matplotlib from reading it as a formula."""
    return (text if len(text) <= 28 else f"{text[:27]}…").replace("$", r"\$")


def _name_rows(axes: Axes, names: Sequence[str]) -> None:
    axes.set_yticks(range(len(names)), [plain(name) for name in names])


@contextmanager
def drawing(title: str, *, rows: float, panels: int = 1) -> Iterator[tuple[Axes, list[str]]]:
    """Set up axes for so many rows, the first of several panels' own; the finished SVG is put in the list."""
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
        from matplotlib.layout_engine import ConstrainedLayoutEngine
    except ImportError as error:
        raise MissingExtraError("a report", "report") from error
    drawn: list[str] = []
    with mpl.rc_context({**_STYLE, "svg.hashsalt": title}):
        figure = Figure(figsize=(_WIDTH, 0.42 * rows + 0.8), layout=ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.08))
        first, *_ = (figure.add_subplot(panels, 1, at + 1) for at in range(panels))
        yield first, drawn
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    drawn.append(_inline(file.getvalue(), title))


def _inline(svg: str, title: str) -> str:
    """Make an SVG file part of a page: without its head, with a name, in the page's colours.

    matplotlib has escaped the texts in it.
    """
    svg = svg[svg.index("<svg") :]
    for sentinel, variable in _VARIABLES.items():
        svg = svg.replace(sentinel, variable)
    start, _, rest = svg.partition(">")
    start = start.replace("<svg", f'<svg role="img" aria-label="{html.escape(title)}"', 1)
    return f"{start}>{rest}"
