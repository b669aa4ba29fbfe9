"""A run's epochs as a table that is no wider than the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.text import Text

from polyhead.cli.figures import dev_figures, loss_figures, percent
from polyhead.cli.pace import clock_time
from polyhead.training.reporting import EpochReport, Measured

Row = dict[str, str]
"""A table's row: text by column. Not every row has every column."""

# No task gives a column of one of these names: a task's own columns have two words at least.
_EPOCH, _LOSS, _SCORE, _TIME = "epoch", "loss", "score", "time"
_SPEED = "tokens /s"
_BEST = "← best"


def epoch_table(
    reports: Sequence[EpochReport],
    *,
    best: EpochReport | None,
    width: int,
    most: int | None = None,
    running: Measured | None = None,
    left: str = "",
) -> Text:
    """Write a run's epochs one below the other, the best one marked.

    Where the losses of all tasks do not fit beside each other, their mean stands for them, and where the dev figures do
    not, the score by which epochs are compared.

    Args:
        reports: The epochs that are finished.
        best: The best of them; `None` without dev data.
        width: Columns of the terminal.
        most: Rows that there is room for, of which the last are shown; `None`: all.
        running: What the epoch under way has come to.
        left: What stands behind it.
    """
    rows = [_finished(report) for report in reports]
    marks = [_BEST if report is best else "" for report in reports]
    if running:
        rows.append({_EPOCH: str(len(reports) + 1), **_measured(running)})
        marks.append(left)
    columns = _columns_that_fit(rows, reports, width=width - max(map(len, marks), default=0))
    widths = [_width(column, rows) for column in columns]
    lines = [Text(_line(part, widths), "bold") for part in zip(*map(_header, columns), strict=True)]
    shown = slice(None if most is None else -most, None)
    for row, mark in zip(rows[shown], marks[shown], strict=True):
        line = _line([row.get(column, "") for column in columns], widths)
        lines.append(Text(f"{line} {mark}", "bold green" if mark == _BEST else ""))
    # Plain lines, not a `rich.table.Table`: that takes ten times as long to draw, which is done while a model trains.
    return Text("\n", no_wrap=True, overflow="crop").join(lines)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return " ".join(cell.rjust(width) for cell, width in zip(cells, widths, strict=True))


def _finished(report: EpochReport) -> Row:
    measured = Measured(report.losses, report.seconds, report.rows_per_second, report.tokens_per_second)
    return {_EPOCH: str(report.epoch), _SCORE: percent(report.score), **dev_figures(report), **_measured(measured)}


def _measured(epoch: Measured) -> Row:
    row = {**loss_figures(epoch.losses), _TIME: clock_time(epoch.seconds)}
    if epoch.tokens_per_second:
        row[_SPEED] = f"{epoch.tokens_per_second:,.0f}"
    if epoch.losses:
        row[_LOSS] = f"{sum(epoch.losses.values()) / len(epoch.losses):.4f}"
    return row


def _columns_that_fit(rows: Sequence[Row], reports: Sequence[EpochReport], *, width: int) -> list[str]:
    """Return the fullest choice of columns that fits; the leanest where none does."""
    for columns in _choices(rows, reports):
        if sum(_width(column, rows) + 1 for column in columns) <= width:
            break
    return columns


def _choices(rows: Sequence[Row], reports: Sequence[EpochReport]) -> Iterator[list[str]]:
    losses = list(dict.fromkeys(name for row in rows for name in row if name.endswith(" loss")))
    figures = list(dict.fromkeys(name for report in reports for name in dev_figures(report)))
    single = [_LOSS] if losses else []
    yield [_EPOCH, *losses, *figures, _SPEED, _TIME]
    yield [_EPOCH, *single, *figures, _SPEED, _TIME]
    yield [
        _EPOCH,
        *single,
        *([_SCORE] if figures else []),
        *[name for name in figures if " " not in name],
        _SPEED,
        _TIME,
    ]


def _header(column: str) -> tuple[str, str]:
    """Return a column's name in two lines, a task above its figure, so that many columns fit."""
    first, _, rest = column.partition(" ")
    return (first, rest) if rest else ("", first)


def _width(column: str, rows: Sequence[Row]) -> int:
    return max(len(text) for text in (*_header(column), *(row.get(column, "") for row in rows)))
