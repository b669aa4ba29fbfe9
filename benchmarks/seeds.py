"""Quality of a settings file over several seeds: each trained, its best epoch by dev score run on the test file.

    python benchmarks/seeds.py CONFIG TEST [--seeds 42 1 2] [--output runs]

A seed whose run is already there and whole is not trained again. The interval is Student's, over seeds.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

import polyhead
from polyhead.cli.console import error_console
from polyhead.cli.reporter import ConsoleReporter
from polyhead.evaluation.intervals import interval_of_mean
from polyhead.metrics import headline_of


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path)
    parser.add_argument("test", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[42, 1, 2])
    parser.add_argument("--output", type=Path, default=Path("runs"))
    options = parser.parse_args()
    found: dict[str, list[float]] = {}
    for seed in options.seeds:
        folder = trained(options.config, seed, options.output)
        figures = figures_of(polyhead.evaluate(folder, options.test))
        print(f"seed {seed:<6}", "  ".join(f"{name} {100 * value:.2f}" for name, value in figures.items()), flush=True)
        for name, value in figures.items():
            found.setdefault(name, []).append(100 * value)
    for name, values in found.items():
        print(f"{name:<24} mean {np.mean(values):.2f}{interval(values)}")


def trained(config: Path, seed: int, output: Path) -> Path:
    folder = output / f"{config.stem}-seed{seed}"
    run_file = folder / "run.json"
    if run_file.is_file():
        run = json.loads(run_file.read_text(encoding="utf-8"))
        if len(run["epochs"]) == run["settings"]["training"]["epochs"]:
            return folder
    return polyhead.train(config=config, seed=seed, output=folder, reporter=ConsoleReporter(error_console())).folder


def figures_of(scores: dict[str, Any]) -> dict[str, float]:
    figures = {
        f"{task} {name}": value
        for task, own in scores["tasks"].items()
        for name, value in headline_of(own).items()
        if value is not None
    }
    if len(scores["tasks"]) > 1:
        figures["frame accuracy"] = scores["frame_accuracy"]
    return figures


def interval(values: list[float]) -> str:
    ends = interval_of_mean(values)
    return f", 95 % interval {ends[0]:.2f} to {ends[1]:.2f} over {len(values)} seeds" if ends else ""


if __name__ == "__main__":
    main()
