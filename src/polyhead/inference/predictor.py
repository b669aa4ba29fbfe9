"""One predictor for dev scores, evaluation, prediction and serving.

text → Encoded → rows → Runtime.run(batch) → logits of windows and units → Task.decode → Result
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyhead.batching import Row, collate, rows_of, token_budget_batches
from polyhead.batching.targets import owned_units
from polyhead.bundle import Bundle
from polyhead.encoding import Encoded, TextEncoder
from polyhead.inference.loading import load_runtime, open_model
from polyhead.inference.runtime import Runtime
from polyhead.records import Text
from polyhead.tasks import HeadSpec, Prediction, Task

_TEXTS_AT_ONCE = 1024
"""Texts among which rows are sorted by length; what a stream holds at most."""
_CHARACTERS_AT_ONCE = 1_000_000
"""The same in characters: the logits of every piece are held until a text is whole."""
_TOKEN_BUDGET = 4096
"""Slots of a padded batch."""


@dataclass(frozen=True)
class Result:
    """All tasks' answers for one text.

    Attributes:
        text: The text.
        predictions: By task.
        windows: Into how many windows the text was cut; 1 unless it is longer than the encoder takes.
        second: The second text, where two were read together.
    """

    text: str
    predictions: dict[str, Prediction]
    windows: int
    second: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the object that `predict --json` prints; ``windows`` is in it where the text was cut."""
        answers = {name: prediction.to_json() for name, prediction in self.predictions.items()}
        second = {"second": self.second} if self.second is not None else {}
        cut = {"windows": self.windows} if self.windows > 1 else {}
        return {"text": self.text, **second, **cut, **answers}


@dataclass(frozen=True)
class Reading:
    """One text after the encoder, before decoding.

    Attributes:
        encoded: The text.
        logits: By task, as `Task.decode` takes them.
    """

    encoded: Encoded
    logits: dict[str, NDArray[np.float32]]


class Predictor:
    """Answers every task for texts, in one pass of the encoder.

    Attributes:
        tasks: The tasks it answers.
        bundle: The model it was loaded from; `None` while a model is being trained.
    """

    def __init__(
        self,
        *,
        tasks: Sequence[Task],
        text_encoder: TextEncoder,
        runtime: Runtime,
        bundle: Bundle | None = None,
        temperatures: Mapping[str, float] | None = None,
    ) -> None:
        self._temperatures = {name: np.float32(value) for name, value in (temperatures or {}).items()}
        tables = {name: self._cooled(name, table) for name, table in runtime.tables.items()}
        self.tasks = tuple(task.with_table(tables[task.name]) if task.name in tables else task for task in tasks)
        self.bundle = bundle
        self._heads = {task.name: task.head() for task in self.tasks}
        self._encoder, self._runtime = text_encoder, runtime

    @classmethod
    def load(cls, path: str | Path) -> Predictor:
        """Load a trained model.

        Args:
            path: A bundle, the output folder of a run, or a ``.pt`` file.

        Raises:
            BundleError: If there is no such model, or it is damaged or unsafe.
        """
        bundle = open_model(path)
        return cls(
            tasks=bundle.tasks,
            text_encoder=bundle.text_encoder(),
            runtime=load_runtime(bundle),
            bundle=bundle,
            temperatures=bundle.about.temperatures,
        )

    def __call__(self, texts: Iterable[Text], *, on_batch: Callable[[int], None] | None = None) -> list[Result]:
        """Answer all tasks for texts.

        Args:
            texts: Texts, or pairs of texts that are read together; not a single string.
            on_batch: Called with the number of texts done since the last call.

        Returns:
            One result a text, in their order.

        Raises:
            TypeError: If `texts` is a single string, which is nearly always meant to be a list of one.
        """
        return [self.decode(reading) for reading in self.read(texts, on_batch=on_batch)]

    def stream(self, texts: Iterable[Text]) -> Iterator[Result]:
        """Answer texts as they come, holding about a thousand at a time; in their order."""
        return map(self.decode, self.read(texts))

    def read(self, texts: Iterable[Text], *, on_batch: Callable[[int], None] | None = None) -> Iterator[Reading]:
        """Run texts through encoder and heads, without decoding; as `stream` does, in their order."""
        for chunk in _chunks(texts):
            yield from self._read(chunk)
            if on_batch:
                on_batch(len(chunk))

    def decode(self, reading: Reading) -> Result:
        """Answer all tasks from what encoder and heads gave for a text."""
        encoded = reading.encoded
        predictions = {task.name: task.decode(reading.logits[task.name], encoded) for task in self.tasks}
        return Result(encoded.text, predictions, len(encoded.windows), encoded.second)

    def with_tasks(self, tasks: Sequence[Task]) -> Predictor:
        """Return the same with tasks that were tuned."""
        return self._with(tasks, self._temperatures)

    def with_temperatures(self, temperatures: Mapping[str, float]) -> Predictor:
        """Return the same with other temperatures: by task, what its logits are divided by."""
        return self._with(self.tasks, temperatures)

    def _with(self, tasks: Sequence[Task], temperatures: Mapping[str, Any]) -> Predictor:
        return Predictor(
            tasks=tasks,
            text_encoder=self._encoder,
            runtime=self._runtime,
            bundle=self.bundle,
            temperatures=temperatures,
        )

    def _cooled(self, name: str, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Divide by the task's temperature; without one, nothing is touched."""
        return logits / self._temperatures[name] if name in self._temperatures else logits

    def _read(self, texts: Sequence[Text]) -> Iterator[Reading]:
        encoded = self._encoder.encode(texts)
        rows = [row for text in encoded for row in rows_of(text, self._encoder)]
        logits = self._run(rows)
        at = 0
        for text in encoded:
            part = slice(at, at + len(text.windows))
            yield Reading(
                text,
                {
                    name: self._cooled(name, self._gather(head, name, rows[part], logits[part]))
                    for name, head in self._heads.items()
                },
            )
            at = part.stop

    def _run(self, rows: Sequence[Row]) -> list[dict[str, NDArray[np.float32]]]:
        """Return each row's logits: (width,) of sentence heads, (length, width) of token heads."""
        logits: list[dict[str, NDArray[np.float32]]] = [{} for _ in rows]
        for indices in token_budget_batches([row.length for row in rows], budget=_TOKEN_BUDGET):
            answers = self._runtime.run(collate([rows[index] for index in indices], self._encoder))
            for name in self._heads:
                for place, index in enumerate(indices):
                    logits[index][name] = answers[name][place]
        return logits

    def _gather(
        self, head: HeadSpec, name: str, rows: Sequence[Row], logits: Sequence[dict[str, NDArray[np.float32]]]
    ) -> NDArray[np.float32]:
        """Return (windows, width) for a sentence head, (units with a piece, width) for a token head."""
        if head.reads == "sentence":
            return np.stack([row_logits[name] for row_logits in logits])
        offset = len(self._encoder.prefix)
        parts = [
            row_logits[name][owned_units(row, head)[0] + offset] for row, row_logits in zip(rows, logits, strict=True)
        ]
        return np.concatenate(parts)


def _chunks(texts: Iterable[Text]) -> Iterator[list[Text]]:
    if isinstance(texts, str):
        raise TypeError("texts must be a list of strings, found one string; write predictor([text])")
    chunk: list[Text] = []
    characters = 0
    for text in texts:
        chunk.append(text)
        characters += len(text) if isinstance(text, str) else sum(map(len, text))
        if len(chunk) == _TEXTS_AT_ONCE or characters >= _CHARACTERS_AT_ONCE:
            yield chunk
            chunk, characters = [], 0
    if chunk:
        yield chunk
