"""Gradients are measured as they are, in whatever strategy, and no bit of the run is another for it."""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

import polyhead
from polyhead.cli.app import app
from polyhead.errors import MissingExtraError, SettingsError
from polyhead.model.fast import CutTable
from polyhead.training import TrainedRun
from polyhead.training.diagnosis.diagnoser import Diagnoser, places_in
from polyhead.training.diagnosis.groups import layer_groups
from polyhead.training.diagnosis.probe import Measurement, Probe
from polyhead.training.passes import DidNotFitError, Passes, Size
from polyhead.training.randomness import RandomState
from tests.conftest import RECORDS
from tests.training.conftest import Fit, Listener, settings_with
from tests.training.driving import Drive, same_bits
from tests.training.test_resume import Breaker, broken_off, weights_of

Write = Callable[..., Path]
STRATEGIES = ("joint", "alternating", "proportional", "uniform", "temperature", "round_robin")
LABELS_ONLY = [{key: record[key] for key in ("sentence", "label")} for record in RECORDS]
TAGS_ONLY = [{key: record[key] for key in ("sentence", "ner_tags")} for record in RECORDS]


def diagnosis(run: TrainedRun) -> dict[str, Any]:
    return json.loads((run.folder / "diagnosis.json").read_text(encoding="utf-8"))


@pytest.fixture
def drive(encoder_folders: dict[str, Path], write: Write) -> Drive:
    data = {"data.train": write(RECORDS * 6), "data.dev": write(RECORDS, "dev.jsonl")}
    flags = {"training.precision": "fp32", "training.batch_size": 8, "training.epochs": 2, "training.diagnose": True}
    return Drive.of(settings_with(encoder=str(encoder_folders["distilbert"]), **data, **flags))


def diagnoser_for(drive: Drive, stopped: set[str] | None = None) -> Diagnoser:
    return Diagnoser(drive.prepared, stopped=set() if stopped is None else stopped, reporter=drive.listener)


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_measuring_changes_no_bit(strategy: str, precision: str, fit: Fit, write: Write) -> None:
    data = write([*RECORDS * 4, *LABELS_ONLY * 2, *TAGS_ONLY * 2])
    wanted: dict[str, Any] = {"strategy": strategy, "precision": precision, "epochs": 2, "batch_size": 8}
    plain, measured = fit(data, **wanted), fit(data, **wanted, diagnose=True)
    assert weights_of(measured.run) == weights_of(plain.run)
    assert measured.steps == plain.steps
    found = diagnosis(measured.run)
    assert len(found["measurements"]) >= 8
    assert all(set(own["losses"]) == {"classification", "ner"} for own in found["measurements"])
    assert all(abs(own["cosine"]["mean"]) <= 1 for own in found["pairs"])
    assert sum(own["share"]["mean"] for own in found["tasks"]) == pytest.approx(1.0)


@pytest.mark.parametrize("balancing", ["uncertainty", "dwa", "pcgrad", "nashmtl"])
def test_measuring_changes_no_bit_of_a_balanced_run(balancing: str, fit: Fit, write: Write) -> None:
    wanted: dict[str, Any] = {"balancing": balancing, "epochs": 2, "batch_size": 8}
    plain, measured = (fit(write(RECORDS * 5), **wanted, diagnose=own) for own in (False, True))
    assert weights_of(measured.run) == weights_of(plain.run)
    last = diagnosis(measured.run)["measurements"][-1]["weights"]
    if balancing in {"uncertainty", "dwa"}:
        assert last != {"classification": 1.0, "ner": 1.0}, "the weights that the method found"


def test_nothing_that_a_step_reads_is_another_afterwards(drive: Drive) -> None:
    model, engine = drive.prepared.model, drive.prepared.engine
    for _ in drive.steps(drive.order()[:3]):
        pass
    model.train()
    weights, random = drive.weights(), RandomState.now()
    optimizer = copy.deepcopy(engine.optimizer.state_dict())
    assert diagnoser_for(drive).at(0, budget=None)
    assert same_bits(weights, drive.weights())
    assert torch.equal(random.cpu, RandomState.now().cpu)
    assert all(weight.grad is None for weight in model.parameters())
    after = engine.optimizer.state_dict()
    assert all(
        torch.equal(value, after["state"][at][name])
        for at, own in optimizer["state"].items()
        for name, value in own.items()
    )


def test_what_is_measured_is_the_gradient(drive: Drive) -> None:
    """By plain backward passes, one a task, over the same rows."""
    model = drive.prepared.model
    diagnoser = diagnoser_for(drive)
    before = RandomState.now()
    diagnoser.at(0, budget=None)
    (found,) = diagnoser.found
    rows = diagnoser._rows(0)
    vectors = {}
    for name in ("classification", "ner"):
        before.restore()
        passes = Passes(
            model, drive.prepared.examples, encoder=drive.prepared.text_encoder, engine=drive.prepared.engine,
            losses=drive.losses, stopped={"classification", "ner"} - {name},
        )  # fmt: skip
        model.train()
        model.zero_grad(set_to_none=True)
        passes.backward(rows, budget=None)
        weights = [own for own in model.encoder.parameters() if own.grad is not None]
        vectors[name] = torch.cat([own.grad.flatten() for own in weights]).double()  # type: ignore[union-attr]
    for name, own in vectors.items():
        assert found.norm(name) == pytest.approx(float(own.norm()), rel=0.2), "but for dropout of the heads"
    model.zero_grad(set_to_none=True)
    assert -1 <= found.cosine(("classification", "ner")) <= 1  # type: ignore[operator]


def test_opposite_labels_under_one_and_the_same_head_are_opposite_gradients(
    encoder_folders: dict[str, Path], write: Write
) -> None:
    """Before the heads have turned, two of the same weights and opposite labels pull the encoder apart."""
    records = [{"text": record["sentence"], "yes": at % 2, "no": 1 - at % 2} for at, record in enumerate(RECORDS)]
    tasks = {name: {"kind": "single_label", "field": name} for name in ("yes", "no")}
    data = {"data.train": write(records * 4), "data.dev": write(records, "dev.jsonl"), "tasks": tasks}
    flags = {"training.precision": "fp32", "training.batch_size": 16, "training.head_dropout": 0.0}
    drive = Drive.of(settings_with(encoder=str(encoder_folders["distilbert"]), **data, **flags))
    heads = [drive.prepared.model.head(name) for name in tasks]
    with torch.no_grad():  # so that neither is surer of one label than of the other
        for weight in heads[0].parameters():
            weight.mul_(1e-3)
    heads[1].load_state_dict(heads[0].state_dict())
    diagnoser = diagnoser_for(drive)
    diagnoser.at(0, budget=None)
    (found,) = diagnoser.found
    assert found.cosine(("yes", "no")) < -0.9  # type: ignore[operator]
    assert found.share("yes") == pytest.approx(0.5, abs=0.1)
    with torch.no_grad():  # once one head reads the other way round, they agree
        for weight in heads[1].parameters():
            weight.neg_()
    turned = diagnoser_for(drive)
    turned.at(0, budget=None)
    assert turned.found[0].cosine(("yes", "no")) > 0.9  # type: ignore[operator]


def test_a_weight_shows_in_the_norm(drive: Drive) -> None:
    diagnoser = diagnoser_for(drive)
    diagnoser.at(0, budget=None)
    drive.prepared.balancing._static["ner"] = 1000.0
    heavy = diagnoser_for(drive)
    heavy.at(0, budget=None)
    (before,), (after,) = diagnoser.found, heavy.found
    assert after.losses == before.losses
    assert after.norm("ner") == pytest.approx(1000 * before.norm("ner"), rel=1e-4)  # type: ignore[operator]
    assert after.cosine(("classification", "ner")) == pytest.approx(before.cosine(("classification", "ner")), abs=1e-4)


def test_parts_of_a_batch_add_up(drive: Drive) -> None:
    drive.prepared.model.eval()
    found = []
    for budget in (None, 40):
        probe = Probe({"classification": 1.0, "ner": 1.0}, diagnoser_for(drive)._groups)
        passes = Passes(
            drive.prepared.model, drive.prepared.examples, encoder=drive.prepared.text_encoder,
            engine=drive.prepared.engine, losses=drive.losses, stopped=(), balancing=probe,
        )  # fmt: skip
        losses = passes.backward(drive.order()[0][1], budget=budget)
        found.append(Measurement(0, losses, {}, probe.gramians))
    assert found[0].gramian == pytest.approx(found[1].gramian, rel=1e-3)


def test_memory_that_runs_out_ends_measuring_and_not_the_run(
    fit: Fit, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(self: Probe, losses: Any, engine: Any) -> None:
        raise DidNotFitError(Size(1, 1, 1))

    plain = fit(write(RECORDS * 3), epochs=1)
    monkeypatch.setattr(Probe, "backward", no_room)
    listener = Listener()
    run = fit(write(RECORDS * 3), epochs=1, diagnose=True, reporter=listener).run
    (said,) = [line for line in listener.warnings if "diagnosis" in line]
    assert "memory ran out after step 0 with a gradient for each task, so nothing more is measured" in said
    assert weights_of(run) == weights_of(plain.run)
    assert diagnosis(run)["advice"] == ["too little was measured to say anything: 0 times, and it takes 5"]


def test_a_task_that_has_stopped_is_no_longer_measured(drive: Drive) -> None:
    stopped: set[str] = set()
    diagnoser = diagnoser_for(drive, stopped)
    diagnoser.at(0, budget=None)
    stopped.add("ner")
    diagnoser.at(min(diagnoser.places - {0}), budget=None)
    assert len(diagnoser.found) == 1, "one task shares nothing"


@pytest.mark.parametrize("at", [2, 5])
def test_a_run_that_goes_on_measures_the_same(
    at: int, encoder_folders: dict[str, Path], write: Write, tmp_path: Path
) -> None:
    data = write(RECORDS * 3, "train.jsonl")

    def train(name: str, **more: Any) -> TrainedRun:
        wanted = {"dev": data, "encoder": str(encoder_folders["distilbert"]), "precision": "fp32", "epochs": 3}
        return polyhead.train(data, **{**wanted, "batch_size": 6, "output": tmp_path / name, "diagnose": True, **more})

    whole = train("whole")
    broken_off(train, "broken", Breaker(step=at))
    resumed = train("broken", resume=True)
    assert weights_of(resumed) == weights_of(whole)
    assert diagnosis(resumed) == diagnosis(whole)
    assert [own["step"] for own in diagnosis(whole)["measurements"]] == list(range(13))


def test_a_new_run_without_it_removes_what_was_there(fit: Fit, write: Write, tmp_path: Path) -> None:
    data, folder = write(RECORDS * 3), tmp_path / "same"
    fit(data, output=folder, epochs=1, diagnose=True)
    assert (folder / "diagnosis.svg").is_file()
    fit(data, output=folder, epochs=1)
    assert not list(folder.glob("diagnosis.*"))


def test_a_frozen_encoder_is_refused_before_anything_is_written(fit: Fit, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"training.diagnose: .* this run's encoder is frozen"):
        fit(freeze="encoder", diagnose=True)
    assert not list(tmp_path.glob("run*"))


def test_compiled_layers_are_refused(fit: Fit, monkeypatch: pytest.MonkeyPatch) -> None:
    from polyhead.training import prepare

    monkeypatch.setattr(prepare, "check_compiler", lambda device: None)
    with pytest.raises(SettingsError, match=r"training.diagnose: cannot be had with training.compile"):
        fit(diagnose=True, compile=True)


def test_without_matplotlib_it_is_refused_before_anything_is_written(
    fit: Fit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from polyhead.evaluation.report import canvas

    monkeypatch.setattr(canvas, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"training.diagnose needs the extra 'report'"):
        fit(diagnose=True)
    assert not list(tmp_path.glob("run*"))


def test_a_single_task_is_told_that_there_is_nothing_to_measure(fit: Fit, write: Write) -> None:
    listener = Listener()
    run = fit(write(LABELS_ONLY * 5), dev=None, epochs=1, diagnose=True, reporter=listener).run
    assert [line for topic, line in listener.lines if topic == "diagnose" and "a single task" in line]
    assert not (run.folder / "diagnosis.json").exists()


@pytest.mark.parametrize(
    ("steps", "count"), [(1, 2), (10, 11), (150, 20), (300, 30), (400, 40), (5000, 50), (100_000, 50)]
)
def test_the_cost_is_bounded(steps: int, count: int) -> None:
    places = sorted(places_in(steps))
    assert len(places) == count
    assert (places[0], places[-1]) == (0, steps)
    gaps = [after - before for before, after in itertools.pairwise(places)]
    assert max(gaps) - min(gaps) <= 1 or steps < count


def test_layers_are_grouped_by_depth(drive: Drive) -> None:
    model, engine = drive.prepared.model, drive.prepared.engine
    groups = layer_groups(model.encoder, engine.trained)
    assert list(groups) == ["embeddings", "layer 1", "layer 2"]
    numbers = [at for own in groups.values() for at in own]
    assert len(numbers) == len(set(numbers)) == len([own for own in model.encoder.parameters() if own.requires_grad])
    table = model.encoder.get_input_embeddings()
    assert isinstance(table, CutTable | torch.nn.Embedding)
    assert any(engine.trained[at] is table.weight for at in groups["embeddings"])


def test_many_layers_are_put_together_in_thirds() -> None:
    import transformers

    config = transformers.DistilBertConfig(vocab_size=9, dim=8, hidden_dim=8, n_layers=8, n_heads=1)
    encoder = transformers.DistilBertModel(config)
    groups = layer_groups(encoder, list(encoder.parameters()))
    assert list(groups) == ["embeddings", "layers 1-3", "layers 4-6", "layers 7-8"]


def test_the_terminal_shows_tables_and_advice(encoder_folders: dict[str, Path], write: Write, tmp_path: Path) -> None:
    data = write(RECORDS * 6)
    arguments = ["train", str(data), "--dev", str(data), "--encoder", str(encoder_folders["distilbert"])]
    arguments += ["--output", str(tmp_path / "run"), "--epochs", "2", "--diagnose", "--set", "training.precision=fp32"]
    result = CliRunner(env={"COLUMNS": "120"}).invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "the tasks' gradients in what they share" in result.output
    assert "classification / ner" in result.output
    assert "embeddings" in result.output
    assert json.loads((tmp_path / "run" / "diagnosis.json").read_text(encoding="utf-8"))["advice"][0] in " ".join(
        result.output.split()
    )
    svg = (tmp_path / "run" / "diagnosis.svg").read_text(encoding="utf-8")
    assert "cosine of gradients" in svg
    assert "classification / ner" in svg
