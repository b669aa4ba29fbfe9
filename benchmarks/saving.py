"""What saving costs: the share of a run's time that goes into bundles and states.

    python benchmarks/saving.py CONFIG [--epochs 2] [--every 400] [--set KEY=VALUE]

Trains as CONFIG says, with a bundle after each epoch and a state every so many steps, and adds up what the run's own
log says of each. By default a run saves its states by the clock, every five minutes, which is less often.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from polyhead.settings import RunSettings, load_settings
from polyhead.training import Reporter, run_training
from polyhead.training.reporting import EpochReport


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--every", type=int, default=400)
    parser.add_argument("--set", dest="assignments", action="append", default=[], metavar="KEY=VALUE")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=".") as folder:  # on the disk where one works, not in memory
        flags = {"output": f"{folder}/run", "training.epochs": options.epochs, "saving.every_steps": options.every}
        measure(load_settings(options.config, options.assignments, flags))


def measure(settings: RunSettings) -> None:
    watch = Watch()
    trained = run_training(settings, reporter=watch)
    log = [json.loads(line) for line in (trained.folder / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    whole = watch.ended[-1] - watch.ended[0]
    epochs = settings.training.epochs
    print(f"an epoch, with dev scores and saving: {whole / epochs:.1f} s")
    bundles, states = (seconds_of(log, event) for event in ("bundle", "state"))
    for name, seconds in (("bundle", bundles), ("state", states)):
        print(f"{name:>6}: {len(seconds)} saved, {sum(seconds) / len(seconds):.2f} s each, most {max(seconds):.2f} s")
    print(f"share of the run: {(sum(bundles) + sum(states)) / whole:.2%}")
    print(f"with one state an epoch: {(sum(bundles) / epochs + sum(states) / len(states)) / (whole / epochs):.2%}")


def seconds_of(log: list[dict[str, Any]], event: str) -> list[float]:
    return [line["seconds"] for line in log if line["event"] == event]


class Watch(Reporter):
    """Notes when training began and when each epoch ended, dev scores and saving included."""

    def __init__(self) -> None:
        self.ended: list[float] = []

    def start(self, *, steps: int, epochs: int) -> None:  # noqa: ARG002
        self.ended.append(time.perf_counter())

    def epoch(self, report: EpochReport, *, is_best: bool) -> None:  # noqa: ARG002
        self.ended.append(time.perf_counter())


if __name__ == "__main__":
    main()
