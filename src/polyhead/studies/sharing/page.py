"""The report of a study: one page that needs nothing else, to be kept."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from polyhead.errors import MissingExtraError
from polyhead.evaluation.report.canvas import colour_rules
from polyhead.studies.sharing.plots import Difference, affinity_plot, difference_plot


def differences_drawn(result: Mapping[str, Any]) -> str:
    """Return the plot of what sharing does to each task, and to all of them right."""
    rows = {f"{name}: {own['metric'].replace('_', ' ')}": own for name, own in result["tasks"].items()}
    if result["frame_accuracy"]:
        rows["all tasks right"] = result["frame_accuracy"]
    drawn = [_difference(name, row) for name, row in rows.items() if row["difference"] is not None]
    return difference_plot(drawn, title="what sharing does to each task")


def affinity_drawn(grouping: Mapping[str, Any]) -> str:
    """Return the plot of which task gains beside which."""
    return affinity_plot(grouping["affinity"], title="points on dev that a task gains beside another")


def _difference(name: str, row: Mapping[str, Any]) -> Difference:
    joint, single = row["joint"], row["single"]
    by_seed = [100 * (one - other) for one, other in zip(joint["values"], single["values"], strict=True)]
    interval = row["interval"] and [100 * end for end in row["interval"]]
    words = f"{100 * joint['mean']:.2f} against {100 * single['mean']:.2f}"
    return Difference(name, 100 * row["difference"], interval, by_seed, words)


def render(result: Mapping[str, Any]) -> str:
    """Return the page.

    Args:
        result: Of a study.

    Raises:
        MissingExtraError: If the extra ``report`` is not installed.
    """
    try:
        from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
    except ImportError as error:
        raise MissingExtraError("a report", "report") from error
    loader = ChoiceLoader(
        [PackageLoader("polyhead.studies", "sharing"), PackageLoader("polyhead.evaluation", "report")]
    )
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(percent=_percent, signed=_signed, short=_short)
    grouping = result.get("grouping")
    return environment.get_template("study.html").render(
        result=result,
        settings=result["settings"],
        colours=colour_rules(),
        plot=differences_drawn(result),
        grouping=grouping,
        affinity=affinity_drawn(grouping) if grouping else "",
    )


def _percent(value: float | None) -> str:
    return "—" if value is None else f"{100 * value:.2f}"


def _signed(value: float | None) -> str:
    return "—" if value is None else f"{100 * value:+.2f}"


def _short(path: str) -> str:
    """Return a file's name with its folder's: a report that is kept says nothing of the machine it was made on."""
    return "/".join(Path(path).parts[-2:])
