"""The search itself: trial after trial, each kept as soon as it ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from polyhead.errors import SettingsError, TrainingError, TrainingStoppedError
from polyhead.settings import RunSettings
from polyhead.studies.runs import StudyReporter
from polyhead.studies.tuning.one_trial import FAILURES, UNFIT, Outcome, Prune, TimeIsUpError, clear, train_once
from polyhead.studies.tuning.sampling import next_values, should_prune
from polyhead.studies.tuning.space import Space, value_at
from polyhead.studies.tuning.trial_data import data_for
from polyhead.studies.tuning.trials import Check, Kept, State, Trial, best_of
from polyhead.tasks import options_of
from polyhead.training.data import TrainingData
from polyhead.training.reporting import EpochReport
from polyhead.training.stopping import StopRequest

_RUN = "trial"
"""The folder of the training that is under way; it goes with it."""
_FAIL_IN_A_ROW = 5
"""Trials that may fail one after the other. When each does, it is not their values that are at fault."""


@dataclass(frozen=True)
class Plan:
    """How a search goes.

    Attributes:
        trials: How many trials there are to be in all, those of earlier calls included.
        seconds: How long this call may search; `None`: as long as it takes.
        prune: Whether trials are given up that do worse than most.
        checks: Trainings with fresh seeds of the best and of the first trial.
    """

    trials: int
    seconds: float | None
    prune: bool
    checks: int


class Search:
    """Trains trials, and keeps what comes of them.

    Args:
        space: What is searched.
        data: As the first trial's settings have them.
        first: Those settings.
        kept: The search so far.
        folder: Where a training's bundles go while it runs.
        reporter: Hears how it goes.
        written: Called whenever there is something new to be written down.
    """

    def __init__(
        self,
        space: Space,
        data: TrainingData,
        *,
        first: RunSettings,
        kept: Kept,
        folder: Path,
        reporter: StudyReporter,
        written: Callable[[], None],
    ) -> None:
        self._space, self._data, self._first, self._kept = space, data, first, kept
        self._folder, self._reporter, self._written = folder / _RUN, reporter, written
        self._stop = StopRequest()
        self._until: float | None = None
        self._of = 0

    def go(self, plan: Plan) -> str | None:
        """Search, then train with fresh seeds.

        Returns:
            Why the search ended before its last trial; `None` where it did not.

        Raises:
            TrainingStoppedError: If Ctrl-C or SIGTERM came; what there is is kept.
            TrainingError: If several trials in a row fail.
        """
        clear(self._folder)
        with self._stop:
            try:
                ended = self._search(plan)
                self._until = None
                self._check_best(plan.checks)
            except TrainingStoppedError as wish:
                raise TrainingStoppedError(wish.signal, self._stopped()) from None
        return ended

    def _search(self, plan: Plan) -> str | None:
        self._of = plan.trials + 2 * plan.checks
        self._until = None if plan.seconds is None else time.monotonic() + plan.seconds
        trials = self._kept.trials
        while len(trials) < plan.trials:
            if self._space.size is not None and len(self._tried()) >= self._space.size:
                return f"all {self._space.size:,} combinations there are were tried"
            try:
                self._check()
                trial = self._next(prune=plan.prune)
            except TimeIsUpError:
                return "the time is up; a trial that was under way is left out, and begins anew when the search goes on"
            trials.append(trial)
            self._written()
            self._reporter.finish(line_of(trial, self._space))
            self._check_failures()
        return None

    def _tried(self) -> list[Mapping[str, Any]]:
        of_space = [own.values for own in self._kept.trials if self._space.holds(own.values)]
        return [values for at, values in enumerate(of_space) if values not in of_space[:at]]

    def _next(self, *, prune: bool) -> Trial:
        trials = self._kept.trials
        number = len(trials)
        self._reporter.begin(f"trial {number}" if number else "default settings", number=number + 1, of=self._of)
        if number == 0:
            return self._first_trial()
        values = next_values(self._space, trials, seed=self._first.training.seed)
        earlier = next((own for own in trials if own.values == values and own.state is not State.repeat), None)
        if earlier is not None:
            return replace(earlier, number=number, state=State.repeat, seconds=0.0, like=earlier.number)
        return self._trained(Trial(number, State.failed, values), prune=prune)

    def _first_trial(self) -> Trial:
        """Train with the default settings; their values are known when the run has worked them out.

        Raises:
            PolyheadError: If these settings are at fault, rather than their training.
        """
        trial = Trial(0, State.failed, self._space.defaults)
        trial, outcome = self._outcome(trial, settings=self._first, prune=None, expected=FAILURES)
        known = resolved_values(self._space, self._first, outcome.resolved if outcome else {})
        return replace(trial, values=known)

    def _trained(self, trial: Trial, *, prune: bool) -> Trial:
        try:
            settings = self._space.settings(trial.values)
        except SettingsError as error:
            return replace(trial, why=str(error))
        before, epochs = tuple(self._kept.trials), settings.training.epochs
        given_up: Prune | None = (lambda scores: should_prune(before, scores, epochs=epochs)) if prune else None
        return self._outcome(trial, settings=settings, prune=given_up, expected=UNFIT)[0]

    def _outcome(
        self, trial: Trial, *, settings: RunSettings, prune: Prune | None, expected: tuple[type[Exception], ...]
    ) -> tuple[Trial, Outcome | None]:
        trial, began = replace(trial, epochs=settings.training.epochs), time.perf_counter()
        try:
            outcome = self._train(settings, prune=prune)
        except expected as error:
            seconds = round(time.perf_counter() - began, 2)
            return replace(trial, why=str(error) or type(error).__name__, seconds=seconds), None
        trial = replace(trial, scores=outcome.scores, seconds=outcome.seconds, warnings=outcome.warnings)
        for line in outcome.warnings if trial.number == 0 else ():
            self._reporter.warn(line)  # of values that are only tried, trials.json has what was odd
        if outcome.best is None:
            return replace(trial, why="nothing defines a dev score: no task has its figure on dev"), outcome
        best, state = outcome.best, State.pruned if outcome.pruned else State.complete
        trial = replace(trial, state=state, score=best.score, epoch=best.epoch, figures=figures_of(best))
        return trial, outcome

    def _train(self, settings: RunSettings, *, prune: Prune | None) -> Outcome:
        settings = settings.model_copy(update={"tracking": self._first.tracking})
        data = data_for(self._data, self._first, settings)
        return train_once(settings, data, folder=self._folder, reporter=self._reporter, check=self._check, prune=prune)

    def _check(self) -> None:
        self._stop.check()
        if self._until is not None and time.monotonic() >= self._until:
            raise TimeIsUpError

    def _check_failures(self) -> None:
        last = self._kept.trials[-_FAIL_IN_A_ROW:]
        if len(last) == _FAIL_IN_A_ROW and all(own.state is State.failed for own in last):
            raise TrainingError(
                f"{_FAIL_IN_A_ROW} trials in a row failed, the last with: {last[-1].why}. All trials so far are kept; "
                f"narrow the ranges, or mend what is wrong, and begin anew (--anew)"
            )

    def _check_best(self, checks: int) -> None:
        """Train the best and the first trial's settings with seeds that the search has not seen."""
        best = best_of(self._kept.trials)
        if best is None or best.number == 0 or not checks:
            return
        done = {(own.trial, own.seed) for own in self._kept.checks}
        seed = self._first.training.seed
        wanted = [(number, seed + at) for at in range(1, checks + 1) for number in (best.number, 0)]
        for at, (number, own) in enumerate(wanted, start=len(self._kept.trials) + 1):
            if (number, own) not in done:
                name = "default settings" if number == 0 else f"trial {number}"
                self._reporter.begin(f"{name}, seed {own}", number=at, of=self._of)
                check = self._checked(number, own)
                self._kept.checks.append(check)
                self._written()
                self._reporter.finish(_said(check.score, check.figures) if check.score is not None else str(check.why))

    def _checked(self, number: int, seed: int) -> Check:
        values = self._kept.trials[number].values
        settings = self._first if number == 0 else self._space.settings(values)
        training = settings.training.model_copy(update={"seed": seed})
        try:
            outcome = self._train(settings.model_copy(update={"training": training}), prune=None)
        except FAILURES as error:
            return Check(number, seed, None, why=str(error) or type(error).__name__)
        if outcome.best is None:
            return Check(number, seed, None, why="nothing defines a dev score")
        return Check(number, seed, outcome.best.score, figures_of(outcome.best))

    def _stopped(self) -> str:
        trials, best = self._kept.trials, best_of(self._kept.trials)
        what = f"stopped after {len(trials)} trials, which are kept" if trials else "stopped in the first trial"
        found = f"; the best so far is trial {best.number} with {100 * (best.score or 0):.2f}" if best else ""
        return f"{what}{found}. The same command goes on; a training that was under way begins anew"


def resolved_values(space: Space, first: RunSettings, resolved: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the first trial's settings come to, of those that are searched.

    Args:
        space: What is searched.
        first: The settings.
        resolved: The settings as the run worked them out; nothing where it failed.
    """
    known = dict(resolved or first.model_dump(mode="json"))
    options = {name: options_of(name, task).model_dump(mode="json") for name, task in first.tasks.items()}
    known["tasks"] = {name: {**own, **options.get(name, {})} for name, own in known["tasks"].items()}
    return {own.name: value_at(known, own.path) for own in space.dimensions}


def figures_of(epoch: EpochReport) -> dict[str, float | None]:
    """Return the dev figures of an epoch that count, by name."""
    dev = epoch.dev or {}
    return {f"{name} {metric}": dev["tasks"][name][metric] for name, metric in epoch.metrics.items()}


def line_of(trial: Trial, space: Space) -> str:
    """Return what came of a trial, for people."""
    values = "  ".join(f"{own.path[-1]} {shown(trial.values.get(own.name))}" for own in space.dimensions)
    if trial.state is State.failed:
        return f"failed: {trial.why}  {values}"
    note = f"given up after epoch {len(trial.scores)} of {trial.epochs}  " if trial.state is State.pruned else ""
    note = f"as trial {trial.like}, not trained again  " if trial.state is State.repeat else note
    return f"{note}{_said(trial.score, trial.figures)}  {values}"


def _said(score: float | None, figures: Mapping[str, float | None]) -> str:
    parts = [("score", score), *figures.items()] if len(figures) > 1 else list(figures.items())
    return "  ".join(
        f"{name.replace('_', ' ')} {'—' if value is None else format(100 * value, '.2f')}" for name, value in parts
    )


def shown(value: Any) -> str:
    """Return a setting's value, for people."""
    if value is None:
        return "not set"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
