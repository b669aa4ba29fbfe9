"""What a check found, as one page for a browser, which needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from polyhead.checking.characters import shown
from polyhead.checking.files import SPLITS
from polyhead.errors import MissingExtraError
from polyhead.evaluation.report.plots import bar_plot, histogram_plot

_LISTED = 100
"""Findings of a kind that the page shows; all are in the result."""
_BARS = 30
"""Labels in a plot, those of most training records first."""
_TEXT = 400


def write_page(path: Path, result: Mapping[str, Any]) -> None:
    """Write the page.

    Args:
        path: The file, which is replaced.
        result: Of `polyhead.checking.check`.

    Raises:
        MissingExtraError: If the extra ``report`` is not installed.
    """
    path.write_text(render(result), encoding="utf-8")


def render(result: Mapping[str, Any]) -> str:
    """Return the page; see `write_page`."""
    try:
        from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
    except ImportError as error:
        raise MissingExtraError("a page", "report") from error
    environment = Environment(
        loader=ChoiceLoader([PackageLoader("polyhead", "checking"), PackageLoader("polyhead.evaluation", "report")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(percent=_percent, shown=lambda text: shown(text, _TEXT))
    splits = [split for split in SPLITS if split in result["coverage"]]
    return environment.get_template("check.html").render(
        result=result,
        splits=splits,
        listed=_LISTED,
        bars=_BARS,
        balance={name: _balance(name, own["rows"]) for name, own in result["labels"].items()},
        lengths=_lengths(result.get("lengths")),
    )


def _percent(value: float | None) -> str:
    return "—" if value is None else f"{100 * value:.2f}"


def _balance(name: str, rows: Sequence[Mapping[str, Any]]) -> str:
    counts = {str(row["label"]): row.get(SPLITS[0], 0) for row in rows[:_BARS]}
    return bar_plot(counts, title=f"{name}: training records by label") if counts else ""


def _lengths(lengths: Mapping[str, Any] | None) -> dict[str, str]:
    if lengths is None:
        return {}
    return {
        split: histogram_plot(
            own["histogram"]["edges"],
            own["histogram"]["counts"],
            title=f"{split}: texts by length",
            xlabel="pieces in a text, special tokens included",
        )
        for split, own in lengths["splits"].items()
    }
