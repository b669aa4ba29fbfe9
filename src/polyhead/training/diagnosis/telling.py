"""What was found goes into the run's folder, and to whoever watches."""

from __future__ import annotations

from polyhead.training.diagnosis.diagnoser import Diagnoser
from polyhead.training.diagnosis.findings import diagnose
from polyhead.training.diagnosis.plot import diagnosis_plot
from polyhead.training.reporting import Reporter
from polyhead.training.run_folder import RunFolder


def tell_diagnosis(diagnoser: Diagnoser, folder: RunFolder, *, reporter: Reporter) -> None:
    """Say what a run's measurements mean, and write them and their plot.

    Args:
        diagnoser: It has measured.
        folder: Of the run.
        reporter: Hears of it.

    Raises:
        TrainingError: If the files could not be written.
    """
    found = diagnose(diagnoser.found, groups=diagnoser.groups, balancing=diagnoser.balancing)
    folder.add_diagnosis(found.to_json(), diagnosis_plot(found))
    reporter.diagnosis(found)
