"""Where a run stands: all of it that changes from step to step, into a state and out of one."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from polyhead.training import checkpoint
from polyhead.training.averaging import LastEpochs
from polyhead.training.diagnosis import Diagnoser
from polyhead.training.guard import Guard
from polyhead.training.prepare import Prepared
from polyhead.training.reporting import EpochReport, Meter
from polyhead.training.run_folder import RunFolder
from polyhead.training.states import State

_SECONDS_A_MINUTE = 60.0


@dataclass
class Progress:
    """Where a run stands.

    Attributes:
        guard: What it knows of numbers and memory that went wrong.
        last: Weights at the ends of the last epochs.
        step: Steps that were taken.
        epochs: The epochs that were finished.
        stopped: Tasks whose heads have stopped.
        meter: Losses and speed of the epoch that is under way.
        diagnoser: Measures now and then, where that was asked for.
        kept_states: Whether steps read states that a frozen encoder gave once; `None` before that was decided.
    """

    guard: Guard
    last: LastEpochs
    step: int = 0
    epochs: list[EpochReport] = field(default_factory=list)
    stopped: set[str] = field(default_factory=set)
    meter: Meter = field(default_factory=Meter)
    diagnoser: Diagnoser | None = None
    kept_states: bool | None = None

    def to_json(self) -> dict[str, Any]:
        """Return what is neither weights nor the number of steps."""
        return {
            "epochs": [asdict(report) for report in self.epochs],
            "stopped": sorted(self.stopped),
            "meter": self.meter.to_json(),
            "guard": self.guard.to_json(),
            "diagnosis": self.diagnoser.to_json() if self.diagnoser else [],
            "kept_states": self.kept_states,
        }


class StateKeeper:
    """Saves states of a run when they are due, and goes on from one.

    Args:
        prepared: The run.
        folder: Its folder.
        run: Which run it is.
        progress: Where it stands.
    """

    def __init__(self, prepared: Prepared, folder: RunFolder, *, run: str, progress: Progress) -> None:
        self._prepared, self._folder, self._run, self._progress = prepared, folder, run, progress
        self._settings, self._method = prepared.settings.saving, prepared.settings.training.balancing
        self._saved = time.monotonic()

    def save_if_due(self) -> None:
        """Save a state where the settings ask for one after this step."""
        steps, minutes = self._settings.every_steps, self._settings.every_minutes
        by_steps = steps is not None and self._progress.step % steps == 0
        by_time = minutes > 0 and time.monotonic() - self._saved >= minutes * _SECONDS_A_MINUTE
        if by_steps or by_time:
            self.save()

    def save(self, *, prune: bool = True) -> Path:
        """Save a state, and remove those beyond the number that is kept.

        Args:
            prune: Remove them; else older states stay, since this one may be worth less.

        Raises:
            TrainingError: If it could not be written; then the earlier ones are as they were.
        """
        began = time.perf_counter()
        prepared, progress = self._prepared, self._progress
        tensors, values = checkpoint.take(prepared.model, prepared.engine, progress.last)
        values |= progress.to_json()
        values["balancing"] = {"method": self._method, **prepared.balancing.to_json()}
        values |= {"steps_per_epoch": prepared.plan.steps_per_epoch, "log_bytes": self._folder.log_bytes()}
        folder = self._folder.states.save(State(self._run, progress.step, values, tensors))
        if prune:
            self._folder.states.prune(self._settings.keep)
        self._saved = time.monotonic()
        self._folder.log("state", step=progress.step, seconds=round(time.perf_counter() - began, 3))
        return folder

    def restore(self, state: State) -> None:
        """Go on from a state.

        Raises:
            SettingsError: If its weights are not those of this model.
        """
        prepared, progress, values = self._prepared, self._progress, state.values
        progress.epochs = [EpochReport.from_json(epoch) for epoch in values["epochs"]]
        progress.step = self._step_of(state)
        progress.stopped |= set(values["stopped"])
        for name in progress.stopped:
            prepared.model.head(name).requires_grad_(False)
        progress.guard.restore(values["guard"])
        if (balanced := values.get("balancing", {})).get("method") == self._method:  # else it was forced to be another
            prepared.balancing.restore(balanced)
        if progress.diagnoser:
            progress.diagnoser.restore(values.get("diagnosis", []))
        progress.kept_states = values.get("kept_states", False)  # versions before kept none
        if progress.step == state.step:
            progress.meter.restore(values["meter"])
        checkpoint.put_back(
            state.tensors,
            values,
            step=progress.step,
            model=prepared.model,
            engine=prepared.engine,
            last=progress.last,
        )

    def _step_of(self, state: State) -> int:
        """Return the step to go on after: the state's, unless epochs are of another length now (``--force``)."""
        per_epoch = self._prepared.plan.steps_per_epoch
        if state.values["steps_per_epoch"] == per_epoch:
            return min(state.step, self._prepared.plan.steps)
        return min(len(state.values["epochs"]) * per_epoch, self._prepared.plan.steps)
