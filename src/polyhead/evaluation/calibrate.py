"""Confidences that can be trusted: a temperature for each head, fitted on dev data (Guo et al. 2017)."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyhead.bundle import Bundle, write_folder
from polyhead.encoding import Encoded
from polyhead.errors import MissingExtraError, SettingsError
from polyhead.evaluation.evaluate import ToScore, annotated_records, tasks_to_score
from polyhead.inference import Predictor, open_model
from polyhead.metrics.confidence import ConfidenceScorer
from polyhead.notices import Notices
from polyhead.tasks import Task, task_state
from polyhead.tasks.doubts import truth

_LOWEST, _HIGHEST = 0.1, 10.0
"""Temperatures that are tried."""
_LEAST = 1e-12
"""A probability of 0 has no logarithm."""


@dataclass(frozen=True)
class _Example:
    gold: Any
    logits: NDArray[np.float32]
    encoded: Encoded
    target: NDArray[Any]


def calibrate(
    model: str | Path,
    data: str | Path,
    output: str | Path,
    *,
    tasks: Mapping[str, str | None] | Sequence[str] = (),
    notices: Notices | None = None,
    on_batch: Callable[[int], None] | None = None,
) -> dict[str, Any]:
    """Fit a temperature for each head, and write the model anew with them.

    Logits are divided by the temperature, which makes a model that is too sure (above 1) or not sure enough (below 1)
    as sure as it is right. It is the one at which the data's annotations are most probable. What is most probable
    stays so: no answer changes, except where a text is cut into windows, and where thresholds are tuned, which are
    chosen again.

    Args:
        model: A bundle, or the output folder of a run.
        data: Dev data, which the model has not been trained on.
        output: The new bundle's folder; it must not be there yet.
        tasks: The tasks to calibrate, all where not given; as a mapping, with the field that a task reads in this file.
            The others keep the temperature they have.
        notices: Hears of what is odd in the data but usable.
        on_batch: Called with the number of records done since the last call.

    Returns:
        ``{"folder": path, "tasks": {name: {"records": n, "temperature": t, "before": {"loss",
        "expected_calibration_error"}, "after": {...}}}}`` for the tasks that the data annotate and that answer with
        probabilities.

    Raises:
        BundleError: If the model cannot be opened.
        SettingsError: If the output is there already, the model is no folder, it has no task of a name, it is not plain
            which of two tasks the data are for, or no task can be calibrated.
        DataError: If the data cannot be read, or carry no annotation of any of the tasks.
    """
    bundle, folder = open_model(model), Path(output)
    if folder.exists():
        raise SettingsError(f"--output: {folder} is there already; name a new folder")
    if bundle.exported is not None:
        raise SettingsError(f"{model} was exported; calibrate the bundle that it was made from, and export that anew")
    if not isinstance(bundle.weights, Path):
        raise SettingsError(f"{model} is a single file; calibrate the bundle, which is a folder")
    plain = Predictor.load(model).with_temperatures({})
    examples = _examples(plain, data, tasks_to_score(plain, tasks), notices or Notices(), on_batch)
    fitted = {task.name: _fitted(plain, task, examples[task.name]) for task in plain.tasks if examples[task.name]}
    if not fitted:
        raise SettingsError("no task of the model both has annotations in the data and answers with probabilities")
    temperatures = {**bundle.about.temperatures, **{name: own["temperature"] for name, own in fitted.items()}}
    _write(bundle, folder, plain.with_temperatures(temperatures), temperatures, examples)
    return {"folder": str(folder), "tasks": fitted}


def _examples(
    predictor: Predictor,
    data: str | Path,
    to_score: ToScore,
    notices: Notices,
    on_batch: Callable[[int], None] | None,
) -> dict[str, list[_Example]]:
    """Return, by task, the records that say something of how sure it should be."""
    found: dict[str, list[_Example]] = {task.name: [] for task in predictor.tasks}
    predictor = predictor.with_tasks([task for task in predictor.tasks if task.name in to_score.fields])
    records = [record for record in annotated_records(predictor, data, to_score, notices) if record.annotations]
    readings = predictor.read([record.texts for record in records], on_batch=on_batch)
    for record, reading in zip(records, readings, strict=True):
        for task in predictor.tasks:
            gold = record.annotations.get(task.name)
            if gold is not None and not task.head().is_number and task.knows(gold):
                target = task.encode(gold, reading.encoded)
                found[task.name].append(_Example(gold, reading.logits[task.name], reading.encoded, target))
    return found


def _fitted(plain: Predictor, task: Task, examples: Sequence[_Example]) -> dict[str, Any]:
    try:
        from scipy.optimize import minimize_scalar
    except ImportError as error:
        raise MissingExtraError("calibration", "train") from error

    def loss(log_temperature: float) -> float:
        return _loss(*_at(plain, task, examples, float(np.exp(log_temperature))))

    bounds = (float(np.log(_LOWEST)), float(np.log(_HIGHEST)))
    best = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 0.01})
    temperature = round(float(np.exp(best.x)), 4)
    return {
        "records": len(examples),
        "temperature": temperature,
        "before": _figures(*_at(plain, task, examples, 1.0)),
        "after": _figures(*_at(plain, task, examples, temperature)),
    }


def _at(
    plain: Predictor, task: Task, examples: Sequence[_Example], temperature: float
) -> tuple[Task, list[NDArray[np.float32]], Sequence[_Example]]:
    """Return the task and its logits at a temperature."""
    (warm,) = (own for own in plain.with_temperatures({task.name: temperature}).tasks if own.name == task.name)
    return warm, [example.logits / np.float32(temperature) for example in examples], examples


def _loss(task: Task, logits: Sequence[NDArray[np.float32]], examples: Sequence[_Example]) -> float:
    """Return how improbable the annotations are held: the mean negative log-likelihood."""
    probable = [
        truth(task.soften(own, example.encoded), example.target, is_class=not task.head().target)
        for own, example in zip(logits, examples, strict=True)
    ]
    return float(-np.log(np.maximum(np.concatenate(probable).astype(np.float64), _LEAST)).mean())


def _figures(task: Task, logits: Sequence[NDArray[np.float32]], examples: Sequence[_Example]) -> dict[str, Any]:
    scorer = ConfidenceScorer()
    for own, example in zip(logits, examples, strict=True):
        scorer.add(task.confidences(example.gold, task.decode(own, example.encoded)))
    scores = scorer.scores()
    error = scores["expected_calibration_error"] if scores else None
    return {"loss": _loss(task, logits, examples), "expected_calibration_error": error}


def _write(
    bundle: Bundle,
    folder: Path,
    warm: Predictor,
    temperatures: dict[str, float],
    examples: dict[str, list[_Example]],
) -> None:
    tasks = []
    for task in warm.tasks:
        own, temperature = examples[task.name], np.float32(temperatures.get(task.name, 1.0))
        logits = [example.logits / temperature for example in own]
        golds, encoded = [example.gold for example in own], [example.encoded for example in own]
        tasks.append(task_state(task.tune(golds, logits, encoded) if own else task))
    write_folder(
        folder,
        about=bundle.about.model_copy(update={"tasks": tuple(tasks), "temperatures": temperatures}),
        config_json=bundle.config_json,
        tokenizer_json=bundle.tokenizer_json,
        write_weights=lambda path: _copy(bundle, path),
    )


def _copy(bundle: Bundle, path: Path) -> None:
    shutil.copyfile(str(bundle.weights), path)
    if bundle.adapters is not None:
        shutil.copyfile(bundle.adapters, path.with_name(bundle.adapters.name))
