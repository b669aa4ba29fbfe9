"""A loss or gradient that is no finite number: the records are named, and the weights before it are kept."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from polyhead.cli.app import app, run
from polyhead.errors import NonFiniteError, SettingsError
from polyhead.model import MultiTaskModel
from polyhead.settings import RunSettings, load_settings
from polyhead.training.randomness import RandomState
from tests.conftest import RECORDS
from tests.training.conftest import Fit, Listener
from tests.training.driving import Drive, same_bits

Write = Callable[..., Path]

pytestmark = pytest.mark.filterwarnings("ignore:overflow encountered")

TOO_HEAVY = 1e39
"""A weight that is a number in a settings file, and infinite in fp32."""
MARK = 0.125
"""The weight of records whose loss is finite and whose gradient is not, see `steep`."""


@pytest.fixture
def settings(encoder_folders: dict[str, Path], write: Write) -> Callable[..., RunSettings]:
    """Eighty good records, and two of a weight of their own."""

    def _settings(weight: float, *, good: int = 10, **training: Any) -> RunSettings:
        dev = write(RECORDS, "dev.jsonl")
        sets = {"good": {"train": [write(RECORDS * good, "good.jsonl")], "dev": [dev]}} if good else {}
        sets["bad"] = {"train": [write(RECORDS[:2] * (1 if good else 24), "bad.jsonl")], "dev": [dev], "weight": weight}
        flags: dict[str, Any] = {"encoder": str(encoder_folders["distilbert"]), "data.sets": sets}
        flags |= {"training.precision": "fp32", "training.batch_size": 4, "training.strategy": "joint"}
        return load_settings(None, (), {**flags, **{f"training.{name}": value for name, value in training.items()}})

    return _settings


@pytest.fixture
def steep(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the losses of marked records an infinite slope: that of a root at zero."""
    losses = MultiTaskModel.losses

    def _losses(model: MultiTaskModel, logits: Any, targets: Any, **options: Any) -> dict[str, Tensor]:
        found = losses(model, logits, targets, **options)
        for name, target in targets.items():
            if bool((target.weights == MARK).any()):
                found[name] = found[name] + (logits[name].sum() * 0).sqrt()
        return found

    monkeypatch.setattr(MultiTaskModel, "losses", _losses)


def state_of(drive: Drive) -> list[Any]:
    """All that a step changes, in a form that can be compared."""
    optimizer = drive.prepared.engine.optimizer.state_dict()
    moments = {f"{at} {name}": value.clone() for at, own in optimizer["state"].items() for name, value in own.items()}
    return [drive.weights(), moments, {"random": RandomState.now().cpu}, drive.prepared.engine.schedule.state_dict()]


def until_the_end(drive: Drive) -> NonFiniteError:
    """Take all steps, and see that an error leaves everything as the last whole step left it."""
    steps = drive.steps()
    while True:
        kept = state_of(drive)
        try:
            next(steps)
        except NonFiniteError as error:
            found = state_of(drive)
            assert all(same_bits(*pair) for pair in zip(kept[:3], found[:3], strict=True))
            assert kept[3] == found[3]
            assert all(weight.grad is None for weight in drive.prepared.model.parameters())
            return error


def bad_steps(drive: Drive) -> list[int]:
    """The steps in which a record of the bad set is."""
    examples = drive.prepared.examples
    return [
        number
        for number, (_, step) in enumerate(drive.order(), start=1)
        if any(examples[row].source == 1 for sub_batch in step for row in sub_batch.rows)
    ]


def of_bad_set(records: list[str]) -> list[str]:
    found = [name for name in records if "bad.jsonl:" in name]
    assert 0 < len(found) < len(records)
    return found


def test_a_loss_stops_the_run_and_leaves_all_as_it_was(settings: Callable[..., RunSettings]) -> None:
    drive = Drive.of(settings(TOO_HEAVY))
    error = until_the_end(drive)
    step = bad_steps(drive)[0]
    assert step > 1
    (event,) = drive.log
    assert event["event"] == "nonfinite"
    assert (event["epoch"], event["step"], event["action"]) == (1, step, "stop")
    assert event["losses"].keys() == {"classification", "ner"}
    assert set(event["losses"].values()) <= {"inf", "nan"}
    json.loads(json.dumps(event, allow_nan=False))
    assert len(event["records"]) == 4
    assert event["alone"] == of_bad_set(event["records"])
    message = str(error)
    assert f"the loss of task 'classification' is {event['losses']['classification']}" in message
    assert f"in epoch 1, step {step}; no step was taken with it" in message
    assert f"Alone, too, it comes from: {', '.join(event['alone'])}." in message
    assert f"The batch's records: {', '.join(event['records'])}." in message
    assert message.index("Alone") < message.index("The batch's records"), "those to blame come first"
    for cure in ("mend or remove these records", "lower training.lr", "--on-nonfinite skip"):
        assert cure in message
    assert "--precision fp32" not in message, "it is in fp32 already"
    assert error.weights_are_finite


@pytest.mark.parametrize("budget", [None, 30])
def test_a_gradient_stops_the_run_and_leaves_all_as_it_was(
    settings: Callable[..., RunSettings], steep: None, budget: int | None
) -> None:
    drive = Drive.of(settings(MARK, token_budget=budget))
    error = until_the_end(drive)
    (event,) = drive.log
    assert event["step"] == bad_steps(drive)[0]
    assert all(math.isfinite(float(loss)) for loss in event["losses"].values())
    assert str(error).startswith("the gradient's norm is nan (losses: classification ")
    assert event["alone"] == of_bad_set(event["records"])


def test_skip_leaves_a_batch_out_and_goes_on(settings: Callable[..., RunSettings]) -> None:
    drive = Drive.of(settings(TOO_HEAVY, epochs=2, on_nonfinite="skip"))
    before, bad, taken = drive.weights(), bad_steps(drive), 0
    for report in drive.steps():
        after = drive.weights()
        assert same_bits(before, after) == (report.step in bad or report.lr == 0.0), report.step
        assert bool(report.losses) == (report.step not in bad)
        assert report.rows
        before, taken = after, report.step
    assert taken == len(drive.order())
    assert [event["step"] for event in drive.log] == bad
    assert {event["action"] for event in drive.log} == {"skip"}
    (said,) = drive.listener.warnings
    assert f"in epoch 1, step {bad[0]}; the batch was left out" in said
    assert drive.log[0]["alone"][0] in said
    assert drive.guard.summary() == [
        f"{len(bad)} batches were left out: a loss or gradient was no finite number ('nonfinite' in log.jsonl)"
    ]


def test_a_run_with_batches_left_out_ends_well(fit: Fit, settings: Callable[..., RunSettings]) -> None:
    sets = settings(TOO_HEAVY).data.sets
    described = {
        name: {"train": str(own.train[0]), "dev": str(own.dev[0]), "weight": own.weight} for name, own in sets.items()
    }
    listener = Listener()
    options: dict[str, Any] = {"on_nonfinite": "skip", "batch_size": 4, "dev": None, "reporter": listener}
    fitted = fit(sets=described, **options)
    assert {line["event"] for line in fitted.log} == {"step", "nonfinite", "bundle", "epoch"}
    for epoch in fitted.run.epochs:
        assert all(map(math.isfinite, epoch.losses.values()))
    assert any(topic == "guard" and "were left out" in line for topic, line in listener.lines)


def test_ten_in_a_row_stop_it_after_all(settings: Callable[..., RunSettings]) -> None:
    drive = Drive.of(settings(TOO_HEAVY, good=0, on_nonfinite="skip"))
    error = until_the_end_of_skips(drive)
    assert len(drive.log) == 10
    assert [event["action"] for event in drive.log] == ["skip"] * 9 + ["stop"]
    assert "It is the 10th batch in a row of which that is so." in str(error)
    assert "Each of them alone gives it, too" in str(error)
    assert "--on-nonfinite" not in str(error), "it was given"


def test_the_count_in_a_row_survives_a_resume(settings: Callable[..., RunSettings]) -> None:
    first, second = (Drive.of(settings(TOO_HEAVY, good=0, on_nonfinite="skip")) for _ in range(2))
    list(first.steps(first.order()[:6]))
    second.guard.restore(json.loads(json.dumps(first.guard.to_json())))
    with pytest.raises(NonFiniteError, match="step 10"):
        list(second.steps(second.order()[6:], first_step=7))
    assert second.listener.warnings == [], "what was said is not said again"


def until_the_end_of_skips(drive: Drive) -> NonFiniteError:
    with pytest.raises(NonFiniteError) as caught:
        list(drive.steps())
    return caught.value


@pytest.mark.parametrize("on_nonfinite", ["stop", "skip"])
def test_broken_weights_stop_it_at_once(settings: Callable[..., RunSettings], on_nonfinite: str) -> None:
    drive = Drive.of(settings(1.0, on_nonfinite=on_nonfinite))
    steps = drive.steps()
    next(steps)
    with torch.no_grad():
        next(drive.prepared.model.encoder.parameters()).fill_(math.inf)
    with pytest.raises(NonFiniteError, match="an earlier step broke them") as caught:
        next(steps)
    assert not caught.value.weights_are_finite
    assert drive.log[0]["alone"] == [], "no record is to blame"


def test_many_records_are_named_in_the_log(settings: Callable[..., RunSettings]) -> None:
    drive = Drive.of(settings(TOO_HEAVY, batch_size=32))
    with pytest.raises(NonFiniteError, match=r"and 24 more \(all are in log\.jsonl\)"):
        list(drive.steps())
    assert len(drive.log[0]["records"]) == 32


def test_windows_of_a_record_name_it_once(
    encoder_folders: dict[str, Path], write: Write, settings: Callable[..., RunSettings]
) -> None:
    given = settings(TOO_HEAVY)
    long = {"sentence": "John lives in Berlin " * 12, "label": 1}
    write([long], "bad.jsonl")
    drive = Drive.of(given.model_copy(update={"encoding": given.encoding.model_copy(update={"max_length": 16})}))
    with pytest.raises(NonFiniteError):
        list(drive.steps())
    assert [Path(name).name for name in drive.log[0]["alone"]] == ["bad.jsonl:1"]


def test_the_choice_is_checked() -> None:
    with pytest.raises(SettingsError, match=r"training\.on_nonfinite.*'stop'"):
        load_settings(None, ["training.on_nonfinite=ignore"], {})


def test_the_command_line_says_it_without_a_traceback(
    settings: Callable[..., RunSettings],
    encoder_folders: dict[str, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings(1.0)
    options = [
        "--encoder",
        str(encoder_folders["distilbert"]),
        "--output",
        str(tmp_path / "out"),
        "--precision",
        "fp32",
    ]
    for name in ("lr", "head_lr", "clip"):
        options += ["--set", f"training.{name}=1e30"]
    options += ["--set", "training.warmup=0", "--on-nonfinite", "skip"]
    assert run(app, ["train", str(tmp_path / "good.jsonl"), *options]) == 2
    said = capsys.readouterr().err
    assert "error: the loss of task " in said
    assert "Traceback" not in said
    log = (tmp_path / "out" / "log.jsonl").read_text(encoding="utf-8")
    assert log.count('"skip"') == 9
    assert "NaN" not in log
