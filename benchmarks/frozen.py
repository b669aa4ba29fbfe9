"""What epochs cost with a frozen encoder, whose states are computed once, and with one that runs in each epoch.

    python benchmarks/frozen.py TRAIN [--encoder minilm] [--epochs 3] [--rounds 3] [--batch-size 32] [--clock wall]

Each run is a process of its own, in turn: without a cache (`none`), with an empty one (`made`), and with what the run
before left (`found`). Seconds of an epoch are those of its training, dev scores not included; the first epoch's
contain whatever comes before its first step. Where something else runs on the machine, `--clock processor` counts the
seconds that the process had a processor, over all its threads (take one: OMP_NUM_THREADS=1).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

RUNS = ("none", "made", "found")
"""In the order in which they take turns."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--encoder", default="minilm")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--clock", choices=["wall", "processor"], default="wall")
    parser.add_argument("--output", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.output:
        print(json.dumps(seconds_of(options)))
        return
    rounds = [one_round(options) for _ in range(options.rounds)]
    print(table(rounds, options))


def one_round(options: argparse.Namespace) -> dict[str, list[float]]:
    found = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        no_folder = folder / "file"
        no_folder.touch()  # a file, in which nothing can be kept
        for run in RUNS:
            cache = no_folder if run == "none" else folder / "cache"
            command = [sys.executable, __file__, str(options.data), "--output", str(folder / f"run-{run}")]
            for option in ("encoder", "epochs", "batch_size", "clock"):
                command += [f"--{option.replace('_', '-')}", str(getattr(options, option))]
            environment = {**os.environ, "POLYHEAD_CACHE": str(cache)}
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
            found[run] = json.loads(done.stdout)
            print(f"{run:<6}" + "".join(f"{seconds:>9.2f} s" for seconds in found[run]), file=sys.stderr, flush=True)
    return found


def seconds_of(options: argparse.Namespace) -> list[float]:
    import polyhead
    from polyhead.training import Reporter

    tell = time.perf_counter if options.clock == "wall" else time.process_time
    seconds: list[float] = []

    class Clock(Reporter):
        began = 0.0

        def start(self, **_: int) -> None:
            self.began = tell()

        def evaluating(self, **_: int) -> None:
            seconds.append(tell() - self.began)

        def epoch(self, *_: Any, **__: Any) -> None:
            self.began = tell()

    polyhead.train(
        options.data,
        encoder=options.encoder,
        output=options.output,
        freeze="encoder",
        epochs=options.epochs,
        batch_size=options.batch_size,
        reporter=Clock(),
    )
    return seconds


def table(rounds: list[dict[str, list[float]]], options: argparse.Namespace) -> str:
    """Medians over the rounds; a ratio is the median of those of runs that stood beside each other."""
    epochs = range(options.epochs)
    lines = [
        f"{options.encoder}, batches of {options.batch_size}, medians of {options.rounds}, {options.clock} seconds",
        "",
        "| states | " + " | ".join(f"epoch {at + 1}, s" for at in epochs) + " | all, s | second epoch | all |",
        "|---|" + "---:|" * (options.epochs + 3),
    ]
    for run in RUNS:
        seconds = [statistics.median(one[run][at] for one in rounds) for at in epochs]
        whole = statistics.median(sum(one[run]) for one in rounds)
        second = statistics.median(one["none"][1] / one[run][1] for one in rounds)
        ratio = statistics.median(sum(one["none"]) / sum(one[run]) for one in rounds)
        figures = " | ".join(f"{value:.1f}" for value in (*seconds, whole))
        lines.append(f"| {run} | {figures} | {second:.1f} x | {ratio:.1f} x |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
