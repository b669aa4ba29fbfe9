"""Texts answered by several processes, each with cores of its own; answers in the order of the texts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import asdict
from itertools import cycle

from polyhead.ahead import in_order
from polyhead.errors import PolyheadError
from polyhead.inference.chunks import chunks_of
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
        turns = cycle(processes)

        def begin(chunk: list[Text]) -> _Worker:
            process = next(turns)
            process.send(chunk)
            return process

        for answers in in_order(
            chunks_of(texts), begin, lambda process: process.take(), ahead=lambda _: _AHEAD * workers - 1
        ):
            yield from answers


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
