"""What a run leaves: bundles, `run.json`, `log.jsonl`; and what it leaves alone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

import polyhead
from polyhead import Predictor
from polyhead.bundle import locate
from polyhead.errors import BundleError, DataError, SettingsError, TrainingError
from polyhead.evaluation import brief
from polyhead.inference import open_model
from polyhead.settings import load_settings
from polyhead.tasks import SingleLabel, Tagging
from polyhead.training import TrainedRun, run_training
from tests.conftest import RECORDS
from tests.training.conftest import Fit, Fitted

Write = Callable[..., Path]


def test_what_is_in_the_folder(trained: TrainedRun) -> None:
    assert sorted(path.name for path in trained.folder.iterdir()) == ["epoch-1", "epoch-2", "log.jsonl", "run.json"]


def test_run_json_says_how_it_was(trained: TrainedRun, small_data: Path, encoder_folders: dict[str, Path]) -> None:
    account = Fitted(trained).account
    digest = hashlib.sha256(small_data.read_bytes()).hexdigest()
    assert account["data"] == [{"path": str(small_data), "sha256": digest, "records": 320}] * 2
    assert account["dev"] == {"records": 320, "held_out": []}
    assert account["seed"] == account["settings"]["training"]["seed"] == 42
    assert account["settings"]["encoder"] == str(encoder_folders["distilbert"])
    assert account["settings"]["training"]["epochs"] == 2
    assert account["versions"]["polyhead"] == polyhead.__version__
    for package in ("torch", "transformers", "tokenizers", "accelerate", "numpy"):
        assert account["versions"][package] == metadata.version(package)
    assert account["tasks"] == [
        {
            "name": "classification", "kind": "single_label", "field": "label", "weight": 1.0,
            "options": SingleLabel.Options().model_dump(), "labels": [0, 1, 2], "class_weights": [],
        },
        {
            "name": "ner", "kind": "tagging", "field": "ner_tags", "weight": 1.0,
            "options": Tagging.Options(unit="whitespace").model_dump(), "types": ["LOC", "PER"],
        },
    ]  # fmt: skip
    assert [epoch["folder"] for epoch in account["epochs"]] == ["epoch-1", "epoch-2"]
    assert account["best"] == trained.best.name


def test_log_has_a_line_a_step_and_an_epoch(trained: TrainedRun) -> None:
    log, account = Fitted(trained).log, Fitted(trained).account
    steps, epochs = ([line for line in log if line["event"] == event] for event in ("step", "epoch"))
    assert {line["event"] for line in log} - {"spike"} == {"step", "bundle", "epoch"}
    assert [step["step"] for step in steps] == list(range(1, account["plan"]["steps"] + 1))
    assert sum(step["rows"] for step in steps) == 2 * 320
    assert [{key: value for key, value in line.items() if key != "event"} for line in epochs] == account["epochs"]
    for number, epoch in enumerate(epochs, start=1):
        own = [step["losses"]["ner"] for step in steps if step["epoch"] == number]
        assert epoch["losses"]["ner"] == pytest.approx(sum(own) / len(own))
        assert epoch["dev"]["tasks"].keys() == {"classification", "ner"}


def test_dev_scores_are_those_of_evaluate(trained: TrainedRun, small_data: Path) -> None:
    for report in trained.epochs:
        folder = trained.folder / report.folder
        assert brief(polyhead.evaluate(folder, small_data, resamples=0)) == report.dev
        assert open_model(folder).about.dev == report.dev
    figures = report.dev["tasks"]
    assert report.score == (figures["classification"]["accuracy"] + figures["ner"]["f1"]) / 2


def test_held_out_records_are_not_trained_on(fit: Fit, write: Write) -> None:
    records = [{"sentence": f"text number {at}", "label": at % 2} for at in range(200)]
    account = fit(write(records), dev=None, epochs=1, batch_size=1).account
    assert account["dev"] == {"records": 20, "held_out": ["data"]}
    assert account["plan"]["steps"] == 180


@pytest.mark.parametrize(("scores", "best"), [((0.3, 0.9, 0.5), 2), ((0.9, 0.9, 0.1), 1), ((0.0, 0.0, 0.2), 3)])
def test_the_best_epoch_by_dev_score_is_chosen(
    scores: tuple[float, ...], best: int, fit: Fit, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = iter(scores)
    monkeypatch.setattr("polyhead.training.epoch_end.mean_score", lambda *_: next(given))
    fitted = fit(epochs=3, batch_size=64)
    assert fitted.account["best"] == fitted.run.best.name == locate(fitted.run.folder).name == f"epoch-{best}"
    assert Predictor.load(fitted.run.folder).bundle.about.epoch == best


def test_without_dev_data_the_last_epoch_is_the_model(fit: Fit, write: Write) -> None:
    fitted = fit(write(RECORDS), dev=None)
    assert fitted.account["best"] is None
    assert fitted.account["dev"] == {"records": 0, "held_out": ["data"]}
    assert [epoch["dev"] for epoch in fitted.account["epochs"]] == [None, None]
    assert locate(fitted.run.folder).name == fitted.run.best.name == "epoch-2"


def test_an_earlier_run_is_replaced(fit: Fit, tmp_path: Path) -> None:
    fit(output=tmp_path / "out", epochs=3, batch_size=64)
    fitted = fit(output=tmp_path / "out", epochs=1, batch_size=64, seed=1)
    assert sorted(path.name for path in fitted.run.folder.iterdir()) == ["epoch-1", "log.jsonl", "run.json"]
    assert fitted.account["seed"] == 1
    assert len(fitted.account["epochs"]) == 1
    assert sum(line["event"] == "epoch" for line in fitted.log) == 1


def test_the_single_files_of_an_earlier_run_go_with_it(
    encoder_folders: dict[str, Path], small_data: Path, tmp_path: Path
) -> None:
    flags = {"data.train": small_data, "data.dev": small_data, "encoder": str(encoder_folders["distilbert"])}
    flags |= {"output": tmp_path, "training.batch_size": 64}
    for epochs in (3, 1):
        settings = load_settings(None, (), {**flags, "training.epochs": epochs})
        run_training(settings, single_file="mtl_epoch{epoch}.pt")
        (tmp_path / "mtl_epoch9.pt").write_text("mine")
    assert sorted(path.name for path in tmp_path.glob("*.pt")) == ["mtl_epoch1.pt", "mtl_epoch9.pt"]


def test_foreign_files_are_left_alone(fit: Fit, tmp_path: Path) -> None:
    output = tmp_path / "out"
    fit(output=output, epochs=2, batch_size=64)
    (output / "notes.txt").write_text("mine")
    (output / "epoch-1.txt").write_text("mine")
    (output / "epoch-2-kept").mkdir()
    (output / "epoch-2-kept" / "notes.txt").write_text("mine")
    fit(output=output, epochs=1, batch_size=64)
    assert (output / "notes.txt").read_text() == "mine"
    assert (output / "epoch-1.txt").read_text() == "mine"
    assert (output / "epoch-2-kept" / "notes.txt").read_text() == "mine"
    assert not (output / "epoch-2").exists()


def test_a_folder_that_is_no_run_is_left_alone(fit: Fit, tmp_path: Path) -> None:
    mine = tmp_path / "out" / "epoch-9"
    mine.mkdir(parents=True)
    (mine / "notes.txt").write_text("mine")
    fit(output=tmp_path / "out", epochs=1, batch_size=64)
    assert (mine / "notes.txt").read_text() == "mine"


def test_bad_data_leave_an_earlier_run_as_it_was(fit: Fit, tmp_path: Path, write: Write) -> None:
    first = fit(output=tmp_path / "out", epochs=1, batch_size=64)
    before = {path: path.read_bytes() for path in first.run.folder.rglob("*") if path.is_file()}
    with pytest.raises(DataError):
        fit(write([{"sentence": "x", "label": 1.5}]), output=tmp_path / "out")
    with pytest.raises(SettingsError):
        fit(output=tmp_path / "out", freeze=7)
    assert {path: path.read_bytes() for path in first.run.folder.rglob("*") if path.is_file()} == before


def test_a_loss_that_is_no_number_stops_the_run(fit: Fit, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"lr": 1e30, "head_lr": 1e30, "clip": 1e30, "warmup": 0.0, "epochs": 1}
    with pytest.raises(
        TrainingError, match=r"the loss of task '\w+' is (nan|inf).* in epoch 1, step \d+; .* lower training\.lr"
    ):
        fit(output=tmp_path / "out", **settings)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["log.jsonl", "run.json", "states"]
    with pytest.raises(BundleError, match="has not finished an epoch yet"):
        locate(tmp_path / "out")
    assert json.loads((tmp_path / "out" / "run.json").read_text())["epochs"] == []
