"""One predictor for dev scores, evaluation, prediction and serving.

text → Encoded → rows → Runtime.run(batch) → logits of windows and units → Task.decode → Result
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from polyhead.ahead import in_order
from polyhead.batching import Batch, Row, collate, rows_of, token_budget_batches
from polyhead.bundle import Bundle
from polyhead.encoding import TextEncoder
from polyhead.inference.candidates import AUTO, TORCH
from polyhead.inference.chunks import chunks_of
from polyhead.inference.gathering import Gathering
from polyhead.inference.loading import Later, load_runtimes, open_model
from polyhead.inference.results import Reading, Result, with_classes
from polyhead.inference.running import Answer, Runner
from polyhead.inference.runtime import Runtime
from polyhead.records import Text
from polyhead.tasks import Task
from polyhead.tasks.ranking import checked_count

Used = TypeVar("Used")

_TOKEN_BUDGET = 2048
"""Slots of a padded batch: more leave the processor's caches."""
_LEAST_BUDGET = 48
"""The same of a batch that was cut so that all cores have one; of less, one core is done as soon."""
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

    def __call__(
        self, texts: Iterable[Text], *, top_k: int | None = None, on_batch: Callable[[int], None] | None = None
    ) -> list[Result]:
        """Answer all tasks for texts.

        Args:
            texts: Texts, or pairs of texts that are read together; not a single string.
            top_k: Have answers of classes show so many of the most probable ones beside them, at most.
            on_batch: Called with the number of texts done since the last call.

        Returns:
            One result a text, in their order.

        Raises:
            TypeError: If `texts` is a single string, which is nearly always meant to be a list of one.
            SettingsError: If `top_k` is not at least 1.
        """
        return list(self.stream(texts, top_k=top_k, on_batch=on_batch))

    def stream(
        self, texts: Iterable[Text], *, top_k: int | None = None, on_batch: Callable[[int], None] | None = None
    ) -> Iterator[Result]:
        """Answer texts as they come, holding some two thousand at a time, twice that where batches run side by side.

        Args:
            texts: As `__call__` takes them.
            top_k: As `__call__` takes it.
            on_batch: Called with the number of texts done since the last call.

        Yields:
            One result a text, in their order.
        """
        use = self._decode_all if top_k is None else partial(self._decode_ranked, checked_count(top_k))
        for results in self._answered(texts, use):
            yield from results
            if on_batch:
                on_batch(len(results))

    def read(self, texts: Iterable[Text], *, on_batch: Callable[[int], None] | None = None) -> Iterator[Reading]:
        """Run texts through encoder and heads, without decoding; as `stream` does, in their order."""
        for readings in self._answered(texts, _same):
            yield from readings
            if on_batch:
                on_batch(len(readings))

    def begin(self, texts: Sequence[Text]) -> tuple[Callable[[], list[Result]], int]:
        """Tokenise texts, and have them run where that is beside us: for a server, which has further texts waiting.

        Args:
            texts: Texts, or pairs; all of them are held at once.

        Returns:
            What waits for the results and decodes them, and how many tokens there are, special ones and those that
            windows share included.
        """
        chunk = self._start(texts)
        return partial(self._finish, self._decode_all, chunk), sum(row.length for row in chunk.gathering.rows)

    def ranked(self, results: Sequence[Result], top_k: int | None) -> list[Result]:
        """Return results with the most probable classes beside each answer; all of them are ranked at once.

        Args:
            results: Results of this predictor, as `begin` gives them.
            top_k: How many classes, at most; `None` for none, then the results are as they were.

        Raises:
            SettingsError: If `top_k` is not at least 1.
        """
        return list(results) if top_k is None else with_classes(results, self.tasks, checked_count(top_k))

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

    def _answered(self, texts: Iterable[Text], use: Callable[[list[Reading]], Sequence[Used]]) -> Iterator[list[Used]]:
        """Yield what becomes of texts, chunk by chunk; where they run beside us, the next is begun before that.

        Args:
            texts: The texts.
            use: Makes of each text that was read what is asked for; called for those of a batch at a time, while
                others run.
        """
        return in_order(
            chunks_of(texts), self._start, partial(self._finish, use), ahead=lambda begun: _AHEAD if begun.ahead else 0
        )

    def _decode_all(self, readings: Sequence[Reading]) -> list[Result]:
        encoded = [reading.encoded for reading in readings]
        answers = [task.decode_all([reading.logits[task.name] for reading in readings], encoded) for task in self.tasks]
        return [
            Result(text.text, dict(zip(self._heads, predictions, strict=True)), len(text.windows), text.second)
            for text, *predictions in zip(encoded, *answers, strict=True)
        ]

    def _decode_ranked(self, top_k: int, readings: Sequence[Reading]) -> list[Result]:
        return self.ranked(self._decode_all(readings), top_k)

    def _start(self, texts: Sequence[Text]) -> _Chunk:
        """Tokenise, and have batches run."""
        encoded = self._encoder.encode(texts)
        gathering = Gathering(
            encoded,
            [rows_of(text, self._encoder) for text in encoded],
            self._heads,
            offset=len(self._encoder.prefix),
        )
        rows = gathering.rows
        runner = self._alone if len(rows) <= _FEW_ROWS else self._runner
        lengths = [row.length for row in rows]
        batches = token_budget_batches(lengths, budget=_budget(sum(lengths), at_once=runner.at_once))
        answers = [runner.start(partial(self._batch, [rows[index] for index in indices])) for indices in batches]
        return _Chunk(len(texts), gathering, batches, deque(answers), runner.ahead)

    def _batch(self, rows: Sequence[Row]) -> Batch:
        return collate(rows, self._encoder)

    def _finish(self, use: Callable[[list[Reading]], Sequence[Used]], chunk: _Chunk) -> list[Used]:
        """Wait for the batches, and use each text as soon as its logits are there; in the order of the texts."""
        done: dict[int, Used] = {}
        for indices in chunk.batches:
            answer = chunk.answers.popleft()  # and with it its logits go
            logits = {name: self._cooled(name, own) for name, own in answer().items()}
            if whole := chunk.gathering.add(indices.tolist(), logits):
                numbers, readings = zip(*whole, strict=True)
                done.update(zip(numbers, use(list(readings)), strict=True))
        return [done[number] for number in range(chunk.texts)]


@dataclass(frozen=True)
class _Chunk:
    """Texts on their way through the network.

    Attributes:
        texts: How many.
        gathering: Puts their logits together.
        batches: The rows of each batch.
        answers: By batch, what gives its logits; those that were taken are gone.
        ahead: Whether the batches run while something else is done.
    """

    texts: int
    gathering: Gathering
    batches: Sequence[NDArray[np.int64]]
    answers: deque[Answer]
    ahead: bool


def _budget(slots: int, *, at_once: int) -> int:
    """Return the slots of a batch, so that few texts are shared out among what runs batches side by side."""
    return min(_TOKEN_BUDGET, max(_LEAST_BUDGET, -(-slots // max(1, at_once))))


def _same(readings: list[Reading]) -> list[Reading]:
    return readings
