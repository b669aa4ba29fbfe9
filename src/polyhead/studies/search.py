"""Which labels are wrong? Each record is answered by a model that was trained without it."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polyhead.errors import SettingsError, name_the_known
from polyhead.inference import Predictor
from polyhead.records import Record
from polyhead.settings import RunSettings
from polyhead.studies.consistency import same_surfaces, same_texts
from polyhead.studies.issues import Finding, Reason, ranked
from polyhead.studies.runs import StudyReporter, discard, folds_of, load_for_study, train_on, whole, without
from polyhead.tasks import Task
from polyhead.tasks.doubts import Doubt
from polyhead.training import settings_of
from polyhead.training.data import TrainingData

FOLDS = 5
_EXTENT = 0.6
"""What a doubt about an entity's bounds, or its being one, counts beside one about its type: where entities end, and
what is one, is what annotators agree on least, so that a model that differs there shows a wrong label less often."""


def find_issues(
    config: str | Path | None = None,
    *,
    data: str | Path | Sequence[str | Path] | None = None,
    folds: int = FOLDS,
    tasks: Sequence[str] = (),
    reporter: StudyReporter | None = None,
    **settings: Any,
) -> dict[str, Any]:
    """Find annotations of the training data that may be wrong.

    The data are split into folds, and each fold is answered by a model that was trained on the others: where it holds
    another answer more probable than what is annotated, that is a finding (Northcutt et al. 2021 call the probability
    of the given label, of a model that has not seen it, self-confidence). Further findings need no model: the same
    text with different annotations, the same surface with different types, an entity's surface left untagged.

    Args:
        config: A settings file (TOML), as for `polyhead.train`.
        data: Files to look through; those of `config` where not given.
        folds: How many models are trained, 2 or more.
        tasks: The tasks whose annotations are judged; all where not given.
        reporter: Hears how the trainings go.
        **settings: As those of `polyhead.train`; fewer ``epochs`` often do.

    Returns:
        ``{"records": n, "folds": k, "tasks": {name: {"records": n, "issues": {reason: n}}}, "issues": [...]}``. Each
        issue has a ``score`` from 0 to 1, ``file`` and ``line``, ``task``, what is ``given`` and ``suggested``, where
        in the text it is if it is about a part (``start``, ``end``), the ``text``, and its ``reasons``; the highest
        score stands first.

    Raises:
        SettingsError: If a setting is unknown or out of range, or there is no such task.
        DataError: If the data cannot be used, or are too few for so many folds.
        EncoderError: If the encoder cannot be loaded.
    """
    own = settings_of(config, {"data.train": data}, settings)
    return label_issues(own, folds=folds, tasks=tasks, reporter=reporter or StudyReporter())


def label_issues(settings: RunSettings, *, folds: int, tasks: Sequence[str], reporter: StudyReporter) -> dict[str, Any]:
    """Find annotations that may be wrong; see `find_issues`.

    Args:
        settings: All settings.
        folds: How many models are trained.
        tasks: The tasks whose annotations are judged; all where there is none.
        reporter: Hears how the trainings go.
    """
    if folds < 2:
        raise SettingsError(f"--folds: must be 2 or more, found {folds}; each part is judged by models of the others")
    settings, data = load_for_study(settings, reporter)
    return _Search(settings, data, reporter).go(folds, _judged(data, tasks))


def _judged(data: TrainingData, names: Sequence[str]) -> list[Task]:
    known = {task.name: task for task in data.tasks}
    for name in names:
        if name not in known:
            raise SettingsError(f"--task: no task {name!r}; {name_the_known(name, known)}")
    return [task for task in data.tasks if not names or task.name in names]


@dataclass(frozen=True)
class _Search:
    settings: RunSettings
    data: TrainingData
    reporter: StudyReporter

    def go(self, folds: int, tasks: Sequence[Task]) -> dict[str, Any]:
        records = [record for own in self.data.sets for record in whole(own)]
        if len(records) < folds:
            raise SettingsError(f"--folds: {folds} folds of {len(records)} records; take fewer folds")
        findings = [
            finding for task in tasks for find in (same_texts, same_surfaces) for finding in find(records, task)
        ]
        names = {task.name for task in tasks}
        with tempfile.TemporaryDirectory(prefix="polyhead-folds-") as folder:
            findings += [own for own in self._disagreements(folds, Path(folder)) if own.task in names]
        issues = ranked(findings)
        return {
            "records": len(records),
            "folds": folds,
            "tasks": {task.name: _summary(task, records, [own.findings for own in issues]) for task in tasks},
            "issues": [issue.to_json(records) for issue in issues],
        }

    def _disagreements(self, folds: int, folder: Path) -> Iterator[Finding]:
        """Train a model without each fold, and yield where it disagrees with the fold."""
        seed = self.settings.training.seed
        parts = [folds_of(whole(own), self.data.tasks, folds, seed=seed) for own in self.data.sets]
        for fold in range(folds):
            self.reporter.begin(f"fold {fold + 1}", number=fold + 1, of=folds)
            left_out = [set(part[fold]) for part in parts]
            sets = [
                without(own, left, self.data.tasks, seed=seed)
                for own, left in zip(self.data.sets, left_out, strict=True)
            ]
            run = train_on(sets, self.data, self.settings, folder=folder / "run", seed=seed, reporter=self.reporter)
            predictor = Predictor.load(run.best)
            judged: Counter[str] = Counter()
            start = 0
            for own, left in zip(self.data.sets, left_out, strict=True):
                for finding in _against(predictor, whole(own), sorted(left), start):
                    judged[finding.task] += 1
                    yield finding
                start += len(whole(own))
            discard(run)
            self.reporter.finish(", ".join(f"{name}: {count:,} disagreements" for name, count in judged.items()))


def _against(predictor: Predictor, records: Sequence[Record], places: Sequence[int], start: int) -> Iterator[Finding]:
    """Yield what a model says against records that it was trained without.

    Args:
        predictor: The model.
        records: A data set.
        places: The records to judge.
        start: The place of the data set's first record among those of all sets.
    """
    readings = predictor.read([records[place].texts for place in places])
    for place, reading in zip(places, readings, strict=True):
        record = records[place]
        for task in predictor.tasks:
            if task.name not in record.annotations:
                continue
            gold, logits = record.annotations[task.name], reading.logits[task.name]
            if task.knows(gold):
                for doubt in task.doubts(gold, logits, reading.encoded):
                    yield _finding(start + place, task, doubt)
            else:
                answer = task.decode(logits, reading.encoded)
                wrong = [sure for sure, is_right in task.confidences(gold, answer) if not is_right]
                if wrong:
                    words = task.in_words(gold, record.text), answer.in_words(record.text)
                    yield Finding(start + place, task.name, "unknown label", max(wrong), *words)


def _finding(record: int, task: Task, doubt: Doubt) -> Finding:
    reason: Reason = "extent" if doubt.is_extent else "disagreement"
    weight = doubt.score * (_EXTENT if doubt.is_extent else 1.0)
    return Finding(record, task.name, reason, weight, doubt.given, doubt.suggested, doubt.span)


def _summary(task: Task, records: Sequence[Record], issues: Sequence[Sequence[Finding]]) -> Mapping[str, Any]:
    counts = Counter(
        reason for findings in issues if findings[0].task == task.name for reason in {own.reason for own in findings}
    )
    return {"records": sum(task.name in record.annotations for record in records), "issues": dict(counts)}
