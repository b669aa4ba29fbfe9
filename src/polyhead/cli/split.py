"""`polyhead split`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from polyhead.cli.console import announce, error_console, output_console, progress_bar
from polyhead.cli.figures import figure_table
from polyhead.errors import SettingsError
from polyhead.formats import FORMATS
from polyhead.formats.json_lines import JsonLines
from polyhead.notices import Notices
from polyhead.splitting import split, verify
from polyhead.splitting.account import worst_labels

_READ = ", ".join(form.name for form in FORMATS)
_WRITTEN = JsonLines.name
_A_STEP = 500
"""Records after which the bar moves: it takes longer to draw than a record to read."""


def split_command(
    files: Annotated[list[Path] | None, typer.Argument(metavar="FILE", help="Data files, in any known format.")] = None,
    output: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder for the parts, as JSON lines, and split.json.")
    ] = None,
    shares: Annotated[str, typer.Option(metavar="A/B/...", help="How large the parts are, in any unit.")] = "80/10/10",
    names: Annotated[
        str | None,
        typer.Option(metavar="A,B,...", help="Names of the parts.", show_default="train,test or train,dev,test"),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="Settings file (TOML), as for train: tasks, fields, how files are read.")
    ] = None,
    form: Annotated[
        str | None,
        typer.Option("--from", metavar="FORMAT", help=f"One of {_READ}.", show_default="by what FILE holds"),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(metavar="NAMES", help="What FILE's columns are called, as in text,_,_,ner_tags; _ is not read."),
    ] = None,
    group: Annotated[
        str | None, typer.Option(metavar="FIELD", help="Records of which this field has one value stay together.")
    ] = None,
    near_duplicates: Annotated[
        float | None,
        typer.Option(
            metavar="0..1",
            help="Texts at least so near stay together: the share of their stretches of five letters that both have.",
        ),
    ] = None,
    unseen_entities: Annotated[
        bool,
        typer.Option(
            "--unseen-entities", help="The last part gets entities that the others do not have, as far as possible."
        ),
    ] = False,
    seed: Annotated[int, typer.Option(help="The split is a function of the data and this.")] = 42,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the files of an earlier split.")] = False,
    check: Annotated[
        Path | None,
        typer.Option("--verify", metavar="DIR", help="Say whether a split's files are still what they were."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Split data into parts that show each label of each task in its share; equal texts stay together.

    Records are written as they are, as JSON lines, and split.json says which went where.

    [bold]Examples[/bold]

      polyhead split all.jsonl --output parts

      polyhead split all.jsonl --output parts --shares 90/10 --config run.toml --near-duplicates 0.8

      polyhead split eng.train --output parts --from conll --columns text,_,_,ner_tags

      polyhead split --verify parts
    """
    if check is not None:
        if files:
            raise SettingsError("--verify: checks a split that is there, and takes no FILE")
        _verify(check, as_json)
        return
    if output is None:
        raise SettingsError("--output: name the folder that the parts go to")
    notices = Notices()
    found = split(
        files or [],
        output=output,
        shares=shares,
        names=names,
        config=config,
        settings={"data.format": form, "data.columns": columns},
        group=group,
        near_duplicates=near_duplicates,
        unseen_entities=unseen_entities,
        seed=seed,
        force=force,
        notices=notices,
        watch=_watching,
    )
    for line in notices.lines():
        announce(error_console(), "warning", line)
    error_console().print(f"saved in {output}; polyhead split --verify {output} checks it", markup=False)
    if any(own.get("format", _WRITTEN) != _WRITTEN for own in found["inputs"]):
        line = f"the parts are JSON lines: where settings name another format, add --set data.format={_WRITTEN}"
        error_console().print(line, markup=False)
    if as_json:
        places = {"inputs": [{"path": own["path"], "sha256": own["sha256"]} for own in found["inputs"]]}
        sys.stdout.write(json.dumps({**found, **places}, ensure_ascii=False) + "\n")
        return
    _show(found, output_console())


@contextmanager
def _watching(word: str, total: int | None) -> Iterator[Callable[[int], None]]:
    with progress_bar(error_console()) as bar:
        task, waiting = bar.add_task(word, total=total), 0

        def _move(count: int) -> None:
            nonlocal waiting
            waiting += count
            if waiting >= _A_STEP:
                bar.update(task, advance=waiting)
                waiting = 0

        yield _move


def _show(found: dict[str, Any], console: Console) -> None:
    names, counts = found["options"]["names"], found["counts"]
    console.print(_part_table(names, counts, found["groups"]))
    worst = worst_labels(counts)
    if worst:
        console.print()
        console.print(_label_table(names, worst))
    else:
        console.print("no label is off by a record or more", style="dim")
    if "entities" in found:
        console.print()
        console.print(_in_words(found["entities"]), markup=False)


def _part_table(names: list[str], counts: dict[str, Any], groups: int) -> Table:
    records = sum(counts["records"]["got"])
    title = f"{records:,} records in {groups:,} groups that stay together"
    table = figure_table(title, ["task", *(column for name in names for column in (escape(name), "%"))])
    for name, own in {
        "all": counts["records"],
        **{name: own["records"] for name, own in counts["tasks"].items()},
    }.items():
        total = sum(own["got"])
        cells = [cell for got in own["got"] for cell in (f"{got:,}", f"{100 * got / total:.1f}")]
        table.add_row(escape(name), *cells)
    return table


def _label_table(names: list[str], worst: list[dict[str, Any]]) -> Table:
    title = "labels that are furthest from their shares: records there are, of those wanted"
    table = figure_table(title, ["task", "label", *map(escape, names)])
    table.columns[1].justify = "left"
    for own in worst:
        cells = [f"{got:,} of {want:,.1f}" for got, want in zip(own["got"], own["wanted"], strict=True)]
        table.add_row(escape(own["task"]), escape(str(own["label"])), *cells)
    return table


def _in_words(entities: dict[str, Any]) -> str:
    values, alone = entities["values"], entities["unseen"]
    seen, mentions = entities["mentions"] - entities["unseen_mentions"], entities["mentions"]
    return (
        f"{entities['part']}: of {values:,} different entities, {alone:,} are in no other part; {values - alone:,} "
        f"could not be kept out of the others ({seen:,} of {mentions:,} mentions)"
    )


def _verify(folder: Path, as_json: bool) -> None:
    found = verify(folder)
    if as_json:
        sys.stdout.write(json.dumps(found, ensure_ascii=False) + "\n")
    else:
        table = figure_table("", ["file", "is"])
        table.title = None
        table.columns[1].justify = "left"
        for name, state in {
            **{str(folder / name): state for name, state in found["outputs"].items()},
            **found["inputs"],
        }.items():
            table.add_row(escape(name), state)
        output_console().print(table)
        verdict = "the parts are what they were" if found["whole"] else "the parts are not what they were"
        output_console().print(verdict)
    if not found["whole"]:
        raise typer.Exit(1)
