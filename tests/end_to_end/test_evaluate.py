"""`polyhead evaluate`: the object it prints, the table it draws, what it leaves out."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import polyhead
from polyhead import Predictor
from polyhead.errors import DataError
from polyhead.training import TrainedRun
from tests.conftest import RECORDS
from tests.end_to_end.conftest import Cli

Write = Callable[..., Path]


def test_json_has_the_promised_shape(cli: Cli, trained: TrainedRun, small_data: Path) -> None:
    done = cli("evaluate", trained.folder, small_data, "--json")
    assert done.status == 0
    assert done.out.count("\n") == 1
    scores = json.loads(done.out)
    assert list(scores) == ["records", "frame_accuracy", "frame_accuracy_interval", "tasks", "breakdown"]
    assert list(scores["breakdown"]) == ["frames", "by_length", "confidence", "worst"]
    assert scores["records"] == 320
    classification, ner = scores["tasks"]["classification"], scores["tasks"]["ner"]
    assert list(scores["tasks"]) == ["classification", "ner"]
    figures = ["accuracy", "macro_f1", "weighted_f1"]
    assert list(classification) == ["records", *figures, "per_class", "confusion", "intervals"]
    assert list(classification["intervals"]) == figures
    figures = ["precision", "recall", "f1", "partial_f1", "type_f1"]
    assert list(ner) == ["records", *figures, "per_type", "matching", "errors", "confusion", "intervals"]
    assert list(ner["intervals"]) == figures
    assert list(ner["matching"]) == ["strict", "exact", "partial", "ent_type"]
    assert list(ner["per_type"]) == ["LOC", "PER"]
    assert ner["per_type"]["LOC"].keys() == {"precision", "recall", "f1", "support"}
    assert (ner["per_type"]["LOC"]["support"], ner["per_type"]["PER"]["support"]) == (200, 160)
    assert scores == polyhead.evaluate(trained.folder, small_data)


def test_figures_are_those_of_the_answers(cli: Cli, trained: TrainedRun, write: Write) -> None:
    """Count by hand, from what predict says."""
    scores = json.loads(cli("evaluate", trained.folder, write(RECORDS), "--json").out)
    answers = [result.to_json() for result in Predictor.load(trained.folder)([r["sentence"] for r in RECORDS])]
    right_label = [a["classification"]["label"] == r["label"] for a, r in zip(answers, RECORDS, strict=True)]
    right_tags = [a["ner"]["tags"] == r["ner_tags"] for a, r in zip(answers, RECORDS, strict=True)]
    assert scores["tasks"]["classification"]["accuracy"] == sum(right_label) / 8
    frames = [label and tags for label, tags in zip(right_label, right_tags, strict=True)]
    assert scores["frame_accuracy"] == sum(frames) / 8


def test_seqeval_agrees(cli: Cli, trained: TrainedRun, small_data: Path) -> None:
    seqeval = pytest.importorskip("seqeval.metrics")
    from seqeval.scheme import IOB2

    scores = json.loads(cli("evaluate", trained.folder / "epoch-1", small_data, "--json").out)
    records = [json.loads(line) for line in small_data.read_text().splitlines()]
    answers = Predictor.load(trained.folder / "epoch-1")([record["sentence"] for record in records])
    found = [list(answer.predictions["ner"].tags) for answer in answers]
    gold = [record["ner_tags"] for record in records]
    wanted = seqeval.f1_score(gold, found, mode="strict", scheme=IOB2)
    assert scores["tasks"]["ner"]["f1"] == pytest.approx(wanted, abs=1e-12)
    assert wanted > 0.1


def test_absent_is_not_empty(cli: Cli, trained: TrainedRun, write: Write) -> None:
    labels = [{"sentence": r["sentence"], "label": r["label"]} for r in RECORDS]
    tags = [{"sentence": r["sentence"], "ner_tags": r["ner_tags"]} for r in RECORDS[:3]]
    bare = [{"sentence": "nothing is known of this"}, {"sentence": "nor of this", "label": None}]
    scores = json.loads(cli("evaluate", trained.folder, write(labels + tags + bare), "--json").out)
    assert scores["records"] == 13
    assert scores["frame_accuracy"] is None, "no record carries every task"
    assert scores["tasks"]["classification"]["records"] == 8
    assert scores["tasks"]["ner"]["records"] == 3
    empty = [{"sentence": r["sentence"], "ner_tags": []} for r in RECORDS[:3]]
    scores = json.loads(cli("evaluate", trained.folder, write(tags + empty), "--json").out)
    assert scores["tasks"]["ner"]["records"] == 6
    assert scores["tasks"]["ner"]["precision"] <= 0.5, "what is found in an empty record is wrong"
    unknown = scores["tasks"]["classification"]
    assert (unknown["records"], unknown["accuracy"], unknown["macro_f1"]) == (0, None, None)
    assert set(unknown["intervals"].values()) == {None}


def test_frames_are_records_that_carry_every_task(cli: Cli, trained: TrainedRun, write: Write) -> None:
    whole = json.loads(cli("evaluate", trained.folder, write(RECORDS), "--json").out)
    mixed = write([*RECORDS, *({"sentence": "play", "label": 1} for _ in range(50))])
    assert json.loads(cli("evaluate", trained.folder, mixed, "--json").out)["frame_accuracy"] == whole["frame_accuracy"]


def test_unknown_words_are_left_out(cli: Cli, trained: TrainedRun, write: Write) -> None:
    clipped = write([{**record, "ner_tags": record["ner_tags"][:1]} for record in RECORDS])
    done = cli("evaluate", trained.folder, clipped, "--json")
    assert "8 records have fewer tags than words" in done.err
    supports = {key: value["support"] for key, value in json.loads(done.out)["tasks"]["ner"]["per_type"].items()}
    assert supports == {"PER": 3}
    strict = cli("evaluate", trained.folder, clipped, "--strict")
    assert strict.status == 2
    assert f"{clipped}:1: 1 tags for 5 words" in strict.err


@pytest.fixture
def hard_data(trained: TrainedRun, write: Write) -> Path:
    """The small data, with labels such that the model has one in four right."""
    answers = Predictor.load(trained.folder)([record["sentence"] for record in RECORDS])
    said = [answer.predictions["classification"].label for answer in answers]
    labels = [label if at % 4 == 0 else (label + 1) % 4 for at, label in enumerate(said)]
    return write([{**record, "label": label} for record, label in zip(RECORDS, labels, strict=True)] * 40)


def test_table(cli: Cli, trained: TrainedRun, hard_data: Path) -> None:
    done = cli("evaluate", trained.folder, hard_data)
    scores = polyhead.evaluate(trained.folder, hard_data)
    assert done.status == 0
    assert "320 records" in done.out
    rows = [line.split() for line in done.out.splitlines()]
    accuracy = f"{100 * scores['tasks']['classification']['accuracy']:.2f}"
    assert ["f1", f"{100 * scores['tasks']['ner']['f1']:.2f}"] in [row[:2] for row in rows]
    assert any(row[:2] == ["LOC", "200"] for row in rows)
    frame = ["all", "tasks", "right", "frame", "accuracy", f"{100 * scores['frame_accuracy']:.2f}"]
    assert frame in [row[:6] for row in rows]
    low, high = scores["tasks"]["classification"]["intervals"]["accuracy"]
    interval = [f"{100 * low:.2f}", "to", f"{100 * high:.2f}"]
    assert ["classification", "320", "accuracy", accuracy, *interval] in rows


def test_the_table_says_how_many_records_carry_a_task(cli: Cli, trained: TrainedRun, write: Write) -> None:
    done = cli("evaluate", trained.folder, write([*RECORDS, {"sentence": "play", "label": 1}]))
    lines = done.out.splitlines()
    assert any(line.startswith("ner") and "8 of 9" in line for line in lines)
    assert any(line.startswith("classification") and " 9 " in line for line in lines)


def test_intervals_are_drawn_by_the_seed_and_can_be_left_out(cli: Cli, trained: TrainedRun, hard_data: Path) -> None:
    def scores(*options: str) -> dict[str, Any]:
        done = cli("evaluate", trained.folder, hard_data, "--json", *options)
        assert done.status == 0
        return dict(json.loads(done.out))

    usual, other = scores(), scores("--seed", "7")
    assert usual == scores()
    classes, others = (own["tasks"]["classification"] for own in (usual, other))
    assert classes["intervals"]["accuracy"] != others["intervals"]["accuracy"]
    low, high = classes["intervals"]["accuracy"]
    assert low < classes["accuracy"] == 0.25 < high
    without = scores("--resamples", "0")
    assert "frame_accuracy_interval" not in without
    assert "intervals" not in without["tasks"]["ner"]
    assert without["tasks"]["ner"]["f1"] == usual["tasks"]["ner"]["f1"]


def test_a_bad_line_is_found_before_anything_is_answered(cli: Cli, trained: TrainedRun, tmp_path: Path) -> None:
    path = tmp_path / "late.jsonl"
    good = json.dumps(RECORDS[0]) + "\n"
    path.write_text(good * 3000 + '{"sentence": "a", "label": []}\n')
    counted: list[int] = []
    with pytest.raises(DataError, match=r"late\.jsonl:3001"):
        polyhead.evaluate(trained.folder, path, on_batch=counted.append)
    assert counted == []


def test_a_pipe_is_read_once(trained: TrainedRun, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.jsonl"
    os.mkfifo(pipe)
    text = "".join(json.dumps(record) + "\n" for record in RECORDS)
    writer = threading.Thread(target=pipe.write_text, args=(text,))
    writer.start()
    scores = polyhead.evaluate(trained.folder, pipe)
    writer.join()
    assert scores["records"] == len(RECORDS)


def test_a_model_may_be_a_bundle_a_run_or_a_file(cli: Cli, single_file_run: TrainedRun, small_data: Path) -> None:
    folder = single_file_run.folder
    best = single_file_run.best.name.removeprefix("epoch-")
    outputs = [
        cli("evaluate", model, small_data, "--json").out
        for model in (folder, single_file_run.best, folder / f"mtl_epoch{best}.pt")
    ]
    assert outputs[0] == outputs[1] == outputs[2] != ""


def test_a_label_that_training_never_showed_counts_as_wrong(cli: Cli, trained: TrainedRun, write: Write) -> None:
    path = write([{"sentence": "a b", "label": "new", "ner_tags": ["B-NEW", "O"]}] * 2)
    scores = json.loads(cli("evaluate", trained.folder, path, "--json").out)
    assert scores["tasks"]["classification"]["accuracy"] == 0.0
    assert scores["tasks"]["ner"]["per_type"]["NEW"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 2}
