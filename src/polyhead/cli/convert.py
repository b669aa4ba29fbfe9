"""`polyhead convert`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from polyhead.bundle.saving import new_file
from polyhead.cli.console import error_console, going_through_data, output_console
from polyhead.cli.figures import figure_table
from polyhead.cli.highlight import visible
from polyhead.converting import FieldNames, convert
from polyhead.converting.convert import WRITERS, as_json
from polyhead.formats import FORMATS, Loss, ReadOptions, Way

_READ = ", ".join(form.name for form in FORMATS)
_WRITTEN = ", ".join(form.name for form in WRITERS)


def convert_command(
    source: Annotated[Path, typer.Argument(metavar="IN", help="File or folder to read; - is standard input.")],
    target: Annotated[
        Path, typer.Argument(metavar="OUT", help="File or folder to write; .gz and .zst are compressed.")
    ],
    to: Annotated[
        str | None, typer.Option("--to", metavar="FORMAT", help=f"One of {_WRITTEN}.", show_default="by OUT's ending")
    ] = None,
    form: Annotated[
        str | None, typer.Option("--from", metavar="FORMAT", help=f"One of {_READ}.", show_default="by what IN holds")
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(metavar="NAMES", help="What IN's columns are called, as in text,_,_,ner_tags; _ is not read."),
    ] = None,
    text: Annotated[
        str | None, typer.Option("--text-field", metavar="NAME", help="The text.", show_default="sentence or text")
    ] = None,
    label: Annotated[str, typer.Option("--label-field", metavar="NAME", help="The class of a text.")] = "label",
    labels: Annotated[str, typer.Option("--labels-field", metavar="NAME", help="A list of classes.")] = "labels",
    entities: Annotated[str, typer.Option("--entities-field", metavar="NAME", help="A list of entities.")] = "entities",
    tags: Annotated[str, typer.Option("--tags-field", metavar="NAME", help="A list of tags.")] = "ner_tags",
    losses: Annotated[
        Path | None, typer.Option("--losses", metavar="FILE", help="Write every loss to a file, JSON lines.")
    ] = None,
    fail_on_loss: Annotated[
        bool,
        typer.Option("--fail-on-loss", help="End with status 1 if anything was lost; OUT is written all the same."),
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace OUT if it is there.")] = False,
    as_json_: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Treat warnings about the data as errors.")] = False,
) -> None:
    """Write data in another format, and say what did not come through: each loss with its place and reason.

    [bold]Examples[/bold]

      polyhead convert nlu.yml train.jsonl

      polyhead convert train.jsonl train.conll --to conll --losses losses.jsonl

      polyhead convert eng.train train.jsonl --from conll --columns text,_,_,ner_tags
    """
    names = FieldNames(text, label, labels, entities, tags)
    options = ReadOptions(tuple(columns.split(",")) if columns else None)
    with _all_losses(losses) as on_loss, going_through_data("converting", strict=strict) as (notices, on_record):
        account = convert(
            source,
            target,
            to=to,
            way=Way(form, options),
            names=names,
            notices=notices,
            force=force,
            on_loss=on_loss,
            on_record=on_record,
        )
    if as_json_:
        sys.stdout.write(json.dumps(account, ensure_ascii=False) + "\n")
    else:
        _show(account, output_console())
    if losses:
        error_console().print(f"all losses are in {losses}", markup=False)
    if fail_on_loss and account["losses"]:
        raise typer.Exit(1)


@contextmanager
def _all_losses(path: Path | None) -> Iterator[Callable[[Loss], None] | None]:
    """Give what writes each loss to a file, where one is wanted."""
    with new_file(path) if path else nullcontext() as file:
        if file is None:
            yield None
            return
        with file.open("w", encoding="utf-8") as stream:
            yield lambda loss: print(json.dumps(as_json(loss), ensure_ascii=False), file=stream)


def _show(account: dict[str, Any], console: Console) -> None:
    table = figure_table(f"{account['to']}: {account['format']}", ["what", "read", "written"])
    for what in ("records", "classes", "entities"):
        table.add_row(what, *(f"{account[what][key]:,}" for key in ("read", "written")))
    console.print(table)
    if not account["losses"]:
        console.print("\nnothing was lost", style="green")
        return
    console.print()
    for loss in account["losses"]:
        head = (f"{loss['count']:>9,}  ", "bold"), (f"{loss['how']:<8}  ", "yellow"), visible(loss["reason"])
        console.print(Text.assemble(*head))
        for one in loss["first"]:
            place = f"{one['file']}:{one['line']}  " if "file" in one else ""
            console.print(Text.assemble(("           " + place, "dim"), visible(one["what"])))
        if loss["count"] > len(loss["first"]):
            console.print(f"           ... and {loss['count'] - len(loss['first']):,} more", style="dim")
