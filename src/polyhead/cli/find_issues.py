"""`polyhead find-issues`."""

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

from polyhead.bundle import write_text
from polyhead.cli.console import error_console, output_console
from polyhead.cli.figures import figure_table
from polyhead.cli.highlight import visible
from polyhead.errors import MissingExtraError
from polyhead.settings import load_settings


def find_issues_command(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="Settings file (TOML), as for train.")],
    folds: Annotated[int, typer.Option(help="Models to train; each judges the part that it was trained without.")] = 5,
    epochs: Annotated[
        int | None, typer.Option(help="Times through the data; few often do.", show_default="those of CONFIG")
    ] = None,
    tasks: Annotated[
        list[str] | None, typer.Option("--task", metavar="NAME", help="Judge this task alone; may be repeated.")
    ] = None,
    top: Annotated[int, typer.Option(min=0, help="Issues to print, the likeliest first.")] = 20,
    output: Annotated[Path | None, typer.Option(metavar="FILE", help="Write all issues to a file, JSON lines.")] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="One setting, such as training.lr=3e-5. Beats the file."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Treat warnings about the data as errors.")] = False,
) -> None:
    """Find labels of the training data that may be wrong, the likeliest first, with file and line.

    Models trained without a record answer otherwise; equal texts differ; equal words have two types, or none.

    [bold]Examples[/bold]

      polyhead find-issues run.toml

      polyhead find-issues run.toml --epochs 3 --task intent --output issues.jsonl
    """
    try:
        from polyhead.cli.studies import ConsoleStudyReporter
        from polyhead.studies import label_issues
    except ImportError as error:
        raise MissingExtraError("training", "train") from error
    flags = {"training.epochs": epochs, "strict": strict or None}
    settings = load_settings(config, assignments or [], flags)
    with ConsoleStudyReporter(error_console()) as reporter:
        found = label_issues(settings, folds=folds, tasks=tasks or [], reporter=reporter)
    if output:
        write_text(output, "".join(json.dumps(issue, ensure_ascii=False) + "\n" for issue in found["issues"]))
        error_console().print(f"all {len(found['issues']):,} issues are in {output}", markup=False)
    if as_json:
        sys.stdout.write(json.dumps(found, ensure_ascii=False) + "\n")
        return
    _show(found, output_console(), top)


def _show(found: dict[str, Any], console: Console, top: int) -> None:
    console.print(_table(found))
    for rank, issue in enumerate(found["issues"][:top], start=1):
        console.print()
        _show_issue(rank, issue, console)
    if top and len(found["issues"]) > top:
        console.print(f"\n... and {len(found['issues']) - top:,} more, less likely", style="dim")


def _table(found: dict[str, Any]) -> Table:
    reasons = list(dict.fromkeys(reason for task in found["tasks"].values() for reason in task["issues"]))
    table = figure_table(f"{found['records']:,} records, what may be wrong", ["task", "records", *reasons])
    for name, task in found["tasks"].items():
        counts = (f"{task['issues'].get(reason, 0):,}" for reason in reasons)
        table.add_row(escape(name), f"{task['records']:,}", *counts)
    return table


def _show_issue(rank: int, issue: dict[str, Any], console: Console) -> None:
    place = f"{issue['file']}:{issue['line']}" if "file" in issue else ""
    head = (f"{rank:>4}  ", "dim"), (f"{issue['score']:.3f}  ", "bold"), f"{place}  ", (issue["task"], "cyan")
    console.print(Text.assemble(*head))
    console.print(Text.assemble("      ", _marked(issue)))
    if "second_text" in issue:
        console.print(Text.assemble("      ", visible(issue["second_text"])))
    for word, key, style in (("given", "given", "red"), ("perhaps", "suggested", "green")):
        console.print(Text.assemble((f"      {word:<9}", "dim"), (visible(issue[key]), style)))
    console.print(Text.assemble(("      because  ", "dim"), (visible(", ".join(_reasons(issue))), "dim")))


def _reasons(issue: dict[str, Any]) -> list[str]:
    """Return each reason in words, where there are several of one sort the weightiest."""
    weightiest = {own["reason"]: own for own in reversed(issue["reasons"])}
    return [
        f"{reason} {own['weight']:.2f}" + (f" ({own['detail']})" if "detail" in own else "")
        for reason, own in sorted(weightiest.items(), key=lambda pair: -pair[1]["weight"])
    ]


def _marked(issue: dict[str, Any]) -> Text:
    text = issue["text"]
    if "start" not in issue:
        return Text(visible(text))
    start, end = issue["start"], issue["end"]
    return Text.assemble(visible(text[:start]), (visible(text[start:end]), "bold underline"), visible(text[end:]))
