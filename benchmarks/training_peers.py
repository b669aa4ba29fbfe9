"""The peers of `benchmarks/training.py`: what a user would write or pick instead, on the same rows as polyhead's."""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from typing import Any

PAD_TO = 128
PEERS_BATCH = 32
_MEGABYTE = 1024


class Data:
    """The records as all three take them: ids, one label, one tag a first piece."""

    def __init__(self, options: argparse.Namespace) -> None:
        from polyhead.notices import Notices
        from polyhead.settings import load_settings
        from polyhead.training.prepare import prepare

        training = {"training.batch_size": options.batch_size, "training.lr": options.lr, "training.seed": options.seed}
        dev = options.data / "dev.jsonl"
        self.settings = load_settings(
            None,
            (),
            {
                "data.train": [options.data / "train.jsonl"],
                "data.dev": [dev] if dev.is_file() else None,
                "encoder": options.encoder,
                **training,
            },
        )
        self.prepared = prepare(self.settings, Notices())


class Bench:
    """What the two peers share: the rows, in random order."""

    def __init__(self, options: argparse.Namespace) -> None:
        import numpy as np
        import torch

        from polyhead.model import MultiTaskModel, load_pretrained

        torch.manual_seed(options.seed)
        self.options, self.data = options, Data(options)
        prepared = self.data.prepared
        self.encoder = prepared.text_encoder
        # A network of its own: that of a prepared run has been given polyhead's layers and table of embeddings.
        specs = {task.name: task.head() for task in prepared.data.tasks}
        self.model = MultiTaskModel(encoder=load_pretrained(options.encoder).encoder, heads=specs)
        self.lr = options.lr or prepared.plan.lr
        self.rows = [self._row(index, specs) for index in range(len(prepared.examples))]
        self.order = np.random.default_rng(options.seed)
        self.widths = {name: head.width for name, head in specs.items()}

    def _row(self, index: int, heads: Any) -> dict[str, Any]:
        from polyhead.batching import collate, collate_targets

        example = self.data.prepared.examples[index]
        batch = collate([example.row], self.encoder)
        targets = collate_targets([example], heads, length=batch.ids.shape[1], offset=len(self.encoder.prefix))
        return {
            "input_ids": batch.ids[0].tolist(),
            "label": int(targets["classification"].values[0]) if "classification" in targets else -100,
            "tags": targets["ner"].values[0].tolist() if "ner" in targets else [-100] * batch.ids.shape[1],
        }

    def padded(self, rows: list[dict[str, Any]], length: int | None = None) -> dict[str, Any]:
        import torch

        longest = length or max(len(row["input_ids"]) for row in rows)
        fill = {"input_ids": self.encoder.pad_id, "tags": -100}
        columns = {
            name: torch.tensor([row[name] + [pad] * (longest - len(row[name])) for row in rows])
            for name, pad in fill.items()
        }
        mask = torch.tensor([[1] * len(row["input_ids"]) + [0] * (longest - len(row["input_ids"])) for row in rows])
        return {**columns, "attention_mask": mask, "label": torch.tensor([row["label"] for row in rows])}


class SeedStyle(Bench):
    """Pad to 128, a pass a task, fp32."""

    def __init__(self, options: argparse.Namespace) -> None:
        import torch

        super().__init__(options)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=self.lr)

    def turn(self, steps: int) -> dict[str, float]:
        self.step()
        started, tokens = time.perf_counter(), 0
        for _ in range(steps):
            tokens += self.step()
        return measured(steps * PEERS_BATCH, tokens, time.perf_counter() - started)

    def step(self) -> int:
        import torch
        from torch.nn import functional

        rows = [self.rows[index] for index in self.order.integers(len(self.rows), size=PEERS_BATCH)]
        batch = self.padded(rows, PAD_TO)
        self.model.train()
        losses = []
        for name, column in (("classification", "label"), ("ner", "tags")):
            logits = self.model(batch["input_ids"], batch["attention_mask"], tasks={name})[name]
            losses.append(functional.cross_entropy(logits.flatten(0, -2), batch[column].flatten(), ignore_index=-100))
        torch.stack(losses).sum().backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
        return int(batch["attention_mask"].sum())


class PlainTrainer(Bench):
    """transformers' `Trainer`, with the arguments that it has when one writes nothing but what is needed."""

    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__(options)
        self.network = two_heads(self.model.encoder, self.widths)

    def turn(self, steps: int) -> dict[str, float]:
        import transformers

        class Clock(transformers.TrainerCallback):
            def __init__(self) -> None:
                self.times: list[float] = []

            def on_step_end(self, *_: Any, **__: Any) -> None:
                self.times.append(time.perf_counter())

        clock, lengths = Clock(), []

        def collated(rows: list[dict[str, Any]]) -> dict[str, Any]:
            lengths.append(sum(len(row["input_ids"]) for row in rows))
            return self.padded(rows)

        self._trainer(collated, max_steps=steps + 1, callbacks=[clock]).train()
        return measured(steps * PEERS_BATCH, sum(lengths[1 : steps + 1]), clock.times[-1] - clock.times[0])

    def scores(self, epochs: int) -> dict[str, float]:
        self._trainer(self.padded, num_train_epochs=epochs).train()
        for name in self.widths:
            head = self.model.head(name)
            (linear,) = [module for module in head.modules() if type(module).__name__ == "Linear"]
            linear.load_state_dict(self.network.heads[name].state_dict())
        return dev_scores(self.data, self.model)

    def _trainer(self, collated: Any, *, callbacks: Any = (), **arguments: Any) -> Any:
        import torch
        import transformers

        folder = tempfile.mkdtemp(prefix="trainer-")
        settings = transformers.TrainingArguments(
            output_dir=folder,
            per_device_train_batch_size=PEERS_BATCH,
            learning_rate=self.lr,
            warmup_steps=0.1,
            weight_decay=0.01,
            seed=self.options.seed,
            save_strategy="no",
            logging_strategy="no",
            report_to=[],
            disable_tqdm=True,
            remove_unused_columns=False,
            use_cpu=not torch.cuda.is_available(),
            **arguments,
        )
        return transformers.Trainer(
            model=self.network,
            args=settings,
            train_dataset=self.rows,
            data_collator=collated,
            callbacks=list(callbacks),
        )


def two_heads(encoder: Any, widths: dict[str, int]) -> Any:
    import torch
    from torch import nn
    from torch.nn import functional

    class TwoHeads(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder, self.dropout = encoder, nn.Dropout(0.1)
            hidden = encoder.config.hidden_size
            self.heads = nn.ModuleDict({name: nn.Linear(hidden, width) for name, width in widths.items()})

        def forward(self, input_ids: Any, attention_mask: Any, label: Any, tags: Any) -> dict[str, Any]:
            states = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
            logits = {
                "classification": self.heads["classification"](self.dropout(states[:, 0])),
                "ner": self.heads["ner"](self.dropout(states)),
            }
            losses = [
                functional.cross_entropy(logits[name].flatten(0, -2), wanted.flatten())
                for name, wanted in (("classification", label), ("ner", tags))
            ]
            return {"loss": torch.stack(losses).sum(), **logits}

    return TwoHeads()


def dev_scores(data: Data, model: Any) -> dict[str, float]:
    from polyhead.evaluation import tune_and_evaluate
    from polyhead.inference import Predictor
    from polyhead.model import TorchRuntime

    prepared = data.prepared
    runtime = TorchRuntime(model)
    predictor = Predictor(tasks=prepared.data.tasks, text_encoder=prepared.text_encoder, runtime=runtime)
    return figures(tune_and_evaluate(predictor, prepared.data.dev)[1])


def figures(dev: Any) -> dict[str, float]:
    return {"accuracy": dev["tasks"]["classification"]["accuracy"], "f1": dev["tasks"]["ner"]["f1"]}


def measured(rows: int, tokens: int, seconds: float) -> dict[str, float]:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _MEGABYTE
    return {"rows_per_second": rows / seconds, "tokens_per_second": tokens / seconds, "megabytes": peak}
