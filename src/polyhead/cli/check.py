"""`polyhead check`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from polyhead.bundle.saving import new_file
from polyhead.checking import check
from polyhead.checking.near import NEAR
from polyhead.checking.page import write_page
from polyhead.checking.reading import OnRecords
from polyhead.cli.check_tables import show
from polyhead.cli.console import error_console, output_console, progress_bar
from polyhead.evaluation.report.canvas import check_plots


class OnMisaligned(StrEnum):
    """What becomes of entities that begin or end inside a unit."""

    error = "error"
    snap = "snap"
    drop = "drop"


def check_command(
    train: Annotated[
        list[Path] | None, typer.Argument(metavar="FILE", help="Training files; by default those of --config.")
    ] = None,
    dev: Annotated[list[Path] | None, typer.Option(metavar="FILE", help="Dev file; may be repeated.")] = None,
    test: Annotated[list[Path] | None, typer.Option(metavar="FILE", help="Test file; may be repeated.")] = None,
    config: Annotated[Path | None, typer.Option(help="Settings file (TOML), as for train: tasks and fields.")] = None,
    encoder: Annotated[
        str | None,
        typer.Option(help="Whose pieces count: Hub name, folder or 'minilm'.", show_default="that of --config"),
    ] = None,
    on_misaligned: Annotated[
        OnMisaligned | None,
        typer.Option(
            help="Entities that begin or end inside a unit: are errors, would be moved to its bounds, or left out.",
            show_default="error, where they are more than 1 %",
        ),
    ] = None,
    near: Annotated[float, typer.Option(help="Similarity from which on texts are nearly equal, 0.5 to 1.")] = NEAR,
    top: Annotated[int, typer.Option(min=0, help="Findings of each kind to print.")] = 3,
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write a page for a browser.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object, with all findings.")] = False,
) -> None:
    """Look at annotated data before training: what is wrong, odd or worth knowing, with file and line.

    The exit status is 0 where nothing must be mended, 1 where there are errors, 2 where a file cannot be used at all.

    [bold]Examples[/bold]

      polyhead check train.json --dev dev.json --test test.json

      polyhead check --config run.toml --test test.jsonl --html check.html
    """
    if html:
        check_plots("a page")
    with _bar() as on_records:
        found = check(
            train or (),
            dev=dev or (),
            test=test or (),
            config=config,
            encoder=encoder,
            on_misaligned=on_misaligned.value if on_misaligned else None,
            near=near,
            on_records=on_records,
        )
    if html:
        with new_file(html) as file:
            write_page(file, found)
        error_console().print(f"page  {html}", markup=False)
    if as_json:
        sys.stdout.write(json.dumps(found, ensure_ascii=False) + "\n")
    else:
        show(found, output_console(), top)
    if found["errors"]:
        raise typer.Exit(1)


@contextmanager
def _bar() -> Iterator[OnRecords]:
    """Show what is done, and how far it is."""
    with progress_bar(error_console(), time_left=False) as bar:
        tasks: dict[str, Any] = {}

        def on_records(what: str, count: int) -> None:
            if what not in tasks:
                before = list(tasks.values())[-1:]
                total = bar.tasks[before[0]].completed if before else None
                tasks[what] = bar.add_task(what, total=total)
            bar.update(tasks[what], advance=count)

        yield on_records
