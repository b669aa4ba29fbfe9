"""A process that trains for a study: `python -m polyhead.studies.sharing.worker`.

in    a line of JSON, what all trainings have in common; then a line of JSON a training
out   for each training a line of JSON, what is kept of it; or what went wrong
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, BinaryIO

from polyhead.errors import PolyheadError
from polyhead.processes import answer_a_process, write_error
from polyhead.settings import RunSettings
from polyhead.studies.runs import StudyReporter, load_for_study
from polyhead.studies.sharing.setup import set_up
from polyhead.studies.sharing.training import Job, Setup, train_team
from polyhead.training import Reporter


def main() -> None:
    """Train until there is nothing more to train."""
    answer_a_process(_answer)


def _answer(source: BinaryIO, sink: BinaryIO) -> None:
    if not (told := source.readline()):
        return  # whoever started this one is gone
    setup: Setup | None = None
    for line in iter(source.readline, b""):
        try:
            setup = setup or _made_of(json.loads(told))
            outcome = train_team(_job(json.loads(line)), setup, Reporter())
            sink.write(json.dumps(outcome.to_json(), allow_nan=False).encode() + b"\n")
        except PolyheadError as error:
            write_error(sink, error)
        sink.flush()


def _made_of(told: dict[str, Any]) -> Setup:
    settings, data = load_for_study(RunSettings.model_validate(told["settings"]), StudyReporter())
    setup, _ = set_up(settings, data, folder=Path(told["folder"]), beside=told["beside"], reporter=StudyReporter())
    return setup


def _job(told: dict[str, Any]) -> Job:
    return Job(tuple(told["team"]), told["seed"], Path(told["model"]) if told["model"] else None)


if __name__ == "__main__":
    main()
