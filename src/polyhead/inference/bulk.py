"""Texts answered by several processes, each with cores of its own; answers in the order of the texts."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import asdict

from polyhead.errors import PolyheadError
from polyhead.inference.predictor import chunks_of
from polyhead.inference.worker import Order, read_answers
from polyhead.machine import cores
from polyhead.processes import EndedError, Process
from polyhead.records import Text

_AHEAD = 2
"""Chunks that a process has at a time: one that it answers, and the next."""
MOST_WORKERS = 64


def answered_by_others(texts: Iterable[Text], order: Order, *, workers: int) -> Iterator[str]:
    """Yield each text's answer as a line of JSON.

    Args:
        texts: The texts, or pairs.
        order: What is to be done with them.
        workers: How many processes; each loads the model, and has its share of the cores.

    Raises:
        PolyheadError: If a text cannot be answered, or a process ended by itself.
    """
    share = max(1, cores() // workers)
    with ExitStack() as stack:
        processes = [stack.enter_context(_Worker(share)) for _ in range(workers)]
        for process in processes:
            process.send(asdict(order))
        waiting: deque[_Worker] = deque()
        for number, chunk in enumerate(chunks_of(texts)):
            if len(waiting) == _AHEAD * workers:
                yield from waiting.popleft().take()
            process = processes[number % workers]
            process.send(chunk)
            waiting.append(process)
        while waiting:
            yield from waiting.popleft().take()


class _Worker(Process):
    """A process that answers texts.

    Args:
        share: Of the cores.
    """

    def __init__(self, share: int) -> None:
        super().__init__("polyhead.inference.worker", cores=share)

    def send(self, value: object) -> None:
        """Send it a line of JSON."""
        try:
            super().send(value)
        except EndedError as error:
            raise _ended(error) from None

    def take(self) -> list[str]:
        """Wait for the answers to the first of the chunks that it has."""
        try:
            return read_answers(self.answers)
        except EOFError:
            raise _ended(self.ended()) from None


def _ended(error: EndedError) -> PolyheadError:
    return PolyheadError(f"--workers: a process that answers texts {error}; was there memory for so many models?")
