"""`polyhead study`: joint and single models under one budget, resumable, in one process or several."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import polyhead
from polyhead.errors import SettingsError, TrainingError
from polyhead.studies import StudyReporter
from polyhead.studies.sharing import work
from tests.end_to_end.conftest import ROOT, Cli, Configure, write_records, write_settings
from tests.end_to_end.test_find_issues import FAST, variants

QUICK: dict[str, Any] = {**FAST, "epochs": 3}
OF_TIME = ("seconds", "beside", "bytes")
"""What of a training is another each time; a bundle's account names its own folder, and tells the time."""


class Heard(StudyReporter):
    """Hears which trainings were taken."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.told: list[str] = []
        self.warned: list[str] = []

    def begin(self, name: str, *, number: int, of: int) -> None:
        self.begun.append(f"{number}/{of} {name}")

    def tell(self, line: str) -> None:
        self.told.append(line)

    def warn(self, line: str) -> None:
        self.warned.append(line)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("study")
    records = variants()
    return {
        "train": write_records(folder / "train.jsonl", records[:96]),
        "dev": write_records(folder / "dev.jsonl", records[96:112]),
        "test": write_records(folder / "test.jsonl", records[112:]),
    }


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory, files: dict[str, Path], encoder_folders: dict[str, Path]) -> Path:
    settings = {"encoder": encoder_folders["distilbert"], "data": files, "training": QUICK}
    return write_settings(tmp_path_factory.mktemp("study") / "run.toml", settings)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("study") / "out"


@pytest.fixture(scope="module")
def found(config: Path, folder: Path) -> dict[str, Any]:
    return polyhead.study(config, seeds=2, output=folder)


def trainings(folder: Path) -> dict[str, Any]:
    """Return what is kept of each training, without what is another each time."""
    kept = {path.stem: json.loads(path.read_text()) for path in (folder / "trainings").glob("*-seed*.json")}
    return {name: {key: value for key, value in own.items() if key not in OF_TIME} for name, own in kept.items()}


def test_each_task_has_a_row_on_test_data(found: dict[str, Any]) -> None:
    assert list(found["tasks"]) == ["classification", "ner"]
    for name, metric in (("classification", "accuracy"), ("ner", "f1")):
        row = found["tasks"][name]
        assert (row["metric"], row["scored_on"], row["records"]) == (metric, "test", 16)
        assert row["difference"] == pytest.approx(row["joint"]["mean"] - row["single"]["mean"])
        assert row["interval"][0] <= row["difference"] <= row["interval"][1]
        assert row["verdict"] in {"helps", "hurts", "no difference shown"}
    assert found["frame_accuracy"]["records"] == 16
    assert found["seeds"] == [42, 43]
    assert found["notes"] == []


def test_the_joint_figure_is_that_of_the_epoch_that_its_mean_chose(
    found: dict[str, Any], config: Path, files: dict[str, Path], tmp_path: Path
) -> None:
    """The same training by `polyhead.train`, scored by `polyhead.evaluate`."""
    run = polyhead.train(config=config, seed=43, output=tmp_path / "run")
    assert run.best_epoch.epoch == found["tasks"]["ner"]["epochs"]["joint"][1]
    scores = polyhead.evaluate(run.folder, files["test"], resamples=0)
    for name, row in found["tasks"].items():
        assert scores["tasks"][name][row["metric"]] == row["joint"]["values"][1]
        of_epochs = [epoch.dev["tasks"][name][row["metric"]] for epoch in run.epochs]
        own_best = row["joint_at_own_best"]["epochs"][1]
        assert own_best == of_epochs.index(max(of_epochs)) + 1
        at_own_best = polyhead.evaluate(run.folder / f"epoch-{own_best}", files["test"], resamples=0)
        assert at_own_best["tasks"][name][row["metric"]] == row["joint_at_own_best"]["values"][1]
    assert scores["frame_accuracy"] == found["frame_accuracy"]["joint"]["values"][1]


def test_a_twin_is_what_training_its_task_alone_gives(
    found: dict[str, Any], config: Path, files: dict[str, Path], tmp_path: Path
) -> None:
    alone = {"ner": {"kind": "tagging", "field": "ner_tags"}}
    run = polyhead.train(config=config, seed=42, tasks=alone, output=tmp_path / "run")
    scores = polyhead.evaluate(run.folder, files["test"], resamples=0)
    assert scores["tasks"]["ner"]["f1"] == found["tasks"]["ner"]["single"]["values"][0]


def test_costs_of_both_ways_are_told(found: dict[str, Any]) -> None:
    joint, separate = (found["size"][way]["parameters"] for way in ("joint", "separate"))
    assert joint < separate < 2 * joint
    assert found["training"]["separate"]["steps"] == 2 * found["training"]["joint"]["steps"]
    assert found["training"]["beside"] == 0
    assert found["latency"]["texts"] == 16
    for way in ("joint", "separate"):
        assert 0 < found["latency"][way]["p50"] <= found["latency"][way]["p90"]
        assert found["training"][way]["seconds"] > 0


def test_figures_plot_and_report_are_left_and_no_model(found: dict[str, Any], folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == ["study.html", "study.json", "study.svg", "trainings"]
    assert json.loads((folder / "study.json").read_text()) == found
    names = [f"{team}-seed{seed}" for team in ("joint", "single-classification", "single-ner") for seed in (42, 43)]
    assert sorted(path.stem for path in (folder / "trainings").iterdir()) == sorted([*names, "begun", "latency"])
    texts = [own.text for own in ET.parse(folder / "study.svg").iter("{http://www.w3.org/2000/svg}text")]
    row = found["tasks"]["ner"]
    assert f"{100 * row['joint']['mean']:.2f} against {100 * row['single']['mean']:.2f}" in texts


def test_the_report_stands_by_itself_and_tells_nothing_of_the_machine(
    found: dict[str, Any], folder: Path, files: dict[str, Path]
) -> None:
    page = (folder / "study.html").read_text()
    assert not re.search(r"""(src|href)=["'](?!#)""", page)
    assert "https://" not in page
    assert "url(http" not in page
    assert "#0102" not in page  # a colour that was to be replaced
    assert "--line1:" in page
    assert str(files["train"].parent.parent) not in page
    for part in ("study0/train.jsonl", f"{100 * found['tasks']['ner']['single']['mean']:.2f}", "paired bootstrap"):
        assert part.replace("study0", files["train"].parent.name) in page


def test_a_finished_study_is_not_trained_again_and_more_seeds_go_on(
    found: dict[str, Any], config: Path, folder: Path
) -> None:
    heard = Heard()
    assert polyhead.study(config, seeds=2, output=folder, reporter=heard) == found
    assert heard.begun == []
    assert heard.told == ["6 of 6 trainings are finished already, and not taken again"]
    polyhead.study(config, seeds=1, output=folder, reporter=heard)
    assert heard.begun == []
    more = polyhead.study(config, seeds=3, output=folder, reporter=heard)
    assert heard.begun == ["7/9 joint, seed 44", "8/9 classification, seed 44", "9/9 ner, seed 44"]
    assert more["tasks"]["ner"]["joint"]["values"][:2] == found["tasks"]["ner"]["joint"]["values"]
    polyhead.study(config, seeds=2, output=folder)  # as the other tests find it
    for path in (folder / "trainings").glob("*-seed44.json"):
        path.unlink()


def test_other_settings_or_data_are_refused(
    found: dict[str, Any], config: Path, folder: Path, files: dict[str, Path], tmp_path: Path
) -> None:
    del found
    with pytest.raises(SettingsError, match=r"(?s)was begun with other.*training.lr: 0.003 before, 0.002 now.*--anew"):
        polyhead.study(config, seeds=2, output=folder, lr=2e-3)
    other = write_records(tmp_path / "test.jsonl", variants()[:5])
    with pytest.raises(SettingsError, match=r"test.jsonl: other content: 16 records before, 5 now"):
        polyhead.study(config, test=other, seeds=2, output=folder)
    same = tmp_path / "moved.jsonl"
    same.write_bytes(files["test"].read_bytes())
    heard = Heard()
    polyhead.study(config, test=same, seeds=2, output=folder, reporter=heard)  # elsewhere, but the same
    assert heard.begun == []


@pytest.mark.slow  # a study more
def test_anew_drops_what_is_finished(config: Path, tmp_path: Path) -> None:
    polyhead.study(config, seeds=1, output=tmp_path / "out", epochs=1)
    heard = Heard()
    found = polyhead.study(config, seeds=1, output=tmp_path / "out", anew=True, reporter=heard, epochs=2)
    assert heard.begun == ["1/3 joint, seed 42", "2/3 classification, seed 42", "3/3 ner, seed 42"]
    assert found["trainings"][0]["epochs"] == 2
    assert any(note.startswith("one seed: intervals are over records alone") for note in found["notes"])


def test_several_processes_train_the_very_same(
    found: dict[str, Any], config: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLYHEAD_CORES", "2")  # one for each
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    beside = polyhead.study(config, seeds=2, output=tmp_path / "out", workers=2)
    assert trainings(tmp_path / "out") == trainings(folder)
    assert beside["tasks"] == found["tasks"]
    assert beside["training"]["beside"] == 1
    assert any("2 trainings went on at once" in note for note in beside["notes"])


def test_after_a_kill_a_study_goes_on_and_loses_one_training_at_most(
    found: dict[str, Any], config: Path, folder: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    command = [sys.executable, "-m", "polyhead", "study", str(config), "--seeds", "2", "--output", str(output)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)
    second = output / "trainings" / "single-classification-seed42.json"
    waited = time.monotonic()
    while not second.exists() and process.poll() is None and time.monotonic() - waited < 120:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = {path: path.stat().st_mtime_ns for path in (output / "trainings").glob("*-seed*.json")}
    assert 2 <= len(kept) < 6, "it was to be killed in between"
    (output / "trainings" / "running-left").mkdir()
    heard = Heard()
    again = polyhead.study(config, seeds=2, output=output, reporter=heard)
    assert len(heard.begun) == 6 - len(kept)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert trainings(output) == trainings(folder)
    assert again["tasks"] == found["tasks"]
    assert not list((output / "trainings").glob("running-*"))


@pytest.mark.slow  # a study more
def test_a_model_that_is_to_be_timed_and_is_gone_is_trained_again(config: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    polyhead.study(config, seeds=1, output=output, epochs=1)
    (output / "trainings" / "latency.json").unlink()
    heard = Heard()
    polyhead.study(config, seeds=1, output=output, epochs=1, reporter=heard)
    assert len(heard.begun) == 3


@pytest.mark.slow  # a study more
def test_models_are_kept_where_that_is_asked_for(config: Path, files: dict[str, Path], tmp_path: Path) -> None:
    found = polyhead.study(config, seeds=2, output=tmp_path / "out", keep_models=True, epochs=1)
    models = tmp_path / "out" / "trainings" / "models"
    assert len(list(models.iterdir())) == 6
    assert polyhead.study(config, seeds=2, output=tmp_path / "out", epochs=1) == found  # which removes none of them
    scores = polyhead.evaluate(models / "single-ner-seed43", files["test"], resamples=0)
    assert list(scores["tasks"]) == ["ner"]
    assert scores["tasks"]["ner"]["f1"] == found["tasks"]["ner"]["single"]["values"][1]


def test_several_data_sets_have_tasks_and_test_data_of_their_own(
    files: dict[str, Path], encoder_folders: dict[str, Path], tmp_path: Path
) -> None:
    def only(name: str, *fields: str) -> Path:
        records = [json.loads(line) for line in files[name].read_text().splitlines()]
        kept = [{key: own[key] for key in ("sentence", *fields)} for own in records]
        return write_records(tmp_path / f"{name}-{'-'.join(fields)}.jsonl", kept)

    sets = {
        "one": {"train": only("train", "label"), "test": only("test", "label"), "tasks": ["topic"]},
        "two": {"train": only("train", "ner_tags"), "dev": only("dev", "ner_tags"), "tasks": ["names", "places"]},
    }
    tasks = {
        "topic": {"kind": "single_label", "field": "label"},
        "names": {"kind": "tagging", "field": "ner_tags"},
        "places": {"kind": "tagging", "field": "ner_tags", "score_weight": 0.5},
    }
    settings = {"encoder": encoder_folders["distilbert"], "data": {"sets": sets}, "tasks": tasks}
    config = write_settings(tmp_path / "run.toml", settings | {"training": {**QUICK, "strategy": "uniform"}})
    found = polyhead.study(config, seeds=1, grouping=True, output=tmp_path / "out")
    assert {name: row["scored_on"] for name, row in found["tasks"].items()} == {
        "topic": "test",
        "names": "dev",
        "places": "dev",
    }
    assert found["frame_accuracy"] is None
    records = {" ".join(own["tasks"]): own["records"] for own in found["trainings"]}
    assert records["names"] == records["places"] == records["names places"] == 96
    assert records["topic"] < 96  # a part of it was held out
    assert records["topic names places"] == records["topic"] + 96
    assert found["grouping"]["considered"] == 5
    assert {tuple(map(tuple, row["groups"])) for row in found["grouping"]["groupings"]} >= {
        (("topic",), ("names", "places")),
        (("topic",), ("names",), ("places",)),
    }
    assert set(found["grouping"]["affinity"]["topic"]) == {"names", "places"}
    assert any("names, places: scored on the dev data" in note for note in found["notes"])
    assert any("the strategy 'uniform'" in note for note in found["notes"])
    assert ET.parse(tmp_path / "out" / "grouping.svg").getroot().tag.endswith("svg")
    assert "Who should share" in (tmp_path / "out" / "study.html").read_text()


def test_the_command(found: dict[str, Any], cli: Cli, config: Path, folder: Path) -> None:
    done = cli("study", config, "--seeds", 2, "--output", folder)
    assert done.status == 0, done.err
    lines = done.out.splitlines()
    assert lines[0] == "joint and single models on test, 2 seeds, %"
    assert [line.split("  ")[0] for line in lines[2:5]] == ["classification accuracy", "ner f1", "frame accuracy"]
    assert f"{100 * found['tasks']['ner']['single']['mean']:.2f}" in lines[3]
    assert "all tasks on one text, ms, median" in done.out
    assert "6 of 6 trainings are finished already" in done.err
    assert f"report  {folder / 'study.html'}" in done.err
    assert json.loads(cli("study", config, "--seeds", 2, "--output", folder, "--json").out) == found


def test_the_command_takes_data_and_groups(cli: Cli, config: Path, files: dict[str, Path], tmp_path: Path) -> None:
    arguments = ("study", config, files["dev"], "--dev", files["dev"], "--test", files["test"], "--seeds", 1)
    done = cli(*arguments, "--set", "training.epochs=1", "--grouping", "--output", tmp_path / "out")
    assert done.status == 0, done.err
    assert "1/3  joint, seed 42  epoch 1 of 1  classification " in done.err
    assert "the best of 2 groupings" in done.out
    assert "groups = " in done.out or "nothing scored higher than all tasks in one model" in done.out


def test_what_cannot_be_studied_is_refused(
    fails: Callable[..., str], configure: Configure, files: dict[str, Path], tmp_path: Path
) -> None:
    output = ("--output", tmp_path / "out")
    config = configure(data={"train": files["train"], "dev": files["dev"]})
    assert "--seeds: must be 1 or more, found 0" in fails("study", config, "--seeds", 0, *output)
    assert "--workers: must be 1 or more, found 0" in fails("study", config, "--workers", 0, *output)
    assert "is a file; name a folder" in fails("study", config, "--output", config)
    one = configure("one.toml", data={"train": files["train"]}, tasks={"ner": {"kind": "tagging", "field": "ner_tags"}})
    assert "tasks that share with tasks that do not: it takes two, found 'ner'" in fails("study", one, *output)
    many = {f"t{at}": {"kind": "single_label", "field": "label"} for at in range(7)}
    seven = configure("seven.toml", data={"train": files["train"]}, tasks=many)
    assert "--grouping: takes up to 6 tasks, found 7" in fails("study", seven, "--grouping", *output)
    few = configure("few.toml", data={"train": write_records(tmp_path / "few.jsonl", variants()[:5])})
    assert "no dev data, and too few texts to hold any out" in fails("study", few, *output)
    assert "no such file" in fails("study", config, "--test", tmp_path / "none.jsonl", *output)


def test_a_damaged_store_is_named(fails: Callable[..., str], config: Path, tmp_path: Path) -> None:
    store = tmp_path / "out" / "trainings"
    store.mkdir(parents=True)
    for content in ("{", "[]", "{}"):
        (store / "begun.json").write_text(content)
        said = fails("study", config, "--output", tmp_path / "out")
        assert f"{store / 'begun.json'}" in said
        assert "--anew" in said


def test_a_process_that_ends_by_itself_is_named(config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "MODULE", "polyhead.errors")  # which does nothing, and ends
    with pytest.raises(TrainingError, match=r"a process that trains ended by itself \(status 0\).*fewer --workers"):
        polyhead.study(config, seeds=1, output=tmp_path / "out", workers=2)


def test_what_goes_wrong_in_another_process_is_told(config: Path, tmp_path: Path) -> None:
    with pytest.raises(polyhead.PolyheadError, match="encoder"):
        polyhead.study(config, seeds=1, output=tmp_path / "out", workers=2, encoder=str(tmp_path / "none"))
