"""Figures as people read them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from polyhead.metrics import headline_of

if TYPE_CHECKING:  # importing training loads torch, which those who only evaluate or predict may lack
    from polyhead.training.reporting import EpochReport


_CLASSES = 40
"""With more classes than this, their figures stand in ``--json`` only."""
_CONFUSIONS = 10
"""Pairs of labels that were most often taken for one another, as shown."""


_TEXTS = (
    *("figure", "predicted", "second is", "entities are", "runtime", "task", "why", "what"),
    *("scored on", "sharing", "how", "settings"),
)
"""Columns of words."""


def percent(value: float | None) -> str:
    """Return a share in per cent with two digits; a dash where nothing defines it."""
    return "—" if value is None else f"{100 * value:.2f}"


def epoch_figures(report: EpochReport) -> dict[str, str]:
    """Return an epoch's figures by column: losses, then each task's dev figures, then frame accuracy."""
    return loss_figures(report.losses) | dev_figures(report)


def loss_figures(losses: Mapping[str, float]) -> dict[str, str]:
    """Return tasks' losses by column."""
    return {f"{name} loss": f"{loss:.4f}" for name, loss in losses.items()}


def dev_figures(report: EpochReport) -> dict[str, str]:
    """Return an epoch's dev figures by column: the one that counts of each task, then frame accuracy."""
    if report.dev is None:
        return {}
    tasks = report.dev["tasks"]
    figures = {
        f"{name} {metric.replace('_', ' ')}": percent(tasks[name][metric]) for name, metric in report.metrics.items()
    }
    if report.dev["frame_accuracy"] is not None and len(tasks) > 1:
        figures["frame"] = percent(report.dev["frame_accuracy"])
    return figures


def between(interval: list[float] | None, show: Callable[[float], str] = percent) -> str:
    """Return an interval; a dash where there is none."""
    return "—" if interval is None else f"{show(interval[0])} to {show(interval[1])}"


def amount(value: float | None) -> str:
    """Return a figure in units of the data."""
    return "—" if value is None else f"{value:.4g}"


def score_tables(scores: dict[str, Any]) -> list[Table]:
    """Return the tables that `polyhead evaluate` prints."""
    breakdown = scores["breakdown"]
    tables = [_headline_table(scores)]
    if len(scores["tasks"]) > 1 and breakdown["frames"]:
        tables.append(_frame_table(breakdown["frames"]))
    if len(breakdown["by_length"]) > 1:
        tables.append(_length_table(breakdown["by_length"]))
    if breakdown["confidence"]:
        tables.append(_confidence_table(breakdown["confidence"]))
    if breakdown.get("seen"):
        tables.append(_seen_table(breakdown["seen"]))
    return tables + [table for name, task in scores["tasks"].items() for table in _task_tables(name, task)]


def _task_tables(name: str, task: dict[str, Any]) -> Iterator[Table]:
    if task.get("per_type"):
        yield _label_table(f"{name}, by type", "type", task["per_type"])
    if 0 < len(task.get("per_class", [])) <= _CLASSES:
        yield _label_table(f"{name}, by class", "class", {row["label"]: row for row in task["per_class"]})
    if any(task.get("errors", {}).values()):
        yield _error_table(name, task["errors"])
    if task.get("confusion"):
        yield _confusion_table(name, task["confusion"])


def _headline_table(scores: dict[str, Any]) -> Table:
    table = figure_table(f"{scores['records']:,} records", ["task", "records", "figure", "%", "95 % interval"])
    for name, task in scores["tasks"].items():
        intervals = task.get("intervals", {})
        rows = [(key, percent(value), percent) for key, value in headline_of(task).items()]
        rows += [(key, amount(value), amount) for key, value in task.get("amounts", {}).items()]
        for at, (key, value, show) in enumerate(rows):
            first = (name, _part(task["records"], scores["records"])) if at == 0 else ("", "")
            table.add_row(*first, key.replace("_", " "), value, between(intervals.get(key), show))
    if scores["frame_accuracy"] is not None and len(scores["tasks"]) > 1:
        interval = between(scores.get("frame_accuracy_interval"))
        table.add_row("all tasks right", "", "frame accuracy", percent(scores["frame_accuracy"]), interval)
    return table


def _frame_table(frames: list[dict[str, Any]]) -> Table:
    table = figure_table("which tasks are wrong together", ["wrong", "records", "%"])
    total = sum(row["records"] for row in frames)
    for row in frames:
        table.add_row(escape(", ".join(row["wrong"])) or "none", f"{row['records']:,}", percent(row["records"] / total))
    return table


def _length_table(rows: list[dict[str, Any]]) -> Table:
    figures = [f"{name} {figure}" for name, own in rows[0]["tasks"].items() for figure in own]
    all_right = ["frame accuracy"] if len(figures) > 1 else []
    columns = ["words", "records", *(figure.replace("_", " ") for figure in figures), *all_right]
    table = figure_table("by length of the text", columns)
    for row in rows:
        values = [percent(value) for own in row["tasks"].values() for value in own.values()]
        frame = [percent(row["frame_accuracy"])] if all_right else []
        table.add_row(words_of_group(row), f"{row['records']:,}", *values, *frame)
    return table


def words_of_group(row: dict[str, Any]) -> str:
    """Return the words of a group of lengths, such as ``6 to 10``."""
    if row["to_words"] is None:
        return f"{row['from_words']} and more"
    return f"{row['from_words']} to {row['to_words']}" if row["from_words"] else f"up to {row['to_words']}"


def _confidence_table(confidence: dict[str, Any]) -> Table:
    """Return calibration errors, and how much goes wrong among the surest answers."""
    surest = (1.0, 0.95, 0.9, 0.8)
    columns = ["task", "answers", "error", *("of all" if share == 1 else f"of {100 * share:.0f} %" for share in surest)]
    table = figure_table("confidence: calibration error, and wrong answers of all and of the surest, %", columns)
    for name, own in confidence.items():
        risks = {row["coverage"]: row["risk"] for row in own["coverage"]}
        error = percent(own["expected_calibration_error"])
        table.add_row(escape(name), f"{own['answers']:,}", error, *(percent(risks[share]) for share in surest))
    return table


def _seen_table(seen: dict[str, Any]) -> Table:
    table = figure_table(
        "entities that the training data show, and others", ["task", "entities are", "number", "found, %"]
    )
    for name, own in seen.items():
        for at, (which, row) in enumerate(own.items()):
            table.add_row(escape(name) if at == 0 else "", which, f"{row['entities']:,}", percent(row["recall"]))
    return table


def _part(records: int, of: int) -> str:
    return f"{records:,}" if records == of else f"{records:,} of {of:,}"


def _label_table(title: str, first: str, rows: Mapping[Any, dict[str, Any]]) -> Table:
    table = figure_table(title, [first, "support", "precision", "recall", "f1"])
    for label, figures in rows.items():
        values = [percent(figures[key]) for key in ("precision", "recall", "f1")]
        table.add_row(escape(str(label)), f"{figures['support']:,}", *values)
    return table


def _error_table(name: str, errors: dict[str, int]) -> Table:
    table = figure_table(f"{name}, errors", ["error", "entities"])
    for error, count in errors.items():
        table.add_row(error, f"{count:,}")
    return table


def _confusion_table(name: str, confusion: list[dict[str, Any]]) -> Table:
    shown = confusion[:_CONFUSIONS]
    part = f": {len(shown)} of {len(confusion):,} pairs" if len(confusion) > len(shown) else ""
    table = figure_table(f"{name}, taken for one another{part}", ["gold", "predicted", "times"])
    for row in shown:
        predicted = "nothing" if row["predicted"] is None else str(row["predicted"])
        table.add_row(escape(str(row["gold"])), escape(predicted), f"{row['count']:,}")
    return table


def figure_table(title: str, columns: list[str]) -> Table:
    """Make an empty table: words stand left, figures right."""
    table = Table(title=title, title_justify="left", title_style="bold", header_style="dim", box=None, pad_edge=False)
    for at, column in enumerate(columns):
        is_text = at == 0 or column in _TEXTS
        table.add_column(column, justify="left" if is_text else "right", overflow="fold")
    return table
