"""What a run will take, before it is begun: the very batches, and a line through a few of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyhead import machine
from polyhead.notices import Notices
from polyhead.training.forecast import forecast
from polyhead.training.forecast.advice import disk_advice, memory_advice
from polyhead.training.forecast.disk import LEFT_FREE, Disk
from polyhead.training.forecast.memory import Line, fits, line_through
from polyhead.training.forecast.timing import Estimate, Fit
from polyhead.training.forecast.trial import try_steps
from polyhead.training.forecast.workload import Sizes, Workload, spread
from polyhead.training.prepare import Prepared, prepare
from tests.training.conftest import Fit as Train
from tests.training.conftest import settings_with

Settings = Callable[..., Any]


@pytest.fixture
def settings(encoder_folders: dict[str, Path], small_data: Path, tmp_path: Path) -> Settings:
    """Settings of a run on the small data; further ones by their dotted keys."""

    def _settings(**flags: Any) -> Any:
        own = {"data.train": small_data, "data.dev": small_data, "encoder": str(encoder_folders["distilbert"])}
        own |= {"output": tmp_path / "run", "training.precision": "fp32"}
        return settings_with(**{**own, **{key.replace("__", "."): value for key, value in flags.items()}})

    return _settings


@pytest.fixture
def prepared(settings: Settings) -> Prepared:
    return prepare(settings(), Notices())


@pytest.mark.parametrize("strategy", ["joint", "alternating", "proportional"])
def test_the_batches_counted_are_those_that_training_makes(
    strategy: str, settings: Settings, fit: Train, tmp_path: Path
) -> None:
    found = forecast(settings(training__strategy=strategy, training__batch_size=7), steps=2)
    assert not (tmp_path / "run").exists()
    run = fit(strategy=strategy, batch_size=7)
    for epoch in found["epochs"]:
        own = [step for step in run.steps if step["epoch"] == epoch["epoch"]]
        assert epoch["steps"] == len(own)
        assert epoch["rows"] == sum(step["rows"] for step in own)
        assert epoch["tokens"] == sum(step["tokens"] for step in own)
        assert epoch["padding"] == pytest.approx(1 - epoch["tokens"] / epoch["slots"], abs=1e-4)
    assert found["model"]["steps"] == len(run.steps)


def test_each_part_of_the_run_has_its_time_and_the_whole_their_sum(settings: Settings) -> None:
    found = forecast(settings(training__average=2, training__epochs=3), steps=3)["time"]
    parts = found["parts"]
    assert list(parts) == ["preparation", "steps", "dev scores", "saving"]
    assert found["total"]["seconds"] == pytest.approx(sum(own["seconds"] for own in parts.values()), abs=0.01)
    for own in (*parts.values(), found["total"]):
        assert 0 <= own["interval"][0] <= own["seconds"] <= own["interval"][1]
    assert not found["at_most"]


def test_a_frozen_encoder_runs_once(settings: Settings, tmp_path: Path) -> None:
    flags = {"training__freeze": "encoder", "training__epochs": 3, "data__cache": tmp_path / "cache"}
    found = forecast(settings(**flags), steps=2)
    assert "states of the frozen encoder" in found["time"]["parts"]
    assert found["model"]["learning"] < found["model"]["parameters"] / 10
    assert not list((tmp_path / "cache").glob("states-*"))  # they are the run's to make
    assert (
        "states of the frozen encoder"
        not in forecast(settings(**flags | {"data__cache": "off"}), steps=2)["time"]["parts"]
    )


def test_texts_of_several_windows_are_counted(settings: Settings, write: Callable[..., Path]) -> None:
    rows = [{"sentence": "Anna lives in Berlin " * (6 if at < 3 else 1), "label": at % 2} for at in range(20)]
    found = forecast(settings(data__train=write(rows), data__dev=None, encoding__max_length=12), steps=1)
    assert found["data"]["texts_of_several_windows"] == 3
    assert found["data"]["rows"] > 20
    assert found["data"]["longest_row"] == 12


def test_windows_of_kept_rows_are_counted_alike(settings: Settings, write: Callable[..., Path], tmp_path: Path) -> None:
    rows = [{"sentence": f"Anna {at} lives in Berlin " * (6 if at < 3 else 1), "label": at % 2} for at in range(20)]
    flags = {
        "data__train": write(rows),
        "data__dev": None,
        "encoding__max_length": 12,
        "data__cache": tmp_path / "kept",
    }
    found = forecast(settings(**flags), steps=1)
    assert list((tmp_path / "kept").glob("rows-*"))
    assert found["data"]["texts_of_several_windows"] == 3


def test_where_memory_is_short_the_largest_batch_is_not_tried(prepared: Prepared) -> None:
    sizes = Sizes(prepared)
    steps = spread(prepared.steps.of_epoch(1), sizes, 4)
    slots = [sizes.at_once(step) for step in steps]
    assert slots == sorted(slots)
    assert slots[-1] > slots[0]
    room = math.ceil(slots[1] / 0.95)
    meter = SimpleNamespace(room=lambda: room, peak=lambda: None)
    trial = try_steps(prepared, steps, sizes, meter, formula=Line(0.0, 1.0))  # type: ignore[arg-type]
    tried = {round(own) for own in trial.work}
    assert tried == {round(own) for own in slots if own <= slots[1]}
    assert trial.left_out == slots[-1]
    assert trial.ran_out is None


def test_a_run_for_which_there_is_no_memory_does_not_fit(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "memory_room", lambda: 2**20)
    found = forecast(settings(), steps=2)
    assert not found["fits"]
    assert not found["memory"]["fits"]
    assert found["memory"]["measured"] is None
    assert found["memory"]["expected"] > found["memory"]["room"]
    assert found["time"] is None


def test_memory_advice_names_settings_that_fit_with_what_they_take(prepared: Prepared) -> None:
    line, largest = Line(1e9, 1e6), 700.0
    advice = memory_advice(prepared, line, largest=largest, room=int(1.5e9))
    named = {own["setting"].partition("=")[0]: own for own in advice}
    budget = int(named["training.token_budget"]["setting"].partition("=")[2])
    assert line.at(budget) <= 0.95 * 1.5e9 < line.at(budget * 1.11)
    assert named["training.token_budget"]["memory"] == line.at(budget)
    assert all(own["memory"] <= 0.95 * 1.5e9 < line.at(largest) for own in advice)
    assert "training.freeze" in named
    assert memory_advice(prepared, line, largest=largest, room=10**6) == []


@pytest.mark.parametrize(("strategy", "sub_batches"), [("joint", 1), ("alternating", 2)])
def test_a_smaller_batch_is_one_whose_largest_step_fits(strategy: str, sub_batches: int, settings: Settings) -> None:
    prepared = prepare(settings(training__strategy=strategy, training__batch_size=64), Notices())
    longest = max(example.row.length for example in prepared.examples)
    line = Line(0.0, 1.0)
    room = math.ceil(sub_batches * longest * 17 / 0.95)
    advice = memory_advice(prepared, line, largest=64.0 * sub_batches * longest, room=room)
    (own,) = [own for own in advice if own["setting"].startswith("training.batch_size")]
    assert own == {**own, "setting": "training.batch_size=16", "memory": 16 * sub_batches * longest}


def test_disk_advice_names_settings_that_fit_with_what_they_take() -> None:
    disk = Disk(bundle=10**9, bundles=10, state=3 * 10**9, states=3, free=int(17e9) + LEFT_FREE)
    assert not disk.fits
    advice = {own["setting"]: own["disk"] for own in disk_advice(disk)}
    assert advice == {
        "saving.keep=1": 16 * 10**9,
        "saving.every_minutes=0": 10 * 10**9,
        "training.epochs=8": 17 * 10**9,
        "output=FOLDER": 19 * 10**9,
    }


@given(st.floats(0.001, 1), st.floats(1e-5, 1e-2), st.lists(st.floats(10, 5000), min_size=3, max_size=20, unique=True))
def test_a_line_is_found_again(start: float, rate: float, work: list[float]) -> None:
    if max(work) < 1.5 * min(work):
        return
    found = Fit.of(work, [start + rate * own for own in work])
    every = np.linspace(min(work), max(work), 50)
    total = found.total(every)
    assert total.seconds == pytest.approx(float((start + rate * every).sum()), rel=1e-3)
    assert total.low <= total.seconds <= total.high


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    random, held = np.random.default_rng(5), 0
    work, every = np.repeat([100.0, 300.0, 500.0, 800.0, 1200.0], 3), np.linspace(100, 1200, 200)
    truth = float((0.05 + 1e-3 * every).sum())
    means = []
    for _ in range(200):
        seconds = (0.05 + 1e-3 * work) * random.lognormal(0, 0.2, len(work)) / math.exp(0.02)
        total = Fit.of(work.tolist(), seconds.tolist()).total(every)
        held += total.low <= truth <= total.high
        means.append(total.seconds)
    assert held >= 190
    assert np.mean(means) == pytest.approx(truth, rel=0.02)  # slow steps count as much as fast ones


def test_steps_of_one_size_give_a_rate() -> None:
    assert Fit.of([50, 50], [0.1, 0.1]).total(np.array([100.0])).seconds == pytest.approx(0.2)
    assert Fit.of([50], [0.1]).total(np.array([50.0, 50.0])).seconds == pytest.approx(0.2)


def test_times_add_up() -> None:
    total = Estimate(10, 7, 13) + Estimate(20, 16, 24)
    assert (total.seconds, total.low, total.high) == (30, 25, 35)
    assert Estimate(1, 0.5, 2).times(3) == Estimate(3, 1.5, 6)


def test_memory_grows_as_measured_and_the_line_is_above_all_points() -> None:
    formula = Line(5.0, 7.0)
    assert line_through([(10, 100)], formula=formula) == Line(30, 7)
    assert line_through([(10, 100), (20, 100)], formula=formula) == Line(-40, 7)
    line = line_through([(10, 100), (20, 130), (30, 140)], formula=formula)
    assert line.slope == pytest.approx(2)
    assert all(line.at(size) >= peak - 1e-9 for size, peak in [(10, 100), (20, 130), (30, 140)])
    assert line.size_for(1000) == pytest.approx((950 - line.base) / 2, abs=1)
    assert line.size_for(None) is None
    assert fits(94, 100)
    assert not fits(96, 100)
    assert fits(10**12, None)


def test_all_epochs_are_gone_through(prepared: Prepared) -> None:
    workload = Workload.of(prepared, Sizes(prepared))
    assert len(workload.work) == prepared.settings.training.epochs
    assert sum(map(len, workload.work)) == prepared.plan.steps
    assert workload.slots[0] >= workload.tokens[0]


def test_the_memory_of_this_process_is_known_on_linux() -> None:
    if not Path("/proc/self/status").exists():
        pytest.skip("the system does not say")
    now, peak, room = machine.memory_now(), machine.memory_peak(), machine.memory_room()
    assert now is not None
    assert peak is not None
    assert room is not None
    assert 10**6 < now <= peak
    assert room > now


def test_a_containers_limit_counts_without_what_it_keeps_of_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in {
        "own": "VmRSS: 1000 kB\n", "memory": "MemAvailable: 900000 kB\n",
        "max": "500000000\n", "current": "400000000\n",
        "stat": "anon 100000000\ninactive_file 250000000\nactive_file 50000000\n",
    }.items():  # fmt: skip
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(machine, "_OWN", tmp_path / "own")
    monkeypatch.setattr(machine, "_MEMORY", tmp_path / "memory")
    monkeypatch.setattr(machine, "_GROUPS", ((tmp_path / "max", tmp_path / "current", tmp_path / "stat"),))
    assert machine.memory_room() == 500_000_000 - 100_000_000 + 1_024_000
    (tmp_path / "max").write_text("max\n")
    assert machine.memory_room() == 900_000 * 1024 + 1_024_000
