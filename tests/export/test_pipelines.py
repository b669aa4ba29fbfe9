"""A task as a folder that transformers' `pipeline()` opens: its answers are ours."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import transformers

from polyhead import Predictor
from polyhead.errors import ExportError, SettingsError
from polyhead.export.pipelines import export_pipeline
from tests.conftest import RECORDS

TEXTS = [str(record["sentence"]) for record in RECORDS]
TASKS = {
    "topic": {"kind": "single_label", "field": "topic"},
    "slots": {"kind": "tagging", "field": "tags"},
    "pos": {"kind": "token_label", "field": "pos"},
    "themes": {"kind": "multi_label", "field": "themes"},
    "mean": {"kind": "single_label", "field": "topic", "pooling": "mean"},
    "mixed": {"kind": "token_label", "field": "pos", "layers": "mix"},
    "hidden": {"kind": "single_label", "field": "topic", "hidden": 8},
    "crf": {"kind": "tagging", "field": "tags", "decoder": "crf"},
}


def sentences(folder: Path) -> list[dict[str, float]]:
    found = transformers.pipeline("text-classification", model=str(folder), top_k=None)(TEXTS)
    return [{one["label"]: one["score"] for one in own} for own in found]


def pieces(folder: Path) -> list[list[tuple[int, str, float]]]:
    found = transformers.pipeline("token-classification", model=str(folder), ignore_labels=[])(TEXTS)
    return [
        [
            (one["start"], one["entity"], float(one["score"]))
            for one in own
            if text[one["start"] : one["end"]].strip()  # a piece that is a blank is no word's first
        ]
        for own, text in zip(found, TEXTS, strict=True)
    ]


def test_a_sentences_class_on_every_family(family: str, write_bundle: Callable[..., Path], tmp_path: Path) -> None:
    bundle = write_bundle(family, TASKS)
    if family == "modernbert":  # its head has a layer norm of its own
        with pytest.raises(ExportError, match="has a head of its own making, which cannot answer as ours does"):
            export_pipeline(bundle, tmp_path / "topic", task="topic")
        assert not (tmp_path / "topic").exists()
        return
    export_pipeline(bundle, tmp_path / "topic", task="topic")
    (task,) = (task for task in Predictor.load(bundle).tasks if task.name == "topic")
    answers = [result.predictions["topic"] for result in Predictor.load(bundle)(TEXTS)]
    for found, wanted in zip(sentences(tmp_path / "topic"), answers, strict=True):
        probabilities = dict(zip(map(str, task.outputs()), wanted.probabilities.tolist(), strict=True))
        assert found == pytest.approx(probabilities, abs=1e-4)


def test_tags_on_every_family(family: str, write_bundle: Callable[..., Path], tmp_path: Path) -> None:
    bundle = write_bundle(family, TASKS)
    if family == "modernbert":
        with pytest.raises(ExportError, match="has a head of its own making"):
            export_pipeline(bundle, tmp_path / "pos", task="pos")
        return
    export_pipeline(bundle, tmp_path / "pos", task="pos")
    answers = [result.predictions["pos"] for result in Predictor.load(bundle)(TEXTS)]
    for found, wanted in zip(pieces(tmp_path / "pos"), answers, strict=True):
        by_start: dict[int, tuple[str, float]] = {}
        for start, label, score in found:
            by_start.setdefault(start, (label, score))
        for start, label, score in zip(wanted.starts, wanted.labels, wanted.scores, strict=True):
            # A byte-level piece begins with the blank before its word.
            label_found, score_found = by_start.get(start) or by_start[start - 1]
            assert label_found == label
            assert score_found == pytest.approx(score, abs=1e-4)


def test_tags_of_entities_and_a_temperature(write_bundle: Callable[..., Path], tmp_path: Path) -> None:
    bundle = write_bundle("bert", TASKS)
    export_pipeline(bundle, tmp_path / "slots", task="slots")
    reading = next(Predictor.load(bundle).read(TEXTS[:1]))
    shares = np.exp(reading.logits["slots"]) / np.exp(reading.logits["slots"]).sum(1, keepdims=True)
    found = {start: score for start, _, score in pieces(tmp_path / "slots")[0]}
    first = [start for start, _ in reading.encoded.units("whitespace").extents]
    assert [found[start] for start in first] == pytest.approx(shares.max(1).tolist(), abs=1e-4)


@pytest.mark.parametrize(
    ("task", "said"),
    [
        ("tpic", r"--task: the model has no task 'tpic'; known: topic, .* \(did you mean 'topic'\?\)"),
        ("themes", "--task themes: transformers has no head for the kind 'multi_label'"),
        ("mean", r"--task mean: transformers' heads read the last layer, .* this one has pooling 'mean'"),
        ("mixed", "layers 'mix'"),
        ("hidden", "hidden 8"),
        ("crf", "--task crf: transformers has no CRF, without which its answers would be others"),
    ],
)
def test_heads_that_transformers_lacks(task: str, said: str, write_bundle: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=said):
        export_pipeline(write_bundle("distilbert", TASKS), tmp_path / "out", task=task)
    assert list(tmp_path.iterdir()) == []
