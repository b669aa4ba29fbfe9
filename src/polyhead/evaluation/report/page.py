"""The report of an evaluation: one page that needs nothing else, to be read by somebody who was not there."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polyhead.errors import MissingExtraError
from polyhead.evaluation.report.plots import (
    Measured,
    bar_plot,
    confusion_plot,
    interval_plot,
    reliability_plot,
)
from polyhead.inference import Predictor
from polyhead.metrics import Scores, headline_of
from polyhead.tasks import Task

_COLOURS = 8
"""Colours that labels are marked with."""
_ROWS = 60
"""Labels of a table, those with most left unfound first."""
_FIRST = 6
"""Labels that are named at the top."""
_PAIRS = 12
"""Pairs of labels that were taken for one another, the most frequent first."""


@dataclass(frozen=True)
class Segment:
    """A part of a text.

    Attributes:
        text: The part.
        label: The entity's type, "" outside of entities.
        colour: A number for each type.
        wrong: Whether the other side does not have it.
    """

    text: str
    label: str = ""
    colour: int = 0
    wrong: bool = False


def write_report(path: Path, scores: Scores, *, predictor: Predictor, model: str, data: str) -> None:
    """Write a report.

    Args:
        path: The file, which is replaced.
        scores: Of `polyhead.evaluate`.
        predictor: The model.
        model: The model, as the user named it.
        data: The data, as the user named them.

    Raises:
        MissingExtraError: If the extra ``report`` is not installed.
    """
    path.write_text(render(scores, predictor=predictor, model=model, data=data), encoding="utf-8")


def render(scores: Scores, *, predictor: Predictor, model: str, data: str) -> str:
    """Return the page; see `write_report`."""
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ImportError as error:
        raise MissingExtraError("a report", "report") from error
    environment = Environment(
        loader=PackageLoader("polyhead.evaluation", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(percent=percent, segments=segments)
    tasks = [task for task in predictor.tasks if task.name in scores["tasks"]]
    sure = scores["breakdown"]["confidence"]
    shown = [_task(task, scores["tasks"][task.name], sure.get(task.name)) for task in tasks]
    measured = _measured(scores, tasks)
    return environment.get_template("page.html").render(
        scores=scores,
        tasks=shown,
        first=_first(shown),
        measured=measured,
        headline=interval_plot(measured) if measured else "",
        model=model,
        data=data,
        about=_about(predictor),
    )


def percent(value: float | None) -> str:
    """Return a share in per cent; a dash where nothing defines it."""
    return "—" if value is None else f"{100 * value:.2f}"


def segments(text: str, spans: Sequence[Mapping[str, Any]], others: Sequence[Mapping[str, Any]]) -> list[Segment]:
    """Cut a text at its entities; of those that overlap, the one that begins first and is the widest is shown.

    Args:
        text: The text.
        spans: The entities to show.
        others: Those of the other side: what they lack is marked as wrong.
    """
    parts: list[Segment] = []
    at = 0
    for span in sorted(spans, key=lambda own: (own["start"], -own["end"])):
        if span["start"] < at:
            continue
        parts.append(Segment(text[at : span["start"]]))
        label = span["label"]
        colour = zlib.crc32(label.encode()) % _COLOURS
        parts.append(Segment(text[span["start"] : span["end"]], label, colour, span not in others))
        at = span["end"]
    return [part for part in [*parts, Segment(text[at:])] if part.text]


def _measured(scores: Scores, tasks: Sequence[Task]) -> list[Measured]:
    """Return each task's main figure, and frame accuracy, as far as they are defined."""
    found = []
    for task in tasks:
        own, name = scores["tasks"][task.name], task.metrics[0]
        found.append((f"{task.name}: {name.replace('_', ' ')}", own[name], own.get("intervals", {}).get(name)))
    if len(tasks) > 1:
        found.append(("all tasks right", scores["frame_accuracy"], scores.get("frame_accuracy_interval")))
    return [
        Measured(name, 100 * value, interval and [100 * end for end in interval])
        for name, value, interval in found
        if value is not None
    ]


def _task(task: Task, own: Mapping[str, Any], sure: Mapping[str, Any] | None) -> dict[str, Any]:
    per_label = [{"label": label, **row} for label, row in own.get("per_type", {}).items()] or own.get("per_class", [])
    rows = [{**row, "missed": round(row["support"] * (1 - row["recall"]))} for row in per_label]
    rows.sort(key=lambda row: (-row["missed"], row["f1"], str(row["label"])))
    errors, confusion = own.get("errors", {}), own.get("confusion", [])
    return {
        "name": task.name,
        "kind": task.kind,
        "describe": task.describe(),
        "main": task.metrics[0],
        "records": own["records"],
        "figures": headline_of(dict(own)),
        "amounts": own.get("amounts", {}),
        "intervals": own.get("intervals", {}),
        "rows": rows[:_ROWS],
        "more_rows": len(rows[_ROWS:]),
        "of": "type" if own.get("per_type") else "class",
        "errors": bar_plot(errors, title=f"{task.name}: errors") if any(errors.values()) else "",
        "confusion": confusion_plot(confusion, title=f"{task.name}: labels taken for others") if confusion else "",
        "pairs": confusion[:_PAIRS],
        "sure": sure,
        "reliability": reliability_plot(sure["bins"], title=f"{task.name}: confidence") if sure else "",
    }


def _first(tasks: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the labels that were missed most, and what each was most often taken for."""
    rows = [{"task": task["name"], **row, **_taken(task, row["label"])} for task in tasks for row in task["rows"]]
    return sorted((row for row in rows if row["missed"]), key=lambda row: -row["missed"])[:_FIRST]


def _taken(task: Mapping[str, Any], label: object) -> dict[str, Any]:
    pair = next((pair for pair in task["pairs"] if pair["gold"] == label and pair["predicted"] is not None), None)
    return {"taken": pair and str(pair["predicted"]), "times": pair and pair["count"]}


def _about(predictor: Predictor) -> dict[str, Any]:
    if predictor.bundle is None:
        return {}
    about = predictor.bundle.about
    return {
        "encoder": about.encoder,
        "epoch": about.epoch,
        "versions": about.versions,
        "settings": json.dumps(about.settings, indent=2, ensure_ascii=False),
    }
