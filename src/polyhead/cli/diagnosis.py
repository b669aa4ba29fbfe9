"""What was seen of the tasks' gradients, as tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from polyhead.cli.figures import figure_table

if TYPE_CHECKING:  # importing training loads torch
    from polyhead.training.diagnosis import Diagnosis
    from polyhead.training.diagnosis.findings import Figure


def diagnosis_lines(found: Diagnosis) -> Iterator[RenderableType]:
    """Yield what is to be printed: a table of tasks, one of pairs, and the advice."""
    times = len(found.measurements)
    yield Text(f"\nthe tasks' gradients in what they share, {times} times over the run (95 % intervals)", "bold")
    if found.tasks:
        yield _tasks(found)
    if any(own.cosine for own in found.pairs):
        yield _pairs(found)
    for line in found.advice:
        yield Text(line)


def _tasks(found: Diagnosis) -> Table:
    table = figure_table("", ["task", "first loss", "last loss", "weight", "share of norm, %"])
    for own in found.tasks:
        table.add_row(
            escape(own.task),
            f"{own.first_loss:.3g}",
            f"{own.last_loss:.3g}",
            f"{own.weight:.3g}",
            _told(own.share, scale=100, digits=0),
        )
    return table


def _pairs(found: Diagnosis) -> Table:
    groups = list(dict.fromkeys(group for own in found.pairs for group in own.groups))
    table = figure_table("", ["pair", "cosine", *groups])
    for own in found.pairs:
        means = [f"{own.groups[group].mean:.2f}" if group in own.groups else "—" for group in groups]
        table.add_row(escape(" / ".join(own.tasks)), _told(own.cosine), *means, style="bold" if own.fights else None)
    return table


def _told(figure: Figure | None, *, scale: float = 1.0, digits: int = 2) -> str:
    if figure is None:
        return "—"
    mean, low, high = (f"{scale * own:.{digits}f}" for own in (figure.mean, figure.low, figure.high))
    return f"{mean} ({low} to {high})"
