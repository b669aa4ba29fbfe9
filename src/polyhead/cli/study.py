"""`polyhead study`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from polyhead.cli.console import error_console, output_console
from polyhead.cli.study_tables import study_tables, suggestion
from polyhead.errors import MissingExtraError
from polyhead.settings import load_settings


def study_command(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="Settings file (TOML), as for train.")],
    data: Annotated[
        list[Path] | None, typer.Argument(metavar="DATA", help="Training files, instead of those of CONFIG.")
    ] = None,
    dev: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="Dev file, which chooses each model's best epoch.")
    ] = None,
    test: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="Test file, which models are scored on; without one that is dev."),
    ] = None,
    seeds: Annotated[int, typer.Option(help="Models of each sort, each with a seed of its own.")] = 3,
    grouping: Annotated[
        bool, typer.Option("--grouping", help="Also train each two tasks together: which of up to six should share?")
    ] = False,
    output: Annotated[Path, typer.Option(metavar="FOLDER", help="Where figures, plots and report go.")] = Path("study"),
    workers: Annotated[
        int, typer.Option(help="Trainings that go on at once, each in a process with its share of the cores.")
    ] = 1,
    keep_models: Annotated[bool, typer.Option("--keep-models", help="Keep the best bundle of each training.")] = False,
    anew: Annotated[bool, typer.Option("--anew", help="Drop trainings that are finished, and begin again.")] = False,
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="One setting, such as training.epochs=5. Beats the file."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Treat warnings about the data as errors.")] = False,
) -> None:
    """Does sharing help? Train one joint model and a model for each task, and compare them.

    Both have the same settings, epochs and seeds. What is finished is kept: the same command goes on after a kill.

    [bold]Examples[/bold]

      polyhead study run.toml --test test.jsonl

      polyhead study run.toml --seeds 5 --workers 4 --output studies/hotel

      polyhead study run.toml --grouping
    """
    try:
        from polyhead.cli.studies import ConsoleStudyReporter
        from polyhead.studies import study_of
        from polyhead.studies.sharing.api import PAGE_FILE
    except ImportError as error:
        raise MissingExtraError("training", "train") from error
    flags: dict[str, Any] = {"data.train": data, "data.dev": dev, "data.test": test, "strict": strict or None}
    settings = load_settings(config, assignments or [], flags)
    with ConsoleStudyReporter(error_console()) as reporter:
        found = study_of(
            settings,
            seeds=seeds,
            grouping=grouping,
            folder=output,
            workers=workers,
            keep_models=keep_models,
            anew=anew,
            reporter=reporter,
        )
    error_console().print(f"report  {output / PAGE_FILE}", markup=False)
    if as_json:
        sys.stdout.write(json.dumps(found, ensure_ascii=False) + "\n")
        return
    _show(found)


def _show(found: dict[str, Any]) -> None:
    console = output_console()
    for table in study_tables(found):
        console.print(table)
        console.print()
    for note in found["notes"]:
        console.print(f"note: {note}", markup=False)
    if "grouping" in found:
        console.print(suggestion(found["grouping"]), markup=False)
