"""Two texts that are read together, from file to answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import polyhead

PAIRS = [
    {"sentence": "John lives in Berlin", "then": "he lives in Berlin", "label": "yes", "score": 1.0},
    {"sentence": "John lives in Berlin", "then": "he lives in New York", "label": "no", "score": 0.0},
    {"sentence": "Anna works in New York", "then": "she works in New York", "label": "yes", "score": 1.0},
    {"sentence": "Anna works in New York", "then": "she works in Berlin", "label": "no", "score": 0.0},
]


@pytest.fixture
def model(cli: Callable[..., Any], configure: Callable[..., Path], write: Callable[..., Path], tmp_path: Path) -> Path:
    path = write(PAIRS * 40, "pairs.jsonl")
    tasks = {
        "follows": {"kind": "single_label", "field": "label"},
        "score": {"kind": "regression", "field": "score", "pooling": "mean"},
    }
    config = configure(
        data={"train": [path], "dev": [path], "second_field": "then"},
        tasks=tasks,
        output=tmp_path / "run",
        training={"epochs": 6, "lr": 3e-3, "batch_size": 8, "precision": "fp32"},
    )
    done = cli("train", "--config", config)
    assert done.status == 0, done.err
    return tmp_path / "run"


def test_pairs_from_training_to_answers(model: Path, cli: Callable[..., Any], write: Callable[..., Path]) -> None:
    scores = json.loads(cli("evaluate", model, write(PAIRS), "--json").out)
    assert scores["tasks"]["follows"]["accuracy"] == 1.0, "the first text alone does not tell yes from no"
    assert scores["tasks"]["score"]["pearson"] > 0.9
    lines = cli("predict", model, "--input", write(PAIRS), "--json").out.splitlines()
    answers = [json.loads(line) for line in lines]
    assert [answer["follows"]["label"] for answer in answers] == [pair["label"] for pair in PAIRS]
    assert [answer["second"] for answer in answers] == [pair["then"] for pair in PAIRS]
    one = json.loads(cli("predict", model, PAIRS[1]["sentence"], "--second", PAIRS[1]["then"], "--json").out)
    # Alone in its batch a text's last bits are others, which may show in the last digit.
    assert one["score"]["value"] == pytest.approx(answers[1]["score"]["value"], abs=2e-6)
    assert {**one, "score": None} == {**answers[1], "score": None}
    drawn = cli("predict", model, PAIRS[1]["sentence"], "--second", PAIRS[1]["then"]).out
    assert "he lives in New York" in drawn
    predictor = polyhead.Predictor.load(model)
    (result,) = predictor([(PAIRS[1]["sentence"], PAIRS[1]["then"])])
    assert result.to_json() == answers[1]


def test_what_lacks_its_second_text_is_refused(
    model: Path, fails: Callable[..., str], write: Callable[..., Path]
) -> None:
    lacking = write([PAIRS[0], {"sentence": "alone", "label": "yes"}], "lacking.jsonl")
    assert f"{lacking}:2: no field 'then' for the second text" in fails("evaluate", model, lacking)
    assert f"{lacking}:2: no field 'then'" in fails(
        "predict", model, "--input", lacking, "--output", lacking.parent / "o"
    )
    assert "--second: the model reads two texts, the second from 'then'; give it" in fails("predict", model, "alone")
    assert "--second: goes with one TEXT" in fails("predict", model, "a", "b", "--second", "c")


@pytest.mark.parametrize("lengths", [(60, 3), (3, 60), (70, 50)])
def test_long_texts_are_read_in_windows(model: Path, lengths: tuple[int, int]) -> None:
    first, second = ("Berlin " * lengths[0]).strip(), ("York " * lengths[1]).strip()
    (result,) = polyhead.Predictor.load(model)([(first, second)])
    assert result.windows > 1
    assert result.predictions["follows"].label in {"yes", "no"}
