"""What plots are drawn on: SVG to stand in a page, in the colours of the page it stands in, or in a file of its own."""

from __future__ import annotations

import html
import io
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

from polyhead.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from matplotlib.axes import Axes

INK, FAINT, ACCENT = "#010203", "#010204", "#010205"
LINES = tuple(f"#01020{digit}" for digit in "6789ab")
"""Colours of lines, in their order."""
_VARIABLES = {INK: "var(--ink)", FAINT: "var(--faint)", ACCENT: "var(--accent)"} | {
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
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": FAINT,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "ytick.left": False,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
}


def as_file(svg: str) -> str:
    """Make an SVG of this module a file of its own, which follows its reader's light or dark setting."""
    style = f"<style>{colour_rules()} text {{ font-family: system-ui, sans-serif }}</style>"
    start, _, rest = svg.partition(">")
    paper = '<rect width="100%" height="100%" style="fill: var(--paper)"/>'
    return f"{start}>{style}{paper}{rest}"


def colour_rules() -> str:
    """Return the style rules that give a plot's colours their values, light or dark."""
    rules = {mode: "; ".join(f"--{name}: {value}" for name, value in _of_file(mode)) for mode in _OF_FILE}
    return f":root {{ {rules['light']} }} @media (prefers-color-scheme: dark) {{ :root {{ {rules['dark']} }} }}"


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


def as_label(text: str) -> str:
    """Keep a label short, and keep matplotlib from reading it as a formula."""
    return (text if len(text) <= 28 else f"{text[:27]}…").replace("$", r"\$")


def name_rows(axes: Axes, names: Sequence[str]) -> None:
    """Write names beside rows, the lowest first."""
    axes.set_yticks(range(len(names)), [as_label(name) for name in names])


@contextmanager
def plot(title: str, *, rows: float, panels: int = 1) -> Iterator[tuple[Axes, list[str]]]:
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
