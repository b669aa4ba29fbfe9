"""What must be known to read a study's figures, in plain words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from polyhead.settings import RunSettings

_ONCE = frozenset({"joint", "proportional"})
"""Strategies by which each row is seen once an epoch; by the others a joint model sees some sources more often."""


def notes_of(result: Mapping[str, Any], settings: RunSettings) -> list[str]:
    """Return what must be known to read the figures.

    Args:
        result: Of a study.
        settings: Its settings.
    """
    return list(_notes(result, settings))


def _notes(result: Mapping[str, Any], settings: RunSettings) -> Iterator[str]:
    on_dev = [name for name, row in result["tasks"].items() if row["scored_on"] == "dev"]
    if on_dev:
        yield (
            f"{', '.join(on_dev)}: scored on the dev data that chose the epochs, so that joint and single figures are "
            f"both higher than on new data; name test data for figures to report"
        )
    if len(result["seeds"]) == 1:
        yield (
            "one seed: intervals are over records alone, so that verdicts are about these very models rather than "
            "about sharing; take three seeds or more"
        )
    if settings.training.strategy not in _ONCE:
        yield (
            f"the strategy {settings.training.strategy!r} shows some records to the joint model more or less than once "
            f"an epoch, and each to the task's own model once: differences are those of sharing and of the strategy"
        )
    if settings.training.batch_size is None and len(_batches(result)) > 1:
        sizes = " and ".join(map(str, sorted(_batches(result))))
        yield (
            f"no batch size was set, so that it follows from the number of records, for each training by itself: rows "
            f"of {sizes}; training.batch_size makes it the same for all"
        )
    if result["training"]["beside"]:
        yield (
            f"up to {result['training']['beside'] + 1} trainings went on at once: their times were taken beside "
            f"others, and say how the two ways compare rather than what each takes alone"
        )


def _batches(result: Mapping[str, Any]) -> set[int]:
    return {own["batch_size"] for own in result["trainings"]}
