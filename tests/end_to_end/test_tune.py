"""`polyhead tune`: from ranges to a settings file that trains, through kills, failures and the end of time."""

from __future__ import annotations

import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tomllib
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

import polyhead
from polyhead.errors import DataError, MissingExtraError, SettingsError, TrainingError, TrainingStoppedError
from polyhead.evaluation.report import canvas
from polyhead.settings import RunSettings, load_settings, merged_settings
from polyhead.studies import StudyReporter
from polyhead.studies.tuning import best_in, one_trial, search
from polyhead.studies.tuning.search import Plan
from polyhead.studies.tuning.space import space_of
from polyhead.training import EpochReport
from polyhead.training.reporting import StepReport
from tests.conftest import RECORDS
from tests.end_to_end.conftest import ROOT, Cli, Configure, toml, write_records, write_settings
from tests.end_to_end.test_find_issues import FAST, variants

FILES = {"trials.json", "best.toml", "trials.md", "history.svg"}
BASE = {**FAST, "epochs": 2}
RANGES = {
    "lr": {"range": [1e-4, 1e-2], "scale": "log"},
    "epochs": {"range": [1, 4], "default": 1},  # too few, so that the search gains something
    "strategy": {"choices": ["joint", "alternating"]},
}
TASKS = {
    "intent": {"kind": "single_label", "field": "label", "weight": {"range": [0.5, 2.0]}},
    "slots": {"kind": "tagging", "field": "ner_tags", "layers": {"choices": ["last", "mix"]}},
}


class Heard(StudyReporter):
    """Keeps what it hears, and may act on it."""

    def __init__(self, at_step: Callable[[int, int], None] | None = None) -> None:
        self.begun: list[str] = []
        self.told: list[str] = []
        self.lines: list[str] = []
        self.warned: list[str] = []
        self.epochs: list[float | None] = []
        self.losses: dict[int, list[float]] = {}
        self._at_step = at_step

    def begin(self, name: str, *, number: int, of: int) -> None:
        self.begun.append(name)

    def tell(self, line: str) -> None:
        self.told.append(line)

    def finish(self, line: str) -> None:
        self.lines.append(line)

    def warn(self, line: str) -> None:
        self.warned.append(line)

    def epoch(self, report: EpochReport, *, is_best: bool) -> None:
        self.epochs.append(report.score)

    def step(self, report: StepReport) -> None:
        self.losses.setdefault(len(self.begun), []).append(sum(report.losses.values()))
        if self._at_step:
            self._at_step(len(self.begun), report.step)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory, encoder_folders: dict[str, Path]) -> Path:
    """A settings file with ranges of all sorts."""
    folder = tmp_path_factory.mktemp("tune")
    dev = [{**own, "sentence": f"maybe {own['sentence']}", "ner_tags": ["O", *own["ner_tags"]]} for own in RECORDS]
    return write_settings(
        folder / "run.toml",
        {
            "encoder": encoder_folders["distilbert"],
            "output": "run",
            "data": {
                "train": write_records(folder / "train.jsonl", variants()[:64]).name,
                "dev": write_records(folder / "dev.jsonl", dev).name,
            },
            "tasks": TASKS,
            "training": {**BASE, **RANGES},
        },
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tuned") / "out"


@pytest.fixture(scope="module")
def heard() -> Heard:
    return Heard()


@pytest.fixture(scope="module")
def found(config: Path, folder: Path, heard: Heard) -> dict[str, Any]:
    """A search of ten trials that nothing disturbed."""
    return polyhead.tune(config, trials=10, confirm=2, output=folder, reporter=heard)


def outcome(trial: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in trial.items() if key != "seconds"}


def outcomes(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [outcome(trial) for trial in found["trials"]]


def kept_in(folder: Path) -> dict[str, Any]:
    kept: dict[str, Any] = json.loads((folder / "trials.json").read_text(encoding="utf-8"))
    return kept


def test_the_first_trial_has_the_default_settings(found: dict[str, Any], config: Path, tmp_path: Path) -> None:
    first = found["trials"][0]
    assert first["values"] == {
        "tasks.intent.weight": 1.0,
        "tasks.slots.layers": "last",
        "training.lr": first["values"]["training.lr"],  # by the encoder's width, as a run without it works it out
        "training.epochs": 1,
        "training.strategy": "joint",
    }
    plain = ["training.lr", "training.strategy", "tasks.intent.weight", "tasks.slots.layers"]
    text = tomllib.loads(config.read_text(encoding="utf-8"))
    for name in plain:
        *sections, key = name.split(".")
        table = text
        for section in sections:
            table = table[section]
        del table[key]
    text["training"]["epochs"] = 1
    text["data"] = {part: str(config.parent / path) for part, path in text["data"].items()}
    run = polyhead.train(config=write_settings(tmp_path / "plain.toml", text), output=tmp_path / "run")
    assert [report.score for report in run.epochs] == first["scores"]
    resolved = json.loads((run.folder / "run.json").read_text(encoding="utf-8"))["settings"]
    assert resolved["training"]["lr"] == first["values"]["training.lr"]


def test_trials_are_in_their_ranges_and_none_is_like_another(found: dict[str, Any]) -> None:
    trials = found["trials"]
    assert [own["number"] for own in trials] == list(range(10))
    assert {own["state"] for own in trials} <= {"complete", "pruned"}
    for own in trials[1:]:
        values = own["values"]
        assert 1e-4 <= values["training.lr"] <= 1e-2
        assert values["training.epochs"] in (1, 2, 3, 4)
        assert values["training.strategy"] in ("joint", "alternating")
        assert 0.5 <= values["tasks.intent.weight"] <= 2
        assert own["epochs"] == values["training.epochs"]
        assert own["score"] == max(own["scores"])
        assert own["scores"][own["epoch"] - 1] == own["score"]
    assert len({json.dumps(own["values"]) for own in trials}) == 10


def test_the_best_is_the_complete_trial_with_the_highest_score(found: dict[str, Any]) -> None:
    scores = {own["number"]: own["score"] for own in found["trials"] if own["state"] == "complete"}
    assert scores[found["best"]] == max(scores.values()) > scores[0]
    assert found["gain"] == pytest.approx(scores[found["best"]] - scores[0])


def test_what_is_left_is_figures_plots_and_the_best_settings(found: dict[str, Any], folder: Path) -> None:
    left = {path.name for path in folder.iterdir()}
    assert FILES <= left <= FILES | {"importance.svg"}
    assert ("importance.svg" in left) == bool(found["importance"])
    kept = kept_in(folder)
    assert {key: kept[key] for key in found if key != "table"} == {
        key: value for key, value in found.items() if key != "table"
    }
    table = (folder / "trials.md").read_text(encoding="utf-8").splitlines()
    columns = ("trial", "score", "intent accuracy", "slots f1", "epoch")
    assert table[0] == f"| {' | '.join((*columns, 'weight', 'layers', 'epochs', 'lr', 'strategy'))} |"
    assert len(table) == 12
    assert table[2].startswith(f"| {found['best']} | ")
    assert any(line.startswith("| default | ") for line in table)


def test_the_best_settings_train_to_the_very_score(found: dict[str, Any], folder: Path) -> None:
    """The file is taken as it is, from another folder too, and its run is beside it, not where an earlier one is."""
    run = polyhead.train(config=folder / "best.toml")
    best = found["trials"][found["best"]]
    assert run.folder.resolve() == (folder / "best").resolve()
    assert [report.score for report in run.epochs] == best["scores"]
    polyhead.evaluate(run.folder, load_settings(folder / "best.toml").data.dev[0])


def test_what_is_left_of_the_gain_with_fresh_seeds(found: dict[str, Any], heard: Heard) -> None:
    confirmed, best = found["confirmed"], found["best"]
    assert confirmed["seeds"] == [43, 44]
    scores = {(own["trial"], own["seed"]): own["score"] for own in found["checks"]}
    assert scores.keys() == {(best, 43), (0, 43), (best, 44), (0, 44)}
    differences = [scores[best, seed] - scores[0, seed] for seed in (43, 44)]
    own = confirmed["figures"]["score"]
    assert own["difference"] == pytest.approx(sum(differences) / 2)
    half = 12.7062 * abs(differences[0] - differences[1]) / 2  # Student's t with one degree of freedom, 97.5 %
    assert own["interval"] == pytest.approx([own["difference"] - half, own["difference"] + half], abs=1e-4)
    names = (f"trial {best}", "default settings")
    assert heard.begun[10:] == [f"{name}, seed {seed}" for seed in (43, 44) for name in names]


def test_plots_can_be_read_out(found: dict[str, Any], folder: Path) -> None:
    svg = (folder / "history.svg").read_text(encoding="utf-8")
    texts = [text.text or "" for text in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]
    first, best = (100 * found["trials"][at]["score"] for at in (0, found["best"]))
    assert f"best {best:.2f}" in texts
    assert f"default settings {first:.2f}" in texts
    assert "#0102" not in svg


def test_the_same_search_comes_to_the_same_trials_and_goes_on_to_more(
    found: dict[str, Any], config: Path, tmp_path: Path
) -> None:
    """Four trials, then three more by another call: the first seven of an uninterrupted search."""
    polyhead.tune(config, trials=4, output=tmp_path / "out")
    heard = Heard()
    more = polyhead.tune(config, trials=7, output=tmp_path / "out", reporter=heard)
    assert outcomes(more) == outcomes(found)[:7]
    assert heard.begun == ["trial 4", "trial 5", "trial 6"]
    assert f"going on with 4 trials that {tmp_path / 'out'} holds" in heard.told
    again = Heard()
    assert outcomes(polyhead.tune(config, trials=7, output=tmp_path / "out", reporter=again)) == outcomes(more)
    assert again.begun == []


def test_a_killed_search_goes_on_as_if_nothing_had_happened(
    found: dict[str, Any], config: Path, tmp_path: Path
) -> None:
    """The process is killed in the middle of its third trial."""
    out = tmp_path / "out"
    code = (
        "import os, signal, sys, polyhead\n"
        "from polyhead.studies import StudyReporter\n"
        "class Killing(StudyReporter):\n"
        "    number = 0\n"
        "    def begin(self, name, *, number, of): self.number = number\n"
        "    def epoch(self, report, *, is_best):\n"
        "        if self.number == 3: os.kill(os.getpid(), signal.SIGKILL)\n"
        "polyhead.tune(sys.argv[1], trials=5, output=sys.argv[2], reporter=Killing())\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(config), str(out)], env=os.environ, cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    assert (out / "trial" / "epoch-1").is_dir()
    assert len(kept_in(out)["trials"]) == 2
    assert (out / "best.toml").is_file()
    assert outcomes(polyhead.tune(config, trials=5, output=out)) == outcomes(found)[:5]
    assert not (out / "trial").exists()


def test_ctrl_c_ends_it_with_what_there_is(found: dict[str, Any], config: Path, tmp_path: Path) -> None:
    def interrupt(trial: int, step: int) -> None:
        if (trial, step) == (3, 2):
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(TrainingStoppedError, match=r"stopped after 2 trials, which are kept; the best so") as stop:
        polyhead.tune(config, trials=5, output=tmp_path / "out", reporter=Heard(interrupt))
    assert stop.value.signal == signal.SIGINT
    assert {path.name for path in (tmp_path / "out").iterdir()} == FILES
    assert outcomes(polyhead.tune(config, trials=3, output=tmp_path / "out")) == outcomes(found)[:3]


def test_when_time_is_up_a_trial_under_way_is_left_out(
    found: dict[str, Any], config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(search.time, "monotonic", lambda: now[0])

    def pass_time(trial: int, step: int) -> None:
        if (trial, step) == (3, 2):
            now[0] += 3600

    heard = Heard(pass_time)
    some = polyhead.tune(config, trials=5, timeout="1h", output=tmp_path / "out", reporter=heard)
    assert outcomes(some) == outcomes(found)[:2]
    assert heard.told[-1].startswith("ended      the time is up; a trial that was under way is left out")
    assert {path.name for path in (tmp_path / "out").iterdir()} == FILES


@pytest.mark.slow  # half a minute: enough trials must be whole before one is given up
def test_a_trial_that_does_worse_than_most_is_given_up(config: Path, tmp_path: Path) -> None:
    """Rates far too low are among those that are tried: their heads learn nothing in the first epochs."""
    ranges = {"training.lr": {"range": [1e-6, 1e-2], "scale": "log"}, "training.head_lr": {"choices": [1e-7, 5e-3]}}
    flags = [f"{key}={toml(value)}" for key, value in ranges.items()]
    plain = ["training.epochs=4", "training.strategy=joint", "tasks.intent.weight=1.0", "tasks.slots.layers=last"]
    heard = Heard()
    merged = merged_settings(config, [*flags, *plain])
    both = {
        prune: tuned(merged, trials=14, prune=prune, folder=tmp_path / str(prune), reporter=heard)
        for prune in (True, False)
    }
    given_up = [own for own in both[True]["trials"] if own["state"] == "pruned"]
    assert given_up
    for own in given_up:
        before = [one["score"] for one in both[True]["trials"][: own["number"]] if one["state"] == "complete"]
        assert own["score"] < statistics.median(before)
    assert all(len(own["scores"]) < own["epochs"] == 4 for own in given_up)
    assert all(own["state"] == "complete" for own in both[False]["trials"])
    assert both[True]["best"] not in [own["number"] for own in given_up]
    assert any(line.startswith("given up after epoch") for line in heard.lines)
    assert not (tmp_path / "True" / "trial").exists()


def tuned(
    merged: dict[str, Any], *, trials: int, folder: Path, prune: bool = True, reporter: StudyReporter | None = None
) -> dict[str, Any]:
    return best_in(
        merged,
        plan=Plan(trials, None, prune, 0),
        fraction=1.0,
        folder=folder,
        anew=False,
        reporter=reporter or Heard(),
        file="run.toml",
    )


def test_a_trial_that_fails_is_kept_with_its_reason(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, lambda own: own.training.strategy == "alternating", TrainingError("the loss is no number"))
    heard = Heard()
    found = polyhead.tune(config, trials=6, output=tmp_path / "out", reporter=heard)
    for own in found["trials"]:
        failed = own["values"]["training.strategy"] == "alternating"
        assert (own["state"] == "failed") == failed
        assert own["why"] == ("the loss is no number" if failed else None)
    assert {own["state"] for own in found["trials"]} >= {"failed", "complete"}
    assert found["trials"][found["best"]]["state"] == "complete"
    assert any(line.startswith("failed: the loss is no number") for line in heard.lines)
    assert " (failed) | — | — | — | — | " in (tmp_path / "out" / "trials.md").read_text(encoding="utf-8")


def failing(monkeypatch: pytest.MonkeyPatch, when: Callable[[RunSettings], bool], error: Exception) -> None:
    """Have some trainings fail."""
    run = one_trial.run_training

    def run_or_fail(settings: RunSettings, **rest: Any) -> Any:
        if when(settings):
            raise error
        return run(settings, **rest)

    monkeypatch.setattr(one_trial, "run_training", run_or_fail)


def test_memory_that_runs_out_is_a_failure_like_others(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, lambda own: own.training.strategy == "alternating", MemoryError())
    found = polyhead.tune(config, trials=4, output=tmp_path / "out")
    assert {own["why"] for own in found["trials"]} == {None, "MemoryError"}


@pytest.mark.slow  # a search more
def test_when_each_trial_fails_it_is_not_the_trials(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, lambda own: own.training.lr is not None, TrainingError("no room on the disk"))
    with pytest.raises(TrainingError, match=r"5 trials in a row failed, the last with: no room on the disk\. All"):
        polyhead.tune(config, trials=20, output=tmp_path / "out")
    assert [own["state"] for own in kept_in(tmp_path / "out")["trials"]] == ["complete", *["failed"] * 5]


def test_values_that_do_not_go_together_fail_and_cost_no_time(
    configure: Configure, config: Path, tmp_path: Path
) -> None:
    own = tomllib.loads(config.read_text(encoding="utf-8"))
    slots = {"kind": "tagging", "field": "ner_tags", "label_smoothing": {"range": [0.0, 0.2], "step": 0.1}}
    tasks = {"slots": {**slots, "decoder": {"choices": ["viterbi", "crf"]}}}
    data = {part: config.parent / path for part, path in own["data"].items()}
    file = configure(data=data, tasks=tasks, training=BASE)
    heard = Heard()
    found = polyhead.tune(file, trials=20, output=tmp_path / "out", reporter=heard)
    unfit = [trial for trial in found["trials"] if trial["state"] == "failed"]
    assert unfit
    for trial in unfit:
        assert trial["values"]["tasks.slots.decoder"] == "crf"
        assert trial["values"]["tasks.slots.label_smoothing"] > 0
        assert "decoder 'crf' scores whole sequences and takes no label_smoothing" in trial["why"]
    assert len(found["trials"]) == 6
    assert heard.told[-1] == "ended      all 6 combinations there are were tried"


@pytest.mark.slow  # a search more
def test_options_of_tasks_reach_the_model(configure: Configure, config: Path, tmp_path: Path) -> None:
    """What the first trial's tasks do not have is learnt anew from the same records."""
    own = tomllib.loads(config.read_text(encoding="utf-8"))
    tasks = {
        "slots": {"kind": "tagging", "field": "ner_tags", "unit": {"choices": ["whitespace", "pretokenizer"]}},
        "intent": {"kind": "single_label", "field": "label", "hidden": {"choices": [0, 8]}},
    }
    data = {part: config.parent / path for part, path in own["data"].items()}
    file = configure(data=data, tasks=tasks, training=BASE)
    found = polyhead.tune(file, trials=4, output=tmp_path / "out")
    for trial in found["trials"]:
        values = trial["values"]
        plain = {
            "slots": {"kind": "tagging", "field": "ner_tags", "unit": values["tasks.slots.unit"]},
            "intent": {"kind": "single_label", "field": "label", "hidden": values["tasks.intent.hidden"]},
        }
        again = configure(name="plain.toml", data=data, tasks=plain, training=BASE)
        run = polyhead.train(config=again, output=tmp_path / "run")
        assert [report.score for report in run.epochs] == trial["scores"]


@pytest.mark.slow  # a search more
def test_encoders_and_lengths_of_rows_may_be_searched(
    configure: Configure, config: Path, tmp_path: Path, encoder_folders: dict[str, Path]
) -> None:
    own = tomllib.loads(config.read_text(encoding="utf-8"))
    encoders = [encoder_folders["distilbert"], encoder_folders["roberta"]]
    data = {part: config.parent / path for part, path in own["data"].items()}
    file = configure(
        encoder={"choices": encoders}, data=data, encoding={"max_length": {"choices": [8, 64]}}, training=BASE
    )
    found = polyhead.tune(file, trials=4, output=tmp_path / "out")
    assert found["trials"][0]["values"] == {"encoder": str(encoders[0]), "encoding.max_length": 64}
    assert len({json.dumps(trial["values"]) for trial in found["trials"]}) == 4
    assert {trial["state"] for trial in found["trials"]} <= {"complete", "pruned"}
    run = polyhead.train(config=tmp_path / "out" / "best.toml")
    assert [report.score for report in run.epochs] == found["trials"][found["best"]]["scores"]


def test_weights_of_data_sets_may_be_searched(configure: Configure, config: Path, tmp_path: Path) -> None:
    data = {
        "sets": {
            "one": {"train": config.parent / "train.jsonl", "dev": config.parent / "dev.jsonl"},
            "other": {"train": config.parent / "dev.jsonl", "weight": {"choices": [0.1, 3.0]}},
        }
    }
    file = configure(data=data, training=BASE)
    heard = Heard()
    found = polyhead.tune(file, trials=3, output=tmp_path / "out", reporter=heard)
    assert found["trials"][0]["values"]["data.sets.other.weight"] == 1.0
    weights = [trial["values"]["data.sets.other.weight"] for trial in found["trials"]]
    assert len({tuple(losses) for losses in heard.losses.values()}) == len(set(weights)) > 1
    run = polyhead.train(config=tmp_path / "out" / "best.toml")
    assert [report.score for report in run.epochs] == found["trials"][found["best"]]["scores"]


@pytest.mark.slow  # a search more
def test_without_a_range_the_usual_settings_are_searched(configure: Configure, config: Path, tmp_path: Path) -> None:
    own = tomllib.loads(config.read_text(encoding="utf-8"))
    data = {part: config.parent / path for part, path in own["data"].items()}
    file = configure(data=data, training={"lr": 1e-3, "precision": "fp32"})
    heard = Heard()
    found = polyhead.tune(file, trials=2, output=tmp_path / "out", reporter=heard)
    assert heard.told[0].startswith(f"no range in {file}: what most trainings depend on is searched")
    assert {own["setting"].removeprefix("training.") for own in found["searched"]} == {
        *("lr", "head_lr", "batch_size", "epochs", "warmup", "head_dropout")
    }
    assert "searching  training.lr: 0.00025 to 0.004, log" in heard.told
    assert found["trials"][0]["values"]["training.lr"] == 1e-3
    assert found["trials"][0]["values"]["training.epochs"] == 2
    frozen = Heard()
    polyhead.tune(file, trials=1, freeze="encoder", output=tmp_path / "frozen", reporter=frozen)
    assert not any(line.startswith("searching  training.lr:") for line in frozen.told)


def test_a_part_of_the_data_is_trained_on_and_dev_stays_whole(config: Path, tmp_path: Path) -> None:
    heard = Heard()
    found = polyhead.tune(config, trials=1, fraction=0.5, output=tmp_path / "out", reporter=heard)
    assert (found["records"], found["dev_records"]) == (32, 8)
    assert "data       train 32 records (50 % of the texts, stratified by labels), dev 8, which score each trial" in (
        heard.told
    )
    assert "searched on 50 % of the training data" in (tmp_path / "out" / "best.toml").read_text(encoding="utf-8")


def test_another_search_cannot_go_on(config: Path, tmp_path: Path) -> None:
    out, held = tmp_path / "out", Heard()
    first = polyhead.tune(config, trials=1, output=out)
    kept = (out / "trials.json").read_bytes()

    def refused(**changed: Any) -> str:
        with pytest.raises(SettingsError, match=r"the search that was begun here has other settings or data") as caught:
            polyhead.tune(config, output=out, reporter=held, **changed)
        return str(caught.value)

    assert "training.epochs: range [1, 4], default 1 before, range [1, 5] now" in refused(epochs={"range": [1, 5]})
    assert "training.epochs: 1 before, 3 now" in refused(epochs=3)
    assert "training.epochs: range [1, 4], default 1 before, not searched now" in refused(epochs=3)
    assert "fraction: 1.0 before, 0.5 now" in refused(fraction=0.5)
    assert "prune: True before, False now" in refused(prune=False)
    other = write_records(tmp_path / "other.jsonl", variants()[:32])
    assert "other content: 64 records before, 32 now" in refused(data=other)
    assert (out / "trials.json").read_bytes() == kept
    assert held.begun == []
    anew = polyhead.tune(config, trials=1, output=out, fraction=0.5, anew=True)
    assert anew["records"] != first["records"]
    (out / "trials.json").write_text("{", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"cannot be read as the trials of a search"):
        polyhead.tune(config, trials=1, output=out)


def test_the_default_settings_may_stay_the_best(config: Path, tmp_path: Path, cli: Cli) -> None:
    """Then the file holds them as they were given, and nothing is confirmed."""
    # Neither the encoder nor the heads learn in a trial: on no machine does it reach the default settings.
    worse = ["--set", "training.lr={choices=[1e-9, 2e-9], default=3e-3}", "--set", "training.epochs=6"]
    worse += ["--set", "training.head_lr={choices=[1e-9, 2e-9], default=5e-3}"]
    worse += [
        "--set",
        "training.strategy=joint",
        "--set",
        "tasks.intent.weight=1.0",
        "--set",
        "tasks.slots.layers=last",
    ]
    done = cli("tune", config, *worse, "--trials", 3, "--confirm", 2, "--output", tmp_path / "out")
    assert done.status == 0, done.err
    assert "no trial beat the default settings, which best.toml holds" in done.out
    assert tomllib.loads((tmp_path / "out" / "best.toml").read_text(encoding="utf-8"))["training"]["head_lr"] == 5e-3
    assert "seed 43" not in done.err


def test_the_command(cli: Cli, config: Path, tmp_path: Path, found: dict[str, Any]) -> None:
    out = tmp_path / "out"
    done = cli("tune", config, "--trials", 10, "--confirm", 1, "--output", out)
    assert done.status == 0, done.err
    lines = done.out.splitlines()
    assert lines[0] == "trials, the best first: on 8 dev records, %"
    assert lines[1].split()[:4] == ["trial", "score", "intent", "accuracy"]
    assert lines[2].split()[0] == str(found["best"])
    assert any(line.startswith("default ") for line in lines)
    assert f"the best is trial {found['best']}, {100 * found['gain']:.2f} points more than the default" in done.out
    assert "the gain is less in truth" in done.out
    assert "with one fresh seed on the same dev data: " in done.out
    assert "(one seed: no telling how sure that is)" in done.out
    assert re.search(r"what mattered[:,]", done.out)
    assert lines[-1] == f"next: polyhead train --config {out / 'best.toml'}"
    assert "1/12  default settings  score" in done.err
    assert f"wrote  {out / 'best.toml'}" in done.err
    again = cli("tune", config, "--trials", 10, "--output", out, "--json")
    assert outcomes(json.loads(again.out)) == outcomes(found)
    assert json.loads(again.out)["confirmed"]["seeds"] == [43]


def test_ranges_by_set(cli: Cli, configure: Configure, config: Path, tmp_path: Path) -> None:
    data = {part: config.parent / f"{part}.jsonl" for part in ("train", "dev")}
    file = configure(data=data, training=BASE)
    ranges = ["--set", "training.warmup={range=[0, 0.3]}", "--set", "training.epochs=1"]
    done = cli("tune", file, *ranges, "--trials", 2, "--output", tmp_path / "out")
    assert done.status == 0, done.err
    assert "searching  training.warmup: 0 to 0.3" in done.err
    assert "no range" not in done.err


def test_what_cannot_be_searched_is_refused(
    fails: Callable[..., str], config: Path, configure: Configure, tmp_path: Path
) -> None:
    output = ("--output", tmp_path / "out")
    assert "--trials: must be 1 or more, found 0" in fails("tune", config, "--trials", 0, *output)
    assert "--confirm: must be 0 or more, found -1" in fails("tune", config, "--confirm", -1, *output)
    for share in ("0", "1.5", "nan"):
        assert "--fraction: must be above 0, and 1 at most" in fails("tune", config, "--fraction", share, *output)
    assert "--timeout: wanted a length of time such as 90s" in fails("tune", config, "--timeout", "1 day", *output)
    assert "training.lr: a range (and 4 more), in which `polyhead tune" in fails("train", "--config", config).replace(
        "tasks.intent.weight: a range", "training.lr: a range"
    )
    bad = ("--set", "training.lr={rang=[1, 2]}")
    assert "did you mean 'range'" in fails("tune", config, *bad, *output)
    few = configure(name="few.toml", data={"train": write_records(tmp_path / "few.jsonl", RECORDS)}, training=BASE)
    assert "no dev data, and too few texts to hold any out" in fails("tune", few, *output)
    assert "is a file; name a folder" in fails("tune", config, "--output", config)
    encoder = ("--set", "encoder={choices=['/nowhere', '/no/where']}")
    assert "no such folder" in fails("tune", config, *encoder, *output)


def test_a_default_that_fits_no_data_is_an_error_not_a_trial(config: Path, tmp_path: Path) -> None:
    tasks = {"slots": {"kind": "tagging", "field": "tags", "weight": {"range": [1, 2]}}}
    with pytest.raises(DataError, match=r"has the field 'tags'"):
        polyhead.tune(config, tasks=tasks, output=tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("missing", ["optuna", "matplotlib"])
def test_without_what_searches_or_draws_nothing_is_trained(
    missing: str, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if missing == "optuna":
        monkeypatch.setitem(sys.modules, "optuna", None)
    else:
        monkeypatch.setattr(canvas, "find_spec", lambda name: None)
    heard = Heard()
    extra = {"optuna": r"polyhead\[tune\]", "matplotlib": r"polyhead\[report\]"}[missing]
    with pytest.raises(MissingExtraError, match=extra):
        polyhead.tune(config, output=tmp_path / "out", reporter=heard)
    assert heard.begun == []


def test_the_benchmark_s_settings_are_valid(real_data: Path) -> None:
    for file in sorted((ROOT / "benchmarks" / "studies").glob("tune*.toml")):
        assert len(space_of(merged_settings(file)).dimensions) >= 6
