"""Rows a second in training: polyhead against what the walk-through's code does, interleaved in one process.

    python benchmarks/training.py DATA [--rounds 3] [--steps 40]

The peer pads every row to 128 pieces and gives each task its own pass of the encoder in fp32, as the classic two-task
scripts do; optimiser, encoder, batch size and data are the same.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator

import torch
from torch.nn import functional

from polyhead.batching import Example, collate, collate_targets
from polyhead.encoding import TextEncoder
from polyhead.model import MultiTaskModel, load_pretrained
from polyhead.notices import Notices
from polyhead.settings import RunSettings, TrainingSettings
from polyhead.training.data import load_data
from polyhead.training.engine import Engine, make_accelerator, make_engine
from polyhead.training.examples import make_examples, rows_in
from polyhead.training.guard import Guard
from polyhead.training.loop import LossSettings, Steps, train_steps
from polyhead.training.plan import make_plan
from polyhead.training.reporting import Reporter

PAD_TO = 128


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--batch-size", type=int, default=32)
    options = parser.parse_args()
    peer = Bench(options.data, options.batch_size, "fp32")
    ours = {name: Bench(options.data, options.batch_size, name) for name in ("fp32", "bf16")}
    ours["bf16, CRF"] = Bench(options.data, options.batch_size, "bf16", decoder="crf")
    rates: dict[str, list[float]] = {"padded to 128, two passes, fp32": []}
    rates |= {f"polyhead, joint, {name}": [] for name in ours}
    for _ in range(options.rounds):
        rates["padded to 128, two passes, fp32"].append(peer.rate(peer.classic_steps(), max(3, options.steps // 8)))
        for name, bench in ours.items():
            rates[f"polyhead, joint, {name}"].append(bench.rate(bench.our_steps(), options.steps))
    base = statistics.median(rates["padded to 128, two passes, fp32"])
    for name, values in rates.items():
        median = statistics.median(values)
        spread = f"{min(values):7.1f} to {max(values):7.1f}"
        print(f"{name:<34} {median:7.1f} rows/s ({spread})  ratio {median / base:5.2f}")


class Bench:
    """One model in training."""

    def __init__(self, path: str, batch_size: int, precision: str, *, decoder: str = "viterbi") -> None:
        torch.manual_seed(0)
        tasks = {
            "classification": {"kind": "single_label", "field": "label"},
            "ner": {"kind": "tagging", "field": "ner_tags", "decoder": decoder},
        }
        settings = RunSettings.model_validate({"encoder": "minilm", "data": {"train": [path]}, "tasks": tasks})
        data = load_data(settings, Notices())
        pretrained = load_pretrained(settings.encoder)
        self.heads = {task.name: task.head() for task in data.tasks}
        self.encoder = TextEncoder(pretrained.tokenizer_json, max_pieces=PAD_TO, pad_id=pretrained.pad_id)
        self.model = MultiTaskModel(encoder=pretrained.encoder, heads=self.heads)
        self.examples: list[Example] = make_examples(data.sets, data.tasks, self.encoder, Notices())
        rows = rows_in(self.examples, data.sets, data.tasks, by_set=False)
        steps = Steps(rows, settings=settings.training, batch_size=batch_size)
        self.order = [(1, step) for step in steps.of_epoch(1)]
        self.losses = LossSettings(weights={task.name: task.weight for task in data.tasks}, clip=1.0)
        plan = make_plan(settings.training, hidden=384, batch_size=batch_size, steps_per_epoch=len(self.order))
        self.engine: Engine = make_engine(
            self.model, make_accelerator(precision), settings=settings.training, plan=plan
        )

    def rate(self, steps: Iterator[int], count: int) -> float:
        next(steps)  # the first step allocates
        started, rows = time.perf_counter(), 0
        for _ in range(count):
            rows += next(steps)
        return rows / (time.perf_counter() - started)

    def our_steps(self) -> Iterator[int]:
        reports = train_steps(
            self.model,
            self.examples,
            encoder=self.encoder,
            engine=self.engine,
            steps=iter(self.order),
            losses=self.losses,
            guard=Guard(TrainingSettings(), reporter=Reporter(), log=print),
        )
        for report in reports:
            yield report.rows

    def classic_steps(self) -> Iterator[int]:
        offset = len(self.encoder.prefix)
        for _, (sub_batch,) in self.order:
            examples = [self.examples[row] for row in sub_batch.rows]
            batch = collate([example.row for example in examples], self.encoder)
            pad = PAD_TO - batch.ids.shape[1]
            ids = functional.pad(torch.from_numpy(batch.ids), (0, pad), value=self.encoder.pad_id)
            mask = functional.pad(torch.from_numpy(batch.mask), (0, pad))
            targets = collate_targets(examples, self.heads, length=PAD_TO, offset=offset)
            self.model.train()
            for name, target in targets.items():
                logits = self.model(ids, mask, tasks={name})[name]
                values = torch.from_numpy(target.values).flatten()
                loss = functional.cross_entropy(logits.flatten(0, -2), values, ignore_index=-100)
                loss.backward()
            torch.nn.utils.clip_grad_norm_(self.engine.trained, 1.0)
            self.engine.optimizer.step()
            self.engine.optimizer.zero_grad(set_to_none=True)
            yield len(examples)


if __name__ == "__main__":
    main()
