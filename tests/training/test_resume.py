"""A run that was broken off goes on to the weights that it would have come to; another run is not gone on with."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import polyhead
from polyhead.errors import SettingsError, TrainingStoppedError
from polyhead.training import TrainedRun
from polyhead.training import progress as progress_module
from polyhead.training.reporting import EpochReport, StepReport
from tests.conftest import RECORDS
from tests.training.conftest import Fitted, Listener

Train = Callable[..., TrainedRun]


class Breaker(Listener):
    """Sends this process a signal after a step, or while the dev scores of an epoch are computed."""

    def __init__(self, *, step: int = 0, epoch: int = 0, number: int = signal.SIGTERM) -> None:
        super().__init__()
        self._step, self._epoch, self._number = step, epoch, number
        self.resumed: tuple[int, list[int]] | None = None
        self._scoring = 0

    def step(self, report: StepReport) -> None:
        super().step(report)
        if report.step == self._step:
            os.kill(os.getpid(), self._number)

    def evaluating(self, *, records: int) -> None:
        self._scoring += 1
        if self._scoring == self._epoch:
            os.kill(os.getpid(), self._number)

    def resume(self, *, step: int, epochs: Any, best: EpochReport | None) -> None:
        self.resumed = (step, [report.epoch for report in epochs])


@pytest.fixture
def data(write: Callable[..., Path]) -> Path:
    return write(RECORDS * 3, "train.jsonl")


@pytest.fixture
def train(data: Path, encoder_folders: dict[str, Path], tmp_path: Path) -> Train:
    """Three epochs of four steps, into a folder of the name that is given."""

    def _train(name: str, **settings: Any) -> TrainedRun:
        wanted = {"dev": data, "encoder": str(encoder_folders["distilbert"]), "precision": "fp32", "epochs": 3}
        wanted |= {"batch_size": 6, "output": tmp_path / name, **settings}
        return polyhead.train(wanted.pop("data", data), **wanted)

    return _train


def weights_of(run: TrainedRun) -> dict[str, bytes]:
    return {path.parent.name: path.read_bytes() for path in run.folder.glob("epoch-*/model.safetensors")}


def broken_off(train: Train, name: str, breaker: Breaker, **settings: Any) -> TrainingStoppedError:
    with pytest.raises(TrainingStoppedError) as stop:
        train(name, reporter=breaker, **settings)
    return stop.value


@pytest.mark.parametrize("at", [1, 3, 4, 7, 12])
def test_it_goes_on_after_a_step(train: Train, at: int, tmp_path: Path) -> None:
    whole = train("whole")
    stop = broken_off(train, "broken", Breaker(step=at))
    assert stop.signal == signal.SIGTERM
    state = tmp_path / "broken" / "states" / f"step-{at}"
    assert str(stop) == (
        f"stopped after step {at} of 12, which is saved in {state}; go on with the same command and --resume"
    )
    listener = Breaker()
    resumed = train("broken", resume=True, reporter=listener)
    finished = list(range(1, (at - 1) // 4 + 1))  # the epoch of the last step is scored when the run goes on
    assert listener.resumed == (at, finished)
    assert [report.step for report in listener.steps] == list(range(at + 1, 13))
    assert weights_of(resumed) == weights_of(whole)
    assert [(report.losses, report.dev) for report in resumed.epochs] == [
        (report.losses, report.dev) for report in whole.epochs
    ]
    assert resumed.best.name == whole.best.name
    assert Fitted(resumed).steps == Fitted(whole).steps
    assert sorted(path.name for path in resumed.folder.iterdir()) == sorted(
        path.name for path in whole.folder.iterdir()
    )


@pytest.mark.parametrize(("begun", "resumed"), [("kept", "off"), ("off", "kept"), ("kept", "kept"), ("kept", "other")])
def test_it_goes_on_wherever_its_data_are_kept(train: Train, tmp_path: Path, begun: str, resumed: str) -> None:
    """With what was kept when it was begun, without it, and with what is kept anew."""
    whole = train("whole")
    where = {"off": "off", "kept": tmp_path / "kept", "other": tmp_path / "other"}
    with_cache = {name: {"config": _config(tmp_path / f"{name}.toml", cache)} for name, cache in where.items()}
    broken_off(train, "broken", Breaker(step=6), **with_cache[begun])
    listener = Breaker()
    run = train("broken", resume=True, reporter=listener, **with_cache[resumed])
    assert listener.resumed == (6, [1])
    assert weights_of(run) == weights_of(whole)
    lines = [line for topic, line in listener.lines if topic == "cache"]
    assert any("nothing tokenised again" in line for line in lines) == (begun == resumed)


def _config(path: Path, cache: Path | str) -> Path:
    path.write_text(f"[data]\ncache = {json.dumps(str(cache))}\n", encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def _ctrl_c_is_heard() -> Iterator[None]:
    """A shell has its background jobs ignore it, and so would the tests of such a job."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_while_an_epoch_is_scored(train: Train) -> None:
    stop = broken_off(train, "broken", Breaker(epoch=2, number=signal.SIGINT))
    assert stop.signal == signal.SIGINT
    assert "stopped after step 8 of 12" in str(stop)
    assert weights_of(train("broken", resume=True)) == weights_of(train("whole"))


def test_a_signal_before_the_first_step_is_heard_too(train: Train, tmp_path: Path) -> None:
    class AtOnce(Listener):
        def start(self, *, steps: int, epochs: int) -> None:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(TrainingStoppedError, match="stopped after step 1 of 12"):
        train("broken", reporter=AtOnce())
    assert weights_of(train("broken", resume=True)) == weights_of(train("whole"))


def test_signals_are_a_matter_of_the_process_again_after_a_run(train: Train) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    broken_off(train, "broken", Breaker(step=2))
    train("broken", resume=True)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_stopping_early_and_heads_that_stop_are_remembered(train: Train) -> None:
    tasks = {
        "classification": {"kind": "single_label", "field": "label", "patience": 1},
        "ner": {"kind": "tagging", "field": "ner_tags"},
    }
    settings: dict[str, Any] = {"tasks": tasks, "patience": 3, "epochs": 8, "lr": 1e-9, "head_lr": 1e-9}
    whole = train("whole", **settings)
    assert len(whole.epochs) == 4
    assert Fitted(whole).steps[-1]["losses"].keys() == {"ner"}
    broken_off(train, "broken", Breaker(step=11), **settings)
    resumed = train("broken", resume=True, **settings)
    assert weights_of(resumed) == weights_of(whole)
    assert Fitted(resumed).steps == Fitted(whole).steps


def test_a_run_that_ended_before_its_first_state_begins_anew(train: Train, tmp_path: Path) -> None:
    whole = train("whole")
    broken_off(train, "broken", Breaker(step=9))
    shutil.rmtree(tmp_path / "broken" / "states")
    listener = Breaker()
    resumed = train("broken", resume=True, reporter=listener)
    assert listener.steps[0].step == 1
    assert listener.resumed == (0, [])
    assert weights_of(resumed) == weights_of(whole)
    assert Fitted(resumed).account["best"] == Fitted(whole).account["best"]


def test_bundles_that_are_made_again_stay_the_model_meanwhile(train: Train, tmp_path: Path) -> None:
    broken_off(train, "broken", Breaker(step=9))
    shutil.rmtree(tmp_path / "broken" / "states")
    broken_off(train, "broken", Breaker(step=5), resume=True)
    account = json.loads((tmp_path / "broken" / "run.json").read_text())
    assert [epoch["folder"] for epoch in account["epochs"]] == ["epoch-1", "epoch-2"]
    assert account["last"] == "epoch-2"
    assert account["finished"] is False
    assert polyhead.Predictor.load(tmp_path / "broken").bundle.about.epoch in {1, 2}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"lr": 0.5}, "training.lr: 0.001 before, 0.5 now"),
        ({"seed": 7}, "training.seed: 42 before, 7 now"),
        ({"epochs": 4}, "training.epochs: 3 before, 4 now"),
        ({"strategy": "alternating"}, "training.strategy: joint before, alternating now"),
        ({"encoding": {"overlap": 3}}, "encoding.overlap: not set before, 3 now"),
    ],
)
def test_other_settings_are_refused(train: Train, change: dict[str, Any], said: str) -> None:
    broken_off(train, "broken", Breaker(step=5))
    with pytest.raises(SettingsError) as refused:
        train("broken", resume=True, **change)
    assert f"--resume: the run was begun with other settings or data:\n  {said}\n" in str(refused.value)
    assert "with --force" in str(refused.value)
    assert weights_of(train("broken", resume=True)) == weights_of(train("whole"))  # a refusal changes nothing


def test_other_data_are_refused(train: Train, data: Path) -> None:
    broken_off(train, "broken", Breaker(step=5))
    data.write_text(data.read_text().replace("John", "Joan"))
    with pytest.raises(SettingsError, match=r"jsonl: other content: 24 records before, 24 now \(SHA-256 \w+… and"):
        train("broken", resume=True)


def test_the_same_data_elsewhere_are_the_same(train: Train, data: Path, tmp_path: Path) -> None:
    whole = train("whole")
    broken_off(train, "broken", Breaker(step=5))
    moved = data.rename(tmp_path / "moved.jsonl")
    assert weights_of(train("broken", data=moved, dev=moved, resume=True)) == weights_of(whole)


def test_rows_that_became_others_are_refused(train: Train, tmp_path: Path) -> None:
    """Same files and settings, as when a teacher or the encoder's tokenizer is another one now."""
    broken_off(train, "broken", Breaker(step=5))
    account = tmp_path / "broken" / "run.json"
    account.write_text(account.read_text().replace('"rows": "', '"rows": "0'))
    with pytest.raises(SettingsError, match="the rows that are trained on: other pieces, targets or teachers' answers"):
        train("broken", resume=True)


def test_force_goes_on_with_what_is_new(train: Train) -> None:
    broken_off(train, "broken", Breaker(step=5))
    listener = Breaker()
    resumed = train("broken", resume=True, force=True, lr=1e-6, reporter=listener)
    assert listener.resumed == (5, [1])
    assert any(line.startswith("--force: training.lr: 0.001 before, 1e-06 now") for line in listener.warnings)
    assert Fitted(resumed).steps[5]["lr"] < 1e-6
    assert Fitted(resumed).account["settings"]["training"]["lr"] == 1e-6
    assert len(resumed.epochs) == 3


def test_force_with_epochs_of_another_length_goes_on_after_the_last_whole_one(
    train: Train, write: Callable[..., Path]
) -> None:
    broken_off(train, "broken", Breaker(step=7))
    listener = Breaker()
    more = write(RECORDS * 4, "more.jsonl")
    train("broken", data=more, resume=True, force=True, reporter=listener)
    assert listener.resumed == (6, [1])
    assert [report.step for report in listener.steps] == list(range(7, 19))


def test_force_cannot_make_other_labels_fit(train: Train, write: Callable[..., Path]) -> None:
    broken_off(train, "broken", Breaker(step=5))
    labels = write([{**record, "label": record["label"] + 7 * at} for at, record in enumerate(RECORDS)] * 3, "x.jsonl")
    with pytest.raises(SettingsError, match="the state's weights are not those of this model: heads"):
        train("broken", data=labels, resume=True, force=True)


def test_a_finished_run_is_left_as_it_is(train: Train) -> None:
    whole = train("run")
    before = {path: path.stat().st_mtime_ns for path in whole.folder.rglob("*")}
    listener = Listener()
    again = train("run", resume=True, reporter=listener)
    assert again == whole
    assert ("resume", f"the run in {whole.folder} is finished already") in listener.lines
    assert {path: path.stat().st_mtime_ns for path in whole.folder.rglob("*")} == before
    with pytest.raises(SettingsError, match="is finished, so there is nothing to go on from"):
        train("run", resume=True, force=True, epochs=5)


def test_with_no_run_there_resume_begins_one(train: Train) -> None:
    listener = Listener()
    run = train("new", resume=True, reporter=listener)
    assert ("resume", f"{run.folder} holds no run yet, so this one begins at its first step") in listener.lines
    assert weights_of(run) == weights_of(train("whole"))


def test_a_run_of_an_older_version_is_not_gone_on_with(train: Train, tmp_path: Path) -> None:
    run = train("run", epochs=1)
    account = {key: value for key, value in Fitted(run).account.items() if key != "id"}
    (run.folder / "run.json").write_text(json.dumps(account))
    with pytest.raises(SettingsError, match="was saved by a version of polyhead that kept no states"):
        train("run", epochs=1, resume=True)
    (run.folder / "run.json").write_text("{")
    with pytest.raises(SettingsError, match=r"run\.json cannot be read"):
        train("run", epochs=1, resume=True)


def test_another_machine_is_told_of(train: Train, tmp_path: Path) -> None:
    broken_off(train, "broken", Breaker(step=5))
    path = tmp_path / "broken" / "run.json"
    account = json.loads(path.read_text())
    account["versions"]["torch"] = "2.10.0"
    account["machine"]["threads"] = 64
    path.write_text(json.dumps(account))
    listener = Breaker()
    train("broken", resume=True, reporter=listener)
    assert [line.partition(" now: ")[2] for line in listener.warnings] == [
        "the weights may differ in their last bits from those of an uninterrupted run"
    ] * 2
    assert listener.warnings[0].startswith("torch: 2.10.0 before, ")


@pytest.mark.parametrize(("keep", "kept"), [(1, ["step-8"]), (3, ["step-4", "step-6", "step-8"])])
def test_so_many_states_are_kept(train: Train, tmp_path: Path, keep: int, kept: list[str]) -> None:
    breaker = Breaker(epoch=2)  # after step 8, whose state is thus the one of the signal
    broken_off(train, "broken", breaker, saving={"every_steps": 2, "every_minutes": 0.0, "keep": keep})
    assert sorted(path.name for path in (tmp_path / "broken" / "states").iterdir()) == kept


def test_states_by_the_clock(train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 10_000, 20))  # a step seems to take twenty seconds
    monkeypatch.setattr(progress_module.time, "monotonic", lambda: float(next(clock)))
    run = train("run", saving={"every_minutes": 1.0})
    saved = [line["step"] for line in Fitted(run).log if line["event"] == "state"]
    assert saved == [3, 6, 9]


def test_without_a_wish_for_states_there_are_none(train: Train) -> None:
    run = train("run", saving={"every_minutes": 0.0})
    assert not [line for line in Fitted(run).log if line["event"] == "state"]
    assert not (run.folder / "states").exists()


def test_a_new_run_does_not_go_on_from_the_states_of_the_one_before(train: Train, tmp_path: Path) -> None:
    broken_off(train, "run", Breaker(step=5))
    breaker = Breaker(step=2)
    broken_off(train, "run", breaker, seed=3)
    (said,) = breaker.warnings
    assert said.endswith("holds a run that was broken off after step 5; it is replaced (--resume would go on with it)")
    assert [path.name for path in (tmp_path / "run" / "states").iterdir()] == ["step-2"]
    assert weights_of(train("run", seed=3, resume=True)) == weights_of(train("whole", seed=3))


def test_a_further_head_goes_on_too(train: Train, data: Path, tmp_path: Path) -> None:
    base = train("base", tasks={"ner": {"kind": "tagging", "field": "ner_tags"}}, epochs=1)
    settings: dict[str, Any] = {
        "task": "intent", "tasks": {"intent": {"kind": "single_label", "field": "label"}},
        "data": {"train": str(data), "dev": str(data)}, "epochs": 2, "batch_size": 6, "precision": "fp32",
    }  # fmt: skip
    whole = polyhead.add_head(base.folder, output=tmp_path / "whole", **settings)
    with pytest.raises(TrainingStoppedError):
        polyhead.add_head(base.folder, output=tmp_path / "broken", reporter=Breaker(step=6), **settings)
    resumed = polyhead.add_head(base.folder, output=tmp_path / "broken", resume=True, **settings)
    assert weights_of(resumed) == weights_of(whole)


def test_a_run_whose_numbers_went_wrong_goes_on_without_the_batch(
    train: Train, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The state is that of the step before; older ones stay beside it."""
    from polyhead.errors import NonFiniteError
    from polyhead.training.passes import Passes

    real, taken = Passes.backward, []

    def backward(self: Passes, step: Any, *, budget: int | None) -> dict[str, float]:
        taken.append(step)
        losses = real(self, step, budget=budget)
        return {name: float("nan") for name in losses} if len(taken) == 7 else losses

    saving = {"every_steps": 2, "every_minutes": 0.0, "keep": 1}
    with monkeypatch.context() as patch:
        patch.setattr(Passes, "backward", backward)
        with pytest.raises(NonFiniteError) as stop:
            train("broken", saving=saving)
    state = tmp_path / "broken" / "states" / "step-6"
    assert f"The weights before that step are saved in {state}: --resume goes on" in str(stop.value)
    listener = Breaker()
    resumed = train("broken", saving=saving, resume=True, on_nonfinite="skip", reporter=listener)
    assert listener.resumed == (6, [1])
    assert weights_of(resumed) == weights_of(train("whole"))  # the fault was the test's, not the batch's


def test_what_a_run_learnt_of_its_memory_survives(train: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    breaker = Breaker(step=5)
    broken_off(train, "broken", breaker, token_budget=40)
    resumed = train("broken", resume=True, token_budget=40)
    assert weights_of(resumed) == weights_of(train("whole", token_budget=40))


FROZEN: dict[str, Any] = {"freeze": "encoder", "head_lr": 1e-2}


@pytest.mark.parametrize("is_there", [True, False])
@pytest.mark.parametrize("at", [2, 7])
def test_states_of_a_frozen_encoder_are_the_same_bits(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int, is_there: bool
) -> None:
    monkeypatch.setenv("POLYHEAD_CACHE", str(tmp_path / "cache"))
    whole = train("whole", **FROZEN)
    broken_off(train, "broken", Breaker(step=at), **FROZEN)
    if not is_there:
        shutil.rmtree(tmp_path / "cache")
    assert weights_of(train("broken", resume=True, **FROZEN)) == weights_of(whole)


class InTheFirstPass(Listener):
    """Sends a signal when the states of a frozen encoder are begun with."""

    def info(self, topic: str, line: str) -> None:
        super().info(topic, line)
        if "computed once" in line:
            os.kill(os.getpid(), signal.SIGTERM)


def test_a_signal_while_states_are_computed(train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLYHEAD_CACHE", str(tmp_path / "cache"))
    with pytest.raises(TrainingStoppedError, match="stopped after step 0 of 12"):
        train("broken", reporter=InTheFirstPass(), **FROZEN)
    assert list((tmp_path / "cache").iterdir()) == []
    resumed = train("broken", resume=True, **FROZEN)
    assert weights_of(resumed) == weights_of(train("whole", **FROZEN))


def test_a_run_that_began_without_states_goes_on_without(
    train: Train, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLYHEAD_CACHE", str(data))  # a file, in which nothing can be kept
    whole = train("whole", **FROZEN)
    broken_off(train, "broken", Breaker(step=3), **FROZEN)
    monkeypatch.setenv("POLYHEAD_CACHE", str(tmp_path / "cache"))
    train("other", **FROZEN)
    listener = Listener()
    resumed = train("broken", resume=True, reporter=listener, **FROZEN)
    assert weights_of(resumed) == weights_of(whole)
    assert not [line for topic, line in listener.lines if topic == "cache"]


def test_a_run_whose_states_cannot_be_made_again_says_what_that_means(
    train: Train, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLYHEAD_CACHE", str(tmp_path / "cache"))
    broken_off(train, "broken", Breaker(step=3), **FROZEN)
    monkeypatch.setenv("POLYHEAD_CACHE", str(data))
    listener = Listener()
    train("broken", resume=True, reporter=listener, **FROZEN)
    first, second = listener.warnings
    assert "cannot be kept" in first
    assert second == "the weights may differ in their last bits from those of an uninterrupted run"


def test_nothing_is_computed_for_a_run_whose_steps_are_all_taken(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLYHEAD_CACHE", str(tmp_path / "cache"))
    broken_off(train, "broken", Breaker(step=12), **FROZEN)
    shutil.rmtree(tmp_path / "cache")
    train("broken", resume=True, **FROZEN)
    assert not (tmp_path / "cache").exists()


def test_an_account_that_is_none_is_refused_whatever_the_precision(train: Train, tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "run.json").write_text("{}", encoding="utf-8")
    with pytest.raises(SettingsError, match="saved by a version of polyhead that kept no states"):
        train("broken", resume=True, precision="auto")
