"""Teachers: trained models whose answers a new one learns to give (Hinton et al. 2015)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from polyhead.errors import SettingsError, name_the_known
from polyhead.formats import Limits, read_texts
from polyhead.inference import Predictor
from polyhead.records import Record, Text
from polyhead.settings import RunSettings
from polyhead.tasks import Task
from polyhead.training.data import DataSet, TrainingData

Soft = dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Teachers:
    """What teaches a run; nothing, where no model is named.

    Attributes:
        predictors: The models.
        tasks: The student's tasks that one of them has.
        sets: Further texts for them to answer.
    """

    predictors: tuple[Predictor, ...]
    tasks: tuple[Task, ...]
    sets: tuple[DataSet, ...]

    def answer(self, sets: Sequence[DataSet]) -> dict[Text, Soft]:
        """Return, by text, what the teachers hold probable: their mean for each task."""
        if not self.predictors:
            return {}
        texts = list(dict.fromkeys(record.texts for own in sets for record in own.train))
        sums: list[Soft] = [{} for _ in texts]
        counts = {task.name: 0 for task in self.tasks}
        for predictor in self.predictors:
            own = [(task, teacher) for task in self.tasks for teacher in predictor.tasks if teacher.name == task.name]
            for task, _ in own:
                counts[task.name] += 1
            for summed, reading in zip(sums, predictor.read(texts), strict=True):
                for task, teacher in own:
                    soft = teacher.soften(reading.logits[task.name], reading.encoded)[..., _order(task, teacher)]
                    summed[task.name] = _sum(summed.get(task.name), soft, task, reading.encoded.text)
        return {
            text: {name: (soft / counts[name]).astype(np.float32) for name, soft in summed.items()}
            for text, summed in zip(texts, sums, strict=True)
        }

    def fact(self) -> str | None:
        """Return a line on what teaches."""
        if not self.predictors:
            return None
        names = ", ".join(task.name for task in self.tasks)
        more = sum(len(own.train) for own in self.sets)
        return f"{len(self.predictors)} models teach {names}" + (f", on {more:,} further texts" if more else "")


def teachers_of(run: RunSettings, data: TrainingData, tokenizer_json: str) -> Teachers:
    """Load the teachers and their texts.

    Args:
        run: Models, texts, and the fields that texts stand in.
        data: The student's data and tasks.
        tokenizer_json: The student's tokenizer.

    Raises:
        SettingsError: If a teacher has no task of the student's, or another kind or other labels for one.
        BundleError: If a model cannot be opened.
        DataError: If further texts cannot be read.
    """
    settings = run.teacher
    if settings.data and not settings.models:
        raise SettingsError("teacher.data: texts for teachers, but no teacher; name some in teacher.models")
    predictors = []
    for path in settings.models:
        predictor = Predictor.load(path)
        shared = [(task, teacher) for task in data.tasks for teacher in predictor.tasks if teacher.name == task.name]
        if not shared:
            known = name_the_known("", [teacher.name for teacher in predictor.tasks])
            names = ", ".join(repr(task.name) for task in data.tasks)
            raise SettingsError(f"teacher.models: {path} has none of the tasks {names}; {known}")
        for task, teacher in shared:
            _check(task, teacher, path)
            _check_pieces(task, predictor, tokenizer_json, path)
        predictors.append(predictor)
    taught = {teacher.name for predictor in predictors for teacher in predictor.tasks}
    fields = [(own.text_field, own.second_field) for own in run.data.all_sets().values()]
    limits = replace(Limits.agreed(run.data.max_characters, fields), second_optional=True)
    texts = [text for path in settings.data for text in read_texts(path, limits)]
    records = [Record(text) if isinstance(text, str) else Record(text[0], second=text[1]) for text in texts]
    sets = (DataSet("[teacher]", 1.0, records, [], False),) if records else ()
    return Teachers(tuple(predictors), tuple(task for task in data.tasks if task.name in taught), sets)


def _check(task: Task, teacher: Task, path: Path) -> None:
    where = f"teacher.models: {path}"
    if teacher.kind != task.kind:
        raise SettingsError(f"{where}: its task {task.name!r} is of the kind {teacher.kind}, ours is {task.kind}")
    ours, theirs = task.outputs(), teacher.outputs()
    if set(ours) != set(theirs):
        only = sorted(set(map(str, ours)) ^ set(map(str, theirs)))
        raise SettingsError(
            f"{where}: its task {task.name!r} knows other labels than ours; only one of them has: {', '.join(only[:8])}"
        )
    if task.head().unit != teacher.head().unit:
        raise SettingsError(f"{where}: its task {task.name!r} labels other units; set tasks.{task.name}.unit likewise")


def _check_pieces(task: Task, predictor: Predictor, tokenizer_json: str, path: Path) -> None:
    """See that a teacher of spans counts their width in the same pieces."""
    if task.head().reads == "span" and predictor.bundle and predictor.bundle.tokenizer_json != tokenizer_json:
        raise SettingsError(
            f"teacher.models: {path}: its task {task.name!r} counts the width of spans in pieces of another tokenizer; "
            f"take a teacher with the student's tokenizer"
        )


def _order(task: Task, teacher: Task) -> list[int]:
    """Return, for each of the student's outputs, its place among the teacher's."""
    places = {output: at for at, output in enumerate(teacher.outputs())}
    return [places[output] for output in task.outputs()]


def _sum(before: NDArray[np.float32] | None, soft: NDArray[np.float32], task: Task, text: str) -> NDArray[np.float32]:
    if before is None:
        return soft
    if before.shape != soft.shape:
        raise SettingsError(
            f"teacher.models: two teachers of {task.name!r} find {len(before)} and {len(soft)} units in {text[:60]!r}; "
            f"take teachers with the same tokenizer, or the unit 'whitespace'"
        )
    return before + soft
