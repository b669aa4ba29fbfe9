"""The figures of real predictions are those that other libraries compute from what `predict` answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nervaluate import Evaluator
from seqeval.metrics import classification_report as entity_report
from seqeval.scheme import IOB2
from sklearn.metrics import classification_report

import polyhead
from polyhead.inference import Result
from tests.end_to_end.test_real_data import needs_minilm, repaired

pytestmark = [pytest.mark.slow, needs_minilm]

SNIPS = {"intent": {"kind": "single_label", "field": "label"}, "slots": {"kind": "tagging", "field": "ner_tags"}}
HOTELS = {
    "intents": {"kind": "multi_label", "field": "label", "separator": "#"},
    "slots": {"kind": "tagging", "field": "ner_tags", "decoder": "crf"},
}
WNUT17 = {"entities": {"kind": "tagging", "field": "ner_tags"}}


@pytest.fixture
def part_of(real_data: Path, tmp_path: Path) -> Callable[[str, int], Path]:
    def _part(name: str, count: int) -> Path:
        path = tmp_path / name.replace("/", "-")
        with (real_data / name).open(encoding="utf-8") as file:
            path.write_text("".join(islice(file, count)), encoding="utf-8")
        return path

    return _part


@pytest.mark.parametrize(
    ("name", "tasks", "rows", "epochs"),
    [("snips", SNIPS, 3000, 1), ("wnut17", WNUT17, 1500, 1), ("nlupp_hotels", HOTELS, 914, 4)],
)
def test_the_figures_are_those_of_other_libraries(
    part_of: Callable[[str, int], Path], tmp_path: Path, name: str, tasks: dict[str, Any], rows: int, epochs: int
) -> None:
    test = part_of(f"{name}/test.jsonl", 400)
    config = tmp_path / "run.toml"
    sections = "".join(
        f"[tasks.{task}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in own.items())
        for task, own in tasks.items()
    )
    config.write_text(f"[data]\ntrain = [{json.dumps(str(part_of(f'{name}/train.jsonl', rows)))}]\n{sections}")
    run = polyhead.train(config=config, encoder="minilm", epochs=epochs, output=tmp_path / "run")
    scores = polyhead.evaluate(run.folder, test)["tasks"]
    records = [json.loads(line) for line in test.read_text(encoding="utf-8").splitlines()]
    answers = polyhead.Predictor.load(run.folder)([record["sentence"] for record in records])
    for task, own in tasks.items():
        pairs = [
            (record[own["field"]], answer)
            for record, answer in zip(records, answers, strict=True)
            if own["field"] in record
        ]
        assert scores[task]["records"] == len(pairs)
        CHECKS[own["kind"]](scores[task], task, pairs)


def check_classes(scores: dict[str, Any], task: str, pairs: list[tuple[str, Result]]) -> None:
    golds, found = [gold for gold, _ in pairs], [answer.predictions[task].label for _, answer in pairs]
    report = classification_report(golds, found, output_dict=True, zero_division=0)
    assert scores["accuracy"] == pytest.approx(report["accuracy"])
    assert scores["macro_f1"] == pytest.approx(report["macro avg"]["f1-score"])
    assert scores["weighted_f1"] == pytest.approx(report["weighted avg"]["f1-score"])
    for row in scores["per_class"]:
        theirs = report[row["label"]]
        assert (row["precision"], row["recall"], row["f1"]) == pytest.approx(
            (theirs["precision"], theirs["recall"], theirs["f1-score"])
        )


def check_label_sets(scores: dict[str, Any], task: str, pairs: list[tuple[str, Result]]) -> None:
    golds = [set(gold.split("#")) for gold, _ in pairs]
    found = [set(answer.predictions[task].labels) for _, answer in pairs]
    labels = sorted(set().union(*golds, *found))
    gold, answer = (np.array([[label in own for label in labels] for own in sides]) for sides in (golds, found))
    report = classification_report(gold, answer, target_names=labels, output_dict=True, zero_division=0)
    micro = report["micro avg"]
    assert (scores["micro_precision"], scores["micro_recall"], scores["micro_f1"]) == pytest.approx(
        (micro["precision"], micro["recall"], micro["f1-score"])
    )
    assert scores["macro_f1"] == pytest.approx(report["macro avg"]["f1-score"])
    assert scores["weighted_f1"] == pytest.approx(report["weighted avg"]["f1-score"])
    assert scores["accuracy"] == pytest.approx((gold == answer).all(axis=1).mean())


def check_entities(scores: dict[str, Any], task: str, pairs: list[tuple[list[str], Result]]) -> None:
    golds = [repaired(gold) for gold, _ in pairs]
    found = [list(answer.predictions[task].tags) for _, answer in pairs]
    report = entity_report(golds, found, mode="strict", scheme=IOB2, output_dict=True, zero_division=0)
    micro = report["micro avg"]
    assert (scores["precision"], scores["recall"], scores["f1"]) == pytest.approx(
        (micro["precision"], micro["recall"], micro["f1-score"])
    )
    for label, row in scores["per_type"].items():
        assert (row["f1"], row["support"]) == pytest.approx((report[label]["f1-score"], report[label]["support"]))
    types = list(scores["per_type"])
    wanted = Evaluator(golds, found, tags=types, loader="list").evaluate()["overall"]
    for scheme, ours in scores["matching"].items():
        theirs = wanted[scheme]
        assert (ours["correct"], ours["incorrect"], ours["partial"], ours["missed"], ours["spurious"]) == (
            (theirs.correct, theirs.incorrect, theirs.partial, theirs.missed, theirs.spurious)
        )
        assert ours["f1"] == pytest.approx(theirs.f1)


CHECKS = {"single_label": check_classes, "multi_label": check_label_sets, "tagging": check_entities}
