"""`polyhead calibrate`, and answers that are left out where the model is not sure."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import polyhead
from polyhead.errors import DataError, SettingsError
from polyhead.inference import open_model
from polyhead.settings import RunSettings
from polyhead.training import TrainedRun, run_training
from tests.conftest import RECORDS
from tests.end_to_end.conftest import Cli
from tests.end_to_end.many_kinds import PARTS, TASKS, TRAINING

Write = Callable[..., Path]
TEXTS = [record["sentence"] for record in RECORDS]


@pytest.fixture(scope="module")
def trained(
    tmp_path_factory: pytest.TempPathFactory, encoder_folders: dict[str, Path], small_data: Path
) -> polyhead.TrainedRun:
    """A model that has learnt its data by heart, and is sure of itself."""
    settings: dict[str, Any] = {"epochs": 6, "lr": 3e-3, "head_lr": 5e-3, "precision": "fp32"}
    output = tmp_path_factory.mktemp("sure") / "run"
    encoder = str(encoder_folders["distilbert"])
    return polyhead.train(small_data, dev=small_data, encoder=encoder, output=output, **settings)


@pytest.fixture(scope="module")
def noisy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Dev data of which a third is labelled otherwise than the model learnt: it cannot be as sure as it is."""
    records = [dict(record) for record in RECORDS * 12]
    for record in records[::3]:
        record["label"] = 1 - record["label"] if record["label"] in (0, 1) else 0
        record["ner_tags"] = ["O"] * len(record["ner_tags"])
    path = tmp_path_factory.mktemp("noisy") / "dev.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


@pytest.fixture(scope="module")
def calibrated(trained: TrainedRun, noisy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("calibrated") / "model"
    polyhead.calibrate(trained.folder, noisy, folder)
    return folder


def test_the_command_says_what_it_gained(cli: Cli, trained: TrainedRun, noisy: Path, tmp_path: Path) -> None:
    done = cli("calibrate", trained.folder, noisy, "--output", tmp_path / "model", "--json")
    assert done.status == 0
    said = json.loads(done.out)
    assert list(said["tasks"]) == ["classification", "ner"]
    for own in said["tasks"].values():
        assert own["after"]["loss"] < own["before"]["loss"]
        assert own["temperature"] > 1, "of a model that is too sure"
    table = cli("calibrate", trained.folder, noisy, "--output", tmp_path / "other")
    assert f"{said['tasks']['ner']['temperature']:.2f}" in table.out
    assert "saved in" in table.err


def test_the_temperature_is_the_best_one(trained: TrainedRun, noisy: Path, tmp_path: Path) -> None:
    """Over a grid of others none makes the labels more probable; computed by hand from the logits."""
    found = polyhead.calibrate(trained.folder, noisy, tmp_path / "model")["tasks"]["classification"]
    records = [json.loads(line) for line in noisy.read_text().splitlines()]
    predictor = polyhead.Predictor.load(trained.folder)
    logits = np.concatenate([own.logits["classification"] for own in predictor.read(r["sentence"] for r in records)])
    labels = [list(predictor.tasks[0].labels).index(record["label"]) for record in records]

    def loss(temperature: float) -> float:
        scaled = logits / temperature
        logs = scaled - np.log(np.exp(scaled).sum(axis=1, keepdims=True))
        return float(-logs[np.arange(len(labels)), labels].mean())

    assert found["before"]["loss"] == pytest.approx(loss(1.0), abs=1e-4)
    assert found["after"]["loss"] == pytest.approx(loss(found["temperature"]), abs=1e-4)
    assert min(map(loss, np.geomspace(0.1, 10, 60))) >= found["after"]["loss"] - 1e-4


def test_answers_stay_and_confidences_change(trained: TrainedRun, calibrated: Path) -> None:
    before, after = (polyhead.Predictor.load(model)(TEXTS) for model in (trained.folder, calibrated))
    for one, other in zip(before, after, strict=True):
        assert one.predictions["classification"].label == other.predictions["classification"].label
        assert one.predictions["ner"].tags == other.predictions["ner"].tags
        assert one.predictions["classification"].score > other.predictions["classification"].score
        for entity, same in zip(one.predictions["ner"].entities, other.predictions["ner"].entities, strict=True):
            assert entity.score > same.score


def test_calibrating_again_starts_from_the_plain_model(calibrated: Path, noisy: Path, tmp_path: Path) -> None:
    again = polyhead.calibrate(calibrated, noisy, tmp_path / "again")["tasks"]
    known = open_model(calibrated).about.temperatures
    assert {name: own["temperature"] for name, own in again.items()} == known


def test_one_task_after_the_other(
    trained: TrainedRun, calibrated: Path, noisy: Path, write: Write, tmp_path: Path
) -> None:
    """As of a model of several data sets, each of which says something of some tasks."""
    records = [json.loads(line) for line in noisy.read_text().splitlines()]
    renamed = write([{"sentence": record["sentence"], "topic": record["label"]} for record in records])
    first = polyhead.calibrate(trained.folder, renamed, tmp_path / "first", tasks={"classification": "topic"})
    assert list(first["tasks"]) == list(open_model(tmp_path / "first").about.temperatures) == ["classification"]
    polyhead.calibrate(tmp_path / "first", noisy, tmp_path / "both", tasks=["ner"])
    assert open_model(tmp_path / "both").about.temperatures == open_model(calibrated).about.temperatures


@pytest.mark.parametrize("task", ["classification", "ner"])
def test_evaluate_says_how_far_off_confidence_is(trained: TrainedRun, calibrated: Path, noisy: Path, task: str) -> None:
    errors = [
        polyhead.evaluate(model, noisy, resamples=0)["breakdown"]["confidence"][task]["expected_calibration_error"]
        for model in (trained.folder, calibrated)
    ]
    assert errors[1] < 0.75 * errors[0]


def test_a_head_that_goes_takes_its_temperature_along(calibrated: Path, tmp_path: Path) -> None:
    polyhead.remove_head(calibrated, "ner", tmp_path / "smaller")
    assert list(open_model(tmp_path / "smaller").about.temperatures) == ["classification"]


def test_all_kinds_that_answer_with_probabilities(
    encoder_folders: dict[str, Path], write: Write, tmp_path: Path
) -> None:
    data = write(PARTS)
    settings = RunSettings.model_validate(
        {
            "encoder": str(encoder_folders["distilbert"]),
            "output": tmp_path / "run",
            "data": {"train": [data], "dev": [data]},
            "tasks": TASKS,
            "training": TRAINING,
        }
    )
    run = run_training(settings)
    done = polyhead.calibrate(run.folder, data, tmp_path / "calibrated")["tasks"]
    assert done.keys() == TASKS.keys() - {"stars"}
    for own in done.values():
        assert own["after"]["loss"] <= own["before"]["loss"] + 1e-6
    before, after = (polyhead.Predictor.load(model)(TEXTS) for model in (run.folder, tmp_path / "calibrated"))
    for one, other in zip(before, after, strict=True):
        assert one.predictions["stars"] == other.predictions["stars"]
        assert one.predictions["pos"].labels == other.predictions["pos"].labels
        assert one.predictions["slots"].tags == other.predictions["slots"].tags
        assert one.predictions["places"].spans == other.predictions["places"].spans


def test_what_cannot_be_calibrated(
    cli: Cli, single_file_run: TrainedRun, trained: TrainedRun, noisy: Path, write: Write, tmp_path: Path
) -> None:
    done = cli("calibrate", trained.folder, noisy, "--output", trained.folder)
    assert (done.status, done.out) == (2, "")
    assert "is there already; name a new folder" in done.err
    with pytest.raises(SettingsError, match="is a single file; calibrate the bundle"):
        polyhead.calibrate(single_file_run.folder / "mtl_epoch1.pt", noisy, tmp_path / "x")
    unknown = cli("calibrate", trained.folder, noisy, "--output", tmp_path / "x", "--task", "nre")
    assert unknown.status == 2
    assert "--task: the model has no task 'nre'; known: classification, ner (did you mean 'ner'?)" in unknown.err
    with pytest.raises(DataError, match="has a field that the tasks read"):
        polyhead.calibrate(trained.folder, write([{"sentence": "a"}]), tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_what_is_not_sure_enough_is_left_out(cli: Cli, trained: TrainedRun) -> None:
    def answer(confidence: float) -> dict[str, Any]:
        done = cli("predict", trained.folder, TEXTS[0], "--json", "--min-confidence", confidence)
        assert done.status == 0
        return dict(json.loads(done.out))

    everything = answer(0)
    score = everything["classification"]["score"]
    least = min([score, *(entity["score"] for entity in everything["ner"]["entities"])])
    assert answer(least - 0.001) == everything
    nothing = answer(1.0)
    assert nothing["classification"] == {"label": None, "score": score}
    assert nothing["ner"]["entities"] == []
    assert set(nothing["ner"]["tags"]) == {"O"}
    shown = cli("predict", trained.folder, TEXTS[0], "--min-confidence", "1")
    assert "not sure" in shown.out
    assert cli("predict", trained.folder, TEXTS[0], "--min-confidence", "1.5").status == 2
