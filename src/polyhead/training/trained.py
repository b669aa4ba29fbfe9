"""What a run left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from polyhead.training.choosing import best_of
from polyhead.training.reporting import EpochReport
from polyhead.training.run_folder import RunFolder


@dataclass(frozen=True)
class TrainedRun:
    """What a run left.

    Attributes:
        folder: The output folder.
        best: The bundle of the best epoch by dev score, else of the last.
        epochs: The report of each epoch.
    """

    folder: Path
    best: Path
    epochs: tuple[EpochReport, ...]

    @property
    def best_epoch(self) -> EpochReport:
        """The report of the epoch whose bundle is `best`."""
        return best_epoch(self.epochs)


def trained(folder: RunFolder, epochs: Sequence[EpochReport]) -> TrainedRun:
    """Return what a run left after these epochs."""
    return TrainedRun(folder.path, folder.path / best_epoch(epochs).folder, tuple(epochs))


def best_epoch(epochs: Sequence[EpochReport]) -> EpochReport:
    """Return the best epoch by dev score, else the last."""
    return best_of(epochs) or epochs[-1]
