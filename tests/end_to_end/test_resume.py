"""`polyhead train --resume`, Ctrl-C and SIGTERM, as a person at a terminal meets them."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import RECORDS
from tests.end_to_end.conftest import ROOT, Cli, Outcome, write_records


@pytest.fixture
def arguments(tmp_path: Path, encoder: str) -> list[str]:
    """A run of 4 epochs of 80 steps."""
    data = str(write_records(tmp_path / "data.jsonl", RECORDS * 40))
    return ["train", data, "--dev", data, "--encoder", encoder, "--epochs", "4", "--batch-size", "4"]


def weights_in(folder: Path) -> dict[str, str]:
    return {
        path.parent.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.glob("epoch-*/model.safetensors")
    }


def _hear_ctrl_c() -> None:
    """A shell has its background jobs ignore it, and what these start."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def start(arguments: list[str]) -> subprocess.Popen[str]:
    environment = {**os.environ, "COLUMNS": "100", "TERM": "dumb", "NO_COLOR": "1"}
    command = [sys.executable, "-m", "polyhead", *arguments]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=environment,
        preexec_fn=_hear_ctrl_c,
    )


def wait_for_steps(log: Path, steps: int) -> None:
    deadline = time.monotonic() + 120
    while not log.exists() or log.read_text().count('"event": "step"') < steps:
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_saves_and_ends_and_the_run_goes_on(
    cli: Cli, arguments: list[str], tmp_path: Path, number: signal.Signals, status: int
) -> None:
    output = tmp_path / "broken"
    process = start([*arguments, "--output", str(output)])
    wait_for_steps(output / "log.jsonl", 100)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == status
    assert out == ""
    assert "Traceback" not in err
    last = err.strip().splitlines()[-1]
    assert last.startswith("stopped after step ")
    assert last.endswith("; go on with the same command and --resume")
    assert len(list((output / "states").iterdir())) == 1
    resumed = cli(*arguments, "--output", output, "--resume")
    assert resumed.status == 0
    assert "resume  after step " in resumed.err
    assert "with 1 epochs finished" in resumed.err
    assert cli(*arguments, "--output", tmp_path / "whole").status == 0
    assert weights_in(output) == weights_in(tmp_path / "whole")
    again = cli(*arguments, "--output", output, "--resume")
    assert again.status == 0
    assert f"the run in {output} is finished already" in again.err


def test_force_needs_resume(fails: Callable[..., str], arguments: list[str], tmp_path: Path) -> None:
    message = fails(*arguments, "--output", tmp_path / "run", "--force")
    assert "--force: goes on with a run whose settings or data have changed, so it needs --resume" in message


def test_a_change_is_shown(cli: Cli, fails: Callable[..., str], arguments: list[str], tmp_path: Path) -> None:
    output = tmp_path / "run"
    assert cli(*arguments, "--output", output, "--set", "training.epochs=1").status == 0
    message = fails(*arguments, "--output", output, "--set", "training.epochs=1", "--lr", 0.5, "--resume")
    assert "training.lr: 0.001 before, 0.5 now" in message


def test_a_second_signal_ends_a_process_at_once(process: Callable[..., Outcome]) -> None:
    code = (
        "import os, signal\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from polyhead.training.stopping import StopRequest\n"
        "with StopRequest() as stop:\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    print('still here', flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    print('never')\n"
    )
    done = process("-c", code)
    assert done.status == -signal.SIGINT
    assert done.out == "still here\n"


def test_a_signal_that_is_ignored_stays_ignored(process: Callable[..., Outcome]) -> None:
    """As SIGHUP is under nohup."""
    code = (
        "import os, signal\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from polyhead.training.stopping import StopRequest\n"
        "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "with StopRequest() as stop:\n"
        "    os.kill(os.getpid(), signal.SIGHUP)\n"
        "    stop.check()\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    os.kill(os.getpid(), signal.SIGHUP)\n"
        "    print('still here', flush=True)\n"
    )
    done = process("-c", code)
    assert (done.status, done.out) == (0, "still here\n")


def test_the_script_goes_on_too(process: Callable[..., Outcome], arguments: list[str], tmp_path: Path) -> None:
    """The plain script, with its files of their own."""
    output = tmp_path / "run"
    options = ["--data", arguments[1], *arguments[2:], "--save_dir", str(output), "--set", "saving.every_steps=7"]
    running = subprocess.Popen([sys.executable, str(ROOT / "src" / "train.py"), *options], stderr=subprocess.PIPE)
    wait_for_steps(output / "log.jsonl", 200)
    running.kill()
    running.communicate(timeout=60)
    assert (output / "mtl_epoch2.pt").is_file()
    done = process("src/train.py", *options, "--resume")
    assert done.status == 0, done.err
    assert sorted(path.name for path in output.iterdir()) == [
        *(f"epoch-{number}" for number in (1, 2, 3, 4)),
        "log.jsonl",
        *(f"mtl_epoch{number}.pt" for number in (1, 2, 3, 4)),
        "run.json",
    ]
