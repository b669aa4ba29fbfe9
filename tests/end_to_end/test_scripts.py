"""`src/train.py` and `src/predict.py`, run the way users run them."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

import pytest

from polyhead import Predictor
from polyhead.cli.app import run
from polyhead.cli.scripts import predict_app, train_app
from polyhead.training import TrainedRun
from tests.end_to_end.conftest import ROOT, Outcome

TEXT = "John lives in New York."


def test_train_writes_single_files_and_folders(
    process: Callable[..., Outcome], small_data: Path, tmp_path: Path, encoder_folders: dict[str, Path]
) -> None:
    """From another folder, with a path relative to it."""
    (tmp_path / "train.json").write_bytes(small_data.read_bytes())
    arguments = ("--data", "train.json", "--encoder", encoder_folders["distilbert"], "--lr", "3e-3")
    done = process(ROOT / "src" / "train.py", *arguments, cwd=tmp_path)
    assert done.status == 0, done.err
    assert sorted(path.name for path in (tmp_path / "saved_model").iterdir()) == [
        "epoch-1", "epoch-2", "log.jsonl", "mtl_epoch1.pt", "mtl_epoch2.pt", "run.json",
    ]  # fmt: skip
    paths = (f"saved_model/{name}" for name in ("mtl_epoch2.pt", "epoch-2"))
    of_file, of_folder = ([r.to_json() for r in Predictor.load(tmp_path / path)([TEXT])] for path in paths)
    assert of_file == of_folder


@pytest.mark.parametrize("cwd", [ROOT, Path("/")])
def test_predict_prints_a_class(process: Callable[..., Outcome], single_file_run: TrainedRun, cwd: Path) -> None:
    path = single_file_run.folder / "mtl_epoch2.pt"
    arguments = ("--model_path", path, "--text", TEXT, "--task", "classification")
    done = process(ROOT / "src" / "predict.py", *arguments, cwd=cwd)
    label = Predictor.load(path)([TEXT])[0].predictions["classification"].label
    assert (done.status, done.err) == (0, "")
    assert done.out == f"Task: classification\nInput: {TEXT}\nPrediction: {label}\n"


def test_predict_prints_tags(process: Callable[..., Outcome], single_file_run: TrainedRun) -> None:
    path = single_file_run.folder / "mtl_epoch2.pt"
    done = process("src/predict.py", "--model_path", path, "--text", TEXT, "--task", "ner")
    assert (done.status, done.err) == (0, "")
    wanted = f"Task: ner\nInput: {TEXT}\nNER Output: ['B-PER', 'O', 'O', 'B-LOC', 'I-LOC']\n"
    assert done.out == wanted


@pytest.mark.parametrize("text", ["a  b\tc", "", "日本 \U0001f600", " x "])
def test_one_tag_a_word(text: str, single_file_run: TrainedRun, capsys: pytest.CaptureFixture[str]) -> None:
    model = str(single_file_run.folder)
    assert run(predict_app, ["--model_path", model, "--text", text, "--task", "ner"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"Task: ner\nInput: {text}\nNER Output: [")
    assert len(ast.literal_eval(out.rsplit("NER Output: ", 1)[1])) == len(text.split())


def test_train_takes_every_option_of_the_command(
    small_data: Path, tmp_path: Path, encoder_folders: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [
        "--data", str(small_data), "--dev", str(small_data), "--save_dir", str(tmp_path / "mine"), "--epochs", "1",
        "--encoder", str(encoder_folders["roberta"]), "--batch-size", "32", "--strategy", "alternating",
        "--freeze", "embeddings", "--seed", "3", "--precision", "fp32", "--set", "training.clip=2", "--strict",
    ]  # fmt: skip
    assert run(train_app, arguments) == 0
    names = sorted(path.name for path in (tmp_path / "mine").iterdir())
    assert names == ["epoch-1", "log.jsonl", "mtl_epoch1.pt", "run.json"]


@pytest.mark.parametrize(
    ("app", "arguments", "message"),
    [
        (train_app, ["--data", "absent.json"], "absent.json: no such file"),
        (train_app, [], "no training data"),
        (predict_app, ["--model_path", "absent.pt", "--text", "a", "--task", "ner"], "absent.pt: no such model"),
        (predict_app, ["--text", "a", "--task", "ner"], "--model_path"),
        (predict_app, ["--model_path", "x", "--text", "a"], "--task"),
    ],
)
def test_errors(
    app: Callable[..., object], arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(app, arguments) == 2
    err = capsys.readouterr().err
    assert message in err
    assert "Traceback" not in err


def test_a_task_that_the_model_lacks(single_file_run: TrainedRun, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(single_file_run.folder / "mtl_epoch1.pt")
    assert run(predict_app, ["--model_path", path, "--text", "a", "--task", "nr"]) == 2
    assert "no task 'nr'; known: classification, ner (did you mean 'ner'?)" in capsys.readouterr().err
