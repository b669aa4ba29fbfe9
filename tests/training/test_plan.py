"""The numbers that are worked out where none are set."""

from __future__ import annotations

import pytest

from polyhead.settings import TrainingSettings
from polyhead.training.plan import choose_batch_size, make_plan
from tests.training.conftest import Fit


def plan_of(hidden: int = 768, steps: int = 100, **settings: object) -> object:
    return make_plan(TrainingSettings(**settings), hidden=hidden, batch_size=8, steps_per_epoch=steps)


def test_given_values_win() -> None:
    plan = plan_of(lr=0.5, head_lr=0.1, warmup=0.5, epochs=4)
    assert (plan.lr, plan.head_lr, plan.steps, plan.warmup_steps) == (0.5, 0.1, 400, 200)
    assert choose_batch_size(TrainingSettings(batch_size=3), rows=100_000) == 3


def test_a_usual_encoder_gets_a_usual_rate() -> None:
    assert plan_of(hidden=768).lr == pytest.approx(5e-5)


def test_smaller_encoders_get_higher_rates_within_bounds() -> None:
    rates = [plan_of(hidden=hidden).lr for hidden in (1024, 768, 384, 128, 32)]
    assert rates == sorted(rates)
    assert rates[0] >= 2e-5
    assert rates[2] == pytest.approx(2e-4)
    assert rates[-1] == 1e-3


def test_heads_never_learn_slower_than_the_encoder() -> None:
    for lr in (1e-6, 5e-5, 1e-3, 0.5):
        plan = plan_of(lr=lr)
        assert plan.head_lr >= plan.lr == lr


def test_two_epochs_and_a_tenth_of_warm_up() -> None:
    plan = plan_of()
    assert (plan.steps, plan.warmup_steps, plan.steps_per_epoch) == (200, 20, 100)


def test_small_data_get_small_batches() -> None:
    sizes = [choose_batch_size(TrainingSettings(), rows=rows) for rows in (50, 300, 1000, 3000, 6000, 50_000)]
    assert sizes == sorted(sizes)
    assert sizes[0] in {4, 8}
    assert sizes[-1] == 32
    assert choose_batch_size(TrainingSettings(epochs=20), rows=1000) > choose_batch_size(TrainingSettings(), rows=1000)


def test_a_run_goes_by_what_was_given(fit: Fit) -> None:
    fitted = fit(lr=1e-4, head_lr=2e-4, batch_size=40, epochs=1, warmup=0.5)
    settings = fitted.account["settings"]["training"]
    assert (settings["lr"], settings["head_lr"], settings["batch_size"]) == (1e-4, 2e-4, 40)
    assert fitted.account["plan"]["steps"] == len(fitted.steps) == 8
    rates = [step["lr"] for step in fitted.steps]
    assert rates[0] == 0.0
    assert max(rates) == rates[4] == pytest.approx(1e-4)
    assert rates[4:] == sorted(rates[4:], reverse=True)


def test_a_run_without_settings_writes_down_what_it_took(fit: Fit) -> None:
    account = fit(epochs=1).account
    assert account["settings"]["training"]["batch_size"] == account["plan"]["batch_size"] in {4, 8}
    assert account["settings"]["training"]["lr"] == account["plan"]["lr"] == 1e-3
    assert account["settings"]["encoding"]["max_length"] == 64
