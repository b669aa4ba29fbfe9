"""Balancing in real steps: strategies, partial labels, parts, skipped steps, resuming, and what is refused."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import polyhead
from polyhead.batching import SubBatch
from polyhead.errors import SettingsError
from polyhead.settings import RunSettings, load_settings
from polyhead.training import TrainedRun, run_training
from polyhead.training.balancing import Static
from polyhead.training.balancing.aggregation import Aggregation
from polyhead.training.passes import Passes
from tests.conftest import RECORDS
from tests.training.conftest import Fit, Fitted, Listener, settings_with
from tests.training.driving import Drive, same_bits
from tests.training.test_resume import Breaker, broken_off, weights_of

Write = Callable[..., Path]
WEIGHINGS = ("uncertainty", "dwa")
AGGREGATIONS = ("upgrad", "pcgrad", "cagrad", "nashmtl")
METHODS = (*WEIGHINGS, *AGGREGATIONS)
LABELS_ONLY = [{key: record[key] for key in ("sentence", "label")} for record in RECORDS]
TAGS_ONLY = [{key: record[key] for key in ("sentence", "ner_tags")} for record in RECORDS]


@pytest.fixture
def settings(encoder_folders: dict[str, Path], write: Write) -> Callable[..., RunSettings]:
    """Three epochs of four steps, without dropout, unless told otherwise."""

    def _settings(balancing: str, *, records: list[dict[str, Any]] | None = None, **more: Any) -> RunSettings:
        wanted = {"precision": "fp32", "batch_size": 6, "epochs": 3, "head_dropout": 0.0, "balancing": balancing}
        flags = {f"training.{name}": value for name, value in wanted.items()} | more
        data = {"data.train": write(records or RECORDS * 3), "data.dev": write(RECORDS, "dev.jsonl")}
        return settings_with(encoder=str(encoder_folders["distilbert"]), **data, **flags)

    return _settings


def driven(drive: Drive) -> list[dict[str, float]]:
    """Take all steps, balanced as the settings say."""
    return [report.losses for report in steps_of(drive)]


def steps_of(drive: Drive, order: Any = None) -> Iterator[Any]:
    from polyhead.training.loop import train_steps

    prepared = drive.prepared
    return train_steps(
        prepared.model,
        prepared.examples,
        encoder=prepared.text_encoder,
        engine=prepared.engine,
        steps=iter(order or drive.order()),
        losses=drive.losses,
        guard=drive.guard,
        balancing=prepared.balancing,
    )


def gradients(drive: Drive, balancing: Any, step: Any, budget: int | None = None) -> dict[str, torch.Tensor]:
    prepared = drive.prepared
    prepared.model.zero_grad(set_to_none=True)
    passes = Passes(
        prepared.model, prepared.examples, encoder=prepared.text_encoder, engine=prepared.engine,
        losses=drive.losses, stopped=(), balancing=balancing,
    )  # fmt: skip
    passes.backward(step, budget=budget)
    return {name: own.grad.clone() for name, own in prepared.model.named_parameters() if own.grad is not None}


def close(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return first.keys() == second.keys() and all(
        float((first[name] - own).norm()) <= 1e-4 * float(own.norm()) + 1e-6 for name, own in second.items()
    )


@pytest.mark.parametrize("strategy", ["joint", "alternating"])
@pytest.mark.parametrize("method", METHODS)
def test_every_method_learns(method: str, strategy: str, fit: Fit) -> None:
    fitted = fit(balancing=method, strategy=strategy, epochs=3, lr=3e-3)
    epochs = fitted.run.epochs
    for task in ("classification", "ner"):
        assert epochs[2].losses[task] < 0.75 * epochs[0].losses[task], task


@pytest.mark.parametrize("strategy", ["proportional", "uniform", "temperature", "round_robin"])
@pytest.mark.parametrize("method", WEIGHINGS)
def test_weighing_does_not_mind_turns(method: str, strategy: str, fit: Fit) -> None:
    fitted = fit(balancing=method, strategy=strategy, epochs=1)
    weights = [line["weights"] for line in fitted.log if line["event"] == "balancing"]
    assert len(weights) == 1
    assert set(weights[0]) == {"classification", "ner"}
    assert all(0 < weight < math.inf for weight in weights[0].values())


@pytest.mark.parametrize("method", METHODS)
def test_batches_without_targets_for_a_task(method: str, settings: Callable[..., RunSettings]) -> None:
    """One record a step: no step has both tasks' targets, but for the last."""
    drive = Drive.of(settings(method, records=[*LABELS_ONLY, *TAGS_ONLY, *RECORDS[:1]], **{"training.batch_size": 1}))
    model = drive.prepared.model
    untouched = 0
    for _, step in drive.order():
        before = {name: drive.prepared.model.head(name).state_dict() for name in ("classification", "ner")}
        before = {name: {key: own.clone() for key, own in state.items()} for name, state in before.items()}
        (report,) = steps_of(drive, [(1, step)])
        assert report.losses
        assert all(math.isfinite(loss) for loss in report.losses.values())
        assert all(math.isfinite(own) for own in drive.prepared.balancing.weights().values())
        for name in {"classification", "ner"} - set(report.losses):
            untouched += 1
            assert same_bits(before[name], model.head(name).state_dict()), "not learnt from a step without its targets"
    assert untouched > 40
    assert all(bool(weight.isfinite().all()) for weight in model.parameters())


def test_one_task_alone_in_a_step_has_its_own_gradient(settings: Callable[..., RunSettings]) -> None:
    drive = Drive.of(settings("upgrad"))
    drive.prepared.model.eval()
    step = (SubBatch(np.arange(4), frozenset({"ner"})),)
    plain = gradients(drive, Static({"classification": 1.0, "ner": 1.0}), step)
    assert close(gradients(drive, drive.prepared.balancing, step), plain)


@pytest.mark.parametrize("method", AGGREGATIONS)
def test_heads_have_their_own_gradients_and_the_encoder_what_the_method_says(
    method: str, settings: Callable[..., RunSettings]
) -> None:
    drive = Drive.of(settings(method))
    drive.prepared.model.eval()
    rows, weights = np.arange(8), {"classification": 1.0, "ner": 1.0}
    step = (SubBatch(rows, frozenset(weights)),)
    rows_of = {name: gradients(drive, Static(weights), (SubBatch(rows, frozenset({name})),)) for name in weights}
    found = gradients(drive, drive.prepared.balancing, step)
    shared = [name for name in found if name.startswith("encoder.")]
    first, second = (torch.cat([own[name].flatten() for name in shared]).double() for own in rows_of.values())
    matrix = torch.stack([first, second])
    factors = drive.prepared.balancing._find((matrix @ matrix.T).numpy())
    wanted = torch.from_numpy(factors) @ matrix
    got = torch.cat([found[name].flatten() for name in shared]).double()
    assert float((got - wanted).norm()) <= 1e-3 * float(wanted.norm())
    for name, own in rows_of.items():
        head = {key: value for key, value in own.items() if key.startswith(f"heads.{name}_head")}
        assert head
        assert all(
            float((found[key] - value).norm()) <= 1e-5 * float(value.norm()) + 1e-7 for key, value in head.items()
        )


@pytest.mark.parametrize("method", METHODS)
def test_a_step_in_parts_is_the_step(method: str, settings: Callable[..., RunSettings]) -> None:
    drive = Drive.of(settings(method, records=[*RECORDS, *LABELS_ONLY, *TAGS_ONLY]))
    drive.prepared.model.eval()
    drive.prepared.balancing.taken({"classification": 2.0, "ner": 0.5})
    step = (SubBatch(np.arange(24), frozenset({"classification", "ner"})),)
    whole = gradients(drive, drive.prepared.balancing, step)
    assert close(gradients(drive, drive.prepared.balancing, step, budget=40), whole)


def test_weights_of_tasks_stand_beneath(settings: Callable[..., RunSettings]) -> None:
    """A row of the Jacobian is the gradient of the weighted loss, and of a weight of 0 there is none."""
    drive = Drive.of(settings("upgrad"))
    drive.prepared.model.eval()
    step = (SubBatch(np.arange(8), frozenset({"classification", "ner"})),)
    seen: list[np.ndarray] = []

    def sums(gramian: np.ndarray) -> np.ndarray:
        seen.append(gramian)
        return np.ones(len(gramian))

    for weight in (1.0, 10.0):
        own = {"classification": weight, "ner": 1.0}
        found = gradients(drive, Aggregation(own, factors=sums), step)
        assert close(found, gradients(drive, Static(own), step)), "factors of 1 are the plain sum"
    assert seen[1][0, 0] == pytest.approx(100 * seen[0][0, 0], rel=1e-3)
    assert seen[1][1, 1] == pytest.approx(seen[0][1, 1], rel=1e-3)
    without = gradients(drive, Aggregation({"classification": 0.0, "ner": 1.0}, factors=sums), step)
    assert not [name for name in without if "classification" in name]
    assert len(seen) == 2, "one row: nothing to put together"


@pytest.mark.parametrize("method", METHODS)
def test_a_step_that_is_left_out_moves_nothing(
    method: str, settings: Callable[..., RunSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Losses that are no number, and gradients that are none: what the method knows is as before."""
    drive = Drive.of(settings(method, **{"training.on_nonfinite": "skip"}))
    order = drive.order()
    for _ in steps_of(drive, order[:6]):
        pass
    kept, balanced = drive.weights(), json.dumps(drive.prepared.balancing.to_json())
    losses = type(drive.prepared.model).losses
    for broken in (lambda loss: loss * math.nan, lambda loss: loss + (loss * 0).sqrt()):
        with monkeypatch.context() as patch:
            patch.setattr(
                type(drive.prepared.model), "losses",
                lambda self, *a, how=broken, **k: {name: how(own) for name, own in losses(self, *a, **k).items()},
            )  # fmt: skip
            (report,) = steps_of(drive, order[6:7])
        assert report.losses == {}
        assert same_bits(drive.weights(), kept)
        assert json.dumps(drive.prepared.balancing.to_json()) == balanced
    (report,) = steps_of(drive, order[6:7])
    assert report.losses
    assert all(bool(weight.isfinite().all()) for weight in drive.prepared.model.parameters())


@pytest.mark.parametrize("method", ["uncertainty", "upgrad", "nashmtl"])
def test_memory_that_runs_out_leaves_no_half_step(
    method: str, settings: Callable[..., RunSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    drive, whole = (Drive.of(settings(method)) for _ in range(2))
    whole.prepared.model.load_state_dict(drive.prepared.model.state_dict())
    real, calls = type(drive.prepared.balancing).backward, []

    def backward(self: Any, losses: Any, engine: Any) -> None:
        real(self, losses, engine)
        calls.append(1)
        if len(calls) == 1:
            raise torch.OutOfMemoryError("out of memory")

    order = drive.order()[:2]
    with monkeypatch.context() as patch:
        patch.setattr(type(drive.prepared.balancing), "backward", backward)
        torch.manual_seed(1)
        found = [report.losses for report in steps_of(drive, order)]
    assert drive.guard.token_budget is not None
    whole.guard._budget = drive.guard.token_budget
    torch.manual_seed(1)
    assert [report.losses for report in steps_of(whole, order)] == found
    assert same_bits(whole.weights(), drive.weights())


@pytest.mark.parametrize("method", METHODS)
def test_fp16_scales_do_not_matter(method: str, settings: Callable[..., RunSettings]) -> None:
    drive = Drive.of(settings(method, **{"training.precision": "fp16", "training.warmup": 0.0}))
    scaler = drive.prepared.engine.scaler
    assert scaler is not None
    drive.prepared.model.eval()
    step = (SubBatch(np.arange(8), frozenset({"classification", "ner"})),)
    found = []
    for scale in (64.0, 4096.0):
        scaler.load_state_dict({**scaler.state_dict(), "scale": scale})
        scaler.scale(torch.zeros(()))
        own = gradients(drive, drive.prepared.balancing, step)
        found.append({name: grad / drive.prepared.engine.scale() for name, grad in own.items()})
    for name, own in found[0].items():
        assert float((found[1][name] - own).norm()) <= 0.05 * float(own.norm()) + 1e-3, name


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("at", [3, 7])
def test_a_run_that_goes_on_comes_to_the_same_bits(
    method: str, at: int, encoder_folders: dict[str, Path], write: Write, tmp_path: Path
) -> None:
    data = write([*RECORDS * 2, *LABELS_ONLY, *TAGS_ONLY], "train.jsonl")

    def train(name: str, **more: Any) -> TrainedRun:
        wanted = {"dev": data, "encoder": str(encoder_folders["distilbert"]), "precision": "fp32", "epochs": 2}
        wanted |= {"batch_size": 6, "output": tmp_path / name, "balancing": method, "warmup": 0.0, **more}
        return polyhead.train(data, **wanted)

    whole = train("whole")
    broken_off(train, "broken", Breaker(step=at))
    state = json.loads((tmp_path / "broken" / "states" / f"step-{at}" / "state.json").read_text(encoding="utf-8"))
    assert state["balancing"]["method"] == method
    resumed = train("broken", resume=True)
    assert weights_of(resumed) == weights_of(whole)
    assert Fitted(resumed).steps == Fitted(whole).steps
    assert weights_of(train("plain", balancing="static")) != weights_of(whole), "the method does something"


def test_another_method_is_another_run(encoder_folders: dict[str, Path], write: Write, tmp_path: Path) -> None:
    data = write(RECORDS * 3, "train.jsonl")

    def train(name: str, **more: Any) -> TrainedRun:
        wanted = {"dev": data, "encoder": str(encoder_folders["distilbert"]), "precision": "fp32", "epochs": 3}
        wanted |= {"batch_size": 6, "output": tmp_path / name, "balancing": "dwa", **more}
        return polyhead.train(data, **wanted)

    broken_off(train, "broken", Breaker(step=5))
    with pytest.raises(SettingsError, match=r"training.balancing: dwa before, uncertainty now"):
        train("broken", resume=True, balancing="uncertainty")
    train("broken", resume=True, force=True, balancing="uncertainty")


@pytest.mark.parametrize("method", METHODS)
def test_a_head_that_has_stopped_takes_no_part(
    method: str, encoder_folders: dict[str, Path], write: Write, tmp_path: Path
) -> None:
    """With next to no rate nothing gets better, so that both heads' patience ends; one has some left."""
    data = write(RECORDS * 3)
    tasks = {
        "classification": {"kind": "single_label", "field": "label", "patience": 1},
        "ner": {"kind": "tagging", "field": "ner_tags"},
    }
    run = polyhead.train(
        data, dev=data, encoder=str(encoder_folders["distilbert"]), output=tmp_path / "run", precision="fp32",
        tasks=tasks, epochs=4, batch_size=6, lr=1e-9, head_lr=1e-9, balancing=method,
    )  # fmt: skip
    steps = Fitted(run).steps
    assert set(steps[0]["losses"]) == {"classification", "ner"}
    assert set(steps[-1]["losses"]) == {"ner"}
    assert all(math.isfinite(loss) for step in steps for loss in step["losses"].values())


@pytest.mark.parametrize("method", WEIGHINGS)
def test_weighing_works_with_a_frozen_encoder(method: str, fit: Fit) -> None:
    epochs = fit(balancing=method, freeze="encoder", head_lr=1e-2, epochs=2).run.epochs
    assert epochs[1].losses["ner"] < epochs[0].losses["ner"]


@pytest.mark.parametrize("method", AGGREGATIONS)
def test_aggregation_of_nothing_shared_is_refused(method: str, fit: Fit, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=f"training.balancing: '{method}' .* encoder is frozen"):
        fit(balancing=method, freeze="encoder")
    with pytest.raises(SettingsError, match=f"training.balancing: '{method}' .* each step here is of one task"):
        fit(balancing=method, strategy="round_robin")
    assert not list(tmp_path.glob("run*"))


def test_a_window_longer_than_half_the_run_is_refused(fit: Fit) -> None:
    with pytest.raises(SettingsError, match=r"'dwa' .* 15 steps each, and this run has 20 steps in all"):
        fit(balancing="dwa", batch_size=32, dwa_window=15)


@pytest.mark.parametrize("method", METHODS)
def test_with_a_single_task_there_is_nothing_to_balance(method: str, fit: Fit, write: Write) -> None:
    runs = [fit(write(LABELS_ONLY * 5), dev=None, balancing=own, epochs=1) for own in (method, "static")]
    assert weights_of(runs[0].run) == weights_of(runs[1].run)


@pytest.mark.parametrize("method", ["uncertainty", "upgrad"])
def test_gradual_unfreezing(method: str, fit: Fit) -> None:
    epochs = fit(balancing=method, unfreeze=1, epochs=3, lr=3e-3).run.epochs
    assert epochs[2].losses["ner"] < epochs[0].losses["ner"]


def test_layers_that_run_twice_give_the_same_bits(fit: Fit) -> None:
    runs = [fit(balancing="upgrad", epochs=1, checkpoint_activations=own) for own in (False, True)]
    assert weights_of(runs[0].run) == weights_of(runs[1].run)


@pytest.mark.parametrize("method", ["uncertainty", "cagrad"])
def test_teachers_are_part_of_the_loss(
    method: str, settings: Callable[..., RunSettings], tmp_path: Path, trained: TrainedRun
) -> None:
    taught = settings(method, **{"teacher.models": [trained.folder], "output": tmp_path / "taught"})
    run = run_training(taught)
    assert all(math.isfinite(loss) for epoch in run.epochs for loss in epoch.losses.values())
    plain = run_training(settings(method, output=tmp_path / "plain"))
    assert weights_of(run) != weights_of(plain)


def test_the_plan_says_how_losses_are_balanced(settings: Callable[..., RunSettings], tmp_path: Path) -> None:
    listener = Listener()
    run_training(settings("dwa", output=tmp_path / "run"), reporter=listener)
    assert [line for topic, line in listener.lines if topic == "plan" and "losses balanced by dwa" in line]
    assert len([line for topic, line in listener.lines if topic == "balance"]) == 3


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(SettingsError, match="balancing"):
        load_settings(None, (), {"data.train": "x.jsonl", "training.balancing": "gradnorm"})
