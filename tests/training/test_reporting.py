"""What a run tells: losses and speed of an epoch, and what went through the encoder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from polyhead.training import Reporter
from polyhead.training.reporting import Meter, StepReport
from tests.training.conftest import Fit


def test_a_meter_counts_from_the_epochs_beginning_to_its_last_step() -> None:
    times = iter([10.0, 12.0, 14.0])
    meter = Meter(clock=lambda: next(times))
    assert meter.read().seconds == meter.read().tokens_per_second == 0.0
    meter.add(StepReport(1, 1, {"a": 1.0}, 0.1, rows=4, tokens=30))
    meter.add(StepReport(1, 2, {"a": 3.0, "b": 5.0}, 0.1, rows=4, tokens=50))
    read = meter.read()
    assert read.losses == {"a": 2.0, "b": 5.0}, "the mean over the steps that had the task"
    assert (read.seconds, read.rows_per_second, read.tokens_per_second) == (4.0, 2.0, 20.0)


@pytest.mark.parametrize(("strategy", "passes"), [("joint", 1), ("alternating", 2)])
def test_tokens_are_the_pieces_of_each_pass_without_padding(
    strategy: str, passes: int, fit: Fit, small_data: Path
) -> None:
    fitted = fit(strategy=strategy, epochs=1)
    tokenizer = Tokenizer.from_file(str(fitted.run.best / "tokenizer.json"))
    texts = [json.loads(line)["sentence"] for line in small_data.read_text("utf-8").splitlines()]
    pieces = sum(len(tokenizer.encode(text).ids) for text in texts)
    assert sum(step["tokens"] for step in fitted.steps) == passes * pieces
    (epoch,) = fitted.run.epochs
    assert epoch.tokens_per_second == pytest.approx(passes * pieces / epoch.seconds, rel=0.02)


def test_the_log_can_be_followed(fit: Fit, tmp_path: Path) -> None:
    class Follower(Reporter):
        behind = 0

        def step(self, report: StepReport) -> None:
            lines = (tmp_path / "out" / "log.jsonl").read_text("utf-8").splitlines()
            self.behind = max(self.behind, report.step - json.loads(lines[-1])["step"])

    follower = Follower()
    fit(output=tmp_path / "out", epochs=1, reporter=follower)
    assert follower.behind == 0
