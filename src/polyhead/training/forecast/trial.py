"""A few of a run's steps, taken for their time and memory; nothing of it is kept."""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from polyhead.batching import Step, collate
from polyhead.batching.sampling import Indices
from polyhead.evaluation import tune_and_evaluate
from polyhead.inference import Predictor
from polyhead.model import TorchRuntime
from polyhead.model.freezing import free_layers, is_frozen
from polyhead.model.runtime import tensors_of
from polyhead.model.weights import save_weights
from polyhead.preparing import Cache
from polyhead.records import Record
from polyhead.training.forecast.memory import Line, Meter, fits, line_through
from polyhead.training.forecast.timing import Estimate, mean_of, measured
from polyhead.training.forecast.workload import Sizes
from polyhead.training.forward import Forward, Inputs
from polyhead.training.frozen import adapter_of
from polyhead.training.guard import Guard
from polyhead.training.loop import train_steps
from polyhead.training.prepare import Prepared
from polyhead.training.reporting import Reporter

_FEWEST_ROUNDS, _MOST_ROUNDS = 2, 10
"""Times that each step is taken after the first, which also makes the kernels for its shape."""
_SECONDS = 12.0
"""After so many seconds of them there are no further rounds."""
_WARM_UP = 2
_DEV_RECORDS = 256
"""Of dev, those that are scored for the time of all."""
_WARMED_BY = 16


@dataclass
class Trial:
    """What steps showed.

    Attributes:
        formula: How memory grows, by the formula.
        line: How it grows, as measured.
        work: Of each step that was timed.
        seconds: That it took.
        peaks: Slots at once, and the most memory so far, after each.
        left_out: Slots at once of the largest step, where it was not tried, as memory would have run out.
        ran_out: Pieces that went through at once in the end, where memory ran out.
    """

    formula: Line
    line: Line
    work: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    peaks: list[tuple[float, int]] = field(default_factory=list)
    left_out: float | None = None
    ran_out: int | None = None
    _firsts: dict[int, float] = field(default_factory=dict)
    _again: dict[int, list[float]] = field(default_factory=dict)

    def extra(self) -> float:
        """Return the seconds that a step takes more which is the first of its shape: the median of those tried."""
        more = [self._firsts[step] - float(np.mean(again)) for step, again in self._again.items()]
        return max(0.0, float(np.median(more))) if more else 0.0

    def hear(self, step: int, *, size: float, work: float, seconds: float, peak: int | None) -> None:
        """Hear of a step that was taken.

        Args:
            step: Which it was: each is taken for the first time, and again.
            size: Slots that were in memory together.
            work: What its time grows with.
            seconds: That it took.
            peak: The most memory so far.
        """
        if step in self._firsts:
            self.work.append(work)
            self.seconds.append(seconds)
            self._again.setdefault(step, []).append(seconds)
            return
        self._firsts[step] = seconds
        if peak is not None:
            self.peaks.append((size, peak))
            self.line = line_through(self.peaks, formula=self.formula)


def keeps_states(prepared: Prepared) -> bool:
    """Whether the encoder of a run, being frozen, runs once for all epochs."""
    training = prepared.settings.training
    stays = is_frozen(prepared.model.encoder) and not training.unfreeze
    return stays and training.epochs > 1 and Cache.at(prepared.settings.data.cache) is not None


def try_steps(prepared: Prepared, steps: Sequence[Step], sizes: Sizes, meter: Meter, *, formula: Line) -> Trial:
    """Take steps, the smallest first, as long as the next one may be expected to fit into memory; then again.

    Args:
        prepared: The run; its weights change.
        steps: From the smallest to the largest.
        sizes: Tells how large they are.
        meter: Measures memory.
        formula: How memory grows, by the formula.
    """
    trial, training = Trial(formula, formula), prepared.settings.training
    if training.unfreeze:
        free_layers(prepared.model.encoder, (training.epochs - 1) * training.unfreeze)
    known = _Known(prepared, steps) if keeps_states(prepared) else None
    guard = Guard(training, reporter=Reporter(), log=lambda *_event, **_values: None)
    order = _order(steps, trial, sizes, meter)
    taken: list[Step] = []

    def _given() -> Iterator[tuple[int, Step]]:
        for step in order:
            taken.append(step)
            yield 1, step

    reports = train_steps(
        prepared.model,
        prepared.examples,
        encoder=prepared.text_encoder,
        engine=prepared.engine,
        steps=_given(),
        losses=prepared.losses(),
        guard=guard,
        forward=known,
        balancing=prepared.balancing,
    )
    began = time.perf_counter()
    for number, _ in enumerate(reports):
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        seconds, step = time.perf_counter() - began, taken[-1]
        if number >= _WARM_UP:
            size, work = sizes.at_once(step), sizes.work(step)
            trial.hear(id(step), size=size, work=work, seconds=seconds, peak=meter.peak())
        began = time.perf_counter()
    trial.ran_out = guard.token_budget if guard.token_budget != training.token_budget else None
    return trial


def _order(steps: Sequence[Step], trial: Trial, sizes: Sizes, meter: Meter) -> Iterator[Step]:
    """Yield steps in the order in which they are tried: to warm up, from the smallest to the largest, and mixed."""
    fitting: list[Step] = []
    for step in steps:
        room = meter.room()
        if not fits(trial.line.at(sizes.at_once(step)), room):
            trial.left_out = sizes.at_once(steps[-1])
            break
        if not fitting:
            yield from [step] * _WARM_UP
        fitting.append(step)
        yield step
    random = np.random.default_rng(0)
    for number in range(_MOST_ROUNDS):
        if number >= _FEWEST_ROUNDS and sum(trial.seconds) > _SECONDS:
            break
        yield from (fitting[at] for at in random.permutation(len(fitting)).tolist())


class _Known(Forward):
    """Runs heads on states that a frozen encoder gave, which it does before anything is timed."""

    def __init__(self, prepared: Prepared, steps: Sequence[Step]) -> None:
        self._prepared = prepared
        self._states: dict[bytes, Inputs] = {}
        prepared.model.encoder.eval()
        for step in steps:
            for sub_batch in step:
                self._states[sub_batch.rows.tobytes()] = states_of(prepared, sub_batch.rows)

    def inputs(self, rows: Indices) -> Inputs:
        """Return the states of rows."""
        return self._states[rows.tobytes()]

    def __call__(self, inputs: Inputs, *, tasks: Collection[str]) -> dict[str, Tensor]:
        """Return, by task, the logits of the rows."""
        return self._prepared.model.run_heads(*inputs, tasks=tasks)


def states_of(prepared: Prepared, rows: Indices) -> Inputs:
    """Return what a frozen encoder says of rows, and where there is no padding."""
    batch = collate([prepared.examples[row].row for row in rows], prepared.text_encoder)
    ids, mask, types = tensors_of(batch, prepared.model.device())
    with torch.no_grad(), prepared.engine.autocast():
        states = prepared.model.states(ids, mask, types, adapter=adapter_of(prepared))
    mixes = any(prepared.model.specs[task.name].layers == "mix" for task in prepared.data.tasks)
    return list(states) if mixes else [states[-1]], mask


def time_of_states(prepared: Prepared, steps: Sequence[Step], sizes: Sizes, *, tokens: int) -> Estimate:
    """Return the time in which a frozen encoder gives the states of all rows.

    Args:
        prepared: The run.
        steps: What it is tried on.
        sizes: Tells how large they are.
        tokens: Pieces of all rows.
    """
    rates = []
    for at, step in enumerate([steps[0], *steps]):
        began = time.perf_counter()
        for sub_batch in step:
            states_of(prepared, sub_batch.rows)
        if at:  # the first warms up
            rates.append((time.perf_counter() - began) / sum(int(own.sum()) for own in sizes.lengths(step)))
    return mean_of(rates).times(tokens)


def time_of_dev(prepared: Prepared) -> Estimate:
    """Return the time in which dev is scored once, by a part of it that is spread over its lengths."""
    dev = prepared.data.dev
    predictor = Predictor(
        tasks=prepared.data.tasks, text_encoder=prepared.text_encoder, runtime=TorchRuntime(prepared.model)
    )
    lengths = np.fromiter((_characters(record) for record in dev), dtype=np.int64, count=len(dev))
    places = np.argsort(lengths, kind="stable")[:: max(1, len(dev) // _DEV_RECORDS)]
    tune_and_evaluate(predictor, [dev[int(at)] for at in places[:: max(1, len(places) // _WARMED_BY)]])
    rates = []
    for part in (places, places[::2]) if len(places) < len(dev) else (places,):
        began = time.perf_counter()
        tune_and_evaluate(predictor, [dev[int(at)] for at in part])
        rates.append((time.perf_counter() - began) / int(lengths[part].sum()))
    found = Estimate(rates[0], min(rates), max(rates)).times(int(lengths.sum()))
    around = measured(found.seconds)
    return Estimate(found.seconds, min(found.low, around.low), max(found.high, around.high))


def _characters(record: Record) -> int:
    return len(record.text) + len(record.second or "")


def time_of_saving(prepared: Prepared) -> Estimate:
    """Return the time in which the weights are written, flushed and read again for their checksum."""
    with tempfile.TemporaryDirectory() as folder:
        path, began = Path(folder) / "weights.safetensors", time.perf_counter()
        save_weights(prepared.model, path)
        with path.open("rb") as file:
            os.fsync(file.fileno())
            hashlib.file_digest(file, "sha256")
        return measured(time.perf_counter() - began)
