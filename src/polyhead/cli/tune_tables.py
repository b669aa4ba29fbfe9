"""Tables of `polyhead tune`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.markup import escape
from rich.table import Table

from polyhead.cli.figures import between, figure_table, percent

_MOST_ROWS = 30
"""Of trials, the best; ``trials.md`` has all."""

SETTINGS = "settings"
_BETWEEN = 2
"""Blanks between two columns."""


def tune_tables(found: Mapping[str, Any], *, width: int) -> Iterator[Table]:
    """Yield the tables that `polyhead tune` prints.

    Args:
        found: As `polyhead.tune` returns it.
        width: Columns of the terminal; where trials do not fit, tasks' figures are left out, not their score, and their
            settings stand in one column.
    """
    yield _trials(found, width)
    if found["confirmed"]:
        yield _confirmed(found["confirmed"])
    if found["importance"]:
        yield _importance(found["importance"])


def _trials(found: Mapping[str, Any], width: int) -> Table:
    columns, rows = found["table"]["columns"], found["table"]["rows"]
    for narrower in (_without_figures, _with_settings_in_one):
        if _width(columns, rows) > width:
            columns, rows = narrower(columns, rows)
    shown = rows[:_MOST_ROWS] + [row for row in rows[_MOST_ROWS:] if row[0].startswith("default")]
    part = f", {len(shown)} of {len(rows):,}" if len(shown) < len(rows) else ""
    title = f"trials{part}, the best first: on {found['dev_records']:,} dev records, %"
    table = figure_table(title, [escape(name.replace("_", " ")) for name in columns])
    for row in shown:
        style = "bold" if row[0].startswith("default") else ""
        table.add_row(*map(escape, row), style=style)
    for column in table.columns:
        column.no_wrap = column.header != SETTINGS
    return table


def _width(columns: list[str], rows: list[list[str]]) -> int:
    widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
    return sum(widths) + _BETWEEN * (len(widths) - 1)


def _without_figures(columns: list[str], rows: list[list[str]]) -> tuple[list[str], list[list[str]]]:
    """Leave the columns of tasks' figures out, which stand between score and epoch."""
    if "score" not in columns:
        return columns, rows
    start, end = columns.index("score") + 1, columns.index("epoch")
    columns, *rows = ([*line[:start], *line[end:]] for line in (columns, *rows))
    return columns, rows


def _with_settings_in_one(columns: list[str], rows: list[list[str]]) -> tuple[list[str], list[list[str]]]:
    """Write the settings, which stand behind the epoch, as words in one column: a figure is never cut into lines."""
    start = columns.index("epoch") + 1
    names = [name.replace("_", " ") for name in columns[start:]]
    told = [", ".join(f"{name} {value}" for name, value in zip(names, row[start:], strict=True)) for row in rows]
    return [*columns[:start], SETTINGS], [[*row[:start], words] for row, words in zip(rows, told, strict=True)]


def _confirmed(confirmed: Mapping[str, Any]) -> Table:
    seeds = ", ".join(map(str, confirmed["seeds"]))
    title = f"trained anew with seeds {seeds}, on the same dev data, %"
    columns = ["figure", f"trial {confirmed['trial']}", "default", "difference", "95 % interval"]
    table = figure_table(title, columns)
    for name, own in confirmed["figures"].items():
        cells = [percent(own[key]) for key in ("best", "default", "difference")]
        table.add_row(escape(name.replace("_", " ")), *cells, between(own["interval"]))
    return table


def _importance(rows: list[dict[str, Any]]) -> Table:
    table = figure_table("what mattered", ["setting", "share, %", "by chance up to"])
    for own in rows:
        table.add_row(escape(own["setting"]), f"{100 * own['share']:.0f}", f"{100 * own['chance']:.0f}")
    return table
