"""`polyhead evaluate`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from polyhead.bundle.saving import new_file
from polyhead.cli.console import error_console, going_through_data, output_console
from polyhead.cli.figures import score_tables
from polyhead.cli.runtimes import PrecisionOption, RuntimeOption
from polyhead.evaluation import RESAMPLES, evaluate
from polyhead.evaluation.report import write_report
from polyhead.inference import Predictor
from polyhead.inference.candidates import AUTO


def evaluate_command(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Bundle, output folder of a run, or .pt file.")],
    data: Annotated[Path, typer.Argument(metavar="DATA", help="Annotated records, in any known format.")],
    tasks: Annotated[
        list[str] | None,
        typer.Option("--task", metavar="NAME[=FIELD]", help="Score this task alone, on this field; may be repeated."),
    ] = None,
    train: Annotated[
        list[Path] | None,
        typer.Option("--train", metavar="DATA", help="Training data: tells entities it shows from others; repeatable."),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option("--report", metavar="FILE", help="Write a report for a browser: one HTML file."),
    ] = None,
    resamples: Annotated[
        int, typer.Option("--resamples", min=0, help="Samples of the records for 95 % intervals; 0 for no intervals.")
    ] = RESAMPLES,
    seed: Annotated[int, typer.Option("--seed", min=0, help="What the samples are drawn by.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Treat warnings about the data as errors.")] = False,
    runtime: RuntimeOption = AUTO,
    precision: PrecisionOption = None,
) -> None:
    """Score a model on annotated records.

    Records that lack a task's annotation are left out of that task's figures.

    [bold]Examples[/bold]

      polyhead evaluate saved_model test.json

      polyhead evaluate saved_model/epoch-1 test.jsonl --json

      polyhead evaluate saved_model tickets.jsonl --task topic

      polyhead evaluate saved_model test.json --train train.json --report report.html
    """
    with going_through_data("scoring", strict=strict) as (notices, on_batch):
        predictor = Predictor.load(model, runtime=runtime, precision=precision)
        scores = evaluate(
            predictor,
            data,
            tasks=fields_of(tasks),
            train=train or (),
            resamples=resamples,
            seed=seed,
            notices=notices,
            on_batch=on_batch,
        )
    if report:
        with new_file(report) as file:
            write_report(file, scores, predictor=predictor, model=str(model), data=str(data))
        error_console().print(f"report  {report}", markup=False)
    if as_json:
        sys.stdout.write(json.dumps(scores, ensure_ascii=False) + "\n")
        return
    for table in score_tables(scores):
        output_console().print(table)
        output_console().print()


def fields_of(tasks: list[str] | None) -> dict[str, str | None]:
    """Return, by task named in ``--task NAME[=FIELD]``, its field."""
    return {name: field or None for name, _, field in (given.partition("=") for given in tasks or [])}
