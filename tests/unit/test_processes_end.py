"""A process that works for another does not outlive it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

WORKER = """
import os, sys, time
from polyhead.processes import answer_a_process

def answer(source, sink):
    source.readline()
    sink.write(b"%d\\n" % os.getpid())
    sink.flush()
    time.sleep({seconds})
    with open({done!r}, "w"):
        pass

answer_a_process(answer, finish={finish})
"""
ASKER = """
import sys, time
sys.path.insert(0, {folder!r})
from polyhead.processes import Process

with Process("working") as process:
    process.send("work")
    print(int(process.answers.readline()), flush=True)
    time.sleep(60)
"""


def started(folder: Path, *, finish: bool, seconds: float) -> tuple[subprocess.Popen[str], int, Path]:
    """Start a process that has another one work, and return it, the number of the other, and what that one leaves."""
    done = folder / "done"
    (folder / "working.py").write_text(textwrap.dedent(WORKER.format(seconds=seconds, done=str(done), finish=finish)))
    asker = subprocess.Popen(
        [sys.executable, "-c", ASKER.format(folder=str(folder))], stdout=subprocess.PIPE, text=True
    )
    assert asker.stdout is not None
    return asker, int(asker.stdout.readline()), done


def killed(asker: subprocess.Popen[str]) -> None:
    asker.send_signal(signal.SIGKILL)
    asker.communicate()


def runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def ended(pid: int, within: float) -> bool:
    end = time.monotonic() + within
    while runs(pid) and time.monotonic() < end:
        time.sleep(0.05)
    return not runs(pid)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes as Linux shows them")
def test_who_works_for_a_killed_process_ends_at_once(tmp_path: Path) -> None:
    asker, worker, done = started(tmp_path, finish=False, seconds=50.0)
    assert runs(worker)
    killed(asker)
    try:
        assert ended(worker, within=20)
        assert not done.exists()
    finally:
        if runs(worker):
            os.kill(worker, signal.SIGKILL)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes as Linux shows them")
def test_who_is_to_finish_does(tmp_path: Path) -> None:
    asker, worker, done = started(tmp_path, finish=True, seconds=2.0)
    killed(asker)
    assert ended(worker, within=50)
    assert done.exists()
