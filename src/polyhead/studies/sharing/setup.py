"""What all trainings of a study have in common, made from its settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from polyhead.errors import SettingsError
from polyhead.notices import Notices
from polyhead.settings import RunSettings
from polyhead.studies.runs import StudyReporter
from polyhead.studies.sharing.scored import pools_of
from polyhead.studies.sharing.training import Setup
from polyhead.training.choosing import criteria_of
from polyhead.training.data import TrainingData


def set_up(
    settings: RunSettings, data: TrainingData, *, folder: Path, beside: int, reporter: StudyReporter
) -> tuple[Setup, list[dict[str, Any]]]:
    """Find out what models are scored on, and by which figures.

    Args:
        settings: All settings.
        data: What is trained on.
        folder: Where trainings that run have their folders.
        beside: How many other trainings of the study may go on at the same time.
        reporter: Hears of what is odd in the test data.

    Returns:
        The setup, and for each test file: path, SHA-256, records.

    Raises:
        SettingsError: If there are no dev data, which choose epochs, or nothing to score a task on.
        DataError: If a test file cannot be read.
    """
    if not data.dev:
        raise SettingsError("no dev data, and too few texts to hold any out: give data.dev, which chooses epochs")
    notices = Notices(strict=settings.strict)
    pools, files = pools_of(settings, data, notices)
    for line in notices.lines():
        reporter.warn(line)
    metrics = {name: own.metric for name, own in criteria_of(data.tasks, settings).items()}
    return Setup(settings, data, pools, metrics, folder, beside), files
