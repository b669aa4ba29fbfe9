"""What of a run stops before its end, begins late, or is averaged: whole runs of the tiny encoder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

import polyhead
from polyhead.evaluation import brief
from polyhead.inference import open_model
from polyhead.model import MultiTaskModel, load_pretrained
from tests.conftest import RECORDS
from tests.training.conftest import Fit, Fitted, Listener

TASKS = {
    "classification": {"kind": "single_label", "field": "label"},
    "ner": {"kind": "tagging", "field": "ner_tags"},
}
QUICK: dict[str, Any] = {"batch_size": 64}


def weights_of(fitted: Fitted, epoch: int) -> dict[str, Tensor]:
    return load_file(fitted.run.folder / f"epoch-{epoch}" / "model.safetensors")


def part(weights: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in weights.items() if name.startswith(prefix)}


def equal(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    assert first.keys() == second.keys() != set()
    return all(torch.equal(first[name], second[name]) for name in first)


@pytest.fixture
def give_scores(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Have the run see these scores, one each time that it asks."""

    def _give(*scores: float | None) -> None:
        given: Iterator[float | None] = iter(scores)
        monkeypatch.setattr("polyhead.training.epoch_end.mean_score", lambda *_: next(given))

    return _give


def test_a_run_stops_when_it_gets_no_better(fit: Fit, give_scores: Callable[..., None]) -> None:
    give_scores(0.2, 0.5, 0.4, 0.5, 0.9)
    listener = Listener()
    fitted = fit(epochs=10, patience=2, reporter=listener, **QUICK)
    assert [report.score for report in fitted.run.epochs] == [0.2, 0.5, 0.4, 0.5]
    assert fitted.account["best"] == fitted.run.best.name == "epoch-2"
    assert sorted(path.name for path in fitted.run.folder.glob("epoch-*")) == [f"epoch-{at}" for at in (1, 2, 3, 4)]
    assert len(fitted.steps) == 4 * 5
    assert ("stop", "no better dev score for 2 epochs") in listener.lines


def test_a_run_that_gets_better_goes_on_to_its_end(fit: Fit, give_scores: Callable[..., None]) -> None:
    give_scores(0.2, 0.1, 0.3, 0.2)
    listener = Listener()
    assert len(fit(epochs=4, patience=2, reporter=listener, **QUICK).run.epochs) == 4
    assert not any(topic == "stop" for topic, _ in listener.lines)


def test_patience_does_nothing_without_dev_data(fit: Fit, write: Callable[..., Path]) -> None:
    assert len(fit(write(RECORDS), dev=None, epochs=3, patience=1).run.epochs) == 3


@pytest.mark.parametrize("strategy", ["joint", "alternating", "round_robin"])
def test_a_head_that_gets_no_better_stops_and_the_others_go_on(strategy: str, fit: Fit) -> None:
    tasks = {**TASKS, "classification": {**TASKS["classification"], "patience": 1}}
    listener = Listener()
    # At such a rate no figure moves, so that it is no better after the second epoch.
    fitted = fit(tasks=tasks, strategy=strategy, epochs=4, lr=1e-12, head_lr=1e-12, reporter=listener, **QUICK)
    trained = [{name for step in fitted.steps if step["epoch"] == at for name in step["losses"]} for at in (1, 2, 3, 4)]
    assert trained == [{"classification", "ner"}, {"classification", "ner"}, {"ner"}, {"ner"}]
    (line,) = [line for topic, line in listener.lines if topic == "stop"]
    assert line.startswith("head 'classification': no better for 1 epoch")
    assert set(fitted.run.epochs[3].losses) == {"ner"}
    assert fitted.run.epochs[3].dev["tasks"]["classification"]["records"] == 320, "it is scored all the same"


def test_a_head_that_has_stopped_keeps_its_weights(fit: Fit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("polyhead.training.run.heads_that_stop", lambda *_: {"classification"})
    fitted = fit(tasks=TASKS, epochs=3, weight_decay=0.5, **QUICK)
    first, *later = (weights_of(fitted, at) for at in (1, 2, 3))
    for weights in later:
        assert equal(part(weights, "heads.classification_head."), part(first, "heads.classification_head."))
        assert not equal(part(weights, "heads.ner_head."), part(first, "heads.ner_head."))
        assert not equal(part(weights, "encoder."), part(first, "encoder."))


def test_a_run_is_over_when_all_heads_have_stopped(fit: Fit) -> None:
    tasks = {name: {**task, "patience": 1 + at} for at, (name, task) in enumerate(TASKS.items())}
    listener = Listener()
    fitted = fit(tasks=tasks, epochs=9, lr=1e-12, head_lr=1e-12, reporter=listener, **QUICK)
    assert len(fitted.run.epochs) == 3
    first, *others = [line for topic, line in listener.lines if topic == "stop"]
    assert first.startswith("head 'classification': no better for 1 epoch")
    assert others == ["head 'ner': no better for 2 epochs", "all heads have stopped"]


@pytest.mark.parametrize("average", [2, 3])
def test_without_dev_data_the_mean_of_the_last_epochs_is_saved(
    average: int, fit: Fit, write: Callable[..., Path]
) -> None:
    data = write(RECORDS)
    plain = fit(data, dev=None, epochs=4, seed=3)
    fitted = fit(data, dev=None, epochs=4, seed=3, average=average)
    own = [weights_of(plain, at) for at in (1, 2, 3, 4)]
    assert [report.averaged for report in fitted.run.epochs] == [1, 2, min(3, average), min(4, average)]
    for at in range(4):
        last = own[max(0, at + 1 - average) : at + 1]
        found = weights_of(fitted, at + 1)
        for name, tensor in found.items():
            torch.testing.assert_close(tensor, torch.stack([weights[name] for weights in last]).mean(0))
    assert [epoch["averaged"] for epoch in fitted.account["epochs"]] == [
        report.averaged for report in fitted.run.epochs
    ]


def test_with_dev_data_the_better_of_the_two_is_saved(fit: Fit, give_scores: Callable[..., None]) -> None:
    give_scores(0.5, 0.6, 0.7, 0.8)
    plain = fit(epochs=4, **QUICK)
    own = [weights_of(plain, at) for at in (1, 2, 3, 4)]
    give_scores(0.5, *(0.6, 0.7), *(0.8, 0.75), *(0.9, 0.9))  # from the second epoch on: its own, then the mean's
    fitted = fit(epochs=4, average=2, **QUICK)
    assert [report.averaged for report in fitted.run.epochs] == [1, 2, 1, 1]
    assert [report.score for report in fitted.run.epochs] == [0.5, 0.7, 0.8, 0.9]
    for at in (1, 3, 4):
        assert equal(weights_of(fitted, at), own[at - 1]), "averaging does not change how the run goes on"
    for name, tensor in weights_of(fitted, 2).items():
        torch.testing.assert_close(tensor, (own[0][name] + own[1][name]) / 2)


def test_a_mean_without_a_score_is_not_the_better_one(fit: Fit, give_scores: Callable[..., None]) -> None:
    """A correlation may be below zero, and of a model that says the same of every text there is none."""
    give_scores(-0.5, *(-0.4, None))
    fitted = fit(epochs=2, average=2, **QUICK)
    assert [(report.averaged, report.score) for report in fitted.run.epochs] == [(1, -0.5), (1, -0.4)]


def test_the_scores_of_a_mean_are_its_own(fit: Fit, small_data: Path) -> None:
    fitted = fit(epochs=3, average=3, lr=1e-3, **QUICK)
    for report in fitted.run.epochs:
        folder = fitted.run.folder / report.folder
        assert brief(polyhead.evaluate(folder, small_data, resamples=0)) == report.dev == open_model(folder).about.dev


@pytest.mark.parametrize(("unfreeze", "moving"), [(1, [set(), {"1"}, {"0", "1", "e"}]), (2, [set(), {"0", "1", "e"}])])
def test_layers_begin_to_learn_from_the_top_epoch_by_epoch(
    unfreeze: int, moving: list[set[str]], fit: Fit, encoder_folders: dict[str, Path]
) -> None:
    fitted = fit(unfreeze=unfreeze, epochs=len(moving), **QUICK)
    before = {
        f"encoder.{name}": tensor
        for name, tensor in load_pretrained(str(encoder_folders["distilbert"])).encoder.state_dict().items()
    }
    parts = {"0": "encoder.transformer.layer.0.", "1": "encoder.transformer.layer.1.", "e": "encoder.embeddings."}
    for epoch, wanted in enumerate(moving, start=1):
        now = weights_of(fitted, epoch)
        moved = {key for key, prefix in parts.items() if not equal(part(now, prefix), part(before, prefix))}
        assert moved == wanted
        before = {**before, **part(now, "encoder.")}
    heads = [part(weights_of(fitted, epoch), "heads.") for epoch in range(1, len(moving) + 1)]
    assert not equal(heads[0], heads[1]), "the heads learn all the while"


@pytest.mark.parametrize(("settings", "learns"), [({"freeze": "encoder"}, False), ({"unfreeze": 1}, False), ({}, True)])
def test_the_states_of_an_encoder_that_does_not_learn_are_what_they_are_in_use(
    settings: dict[str, Any], learns: bool, fit: Fit, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes: set[tuple[bool, bool]] = set()
    forward = MultiTaskModel.forward

    def spy(self: MultiTaskModel, *arguments: Any, **options: Any) -> Any:
        if self.training:
            modes.add((self.encoder.training, self.head("ner").training))
        return forward(self, *arguments, **options)

    monkeypatch.setattr(MultiTaskModel, "forward", spy)
    fit(epochs=1, **settings, **QUICK)
    assert modes == {(learns, True)}


def test_a_frozen_encoder_is_the_same_after_every_epoch(fit: Fit) -> None:
    fitted = fit(freeze="encoder", epochs=3, **QUICK)
    encoders = [part(weights_of(fitted, at), "encoder.") for at in (1, 2, 3)]
    assert equal(encoders[0], encoders[2])
    assert not equal(part(weights_of(fitted, 1), "heads."), part(weights_of(fitted, 3), "heads."))


def test_lower_layers_move_less_where_their_rates_are_lower(fit: Fit, encoder_folders: dict[str, Path]) -> None:
    before = load_pretrained(str(encoder_folders["distilbert"])).encoder.state_dict()
    after = weights_of(fit(layer_decay=0.05, epochs=1, weight_decay=0.0, **QUICK), 1)
    names = [f"transformer.layer.{at}.ffn.lin1.weight" for at in (1, 0)] + ["embeddings.position_embeddings.weight"]
    moved = [float((after[f"encoder.{name}"] - before[name]).abs().max()) for name in names]
    assert moved[0] > 5 * moved[1] > 25 * moved[2] > 0


def test_the_score_is_of_the_figures_that_were_chosen(fit: Fit) -> None:
    tasks = {
        "classification": {**TASKS["classification"], "metric": "macro_f1", "score_weight": 3.0},
        "ner": {**TASKS["ner"], "metric": "recall"},
    }
    report = fit(tasks=tasks, epochs=1, lr=3e-3).run.epochs[0]
    figures = report.dev["tasks"]
    wanted = (3 * figures["classification"]["macro_f1"] + figures["ner"]["recall"]) / 4
    assert report.score == pytest.approx(wanted)
    assert figures["classification"]["macro_f1"] != figures["classification"]["accuracy"]
