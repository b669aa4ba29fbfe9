"""`polyhead plan`."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from polyhead.cli.console import announce, error_console, output_console
from polyhead.cli.figures import figure_table
from polyhead.errors import MissingExtraError
from polyhead.settings import load_settings

if TYPE_CHECKING:
    from polyhead.training.reporting import Reporter

_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86400.0


def plan_command(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="Settings file (TOML), as for train.")],
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="One setting, such as training.epochs=5. Beats the file."),
    ] = None,
    steps: Annotated[int, typer.Option(help="Batches to try, from the smallest to the largest, each a few times.")] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say what a training will take before it is begun: steps, time, memory, disk, and what to change if it won't fit.

    All batches of the run are counted, and a few of them are tried. Nothing is written to its folder. Exits with status
    1 if the run will not fit.

    [bold]Examples[/bold]

      polyhead plan run.toml

      polyhead plan run.toml --set training.batch_size=64 --set training.epochs=20
    """
    try:
        from polyhead.training.forecast import forecast
    except ImportError as error:
        raise MissingExtraError("planning a training", "train") from error
    settings = load_settings(config, assignments or [], {})
    found = forecast(settings, steps=steps, reporter=_reporter(error_console()))
    if as_json:
        sys.stdout.write(json.dumps(found, ensure_ascii=False) + "\n")
    else:
        _show(found, output_console())
    if not found["fits"]:
        raise typer.Exit(1)


def _reporter(console: Console) -> Reporter:
    from polyhead.training.reporting import Reporter

    class _Heard(Reporter):
        def warn(self, line: str) -> None:
            announce(console, "warning", line)

        def info(self, topic: str, line: str) -> None:
            console.print(f"{topic}  {line}", markup=False, style="dim")

    return _Heard()


def _show(found: dict[str, Any], console: Console) -> None:
    tables = [_data_table(found["data"]), _epoch_table(found["epochs"]), _cost_table(found)]
    if found["time"]:
        tables.insert(2, _time_table(found["time"]))
    if found["advice"]:
        tables.append(_advice_table(found["advice"]))
    for table in tables:
        console.print(table)
        console.print()
    console.print(closing_line(found), markup=False, style="bold")


def _data_table(data: dict[str, Any]) -> Table:
    windows = data["texts_of_several_windows"]
    cut = f"{windows:,} texts are cut into windows" if windows else "no text is cut into windows"
    table = figure_table(
        f"{data['rows']:,} rows of up to {data['longest_row']:,} pieces; {cut}", ["task", "kind", "train", "dev"]
    )
    table.columns[1].justify = "left"
    for name, own in data["tasks"].items():
        table.add_row(escape(name), own["kind"], f"{own['train']:,}", f"{own['dev']:,}")
    table.add_row("records", "", f"{data['train']:,}", f"{data['dev']:,}")
    return table


def _epoch_table(epochs: Sequence[dict[str, Any]]) -> Table:
    """Show what each epoch goes through; epochs that are alike are shown once."""
    table = figure_table("", ["epoch", "steps", "rows", "pieces", "padding, %"])
    table.title = None
    for first, last in _alike(epochs):
        own = epochs[first]
        name = f"{first + 1}" if first == last else f"{first + 1} to {last + 1}"
        counts = (f"{own[key]:,}" for key in ("steps", "rows", "tokens"))
        paddings = {f"{100 * epoch['padding']:.1f}" for epoch in epochs[first : last + 1]}
        table.add_row(
            name, *counts, " to ".join(sorted({min(paddings, key=float), max(paddings, key=float)}, key=float))
        )
    return table


def _alike(epochs: Sequence[dict[str, Any]]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for at, epoch in enumerate(epochs):
        if runs and all(epoch[key] == epochs[runs[-1][0]][key] for key in ("steps", "rows", "tokens")):
            runs[-1] = (runs[-1][0], at)
        else:
            runs.append((at, at))
    return runs


def _time_table(seconds: dict[str, Any]) -> Table:
    table = figure_table(f"time: {1000 * seconds['step']:,.0f} ms a step", ["part", "expected", "interval"])
    for name, own in {**seconds["parts"], "all": seconds["total"]}.items():
        table.add_row(name, duration(own["seconds"]), " to ".join(duration(end) for end in own["interval"]))
    return table


def _cost_table(found: dict[str, Any]) -> Table:
    memory, disk, model = found["memory"], found["disk"], found["model"]
    title = (
        f"{model['parameters'] / 1e6:.1f} M parameters, of which {model['learning'] / 1e6:.1f} M learn; batches of "
        f"{model['batch_size']}, {model['precision']}, on {model['device']}"
    )
    table = figure_table(title, ["what", "needed", "there is", "why"])
    measured = (
        "the largest batch was tried" if memory["measured"] else "the largest batch was not tried, for it won't fit"
    )
    room = "unknown" if memory["room"] is None else size(memory["room"])
    table.add_row("memory", size(memory["expected"]), room, f"{measured}; by formula {size(memory['by_formula'])}")
    bundles = f"{disk['bundles']:,} bundle{'s' if disk['bundles'] > 1 else ''} of {size(disk['bundle'])}"
    states = f", {disk['states']} states of {size(disk['state'])}" if disk["states"] else ""
    table.add_row("disk", size(disk["needed"]), size(disk["free"]), bundles + states)
    return table


def _advice_table(advice: Sequence[dict[str, Any]]) -> Table:
    table = figure_table("what to change: any one of these", ["setting", "then needs", "why"])
    for own in advice:
        what, needed = ("memory", own["memory"]) if "memory" in own else ("disk", own["disk"])
        table.add_row(escape(own["setting"]), f"{size(needed)} {what}", escape(own["why"]))
    return table


def closing_line(found: dict[str, Any]) -> str:
    """Return what a plan comes to, in one line."""
    peak = f"peak {size(found['memory']['expected'])}"
    seconds = found["time"]
    if seconds:
        low, high = (duration(end) for end in seconds["total"]["interval"])
        most = "at most " if seconds["at_most"] else ""
        peak = f"{most}about {duration(seconds['total']['seconds'])} ({low} to {high}), {peak}"
    if found["fits"]:
        return f"{peak}; it fits"
    lacking = [what for what in ("memory", "disk") if not found[what]["fits"]]
    cure = "" if found["advice"] else ": take a smaller encoder, or another machine"
    return f"{peak}; it will not fit: too little {' and '.join(lacking)}{cure}"


def duration(seconds: float) -> str:
    """Return a time such as ``2.6 minutes``."""
    for unit, name in ((_DAY, "days"), (_HOUR, "hours"), (_MINUTE, "minutes")):
        if seconds >= 1.5 * unit:
            return f"{seconds / unit:.1f} {name}"
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"


def size(count: float) -> str:
    """Return bytes such as ``1.1 GB``."""
    return f"{count / 1e9:,.1f} GB" if count >= 1e9 else f"{count / 1e6:,.0f} MB"
