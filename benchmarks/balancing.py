"""What each way to balance losses costs, and what it comes to.

    python benchmarks/balancing.py --data DIR [--encoder minilm] [--steps 20] [--rounds 3] [--scores 1] [--methods ...]

DIR holds `train.jsonl` with `sentence`, `label` and `ner_tags`, and `dev.jsonl`. Each method runs in a process of its
own and they take turns, so that whatever else the machine does is shared out. Printed are the time of a step and the
highest memory of the process (on a GPU, of the GPU), as they are and relative to `static`; then, after so many epochs
(`--scores`; 0: none), the dev score by which epochs are compared and each task's figure. `diagnose` is static with
`--diagnose`: the time of a measurement, which a run takes 50 times at most. `--json` prints one object.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from contestants import Contestant

METHODS = ("static", "uncertainty", "dwa", "upgrad", "pcgrad", "cagrad", "nashmtl", "diagnose")
_KILOBYTE = 1024


def main() -> None:
    options = parsed()
    if options.contestant:
        serve(options)
        return
    running = {name: Contestant(command_of(name, options)) for name in options.methods}
    turns: dict[str, list[dict[str, float]]] = {name: [] for name in running}
    for _ in range(options.rounds):
        for name, contestant in running.items():
            turns[name].append(contestant.ask(steps=options.steps))
    found: dict[str, dict[str, Any]] = {
        name: {
            "ms_a_step": statistics.median(turn["ms_a_step"] for turn in own),
            "peak_mb": max(turn["peak_mb"] for turn in own),
        }
        for name, own in turns.items()
    }
    for name, contestant in running.items():
        if options.scores and name != "diagnose":
            found[name]["scores"] = contestant.ask(epochs=options.scores)
        contestant.close()
    print(json.dumps(found) if options.json else table(found))


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with train.jsonl and dev.jsonl")
    parser.add_argument("--encoder", default="minilm")
    parser.add_argument("--steps", type=int, default=20, help="of a turn, beside one that warms up")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scores", type=int, default=1, metavar="EPOCHS", help="also train so many epochs")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--contestant", choices=METHODS, help=argparse.SUPPRESS)
    return parser.parse_args()


def command_of(name: str, options: argparse.Namespace) -> list[str]:
    command = [__file__, "--contestant", name, "--data", str(options.data), "--encoder", options.encoder]
    return [*command, "--batch-size", str(options.batch_size), "--seed", str(options.seed)]


def serve(options: argparse.Namespace) -> None:
    """Take turns as the other end of a pipe asks for them; whatever else prints goes to stderr."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    from polyhead.training.memory import kept_memory

    with kept_memory():
        bench = Bench(options)
        for line in sys.stdin:
            what = json.loads(line)
            found = bench.scores(what["epochs"]) if "epochs" in what else bench.turn(what["steps"])
            print(json.dumps(found), file=answers, flush=True)


class Bench:
    """One method on its own prepared run."""

    def __init__(self, options: argparse.Namespace) -> None:
        from polyhead.notices import Notices
        from polyhead.training.prepare import prepare

        self.options = options
        self.prepared = prepare(self._settings(epochs=10), Notices())
        self._steps = self._reports()

    def turn(self, steps: int) -> dict[str, float]:
        """Time steps, the first of which warms up; of `diagnose`, measurements."""
        if self.options.contestant == "diagnose":
            took = self._measured(max(2, steps // 4))
        else:
            next(self._steps)
            began = time.perf_counter()
            for _ in range(steps):
                next(self._steps)
            took = (time.perf_counter() - began) / steps
        return {"ms_a_step": 1e3 * took, "peak_mb": peak()}

    def scores(self, epochs: int) -> dict[str, Any]:
        """Train anew, as `polyhead train` does."""
        from polyhead.training import run_training

        with tempfile.TemporaryDirectory() as folder:
            run = run_training(self._settings(epochs=epochs, output=Path(folder) / "run"))
            best = run.best_epoch
            figures = (
                {name: best.dev["tasks"][name][metric] for name, metric in best.metrics.items()} if best.dev else {}
            )
        return {"score": best.score, **figures}

    def _settings(self, *, epochs: int, **more: Any) -> Any:
        from polyhead.settings import load_settings

        name = self.options.contestant
        training = {"batch_size": self.options.batch_size, "seed": self.options.seed, "epochs": epochs}
        training["balancing"] = "static" if name == "diagnose" else name
        data = {"data.train": [self.options.data / "train.jsonl"], "data.dev": [self.options.data / "dev.jsonl"]}
        flags = {**data, "encoder": self.options.encoder, **more}
        return load_settings(None, (), flags | {f"training.{key}": value for key, value in training.items()})

    def _reports(self) -> Iterator[Any]:
        from polyhead.training.guard import Guard
        from polyhead.training.loop import train_steps
        from polyhead.training.reporting import Reporter

        prepared = self.prepared
        order = ((epoch, step) for epoch in range(1, 1000) for step in prepared.steps.of_epoch(epoch))
        guard = Guard(prepared.settings.training, reporter=Reporter(), log=lambda *_event, **_values: None)
        return train_steps(
            prepared.model,
            prepared.examples,
            encoder=prepared.text_encoder,
            engine=prepared.engine,
            steps=order,
            losses=prepared.losses(),
            guard=guard,
            balancing=prepared.balancing,
        )

    def _measured(self, count: int) -> float:
        from polyhead.training.diagnosis import Diagnoser
        from polyhead.training.reporting import Reporter

        diagnoser = Diagnoser(self.prepared, stopped=(), reporter=Reporter())
        places = sorted(diagnoser.places)[: count + 1]
        diagnoser.at(places[0], budget=None)
        began = time.perf_counter()
        for place in places[1:]:
            diagnoser.at(place, budget=None)
        return (time.perf_counter() - began) / count


def peak() -> float:
    import torch

    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _KILOBYTE


def table(found: dict[str, dict[str, Any]]) -> str:
    base = found.get("static", next(iter(found.values())))
    lines = [f"{'method':<12}{'ms a step':>10}{'relative':>10}{'peak MB':>10}{'relative':>10}  dev"]
    for name, own in found.items():
        scores = "  ".join(
            f"{key} {100 * value:.2f}" for key, value in own.get("scores", {}).items() if value is not None
        )
        lines.append(
            f"{name:<12}{own['ms_a_step']:>10.1f}{own['ms_a_step'] / base['ms_a_step']:>10.2f}"
            f"{own['peak_mb']:>10.0f}{own['peak_mb'] / base['peak_mb']:>10.2f}  {scores}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
