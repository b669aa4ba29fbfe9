"""Which epoch is the best, when a head stops, when the run does."""

from __future__ import annotations

from typing import Any

import pytest

from polyhead.evaluation import Criterion, mean_score
from polyhead.labels import LabelSet
from polyhead.settings import TaskSettings
from polyhead.tasks import SingleLabel, Tagging
from polyhead.training import EpochReport
from polyhead.training.choosing import best_of, criteria_of, heads_that_stop, run_is_over, since_best
from tests.training.conftest import settings_with

TOPIC = SingleLabel("topic", "label", 1.0, SingleLabel.Options(), LabelSet(("a", "b")))
NER = Tagging("ner", "ner_tags", 1.0, Tagging.Options(), LabelSet(("LOC",)))


def report_of(epoch: int, dev: dict[str, Any] | None, score: float | None) -> EpochReport:
    return EpochReport(
        epoch=epoch,
        folder=f"epoch-{epoch}",
        losses={},
        dev=dev,
        score=score,
        seconds=1.0,
        rows_per_second=1.0,
        tokens_per_second=1.0,
        metrics={},
    )


def epochs_of(*scores: float | None, **figures: list[float | None]) -> list[EpochReport]:
    """Epochs with these scores, or with these figures (all called ``f1``) of tasks."""
    tasks = [{"tasks": {name: {"f1": values[at]} for name, values in figures.items()}} for at in range(len(scores))]
    return [report_of(at + 1, dev, score) for at, (dev, score) in enumerate(zip(tasks, scores, strict=True))]


@pytest.mark.parametrize(
    ("scores", "best"),
    [((0.3, 0.9, 0.5), 2), ((0.9, 0.9, 0.1), 1), ((0.0, 0.0, 0.2), 3), ((-0.5, -0.2), 2), ((None, 0.1, None), 2)],
)
def test_the_best_epoch_is_the_first_with_the_highest_score(scores: tuple[float | None, ...], best: int) -> None:
    found = best_of(epochs_of(*scores))
    assert found is not None
    assert found.epoch == best


@pytest.mark.parametrize("scores", [(), (None,), (None, None)])
def test_without_scores_no_epoch_is_the_best(scores: tuple[None, ...]) -> None:
    assert best_of(epochs_of(*scores)) is None


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ([], 0),
        ([0.5], 0),
        ([0.5, 0.6], 0),
        ([0.5, 0.4], 1),
        ([0.5, 0.5], 1),
        ([0.5, 0.5, 0.5], 2),
        ([0.1, 0.9, 0.3, 0.8], 2),
        ([0.9, 0.1, 0.95, 0.1], 1),
        ([0.0, 0.0], 1),
        ([-3.0, -2.0, -4.0], 1),
        ([None, None], 0),
        ([0.5, None], 1),
        ([None, 0.5], 0),
    ],
)
def test_epochs_are_counted_since_the_highest_value(values: list[float | None], wanted: int) -> None:
    assert since_best(values) == wanted


@pytest.mark.parametrize(
    ("patience", "scores", "over"),
    [
        (None, (0.9, 0.1, 0.1, 0.1), False),
        (1, (0.5,), False),
        (1, (0.5, 0.6), False),
        (1, (0.5, 0.5), True),
        (2, (0.5, 0.4), False),
        (2, (0.5, 0.4, 0.3), True),
        (2, (0.5, 0.4, 0.6), False),
        (1, (None, None, None), False),
    ],
)
def test_a_run_is_over_when_its_patience_is(patience: int | None, scores: tuple[float | None, ...], over: bool) -> None:
    assert run_is_over(epochs_of(*scores), patience) is over


F1 = Criterion("f1", 1.0)


def impatient(**patience: int | None) -> dict[str, TaskSettings]:
    return {name: TaskSettings(kind="tagging", field="f", patience=epochs) for name, epochs in patience.items()}


def test_a_head_stops_by_its_own_figure_and_patience() -> None:
    epochs = epochs_of(0.1, 0.2, 0.3, fallen=[0.9, 0.8, 0.7], risen=[0.1, 0.2, 0.3], calm=[0.9, 0.8, 0.7])
    criteria = dict.fromkeys(("fallen", "risen", "calm"), F1)
    assert heads_that_stop(epochs, criteria, impatient(fallen=2, risen=1, calm=3)) == {"fallen"}
    assert heads_that_stop(epochs[:2], criteria, impatient(fallen=2, risen=1, calm=3)) == set()
    assert heads_that_stop(epochs, criteria, impatient(fallen=None, risen=None, calm=None)) == set()


def test_a_head_is_judged_by_the_figure_that_was_chosen() -> None:
    both = [{"f1": 0.5, "recall": 0.5}, {"f1": 0.4, "recall": 0.6}]
    epochs = [report_of(at, {"tasks": {"ner": own}}, 0.5) for at, own in enumerate(both, start=1)]
    assert heads_that_stop(epochs, {"ner": F1}, impatient(ner=1)) == {"ner"}
    assert heads_that_stop(epochs, {"ner": Criterion("recall", 1.0)}, impatient(ner=1)) == set()


def test_a_head_without_figures_does_not_stop() -> None:
    unknown = epochs_of(0.1, 0.2, 0.3, ner=[None, None, None])
    assert heads_that_stop(unknown, {"ner": F1}, impatient(ner=1)) == set()
    no_dev = [report_of(at, None, None) for at in (1, 2, 3)]
    assert heads_that_stop(no_dev, {"ner": F1}, impatient(ner=1)) == set()


def test_what_counts_is_the_main_figure_of_the_kind_unless_another_is_chosen() -> None:
    assert criteria_of((TOPIC, NER), settings_with()) == {
        "topic": Criterion("accuracy", 1.0),
        "ner": Criterion("f1", 1.0),
    }
    tasks = {
        "topic": {"kind": "single_label", "field": "label", "metric": "macro_f1"},
        "ner": {"kind": "tagging", "field": "ner_tags", "score_weight": 0.5},
    }
    assert criteria_of((TOPIC, NER), settings_with(tasks=tasks)) == {
        "topic": Criterion("macro_f1", 1.0),
        "ner": Criterion("f1", 0.5),
    }


def score_of(figures: dict[str, float | None], **weights: float) -> float | None:
    scores: dict[str, Any] = {"tasks": {name: {"f1": figure, "other": 0.123} for name, figure in figures.items()}}
    return mean_score(scores, {name: Criterion("f1", weight) for name, weight in weights.items()})


def test_the_score_is_the_weighted_mean_of_the_figures() -> None:
    assert score_of({"a": 0.2, "b": 0.8}, a=1.0, b=1.0) == pytest.approx(0.5)
    assert score_of({"a": 0.2, "b": 0.8}, a=3.0, b=1.0) == pytest.approx(0.35)
    assert score_of({"a": 0.2, "b": 0.8}, a=0.3, b=0.1) == pytest.approx(0.35)


def test_a_task_without_weight_or_figure_has_no_part_in_the_score() -> None:
    assert score_of({"a": 0.2, "b": 0.8}, a=0.0, b=2.0) == pytest.approx(0.8)
    assert score_of({"a": None, "b": 0.8}, a=5.0, b=2.0) == pytest.approx(0.8)
    assert score_of({"a": 0.0, "b": 0.8}, a=1.0, b=1.0) == pytest.approx(0.4), "nothing found is a figure"


def test_there_may_be_no_score() -> None:
    assert score_of({"a": None, "b": None}, a=1.0, b=1.0) is None
    assert score_of({"a": 0.5}, a=0.0) is None
    assert score_of({}) is None


def test_figures_may_be_below_zero() -> None:
    assert score_of({"a": -0.5, "b": 0.1}, a=1.0, b=1.0) == pytest.approx(-0.2)
