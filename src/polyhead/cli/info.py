"""`polyhead info`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from polyhead.bundle import Bundle, locate
from polyhead.bundle.run_facts import DevFacts
from polyhead.cli.console import output_console
from polyhead.cli.figures import percent
from polyhead.inference import open_model
from polyhead.metrics import headline_of


def info_command(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Bundle, output folder of a run, or .pt file.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say what a model is: tasks, labels, encoder, dev scores, how it was trained.

    [bold]Examples[/bold]

      polyhead info saved_model

      polyhead info saved_model/epoch-1 --json
    """
    bundle = open_model(model)
    account = describe(bundle, locate(model))
    if as_json:
        sys.stdout.write(json.dumps(account, ensure_ascii=False) + "\n")
        return
    _show(bundle, account)


def describe(bundle: Bundle, path: Path) -> dict[str, Any]:
    """Return what is known of a model, as JSON."""
    about = bundle.about.model_dump(mode="json")
    tasks = [
        {**state, "labels": task.label_names()} if "labels" not in state else state
        for state, task in zip(about["tasks"], bundle.tasks, strict=True)
    ]
    return {"path": str(path), **about, "tasks": tasks}


def _show(bundle: Bundle, account: dict[str, Any]) -> None:
    console = output_console()
    about, training = bundle.about, bundle.about.run.training
    facts = Table(box=None, pad_edge=False, show_header=False)
    facts.add_column(style="bold cyan")
    facts.add_column(overflow="fold")
    facts.add_row("model", account["path"])
    facts.add_row("encoder", f"{about.encoder}, rows of up to {about.encoding.max_pieces} pieces")
    for task in bundle.tasks:
        names = task.label_names()
        shown = ", ".join(names[:12]) + (f", … ({len(names) - 12} more)" if len(names) > 12 else "")
        facts.add_row("task", f"{task.name}: {task.kind} from {task.field!r}, {task.describe()}")
        facts.add_row("", f"  {shown}", style="dim")
    if training:
        facts.add_row(
            "trained",
            f"epoch {about.epoch} of {training.epochs}, {training.strategy}, batch {training.batch_size}, "
            f"learning rate {training.lr:.2g}, {training.precision}, seed {training.seed}",
        )
    for name, head in about.run.added_heads.items():
        facts.add_row("added", f"{name}, {head.training.epochs} epochs on the encoder as it was")
    facts.add_row("dev", _dev(about.dev_facts))
    facts.add_row("versions", ", ".join(f"{name} {version}" for name, version in about.versions.items()))
    console.print(facts)


def _dev(scores: DevFacts | None) -> str:
    if scores is None:
        return "no dev data"
    parts = [
        f"{name} {key.replace('_', ' ')} {percent(value)}"
        for name, task in scores.tasks.items()
        for key, value in headline_of(task).items()
        if value is None or isinstance(value, int | float)
    ]
    if scores.frame_accuracy is not None and len(scores.tasks) > 1:
        parts.append(f"frame accuracy {percent(scores.frame_accuracy)}")
    return ", ".join(parts)
