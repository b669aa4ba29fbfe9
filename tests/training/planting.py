"""Tasks with something planted: what each has to know of a text, and how little room there is for it.

A text is two words. Task `first` wants the first word, whatever the second is, and `second` the other way round: texts
that one task must tell apart the other must take for the same. Two heads that read one wide state do so without harm,
even of opposite labels, since a linear head can turn round whatever it reads. So what they share is made narrow: a
layer of a few numbers, in which what the one brings in the other has to put out.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers, processors

import polyhead
from polyhead.training import TrainedRun

BOTH = ("first", "second")
_WORDS = 8
_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")


class Planted:
    """Data and a narrow encoder.

    Args:
        folder: Where they are written.
        width: Of the encoder's states.
    """

    def __init__(self, folder: Path, *, width: int) -> None:
        self.folder = folder
        texts = [(at, other) for at in range(_WORDS) for other in range(_WORDS)]
        records = [{"text": f"a{at} b{other}", "first": f"x{at}", "second": f"y{other}"} for at, other in texts]
        random.Random(0).shuffle(records)
        self.train_file, self.dev_file = folder / "train.jsonl", folder / "dev.jsonl"
        for file, times in ((self.train_file, 16), (self.dev_file, 1)):
            file.write_text("".join(json.dumps(record) + "\n" for record in records * times), encoding="utf-8")
        self.encoder = _encoder(folder / "encoder", width)
        self._runs = 0

    def train(self, *, tasks: tuple[str, ...] = BOTH, weight: float = 1.0, **settings: Any) -> TrainedRun:
        """Train; `first` has the weight."""
        self._runs += 1
        given = {name: {"kind": "single_label", "field": name, "pooling": "mean"} for name in tasks}
        if "first" in given:
            given["first"]["weight"] = weight
        wanted = {"precision": "fp32", "batch_size": 64, "lr": 1e-2, "head_lr": 1e-2, "head_dropout": 0.0}
        wanted |= {"encoder": str(self.encoder), "output": self.folder / f"run{self._runs}", "tasks": given, **settings}
        return polyhead.train(self.train_file, dev=self.dev_file, **wanted)

    def single(self, **settings: Any) -> dict[str, float]:
        """Return what each task comes to alone."""
        return {name: accuracies(self.train(tasks=(name,), **settings))[name] for name in ("first", "second")}


def accuracies(run: TrainedRun) -> dict[str, float]:
    """Return the tasks' accuracies on dev after the last epoch."""
    return {name: figures["accuracy"] for name, figures in run.epochs[-1].dev["tasks"].items()}


def _encoder(folder: Path, width: int) -> Path:
    words = [f"{letter}{at}" for letter in "ab" for at in range(_WORDS)]
    vocabulary = {word: at for at, word in enumerate([*_SPECIAL, *words])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(vocabulary), hidden_size=width, intermediate_size=4 * width, num_hidden_layers=1,
        num_attention_heads=1, max_position_embeddings=16, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    transformers.BertModel(config).save_pretrained(folder)
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names).save_pretrained(folder)
    return folder
