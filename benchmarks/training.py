"""Speed of training: polyhead against what a user would write or pick instead, on the same records and encoder.

    python benchmarks/training.py --data DIR [--encoder minilm|distilbert|FOLDER] [--batch-size 32] [--rounds 3]

DIR holds `train.jsonl` with `sentence`, `label` and `ner_tags`, and `dev.jsonl` for `--scores`. Three contestants take
turns, each in a process of its own, so that no one's memory or threads are another's:

seed_style  every row padded to 128 pieces, a pass a task, fp32, torch's plain AdamW: the classic two-task script
trainer     transformers' `Trainer` with two heads: one pass, random order, padded to the longest row of a batch, fp32
polyhead    what `polyhead train` does, as it does it

`distilbert` is one of DistilBERT's size with random weights. `--scores N` then trains trainer and polyhead for N epochs
each and prints their dev figures. `--json` prints one object.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from contestants import Contestant
from training_peers import PEERS_BATCH, Data, PlainTrainer, SeedStyle, figures, measured

CONTESTANTS = ("seed_style", "trainer", "polyhead")


def main() -> None:
    options = parsed()
    if options.contestant:
        serve(options)
        return
    with tempfile.TemporaryDirectory() as folder:
        options.encoder = encoder_folder(options.encoder, Path(folder))
        running = {name: contestant_of(name, options) for name in CONTESTANTS}
        turns: dict[str, list[dict[str, float]]] = {name: [] for name in running}
        for _ in range(options.rounds):
            for name, contestant in running.items():
                turns[name].append(contestant.ask(steps=steps_of(name, options.steps)))
        found = summary(turns)
        if options.scores:
            for name in ("trainer", "polyhead"):
                found["contestants"][name]["scores"] = running[name].ask(epochs=options.scores)
        for contestant in running.values():
            contestant.close()
    found["setup"] = {"encoder": options.named, "batch_size": options.batch_size, "threads": threads()}
    print(json.dumps(found, indent=None) if options.json else table(found))


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with train.jsonl")
    parser.add_argument("--encoder", default="minilm")
    parser.add_argument("--batch-size", type=int, default=32, help="polyhead's; the others take 32")
    parser.add_argument("--lr", type=float, help="the encoder's, of trainer and polyhead in --scores")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--steps", type=int, default=40, help="of polyhead and trainer in a turn; an eighth of seed style"
    )
    parser.add_argument("--scores", type=int, metavar="EPOCHS", help="also train so many epochs, and print dev figures")
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--contestant", choices=CONTESTANTS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.named = options.encoder
    return options


def steps_of(name: str, steps: int) -> int:
    return max(3, steps // 8) if name == "seed_style" else steps


def threads() -> int:
    return int(os.environ.get("OMP_NUM_THREADS") or len(os.sched_getaffinity(0)))


def encoder_folder(name: str, folder: Path) -> str:
    """Write a DistilBERT with random weights, and the tokenizer of `minilm`, which has the same pieces."""
    if name != "distilbert":
        return name
    import torch
    import transformers

    from polyhead.model.pretrained import load_pretrained

    torch.manual_seed(0)
    transformers.DistilBertModel(transformers.DistilBertConfig()).save_pretrained(folder)
    minilm = load_pretrained("minilm")
    (folder / "tokenizer.json").write_text(minilm.tokenizer_json, encoding="utf-8")
    settings = {"tokenizer_class": "DistilBertTokenizerFast", "model_max_length": 512, "pad_token": "[PAD]"}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    return str(folder)


def contestant_of(name: str, options: argparse.Namespace) -> Contestant:
    command = [__file__, "--contestant", name, "--data", str(options.data)]
    command += ["--encoder", options.encoder, "--seed", str(options.seed)]
    command += ["--batch-size", str(options.batch_size if name == "polyhead" else PEERS_BATCH)]
    return Contestant(command + (["--lr", str(options.lr)] if options.lr else []))


def serve(options: argparse.Namespace) -> None:
    """Take turns as the other end of a pipe asks for them; whatever else prints goes to stderr."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    from polyhead.training.memory import kept_memory

    with kept_memory() if options.contestant == "polyhead" else nullcontext():
        bench = {"seed_style": SeedStyle, "trainer": PlainTrainer, "polyhead": Polyhead}[options.contestant](options)
        for line in sys.stdin:
            what = json.loads(line)
            found = bench.scores(what["epochs"]) if "epochs" in what else bench.turn(what["steps"])
            print(json.dumps(found), file=answers, flush=True)


class Polyhead:
    """What `polyhead train` does."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options, self.data = options, Data(options)
        self._steps: Iterator[Any] | None = None

    def turn(self, steps: int) -> dict[str, float]:
        reports = self._reports(steps + 1)
        next(reports)
        started = time.perf_counter()
        taken = list(reports)
        seconds = time.perf_counter() - started
        return measured(sum(report.rows for report in taken), sum(report.tokens for report in taken), seconds)

    def _reports(self, count: int) -> Iterator[Any]:
        from polyhead.settings import TrainingSettings
        from polyhead.training.guard import Guard
        from polyhead.training.loop import LossSettings, train_steps
        from polyhead.training.reporting import Reporter

        prepared = self.data.prepared
        return train_steps(
            prepared.model,
            prepared.examples,
            encoder=prepared.text_encoder,
            engine=prepared.engine,
            steps=((1, step) for step in self._sample(count)),
            losses=LossSettings(weights={task.name: task.weight for task in prepared.tasks}, clip=1.0),
            guard=Guard(TrainingSettings(), reporter=Reporter(), log=print),
        )

    def _sample(self, count: int) -> list[Any]:
        """Choose batches that are as long as all of the epoch's are on average: rows of a batch are of like length."""
        import numpy as np

        examples = self.data.prepared.examples
        steps = self.data.prepared.steps.of_epoch(1)
        slots = [sum(examples[row].row.length for batch in step for row in batch.rows) for step in steps]
        by_length = np.argsort(slots, kind="stable")
        places = (np.arange(count - 1) + 0.5) / (count - 1) * len(steps)
        chosen = np.random.default_rng(0).permutation(by_length[places.astype(int)])
        return [steps[by_length[len(steps) // 2]], *(steps[at] for at in chosen)]

    def scores(self, epochs: int) -> dict[str, float]:
        from polyhead.training import run_training

        with tempfile.TemporaryDirectory() as folder:
            settings = self.data.settings
            training = settings.training.model_copy(update={"epochs": epochs})
            run = run_training(settings.model_copy(update={"training": training, "output": Path(folder) / "run"}))
        return figures(run.epochs[-1].dev)


def summary(turns: dict[str, list[dict[str, float]]]) -> dict[str, Any]:
    """Take medians over the turns, and over the ratios of turns that stood beside each other."""
    found = {
        name: {
            "rows_per_second": statistics.median(turn["rows_per_second"] for turn in own),
            "lowest": min(turn["rows_per_second"] for turn in own),
            "highest": max(turn["rows_per_second"] for turn in own),
            "tokens_per_second": statistics.median(turn["tokens_per_second"] for turn in own),
            "megabytes": max(turn["megabytes"] for turn in own),
        }
        for name, own in turns.items()
    }
    ratios = {
        name: statistics.median(
            ours["rows_per_second"] / theirs["rows_per_second"]
            for ours, theirs in zip(turns["polyhead"], turns[name], strict=True)
        )
        for name in ("seed_style", "trainer")
    }
    return {"ratios": ratios, "contestants": found}


def table(found: dict[str, Any]) -> str:
    setup = found["setup"]
    lines = [f"{setup['encoder']}, polyhead in batches of {setup['batch_size']}, {setup['threads']} threads", ""]
    lines += [f"{'':<12}{'records/s':>10}{'(lowest to highest)':>22}{'tokens/s':>10}{'peak MB':>9}{'polyhead is':>13}"]
    for name, own in found["contestants"].items():
        spread = f"{own['lowest']:.1f} to {own['highest']:.1f}"
        ratio = f"{found['ratios'][name]:.2f} x" if name in found["ratios"] else ""
        lines.append(
            f"{name:<12}{own['rows_per_second']:>10.1f}{spread:>22}{own['tokens_per_second']:>10,.0f}"
            f"{own['megabytes']:>9,.0f}{ratio:>13}"
        )
        if scores := own.get("scores"):
            lines.append(f"{'':<12}dev " + ", ".join(f"{key} {100 * value:.2f}" for key, value in scores.items()))
    return "\n".join(lines)


if __name__ == "__main__":
    main()
