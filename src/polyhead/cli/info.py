"""`polyhead info`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from polyhead.bundle import About, Bundle, locate
from polyhead.bundle.run_facts import DevFacts
from polyhead.cli.adapters import passes_line
from polyhead.cli.console import output_console, plain
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
    about = bundle.about.to_json()
    tasks = [
        {**state, "labels": task.label_names()} if "labels" not in state else state
        for state, task in zip(about["tasks"], bundle.tasks, strict=True)
    ]
    exported = {"exported": bundle.exported.model_dump(mode="json")} if bundle.exported else {}
    return {"path": str(path), **about, "tasks": tasks, **exported}


def _show(bundle: Bundle, account: dict[str, Any]) -> None:
    facts = Table(box=None, pad_edge=False, show_header=False)
    facts.add_column(style="bold cyan")
    facts.add_column(overflow="fold")
    for name, text in _rows(bundle, account["path"]):
        facts.add_row(name, plain(text), style=None if name else "dim")
    output_console().print(facts)


def _rows(bundle: Bundle, path: str) -> Iterator[tuple[str, str]]:
    """Yield what is known of a model; a row without a name belongs to the one above."""
    about, training = bundle.about, bundle.about.run.training
    yield "model", path
    yield "encoder", f"{about.encoder}, rows of up to {about.encoding.max_pieces} pieces"
    for task in bundle.tasks:
        names = task.label_names()
        yield "task", f"{task.name}: {task.kind} from {task.field!r}, {task.describe()}"
        yield "", "  " + ", ".join(names[:12]) + (f", … ({len(names) - 12} more)" if len(names) > 12 else "")
    if training:
        yield (
            "trained",
            f"epoch {about.epoch} of {training.epochs}, {training.strategy}, batch {training.batch_size}, "
            f"learning rate {training.lr:.2g}, {training.precision}, seed {training.seed}",
        )
    yield from _adapters(about)
    for name, head in about.run.added_heads.items():
        yield "added", f"{name}, {head.training.epochs} epochs on the encoder as it was"
    for graph in bundle.exported.graphs if bundle.exported else ():
        ways = "; ".join(f"{runtime} in {', '.join(precisions)}" for runtime, precisions in graph.runs.items())
        yield "graph", f"{graph.file}, run by {ways}"
    yield "dev", _dev(about.dev_facts)
    yield "versions", ", ".join(f"{name} {version}" for name, version in about.versions.items())


def _adapters(about: About) -> Iterator[tuple[str, str]]:
    """Yield what is known of a model's adapters, and how often its encoder runs."""
    learnt = about.run.adapters
    if not about.adapters and learnt.rank is not None:
        yield "adapter", f"rank {learnt.rank} on {', '.join(learnt.targets)}, merged into the encoder"
    for own in about.adapters:
        yield "adapter", f"{', '.join(own.tasks)}: rank {own.rank} on {', '.join(own.targets)}, beside the encoder"
    if (line := passes_line(about)) is not None:
        yield "passes", line


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
