"""`polyhead export`, and what is done with what it writes, as typed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from polyhead import processes
from polyhead.inference import choosing
from polyhead.inference.candidates import is_installed
from polyhead.training import TrainedRun
from tests.conftest import RECORDS
from tests.end_to_end.conftest import Cli, write_records

TEXT = "John lives in New York."


@pytest.fixture(scope="module")
def exported(trained: TrainedRun, small_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """In fp32 and int8. Do not change it."""
    from polyhead.export import export

    folder = tmp_path_factory.mktemp("exported") / "model"
    return export(trained.folder, folder, precisions=["fp32", "int8"], dev=small_data, max_drop=5.0).folder


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    """Several thousand texts, among them some without a word."""
    records = [{"sentence": f"{record['sentence']} {at}" if at % 7 else ""} for at in range(400) for record in RECORDS]
    return write_records(tmp_path / "texts.jsonl", records)


def test_it_says_what_was_compared(cli: Cli, trained: TrainedRun, small_data: Path, tmp_path: Path) -> None:
    options = ("--precision", "fp32", "--precision", "int8", "--dev", small_data, "--max-drop", 5)
    done = cli("export", trained.folder, "--output", tmp_path / "exported", *options)
    assert done.status == 0, done.err
    for line in ("compared with torch", "what it costs on dev", "files", "model.int8.onnx", "model.onnx"):
        assert line in done.out
    assert f"saved in {tmp_path / 'exported'}" in done.err
    rows = [line.split() for line in done.out.splitlines()]
    assert ["fp32", "onnxruntime", "52"] in [row[:3] for row in rows]
    assert ["int8", "ner", "320", "f1"] in [row[:4] for row in rows]


def test_as_json(cli: Cli, trained: TrainedRun, tmp_path: Path) -> None:
    told = json.loads(cli("export", trained.folder, "--output", tmp_path / "exported", "--json").out)
    assert told["folder"] == str(tmp_path / "exported")
    assert told["bytes"] == sum(file.stat().st_size for file in (tmp_path / "exported").iterdir())
    own = told["precisions"]["fp32"]["runtimes"]["onnxruntime"]
    assert own["logits"] <= 1e-4
    assert own["same"] == 1.0


def test_the_folder_has_a_usual_name(cli: Cli, trained: TrainedRun, tmp_path: Path) -> None:
    (tmp_path / "run").symlink_to(trained.folder)
    assert cli("export", tmp_path / "run").status == 0
    assert (tmp_path / "run-onnx" / "model.onnx").is_file()
    again = cli("export", tmp_path / "run")
    assert again.status == 2
    assert "run-onnx is there already; name a new folder" in again.err


def test_an_exported_model_is_a_model(cli: Cli, exported: Path, trained: TrainedRun, small_data: Path) -> None:
    for precision in ("fp32", "int8"):
        answer = json.loads(cli("predict", exported, TEXT, "--json", "--precision", precision).out)
        assert [entity["text"] for entity in answer["ner"]["entities"]] == ["John", "New York."]
    figures = [
        json.loads(cli("evaluate", model, small_data, "--json", "--resamples", 0, "--precision", "fp32").out)["tasks"]
        for model in (exported, trained.folder)
    ]
    for task, figure in (("classification", "accuracy"), ("ner", "f1")):
        assert figures[0][task][figure] == pytest.approx(figures[1][task][figure], abs=1e-9)
    told = cli("info", exported).out
    assert "classification" in told
    assert "model.int8.onnx, run by onnxruntime in int8" in told
    assert [own["file"] for own in json.loads(cli("info", exported, "--json").out)["exported"]["graphs"]] == [
        "model.onnx",
        "model.int8.onnx",
    ]
    inspected = json.loads(cli("inspect", exported, "--json").out)
    assert inspected["safe"]
    assert [graph["file"] for graph in inspected["graphs"]] == ["model.onnx", "model.int8.onnx"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["predict", TEXT, "--runtime", "onnx"],
            "--runtime: 'onnx' is none; known: auto, onnxruntime, openvino, torch",
        ),
        (["predict", TEXT, "--precision", "fp16"], "--precision: 'fp16' is none; known: fp32, bf16, int8"),
        (["predict", TEXT, "--precision", "bf16"], "was not exported for bf16; it was for: onnxruntime fp32"),
        (["predict", TEXT, "--runtime", "torch"], "was exported and has no weights; give the bundle"),
        (["predict", TEXT, "--workers", "2"], "--workers: goes with --input FILE, and --output FILE or --json"),
        (["export"], "was exported already; give the bundle that it was made from"),
    ],
)
def test_what_does_not_go(cli: Cli, exported: Path, arguments: list[str], said: str, tmp_path: Path) -> None:
    command, *rest = arguments
    output = ("--output", tmp_path / "new") if command == "export" else ()
    done = cli(command, exported, *rest, *output)
    assert done.status == 2
    assert said in " ".join(done.err.split())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--to", "onnxx"], "--to: 'onnxx' is none; known: onnx, openvino, transformers, spacy (did you mean 'onnx'?)"),
        (["--to", "transformers"], "--task: goes with --to transformers, which writes one task, and the other way"),
        (["--task", "ner"], "--task: goes with --to transformers, which writes one task, and the other way round"),
        (
            ["--to", "transformers", "--task", "ner", "--precision", "int8"],
            "--precision, --dev: a folder for transformers",
        ),
    ],
)
def test_options_that_do_not_go(cli: Cli, trained: TrainedRun, options: list[str], said: str, tmp_path: Path) -> None:
    done = cli("export", trained.folder, "--output", tmp_path / "new", *options)
    assert done.status == 2
    assert said in " ".join(done.err.split())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("workers", [1, 2])
def test_what_comes_before_a_bad_line_is_answered(cli: Cli, exported: Path, tmp_path: Path, workers: int) -> None:
    texts = tmp_path / "texts.jsonl"
    texts.write_text('{"sentence": "Anna"}\n' * 2100 + "oops\n")
    options = ("--runtime", "onnxruntime", "--precision", "fp32", "--workers", workers)
    done = cli("predict", exported, "--input", texts, "--json", *options)
    assert done.status == 2
    assert f"{texts}:2101" in done.err
    assert done.out.count("\n") == 2100


def test_a_bundle_runs_with_torch_alone(cli: Cli, trained: TrainedRun) -> None:
    done = cli("predict", trained.folder, TEXT, "--runtime", "onnxruntime")
    assert done.status == 2
    assert "was not exported, so only torch runs it; `polyhead export` makes its graph" in " ".join(done.err.split())
    assert cli("predict", trained.folder, TEXT, "--runtime", "torch").status == 0


@pytest.mark.parametrize("workers", [2, 3])
def test_several_processes_answer_as_one(cli: Cli, exported: Path, texts: Path, tmp_path: Path, workers: int) -> None:
    options = ("--runtime", "onnxruntime", "--precision", "fp32", "--min-confidence", 0.6, "--task", "ner")
    one, several = tmp_path / "one.jsonl", tmp_path / "several.jsonl"
    assert cli("predict", exported, "--input", texts, "--output", one, *options).status == 0
    done = cli("predict", exported, "--input", texts, "--output", several, *options, "--workers", workers)
    assert done.status == 0, done.err
    assert len(one.read_text().splitlines()) == 3200
    assert several.read_text() == one.read_text()


def test_a_bundle_is_answered_by_several_processes_too(
    cli: Cli, trained: TrainedRun, texts: Path, tmp_path: Path
) -> None:
    answers = tmp_path / "answers.jsonl"
    assert cli("predict", trained.folder, "--input", texts, "--output", answers, "--workers", 2).status == 0
    assert [json.loads(line)["text"] for line in answers.read_text().splitlines()[:2]] == ["", ""]


def test_a_process_that_ends_is_told_of_and_nothing_is_written(
    cli: Cli, exported: Path, texts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = processes.Process.send

    def killing(self: processes.Process, value: object) -> None:
        if isinstance(value, list):
            os.kill(self._process.pid, signal.SIGKILL)
            self._process.wait()
        send(self, value)

    monkeypatch.setattr(processes.Process, "send", killing)
    answers = tmp_path / "answers.jsonl"
    options = ("--runtime", "onnxruntime", "--precision", "fp32", "--workers", 2)
    done = cli("predict", exported, "--input", texts, "--output", answers, *options)
    assert done.status == 2
    assert "--workers: a process that answers texts ended by itself (status -9)" in done.err
    assert not answers.exists()


def test_what_a_process_refuses_is_told(
    cli: Cli, exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"sentence": "good"}\n{"sentence": 7}\n')
    done = cli("predict", exported, "--input", bad, "--json", "--workers", 2, "--runtime", "onnxruntime")
    assert done.status == 2
    assert f"{bad}:2" in done.err


def test_ways_are_timed_once(cli: Cli, exported: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("POLYHEAD_CACHE", str(tmp_path / "cache"))
    timed: list[str] = []
    monkeypatch.setattr(choosing, "_time", lambda runtime, batches: timed.append(type(runtime).__name__) or len(timed))
    first = cli("predict", exported, TEXT, "--json")
    ways = 3 if is_installed("openvino") else 2
    assert len(timed) == ways
    assert f"timing {ways} ways to run this model here for latency, once: onnxruntime fp32" in first.err
    second = cli("predict", exported, TEXT, "--json")
    assert (len(timed), second.err) == (ways, "")
    assert second.out == first.out
    (kept,) = (tmp_path / "cache").glob("runtime-*.json")
    assert json.loads(kept.read_text())["fastest"] == "onnxruntime fp32", "which was timed first, and took least"
    kept.write_text("{")  # damaged: timed again
    assert cli("predict", exported, TEXT, "--json").out == first.out
    assert len(timed) == 2 * ways


def test_other_cores_or_another_model_are_timed_anew(
    cli: Cli, exported: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("POLYHEAD_CACHE", str(tmp_path / "cache"))
    timed: list[str] = []
    monkeypatch.setattr(choosing, "_time", lambda runtime, batches: timed.append("") or 1.0)
    counts = []
    for cores in (8, 4, 8):
        monkeypatch.setattr(choosing, "cores", lambda cores=cores: cores)
        cli("predict", exported, TEXT)
        counts.append(len(timed))
    assert counts[0] < counts[1] == counts[2]


@pytest.mark.parametrize("runtime", [name for name in ("onnxruntime", "openvino") if is_installed(name)])
def test_threads_that_begin_at_once_do_not_wait_for_each_other(exported: Path, runtime: str) -> None:
    code = f"""
import threading, numpy as np
from polyhead.batching import Batch
from polyhead.inference import open_model
from polyhead.inference.candidates import candidates
bundle = open_model({str(exported)!r})
opened = candidates(bundle, runtime={runtime!r}, precision="fp32")[0].open(bundle, "throughput")
together = threading.Barrier(4)
def run():
    together.wait()
    for _ in range(20):
        opened.run(Batch(np.ones((3, 5), dtype=np.int64), np.ones((3, 5), dtype=np.int64)))
threads = [threading.Thread(target=run) for _ in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
"""
    for _ in range(3):
        subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize("runtime", [name for name in ("onnxruntime", "openvino") if is_installed(name)])
def test_signals_are_heard_when_a_runtime_has_gone(exported: Path, runtime: str) -> None:
    """OpenVINO's own stack for signals went with its last model, and the next signal ended the process."""
    code = f"""
import gc, os, signal
from polyhead import Predictor
predictor = Predictor.load({str(exported)!r}, runtime={runtime!r}, precision="fp32")
predictor(["Anna lives in Berlin."] * 50)
del predictor
gc.collect()
heard = []
signal.signal(signal.SIGTERM, lambda *_: heard.append(1))
os.kill(os.getpid(), signal.SIGTERM)
print(heard)
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, timeout=60, capture_output=True, text=True)
    assert done.stdout == "[1]\n"


def test_predicting_with_a_graph_loads_no_torch(exported: Path) -> None:
    code = (
        "import sys; from polyhead.cli.app import run, app; "
        f"run(app, ['predict', {str(exported)!r}, 'Anna', '--json', '--runtime', 'onnxruntime']); "
        "sys.stderr.write(str(sorted({'torch', 'transformers', 'openvino', 'scipy', 'matplotlib'} & set(sys.modules))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.endswith("[]")
