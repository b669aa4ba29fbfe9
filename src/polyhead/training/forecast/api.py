"""`forecast`: settings to what their run will take."""

from __future__ import annotations

import time
from typing import Any

from polyhead.bundle import Bundle
from polyhead.errors import SettingsError
from polyhead.notices import Notices
from polyhead.preparing.choosing import how_many
from polyhead.settings import RunSettings
from polyhead.training.data import TrainingData
from polyhead.training.engine import resolve_precision
from polyhead.training.examples import lengths_of, texts_cut
from polyhead.training.forecast.advice import disk_advice, memory_advice
from polyhead.training.forecast.disk import disk_of
from polyhead.training.forecast.memory import Line, Meter, fits, for_learning, per_slot
from polyhead.training.forecast.timing import NOTHING, Estimate, Fit, measured
from polyhead.training.forecast.trial import (
    Trial,
    keeps_states,
    time_of_dev,
    time_of_saving,
    time_of_states,
    try_steps,
)
from polyhead.training.forecast.workload import Sizes, Workload, spread
from polyhead.training.memory import kept_memory
from polyhead.training.prepare import Prepared, prepare
from polyhead.training.reporting import Reporter


def forecast(
    settings: RunSettings,
    *,
    steps: int = 5,
    reporter: Reporter | None = None,
    base: Bundle | None = None,
    data: TrainingData | None = None,
) -> dict[str, Any]:
    """Say what a run will take, and whether it will fit; nothing is written to its folder.

    Everything is prepared as for the run, and all of its batches are counted. A few of them, from the smallest to the
    largest, are tried for their time and memory, as long as they may be expected to fit.

    Args:
        settings: All settings.
        steps: How many batches are tried.
        reporter: Hears what is odd in the data, and what is being done.
        base: A trained model that is given further heads.
        data: What is trained on instead of the settings' files.

    Returns:
        ``data``, ``epochs``, ``model``, ``time``, ``memory``, ``disk``, ``fits`` and, where it will not, ``advice``;
        bytes and seconds throughout.

    Raises:
        SettingsError: If no step is to be tried.
        PolyheadError: If settings, data or encoder cannot be used.
    """
    if steps < 1:
        raise SettingsError(f"--steps: wanted 1 or more, found {steps}")
    reporter = reporter or Reporter()
    notices, began = Notices(strict=settings.strict), time.perf_counter()
    prepared = prepare(settings, notices, base=base, data=data)
    preparation = time.perf_counter() - began
    for line in notices.lines():
        reporter.warn(line)
    with kept_memory():
        return _Forecast(prepared, preparation, steps, reporter).result()


class _Forecast:
    def __init__(self, prepared: Prepared, preparation: float, count: int, reporter: Reporter) -> None:
        self._prepared, self._preparation, self._reporter = prepared, preparation, reporter
        self._meter, self._sizes = Meter(prepared.model.device()), Sizes(prepared)
        self._workload = Workload.of(prepared, self._sizes)
        self._steps = spread(prepared.steps.of_epoch(1), self._sizes, count)
        self._largest = max(self._sizes.at_once(step) for step in self._steps)
        self._formula = self._by_formula()

    def _by_formula(self) -> Line:
        model, training = self._prepared.model, self._prepared.settings.training
        longest = int(max(lengths_of(self._prepared.examples)))
        slope = per_slot(model, longest=longest, recomputed=training.checkpoint_activations)
        return Line((self._meter.now() or 0) + for_learning(model), slope)

    def result(self) -> dict[str, Any]:
        """Try what is to be tried, and put all of it together."""
        self._meter.begin()
        self._reporter.info("trial", f"{len(self._steps)} of {self._prepared.plan.steps_per_epoch:,} batches")
        trial = try_steps(self._prepared, self._steps, self._sizes, self._meter, formula=self._formula)
        seconds = self._time(trial)
        memory = self._memory(trial)
        disk = disk_of(self._prepared, seconds=seconds["total"]["seconds"] if seconds else 0.0)
        advice = [] if memory["fits"] else self._memory_advice(trial, memory)
        advice += [] if disk.fits else disk_advice(disk)
        return {
            "data": self._data(),
            "epochs": self._workload.to_json(),
            "model": self._model(),
            "time": seconds,
            "memory": memory,
            "disk": disk.to_json(),
            "fits": memory["fits"] and disk.fits,
            "advice": advice,
        }

    def _data(self) -> dict[str, Any]:
        data, examples = self._prepared.data, self._prepared.examples
        train, dev = data.train, data.dev
        tasks = {
            task.name: {"kind": task.kind, "train": data.annotated(task.name), "dev": how_many(dev, task.name)}
            for task in data.tasks
        }
        return {
            "train": len(train),
            "dev": len(dev),
            "tasks": tasks,
            "rows": len(examples),
            "texts_of_several_windows": texts_cut(examples),
            "longest_row": int(max(lengths_of(examples))),
        }

    def _model(self) -> dict[str, Any]:
        prepared = self._prepared
        model, plan = prepared.model, prepared.plan
        return {
            "encoder": prepared.pretrained.name,
            "parameters": sum(tensor.numel() for tensor in model.state_dict().values()),
            "learning": sum(weight.numel() for weight in prepared.engine.trained),
            "device": model.device().type,
            "precision": resolve_precision(prepared.settings.training.precision),
            "batch_size": plan.batch_size,
            "steps": plan.steps,
        }

    def _time(self, trial: Trial) -> dict[str, Any] | None:
        """Return the time of each part of the run; `None` where not even the smallest batch was tried."""
        if not trial.seconds:
            return None
        prepared, training = self._prepared, self._prepared.settings.training
        fit = Fit.of(trial.work, trial.seconds)
        parts = {"preparation": measured(self._preparation)}
        states = NOTHING
        if keeps_states(prepared):
            tokens = int(sum(lengths_of(prepared.examples)))
            states = time_of_states(prepared, self._steps, self._sizes, tokens=tokens)
            parts["states of the frozen encoder"] = states
        shapes = trial.extra() * self._workload.shapes
        by_epoch = [fit.total(work) for work in self._workload.work]
        # One line stands behind all epochs: where it is wrong, it is for each.
        parts["steps"] = _together(by_epoch) + Estimate(shapes, 0.0, 2 * shapes)
        if prepared.data.dev:
            self._reporter.info("trial", "dev scores")
            # Where epochs are averaged, the mean of their weights is scored, too.
            times = training.epochs + (training.epochs - 1 if training.average > 1 else 0)
            parts["dev scores"] = time_of_dev(prepared).times(times)
        parts["saving"] = time_of_saving(prepared).times(training.epochs)
        total = sum(parts.values(), NOTHING)
        return {
            "parts": {name: own.to_json() for name, own in parts.items()},
            "total": total.to_json(),
            "step": round(parts["steps"].seconds / max(1, prepared.plan.steps), 6),
            "at_most": training.patience is not None or training.unfreeze is not None,
        }

    def _memory(self, trial: Trial) -> dict[str, Any]:
        room, peak = self._meter.room(), self._meter.peak()
        was_tried = bool(trial.peaks) and trial.left_out is None and trial.ran_out is None
        expected = max(trial.line.at(self._largest), 0 if peak is None else peak)
        return {
            "by_formula": round(self._formula.at(self._largest)),
            "expected": round(expected),
            "measured": peak if was_tried else None,
            "room": room,
            "fits": trial.left_out is None and trial.ran_out is None and fits(expected, room),
        }

    def _memory_advice(self, trial: Trial, memory: dict[str, Any]) -> list[dict[str, Any]]:
        if trial.ran_out is not None:
            why = "memory ran out with more at once; the run itself would find that out and go on so"
            return [{"setting": f"training.token_budget={trial.ran_out}", "why": why, "memory": memory["expected"]}]
        return memory_advice(self._prepared, trial.line, largest=self._largest, room=memory["room"])


def _together(parts: list[Estimate]) -> Estimate:
    """Add up times whose errors are one."""
    return Estimate(sum(own.seconds for own in parts), sum(own.low for own in parts), sum(own.high for own in parts))
