"""`polyhead calibrate`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from polyhead.cli.console import error_console, going_through_data, output_console
from polyhead.cli.evaluate import fields_of
from polyhead.cli.figures import figure_table, percent
from polyhead.evaluation import calibrate


def calibrate_command(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Bundle, or output folder of a run.")],
    data: Annotated[Path, typer.Argument(metavar="DEV", help="Annotated records that the model was not trained on.")],
    output: Annotated[Path, typer.Option(metavar="FOLDER", help="Folder of the new bundle.")],
    tasks: Annotated[
        list[str] | None,
        typer.Option("--task", metavar="NAME[=FIELD]", help="Calibrate this task alone, on this field; repeatable."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Treat warnings about the data as errors.")] = False,
) -> None:
    """Make a model as sure as it is right: fit a temperature for each head on dev data.

    No answer changes but those of tuned thresholds; how sure they are does. `polyhead evaluate` says what it is worth.

    [bold]Example[/bold]

      polyhead calibrate saved_model dev.json --output calibrated
    """
    with going_through_data("calibrating", strict=strict) as (notices, on_batch):
        done = calibrate(
            model,
            data,
            output,
            tasks=fields_of(tasks),
            notices=notices,
            on_batch=on_batch,
        )
    if as_json:
        sys.stdout.write(json.dumps(done, ensure_ascii=False) + "\n")
        return
    output_console().print(_table(done["tasks"]))
    error_console().print(f"saved in {done['folder']}", markup=False)


def _table(tasks: dict[str, dict[str, Any]]) -> Table:
    columns = ["task", "records", "temperature", "error before, %", "after", "loss before", "after"]
    table = figure_table("on the data that chose", columns)
    for name, own in tasks.items():
        errors = [percent(own[when]["expected_calibration_error"]) for when in ("before", "after")]
        losses = [f"{own[when]['loss']:.4f}" for when in ("before", "after")]
        table.add_row(escape(name), f"{own['records']:,}", f"{own['temperature']:.2f}", *errors, *losses)
    return table
