"""`polyhead learning-curve`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from polyhead.cli.console import error_console, output_console
from polyhead.cli.figures import between, figure_table, percent
from polyhead.errors import MissingExtraError
from polyhead.settings import load_settings


def learning_curve_command(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="Settings file (TOML), as for train.")],
    fractions: Annotated[
        list[float] | None,
        typer.Option(metavar="SHARE...", help="Shares of the training data to train on.", show_default="0.1 0.3 1.0"),
    ] = None,
    runs: Annotated[int, typer.Option(help="Models to train for each share, each with a seed of its own.")] = 3,
    output: Annotated[Path, typer.Option(metavar="FOLDER", help="Where figures and plot go.")] = Path("learning_curve"),
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="One setting, such as training.epochs=5. Beats the file."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Treat warnings about the data as errors.")] = False,
) -> None:
    """Train on parts of the data, and plot dev scores by size: is more data worth it?

    All models are scored on the same dev data. Only figures and the plot are kept.

    [bold]Example[/bold]

      polyhead learning-curve run.toml --fractions 0.1 0.3 1.0 --runs 3
    """
    try:
        from polyhead.cli.studies import ConsoleStudyReporter
        from polyhead.studies import curve_of
        from polyhead.studies.curves import FRACTIONS, PLOT_FILE
    except ImportError as error:
        raise MissingExtraError("training", "train") from error
    settings = load_settings(config, assignments or [], {"strict": strict or None})
    shares = FRACTIONS if fractions is None else fractions
    with ConsoleStudyReporter(error_console()) as reporter:
        found = curve_of(settings, fractions=shares, runs=runs, folder=output, reporter=reporter)
    error_console().print(f"plot  {output / PLOT_FILE}", markup=False)
    if as_json:
        sys.stdout.write(json.dumps(found, ensure_ascii=False) + "\n")
        return
    console = output_console()
    console.print(_table(found))
    for name, own in found["twice_as_much"].items():
        console.print(_advice(name.replace("_", " "), own), markup=False)


def _table(found: dict[str, Any]) -> Table:
    names = list(found["curve"][0]["figures"])
    title = f"on {found['dev_records']:,} dev records, %: mean and 95 % interval over runs"
    columns = [column for name in names for column in (escape(name.replace("_", " ")), "interval")]
    table = figure_table(title, ["of the data", "records", *columns])
    for row in found["curve"]:
        figures = [row["figures"][name] for name in names]
        cells = [cell for own in figures for cell in (percent(own["mean"]), between(own["interval"]))]
        table.add_row(f"{100 * row['fraction']:.4g} %", f"{row['records']:,}", *cells)
    return table


def _advice(name: str, twice: dict[str, Any]) -> str:
    """Say what the slope between the last two shares promises."""
    gain, interval = 100 * twice["gain"], twice["interval"]
    promise = f"{name}: at this rate, twice the data would add {gain:.2f} points"
    if interval is None:
        return f"{promise} (one run: no telling how sure that is)"
    low, high = (100 * end for end in interval)
    verdict = "more data should help" if low > 0 else "that more data would help is not shown"
    return f"{promise} (95 % interval {low:.2f} to {high:.2f}): {verdict}"
