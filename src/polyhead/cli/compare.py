"""`polyhead compare`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from polyhead.cli.console import announce, error_console, going_through_data, output_console
from polyhead.cli.evaluate import fields_of
from polyhead.cli.figures import amount, between, figure_table, percent
from polyhead.cli.highlight import visible
from polyhead.evaluation import RESAMPLES, compare, got_worse

_COLOURS = {"better": "green", "worse": "red", "no difference shown": "dim"}


def compare_command(
    first: Annotated[Path, typer.Argument(metavar="FIRST", help="The model to compare with.")],
    second: Annotated[Path, typer.Argument(metavar="SECOND", help="The model that is judged.")],
    data: Annotated[Path, typer.Argument(metavar="DATA", help="Annotated records, in any known format.")],
    tasks: Annotated[
        list[str] | None,
        typer.Option("--task", metavar="NAME[=FIELD]", help="Compare this task alone, on this field; may be repeated."),
    ] = None,
    show: Annotated[int, typer.Option("--show", min=0, help="Changed records to show, of each task and kind.")] = 5,
    fail_if_worse: Annotated[
        bool,
        typer.Option(
            "--fail-if-worse", help="Exit with status 1 where a task's main figure, or frame accuracy, is worse."
        ),
    ] = False,
    resamples: Annotated[
        int, typer.Option("--resamples", min=1, help="Samples of the records for 95 % intervals.")
    ] = RESAMPLES,
    seed: Annotated[int, typer.Option("--seed", min=0, help="What the samples are drawn by.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Treat warnings about the data as errors.")] = False,
) -> None:
    """Compare two models on the same records: what differs, how surely, and which records changed.

    A figure is better or worse where the 95 % interval of the change leaves out 0; else it is unclear.

    [bold]Examples[/bold]

      polyhead compare old_model saved_model test.json

      polyhead compare old_model saved_model test.json --fail-if-worse --json > difference.json
    """
    with going_through_data("comparing", strict=strict) as (notices, on_batch):
        compared = compare(
            first,
            second,
            data,
            tasks=fields_of(tasks),
            resamples=resamples,
            seed=seed,
            notices=notices,
            on_batch=on_batch,
        )
    worse = got_worse(compared)
    if as_json:
        sys.stdout.write(json.dumps({**compared, "worse": worse}, ensure_ascii=False) + "\n")
    else:
        _show(compared, output_console(), show)
    if fail_if_worse and worse:
        announce(error_console(), "worse", ", ".join(worse))
        raise typer.Exit(1)


def _show(compared: dict[str, Any], console: Console, show: int) -> None:
    console.print(_table(compared))
    for name, task in compared["tasks"].items():
        counts = f"{task['better']:,} became right, {task['worse']:,} became wrong"
        console.print()
        console.print(Text.assemble((f"{name}: ", "bold"), f"of {task['records']:,} records {counts}"))
        for change in ("worse", "better"):
            rows = [row for row in compared["changed"] if (row["task"], row["change"]) == (name, change)]
            for row in rows[:show]:
                _show_change(row, console)
            if show and len(rows) > show:
                console.print(f"  ... and {len(rows) - show:,} more that became {_BECAME[change]}", style="dim")


_BECAME = {"better": "right", "worse": "wrong"}


def _show_change(row: dict[str, Any], console: Console) -> None:
    place = f"  ({row['source']})" if row["source"] else ""
    became = (f"  {_BECAME[row['change']]:<6}", _COLOURS[row["change"]])
    console.print(Text.assemble(became, visible(row["text"]), (place, "dim")))
    if "second_text" in row:
        console.print(Text.assemble("        ", visible(row["second_text"])))
    for key in ("gold", "first", "second"):
        console.print(Text.assemble((f"        {key:<7}", "dim"), visible(row[key])))


def _table(compared: dict[str, Any]) -> Table:
    columns = ["task", "figure", "first", "second", "change", "95 % interval", "second is"]
    table = figure_table(f"{compared['records']:,} records", columns)
    for name, task in compared["tasks"].items():
        for at, (figure, row) in enumerate(task["figures"].items()):
            table.add_row(escape(name) if at == 0 else "", figure.replace("_", " "), *_cells(row))
    if len(compared["tasks"]) > 1:
        table.add_row("all tasks", "frame accuracy", *_cells(compared["frame_accuracy"]))
    return table


def _cells(row: dict[str, Any]) -> list[str | Text]:
    show = amount if row["in_units"] else percent
    change = show(row["difference"])
    sign = "+" if change.strip("0.") and (row["difference"] or 0) > 0 else ""
    verdict = row["verdict"].replace("no difference shown", "unclear")
    cells = [show(row["first"]), show(row["second"]), sign + change, between(row["interval"], show)]
    return [*cells, Text(verdict, _COLOURS.get(row["verdict"], ""))]
