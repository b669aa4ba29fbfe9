"""`polyhead export`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from polyhead.cli.console import error_console, output_console
from polyhead.cli.figures import figure_table
from polyhead.errors import MissingExtraError, SettingsError, name_the_known

if TYPE_CHECKING:
    from polyhead.export.building import ExportedModel

FORMATS, TRANSFORMERS, SPACY = ("onnx", "openvino"), "transformers", "spacy"


def export_command(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Bundle, output folder of a run, or .pt file.")],
    output: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="The new folder; MODEL-onnx, or what else it is written to, if not given."),
    ] = None,
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="onnx|openvino|transformers|spacy",
            help="A graph; or one task for transformers' pipelines; or a spaCy pipeline around a graph.",
        ),
    ] = "onnx",
    task: Annotated[
        str | None, typer.Option("--task", metavar="NAME", help="With --to transformers, the task that is written.")
    ] = None,
    precisions: Annotated[
        list[str] | None,
        typer.Option(
            "--precision",
            metavar="fp32|bf16|int8",
            help="In which it may run; may be repeated. fp32 if not given. bf16 and int8 need --dev.",
        ),
    ] = None,
    dev: Annotated[
        list[Path] | None,
        typer.Option("--dev", metavar="DATA", help="Dev data, which say what bf16 and int8 cost; may be repeated."),
    ] = None,
    max_drop: Annotated[
        float, typer.Option("--max-drop", min=0.0, help="Points of a hundred that a task may lose by bf16 or int8.")
    ] = 0.5,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Write a model as one graph with all heads, which runs without torch.

    Its answers are compared with torch's, on texts of many sorts: where they are not the same, nothing is written.

    [bold]Examples[/bold]

      polyhead export saved_model --output exported

      polyhead export saved_model --output exported --precision fp32 --precision int8 --dev dev.json

      polyhead export saved_model --output exported --to openvino --precision bf16 --dev dev.json --max-drop 0.3

      polyhead export saved_model --output intents --to transformers --task intent

      polyhead export saved_model --output pipeline --to spacy
    """
    folder = output or model.with_name(f"{model.name.removesuffix('.pt')}-{task or to}")
    if to not in (known := (*FORMATS, TRANSFORMERS, SPACY)):
        raise SettingsError(f"--to: {to!r} is none; {name_the_known(to, known)}")
    if (task is not None) != (to == TRANSFORMERS):
        raise SettingsError("--task: goes with --to transformers, which writes one task, and the other way round")
    if task is not None and (precisions or dev):
        raise SettingsError("--precision, --dev: a folder for transformers has weights in fp32; leave them out")
    try:
        from polyhead.export import export, export_pipeline, export_spacy
    except ImportError as error:
        raise MissingExtraError("exporting a model", "export") from error
    with error_console().status("") as status:
        if task is not None:
            export_pipeline(model, folder, task=task)
            return _end(folder, as_json=as_json)
        done = (export_spacy if to == SPACY else partial(export, to=to))(
            model,
            folder,
            precisions=precisions or ["fp32"],
            dev=dev or (),
            max_drop=max_drop,
            say=lambda said: status.update(escape(said)),
        )
    if as_json:
        sys.stdout.write(json.dumps(done.to_json(), ensure_ascii=False) + "\n")
        return None
    for table in _tables(done):
        output_console().print(table)
        output_console().print()
    return _end(folder, as_json=False)


def _end(folder: Path, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps({"folder": str(folder)}, ensure_ascii=False) + "\n")
    else:
        error_console().print(f"saved in {folder}", markup=False)


def _tables(done: ExportedModel) -> Iterator[Table]:
    yield _checks(done)
    if done.left_out:
        table = figure_table("may not run it", ["runtime", "why"])
        for way, problem in done.left_out.items():
            table.add_row(way, escape(problem))
        yield table
    if done.drops:
        yield _drops(done)
    table = figure_table("files", ["file", "MB"])
    for file in sorted(done.folder.iterdir()):
        table.add_row(file.name, f"{file.stat().st_size / 10**6:,.1f}")
    yield table


def _checks(done: ExportedModel) -> Table:
    columns = ["precision", "runtime", "texts", "largest difference of logits", "same answers, %"]
    table = figure_table("compared with torch", columns)
    for precision, checks in done.checks.items():
        for runtime, own in checks.items():
            table.add_row(precision, runtime, f"{own.texts}", f"{own.logits:.1e}", f"{100 * own.same:.2f}")
    return table


def _drops(done: ExportedModel) -> Table:
    columns = ["precision", "task", "records", "figure", "fp32, %", "then", "lost"]
    table = figure_table("what it costs on dev", columns)
    for precision, drops in done.drops.items():
        for drop in drops:
            figures = (f"{100 * drop.before:.2f}", f"{100 * drop.after:.2f}", f"{drop.points:+.2f}")
            name = drop.figure.replace("_", " ")
            table.add_row(precision, escape(drop.task), f"{drop.records:,}", name, *figures)
    return table
