"""`polyhead inspect`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from polyhead.bundle.inspection import Inspection, inspect_path
from polyhead.cli.console import output_console, plain


def inspect_command(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="Any file or folder of a model.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say what a file is and whether it is safe to open, without loading it.

    The exit status is 0 where it is safe, 1 where it is not, 2 where there is nothing to inspect.

    [bold]Examples[/bold]

      polyhead inspect saved_model

      polyhead inspect downloaded.pt --json
    """
    found = inspect_path(path)
    if as_json:
        sys.stdout.write(json.dumps(found.to_json()) + "\n")
    else:
        _show(found)
    if not found.safe:
        raise typer.Exit(1)


def _show(found: Inspection) -> None:
    console = output_console()
    facts = Table(box=None, pad_edge=False, show_header=False)
    facts.add_column(style="bold cyan")
    facts.add_column(overflow="fold")
    for name, value in _facts(found):
        facts.add_row(name, plain(value))
    console.print(facts)
    console.print()
    checks = Table(box=None, pad_edge=False, show_header=False)
    checks.add_column()
    checks.add_column(style="bold")
    checks.add_column(overflow="fold")
    for check in found.checks:
        mark = Text("ok", style="green") if check.passed else Text("no", style="bold red")
        checks.add_row(mark, check.name, plain(check.said))
    console.print(checks)
    console.print()
    failed = sum(not check.passed for check in found.checks)
    verdict = Text("safe to open", style="bold green") if found.safe else Text("not safe to open", style="bold red")
    of = "1 check" if len(found.checks) == 1 else f"{len(found.checks)} checks"
    console.print(verdict.append("" if found.safe else f": {failed} of {of} failed"))


def _facts(found: Inspection) -> list[tuple[str, str]]:
    facts: dict[str, Any] = found.facts
    rows = [("path", str(found.path)), ("what", found.what), ("size", _size(facts["bytes"]))]
    if "encoder" in facts:
        rows.append(("encoder", facts["encoder"]))
    rows += [("task", f"{task['name']}: {task['kind']}, {task['labels']}") for task in facts.get("tasks", ())]
    if "tensors" in facts:
        rows.append(("weights", f"{facts['tensors']:,} tensors, {facts['parameters']:,} parameters"))
    return rows


def _size(count: int) -> str:
    return f"{count / 1e6:,.1f} MB" if count >= 100_000 else f"{count:,} bytes"
