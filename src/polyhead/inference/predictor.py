"""One predictor for dev scores, evaluation, prediction and serving.

text → Encoded → rows → Runtime.run(batch) → logits of windows and units → Task.decode → Result
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyhead.ahead import in_order
from polyhead.batching import Batch, Row, collate, rows_of, token_budget_batches
from polyhead.batching.targets import owned_units
from polyhead.bundle import Bundle
from polyhead.encoding import Encoded, TextEncoder
from polyhead.inference.candidates import AUTO, TORCH
from polyhead.inference.chunks import chunks_of
from polyhead.inference.loading import Later, load_runtimes, open_model
from polyhead.inference.results import Reading, Result
from polyhead.inference.running import Answer, Runner
from polyhead.inference.runtime import Runtime
from polyhead.records import Text
from polyhead.tasks import HeadSpec, Task

_TOKEN_BUDGET = 2048
"""Slots of a padded batch: more leave the processor's caches."""
_FEW_ROWS = 2
"""Rows up to which texts are not worth several threads."""
_AHEAD = 1
"""Chunks that run while the one before them is decoded."""


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
        alone: Runtime | None = None,
        bundle: Bundle | None = None,
        temperatures: Mapping[str, float] | None = None,
    ) -> None:
        """Put a predictor together; `load` does it for a trained model.

        Args:
            tasks: The tasks it answers.
            text_encoder: The tokenizer.
            runtime: What runs the network.
            alone: What runs it for one text by itself; `runtime` where not given.
            bundle: The model.
            temperatures: By task, what its logits are divided by.
        """
        self._temperatures = {name: np.float32(value) for name, value in (temperatures or {}).items()}
        tables = {name: self._cooled(name, table) for name, table in runtime.tables.items()}
        self.tasks = tuple(task.with_table(tables[task.name]) if task.name in tables else task for task in tasks)
        self.bundle = bundle
        self._heads = {task.name: task.head() for task in self.tasks}
        self._encoder = text_encoder
        self._runtimes = (runtime, alone or runtime)
        self._runner, self._alone = map(Runner, self._runtimes)

    @classmethod
    def load(
        cls,
        path: str | Path,
        *,
        runtime: str = AUTO,
        precision: str | None = None,
        say: Callable[[str], None] | None = None,
    ) -> Predictor:
        """Load a trained model.

        Args:
            path: A bundle, an exported bundle, the output folder of a run, or a ``.pt`` file.
            runtime: What runs it: ``auto``, ``onnxruntime``, ``openvino`` or ``torch``. ``auto`` takes torch for a
                model that was not exported, else what is fastest here for many texts, and for one alone.
            precision: Of an exported model: fp32, bf16 or int8; the fastest of those it was exported in where not
                given. With one named, an answer does not depend on which was faster.
            say: Hears of what takes a moment: ways to run a model are timed when it is first run on a machine.

        Raises:
            BundleError: If there is no such model, or it is damaged or unsafe.
            SettingsError: If there is no such runtime or precision, or the model was not exported for it.
            MissingExtraError: If the runtime is not installed.
        """
        bundle = open_model(path)
        many, one = load_runtimes(bundle, runtime=runtime, precision=precision, say=say)
        return cls(
            tasks=bundle.tasks,
            text_encoder=bundle.text_encoder(),
            runtime=many,
            alone=one,
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
        return list(self.stream(texts, on_batch=on_batch))

    def stream(self, texts: Iterable[Text], *, on_batch: Callable[[int], None] | None = None) -> Iterator[Result]:
        """Answer texts as they come, holding some two thousand at a time, twice that where batches run side by side.

        Args:
            texts: As `__call__` takes them.
            on_batch: Called with the number of texts done since the last call.

        Yields:
            One result a text, in their order.
        """
        for readings in self._readings(texts):
            yield from self._decode_all(readings)
            if on_batch:
                on_batch(len(readings))

    def read(self, texts: Iterable[Text], *, on_batch: Callable[[int], None] | None = None) -> Iterator[Reading]:
        """Run texts through encoder and heads, without decoding; as `stream` does, in their order."""
        for readings in self._readings(texts):
            yield from readings
            if on_batch:
                on_batch(len(readings))

    def decode(self, reading: Reading) -> Result:
        """Answer all tasks from what encoder and heads gave for a text."""
        encoded = reading.encoded
        predictions = {task.name: task.decode(reading.logits[task.name], encoded) for task in self.tasks}
        return Result(encoded.text, predictions, len(encoded.windows), encoded.second)

    def way(self) -> tuple[str, str | None]:
        """Return what runs many texts, and in which precision, so that another process takes the same."""
        runtime = self._runtimes[0]
        return runtime.way() if isinstance(runtime, Later) else (TORCH, None)

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
            runtime=self._runtimes[0],
            alone=self._runtimes[1],
            bundle=self.bundle,
            temperatures=temperatures,
        )

    def _cooled(self, name: str, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Divide by the task's temperature; without one, nothing is touched."""
        return logits / self._temperatures[name] if name in self._temperatures else logits

    def _readings(self, texts: Iterable[Text]) -> Iterator[list[Reading]]:
        """Yield texts as they were read, chunk by chunk; where they run beside us, the next is begun before that."""
        return in_order(chunks_of(texts), self._start, self._finish, ahead=lambda begun: _AHEAD if begun.ahead else 0)

    def _decode_all(self, readings: Sequence[Reading]) -> Iterator[Result]:
        encoded = [reading.encoded for reading in readings]
        answers = {
            task.name: task.decode_all([reading.logits[task.name] for reading in readings], encoded)
            for task in self.tasks
        }
        for at, text in enumerate(encoded):
            predictions = {name: own[at] for name, own in answers.items()}
            yield Result(text.text, predictions, len(text.windows), text.second)

    def _start(self, texts: Sequence[Text]) -> _Chunk:
        """Tokenise, and have batches run."""
        encoded = self._encoder.encode(texts)
        rows = [row for text in encoded for row in rows_of(text, self._encoder)]
        runner = self._alone if len(rows) <= _FEW_ROWS else self._runner
        batches = token_budget_batches([row.length for row in rows], budget=_TOKEN_BUDGET)
        answers = [runner.start(partial(self._batch, [rows[index] for index in indices])) for indices in batches]
        return _Chunk(encoded, rows, batches, answers, runner.ahead)

    def _batch(self, rows: Sequence[Row]) -> Batch:
        return collate(rows, self._encoder)

    def _finish(self, chunk: _Chunk) -> list[Reading]:
        """Wait for the batches, and give each text its logits."""
        logits: dict[str, list[NDArray[np.float32]]] = {}
        answers = [answer() for answer in chunk.answers]
        by_unit = {head.unit: head for head in self._heads.values() if head.of_units}
        places = {unit: self._places(chunk.rows, head) for unit, head in by_unit.items()}
        for name, head in self._heads.items():
            of_rows: list[Any] = [None] * len(chunk.rows)
            for indices, answer in zip(chunk.batches, answers, strict=True):
                own = self._cooled(name, answer[name])
                found = _at_places(own, [places[head.unit][at] for at in indices]) if head.of_units else own
                for index, of_row in zip(indices.tolist(), found, strict=True):
                    of_rows[index] = of_row
            logits[name] = of_rows
        return list(self._texts(chunk, logits))

    def _texts(self, chunk: _Chunk, logits: Mapping[str, list[NDArray[np.float32]]]) -> Iterator[Reading]:
        """Put together what the windows of each text gave."""
        at = 0
        for text in chunk.encoded:
            if (windows := len(text.windows)) == 1:
                # (1, width) of a sentence head
                own = {
                    name: rows[at] if self._heads[name].of_units else rows[at][None] for name, rows in logits.items()
                }
            else:
                put = {name: np.concatenate if self._heads[name].of_units else np.stack for name in logits}
                own = {name: put[name](rows[at : at + windows]) for name, rows in logits.items()}
            yield Reading(text, own)
            at += windows

    def _places(self, rows: Sequence[Row], head: HeadSpec) -> list[NDArray[np.int64]]:
        """Return, for each row, where in it the units' first pieces stand that its window answers for."""
        offset = len(self._encoder.prefix)
        return [owned_units(row, head)[0] + offset for row in rows]


@dataclass(frozen=True)
class _Chunk:
    """Texts on their way through the network.

    Attributes:
        encoded: The texts.
        rows: Their windows.
        batches: The rows of each batch.
        answers: By batch, what gives its logits.
        ahead: Whether the batches run while something else is done.
    """

    encoded: Sequence[Encoded]
    rows: Sequence[Row]
    batches: Sequence[NDArray[np.int64]]
    answers: Sequence[Answer]
    ahead: bool


def _at_places(logits: NDArray[np.float32], places: Sequence[NDArray[np.int64]]) -> list[NDArray[np.float32]]:
    """Return, for each row of a batch, the logits at some of its places: shape (places, width)."""
    counts = [len(own) for own in places]
    rows = np.repeat(np.arange(len(places)), counts)
    return np.split(logits[rows, np.concatenate(places)], np.cumsum(counts[:-1]))
