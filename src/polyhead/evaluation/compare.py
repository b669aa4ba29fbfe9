"""Two models on the same records: which is better, and what changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from polyhead.errors import SettingsError, name_the_known
from polyhead.evaluation.evaluate import ToScore, annotated_records, tasks_to_score
from polyhead.evaluation.intervals import RESAMPLES, interval_of_difference
from polyhead.evaluation.scoring import FRAME, Scoring, answered
from polyhead.inference import Predictor
from polyhead.metrics import Scorer
from polyhead.notices import Notices
from polyhead.records import Record
from polyhead.tasks import Prediction, Task

Verdict = Literal["better", "worse", "higher", "lower", "no difference shown"]
"""Of the second model against the first. Of figures in units of the data nobody knows which is better, high or low."""

Answers = Mapping[str, Prediction]


def compare(
    first: str | Path | Predictor,
    second: str | Path | Predictor,
    data: str | Path,
    *,
    tasks: Mapping[str, str | None] | Sequence[str] = (),
    resamples: int = RESAMPLES,
    seed: int = 0,
    notices: Notices | None = None,
    on_batch: Callable[[int], None] | None = None,
) -> dict[str, Any]:
    """Score two models on the same records, and say of each figure whether they differ.

    Each difference comes with a paired 95 % bootstrap interval: both models are scored on the same samples of records,
    so that what makes records hard for both does not count. A figure is better or worse where the interval leaves out
    0. Of twenty figures that do not differ, one will seem to.

    Args:
        first: A bundle, the output folder of a run, a ``.pt`` file, or a loaded predictor: what is compared with.
        second: The same: what is judged.
        data: A data file with the fields that the models' tasks read.
        tasks: The tasks to compare, those that both have where not given; as a mapping, with the field that a task
            reads.
        resamples: Samples of the records that intervals are computed from; at least 1.
        seed: What the samples are drawn by.
        notices: Hears of what is odd in the data but usable.
        on_batch: Called with the number of records done since the last call.

    Returns:
        ``{"records": n, "frame_accuracy": difference, "tasks": {name: {"records": n, "main": figure, "figures":
        {figure: difference}, "better": k, "worse": k}}, "changed": [...]}``. A difference is ``{"first", "second",
        "difference", "interval", "in_units", "verdict"}``. What changed has source, text, task, gold, both answers, and
        whether it is better (became right) or worse.

    Raises:
        BundleError: If a model cannot be opened.
        SettingsError: If the models have no task in common, or not one that was named.
        DataError: If the data cannot be read, or carry no annotation of any of the tasks.
    """
    one, other = (model if isinstance(model, Predictor) else Predictor.load(model) for model in (first, second))
    to_score = _to_score(one, other, tasks)
    one, other = (model.with_tasks([_named(model, name) for name in to_score.fields]) for model in (one, other))
    records = annotated_records(one, data, to_score, notices or Notices())
    scorings = Scoring(one.tasks), Scoring(other.tasks)
    changed: list[dict[str, Any]] = []
    for record, answers in answered([one, other], scorings[0].annotated_of(records), on_batch=on_batch):
        for scoring, own in zip(scorings, answers, strict=True):
            scoring.add(record.annotations, own)
        changed += _changes(one.tasks, record, *answers)
    return _compared(*scorings, changed, resamples=resamples, seed=seed)


def _to_score(one: Predictor, other: Predictor, wanted: Mapping[str, str | None] | Sequence[str]) -> ToScore:
    """Find out which tasks, that both models have, a file is for."""
    kinds = {task.name: task.kind for task in other.tasks}
    shared = [task for task in one.tasks if task.name in kinds and (task.name in wanted or not wanted)]
    for name in wanted:
        for which, model in (("first", one), ("second", other)):
            known = [task.name for task in model.tasks]
            if name not in known:
                raise SettingsError(f"--task: the {which} model has no task {name!r}; {name_the_known(name, known)}")
    if not shared:
        names = ", ".join(repr(task.name) for task in one.tasks)
        raise SettingsError(f"the models have no task in common: {names} against {', '.join(map(repr, kinds))}")
    for task in shared:
        if kinds[task.name] != task.kind:
            raise SettingsError(
                f"the task {task.name!r} is {task.kind} in the first model and {kinds[task.name]} in the second: they "
                f"cannot be compared; name others with --task"
            )
    return tasks_to_score(one.with_tasks(shared), wanted)


def _named(model: Predictor, name: str) -> Task:
    return next(task for task in model.tasks if task.name == name)


def _changes(tasks: Sequence[Task], record: Record, one: Answers, other: Answers) -> Iterator[dict[str, Any]]:
    """Find the answers that became right or wrong."""
    for task in tasks:
        if task.name not in record.annotations:
            continue
        gold = record.annotations[task.name]
        was, is_now = (task.is_right(gold, answers[task.name]) for answers in (one, other))
        if was != is_now:
            yield {
                "task": task.name,
                "change": "better" if is_now else "worse",
                "source": str(record.source) if record.source else None,
                "text": record.text,
                **({} if record.second is None else {"second_text": record.second}),
                "gold": task.in_words(gold, record.text),
                "first": one[task.name].in_words(record.text),
                "second": other[task.name].in_words(record.text),
            }


def _compared(
    one: Scoring, other: Scoring, changed: list[dict[str, Any]], *, resamples: int, seed: int
) -> dict[str, Any]:
    draw = {"resamples": resamples, "seed": seed}
    tasks = {}
    for task in one.tasks:
        name, scorer = task.name, one.scorers[task.name]
        changes = [change["change"] for change in changed if change["task"] == name]
        tasks[name] = {
            "records": scorer.records,
            "main": task.metrics[0],
            "figures": _differences(scorer, other.scorers[name], **draw),
            "better": changes.count("better"),
            "worse": changes.count("worse"),
        }
    frames = _differences(one.frames, other.frames, **draw)[FRAME]
    return {"records": one.records, FRAME: frames, "tasks": tasks, "changed": changed}


def _differences(one: Scorer, other: Scorer, *, resamples: int, seed: int) -> dict[str, dict[str, Any]]:
    before, after = one.headline(), other.headline()
    amounts = one.scores().get("amounts", {})
    found = interval_of_difference(one, other, resamples=resamples, seed=seed)
    rows = {}
    for name, was in before.items():
        value, interval = after.get(name), found.get(name)
        rows[name] = {
            "first": was,
            "second": value,
            "difference": None if was is None or value is None else value - was,
            "interval": interval,
            "in_units": name in amounts,
            "verdict": _verdict(interval, ("lower", "higher") if name in amounts else ("worse", "better")),
        }
    return rows


def _verdict(interval: list[float] | None, words: tuple[Verdict, Verdict]) -> Verdict:
    if interval is None or interval[0] <= 0 <= interval[1]:
        return "no difference shown"
    return words[interval[0] > 0]


def got_worse(compared: Mapping[str, Any]) -> list[str]:
    """Name the main figures that are worse: each task's, and frame accuracy where there are several tasks."""
    rows = {f"{name} {task['main']}": task["figures"][task["main"]] for name, task in compared["tasks"].items()}
    if len(rows) > 1:
        rows[FRAME] = compared[FRAME]
    return [name.replace("_", " ") for name, row in rows.items() if row["verdict"] == "worse"]
