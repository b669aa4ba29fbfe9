"""Whether the fast way learns what the slow way learns: dev and test figures of both, over seeds.

    python benchmarks/same_scores.py --data DIR [--epochs 3] [--seeds 42 1 2] [--ways plain fast]

DIR holds `train.jsonl`, `dev.jsonl` and `test.jsonl`.

plain  batches in random order, transformers' layers and torch's dropout, the whole table of embeddings, fp32
fast   what `polyhead train` does
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path
from typing import Any
from unittest import mock

import polyhead
from polyhead.batching import sampling
from polyhead.training import prepare


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--encoder", default="minilm")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--seeds", type=int, nargs="+", default=[42, 1, 2])
    parser.add_argument("--ways", nargs="+", choices=["plain", "fast"], default=["plain", "fast"])
    options = parser.parse_args()
    print(f"{'':<16}{'dev accuracy':>14}{'dev F1':>9}{'test accuracy':>15}{'test F1':>9}{'seconds':>9}", flush=True)
    for way in options.ways:
        rows = [trained(way, seed, options) for seed in options.seeds]
        print(line(f"{way} mean", [statistics.mean(column) for column in zip(*rows, strict=True)]), flush=True)


def trained(way: str, seed: int, options: argparse.Namespace) -> list[float]:
    with tempfile.TemporaryDirectory() as folder:
        with mock.patch.dict(vars(prepare), patches(way)), mock.patch.dict(vars(sampling), order(way)):
            run = polyhead.train(
                options.data / "train.jsonl",
                dev=options.data / "dev.jsonl",
                encoder=options.encoder,
                epochs=options.epochs,
                batch_size=options.batch_size,
                seed=seed,
                precision="fp32" if way == "plain" else "auto",
                output=Path(folder) / "run",
            )
        test = polyhead.evaluate(run.best, options.data / "test.jsonl", resamples=0)
        found = [*figures(run.best_epoch.dev), *figures(test), sum(epoch.seconds for epoch in run.epochs)]
    print(line(f"{way} {seed}", found), flush=True)
    return found


def patches(way: str) -> dict[str, Any]:
    """Return what stands for the parts that make training fast."""
    return {"speed_up": lambda *_: False, "cut_table": lambda *_: None} if way == "plain" else {}


def order(way: str) -> dict[str, int]:
    """Return how many batches rows are sorted in by length: with one, batches are random."""
    return {"_MEGA_BATCH": 1} if way == "plain" else {}


def figures(scores: Any) -> list[float]:
    tasks = scores["tasks"]
    return [100 * tasks["classification"]["accuracy"], 100 * tasks["ner"]["f1"]]


def line(name: str, found: list[float]) -> str:
    dev_accuracy, dev_f1, test_accuracy, test_f1, seconds = found
    return f"{name:<16}{dev_accuracy:>14.2f}{dev_f1:>9.2f}{test_accuracy:>15.2f}{test_f1:>9.2f}{seconds:>9.0f}"


if __name__ == "__main__":
    main()
