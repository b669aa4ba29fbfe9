"""Figures as people read them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.table import Table

if TYPE_CHECKING:  # importing training loads torch, which those who only evaluate or predict may lack
    from polyhead.training.reporting import EpochReport


def percent(value: float | None) -> str:
    """Return a share in per cent with two digits; a dash where nothing defines it."""
    return "—" if value is None else f"{100 * value:.2f}"


def epoch_figures(report: EpochReport) -> dict[str, str]:
    """Return an epoch's figures by column: losses, then each task's dev figures, then frame accuracy."""
    figures = {f"{name} loss": f"{loss:.4f}" for name, loss in report.losses.items()}
    if report.dev is None:
        return figures
    for name, metric in report.metrics.items():
        figures[f"{name} {metric.replace('_', ' ')}"] = percent(report.dev["tasks"][name][metric])
    if report.dev["frame_accuracy"] is not None and len(report.dev["tasks"]) > 1:
        figures["frame"] = percent(report.dev["frame_accuracy"])
    return figures


def flat_figures(scores: dict[str, Any]) -> dict[str, float | None]:
    """Return a task's headline figures: those that are one number, a share of 1."""
    return {key: value for key, value in scores.items() if key != "records" and not isinstance(value, dict)}


def score_tables(scores: dict[str, Any]) -> list[Table]:
    """Return the tables that `polyhead evaluate` prints."""
    headline = _table(f"{scores['records']:,} records", ["task", "records", "figure", "%"])
    for name, task in scores["tasks"].items():
        for at, (key, value) in enumerate(flat_figures(task).items()):
            first = (name, f"{task['records']:,}") if at == 0 else ("", "")
            headline.add_row(*first, key.replace("_", " "), percent(value))
        for key, amount in task.get("amounts", {}).items():
            headline.add_row("", "", key, "—" if amount is None else f"{amount:.4g}")
    if scores["frame_accuracy"] is not None and len(scores["tasks"]) > 1:
        headline.add_row("all tasks right", "", "frame accuracy", percent(scores["frame_accuracy"]))
    return [headline, *(_type_table(name, task) for name, task in scores["tasks"].items() if task.get("per_type"))]


def _type_table(name: str, task: dict[str, Any]) -> Table:
    table = _table(f"{name}, by type", ["type", "support", "precision", "recall", "f1"])
    for label, figures in task["per_type"].items():
        values = [percent(figures[key]) for key in ("precision", "recall", "f1")]
        table.add_row(label, f"{figures['support']:,}", *values)
    return table


def _table(title: str, columns: list[str]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", header_style="dim", box=None, pad_edge=False)
    for at, column in enumerate(columns):
        is_text = at == 0 or column == "figure"
        table.add_column(column, justify="left" if is_text else "right", overflow="fold")
    return table
