"""Batches on their way to a process, and back."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from polyhead.serving.logs import Log
from polyhead.serving.metrics import Metrics
from polyhead.serving.orders import Answer
from polyhead.serving.pace import Pace, Stopwatch
from polyhead.serving.process import AnsweringProcess, BatchFailedError, ProcessEndedError
from polyhead.serving.refusals import INTERNAL, Refusal
from polyhead.serving.slot import Slot
from polyhead.serving.waiting import Part, Queue

_AT_ONCE = 2
"""Batches that a process has at a time: one that runs, and the next, which is tokenised meanwhile."""
_AHEAD, _BESIDE = 0.25, 1.0
"""While a batch runs, the next is begun once so much waits: of a batch's budget, or of what runs, whichever is less. Of
two that are of unlike size the smaller gains nothing, and the processes have less to do beside the larger one."""
STUCK_SECONDS = 120.0
"""A batch that takes longer than this has met a process that is stuck; it is ended."""


class Pump:
    """Takes batches from a queue to the process of a slot.

    Args:
        queue: What waits.
        slot: Has the process.
        pace: Learns what batches take.
        share: The slot's share of all processes.
        metrics: Counts.
        log: Hears of what goes wrong.
        stuck_seconds: Time after which a process that has not answered is ended.
    """

    def __init__(
        self,
        queue: Queue,
        slot: Slot,
        pace: Pace,
        *,
        share: float,
        metrics: Metrics,
        log: Log,
        stuck_seconds: float | None = None,
    ) -> None:
        self._queue, self.slot, self._pace, self._share = queue, slot, pace, share
        self._metrics, self._log = metrics, log
        self._stuck_seconds = STUCK_SECONDS if stuck_seconds is None else stuck_seconds
        self._under_way: set[asyncio.Task[None]] = set()
        self._watch = Stopwatch()
        self._running = asyncio.create_task(self._run())

    @property
    def busy(self) -> bool:
        """Whether a batch is under way."""
        return not all(task.done() for task in self._under_way)

    async def close(self) -> None:
        """Take no more, and have the process end."""
        tasks = [self._running, *self._under_way]
        for task in tasks:
            task.cancel()
        await asyncio.gather(self.slot.close(), *tasks, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            await self._queue.some()
            process = await self.slot.process()
            if self._queue.suspect:
                await self._under(0)
            if parts := self._queue.batch(self._pace.budget):
                suspect = parts[0].tries > 0
                self._under_way.add(asyncio.create_task(self._answer(process, parts)))
                tokens = sum(sum(part.asked.sizes[part.start : part.end]) for part in parts)
                await (self._under(1) if suspect else self._turn(tokens))

    async def _turn(self, running: int) -> None:
        """Wait until a batch is answered, or so much waits that the next is begun beside it.

        Args:
            running: Tokens of the batch that was begun.
        """
        enough = int(min(_AHEAD * self._pace.budget, _BESIDE * running))
        much = asyncio.create_task(self._queue.at_least(enough))
        try:
            await asyncio.wait({*self._under_way, much}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            much.cancel()
        self._under_way = {task for task in self._under_way if not task.done()}
        await self._under(_AT_ONCE)

    async def _under(self, most: int) -> None:
        """Wait until fewer batches are under way, or none."""
        while len(self._under_way) >= max(1, most):
            _, self._under_way = await asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED)

    async def _answer(self, process: AnsweringProcess, parts: Sequence[Part]) -> None:
        """Have a batch answered; whatever happens, each of its requests is, or waits again."""
        start = self._watch.now()
        for part in parts:
            if part.start == 0 and not part.tries:
                self._metrics.waited.observe(start - part.asked.arrived)
        try:
            answer = await asyncio.wait_for(process.answer(parts), self._stuck_seconds)
            self._learn(parts, answer, self._watch.taken(start))
            for part, results in zip(parts, answer.parts, strict=True):
                part.asked.add(part, results)
        except BatchFailedError as error:
            self._log.event("batch_failed", level="error", pid=process.pid, error=error.kind, where=error.where)
            self._again(parts)
        except ProcessEndedError:
            self._again(parts)
        except TimeoutError:
            self._log.event("process_stuck", level="error", pid=process.pid, seconds=self._stuck_seconds)
            process.kill()
            self._again(parts)
        except Exception as error:
            self._log.fault(error)
            process.kill()  # who knows what it was told
            self._again(parts)

    def _again(self, parts: Sequence[Part]) -> None:
        """Have requests wait again whose batch came to nothing; one that did so before is given up."""
        for asked in dict.fromkeys(part.asked for part in parts):
            if asked.answer.done() or any(part.asked is asked and part.tries != asked.tries for part in parts):
                continue
            if asked.begin_anew():
                self._queue.put_back(asked)
            else:
                self._queue.forget(asked)
                asked.answer.set_exception(Refusal(INTERNAL, "the texts could not be answered, in two attempts"))

    def _learn(self, parts: Sequence[Part], answer: Answer, seconds: float) -> None:
        texts = [text for part in parts for text in part.asked.texts[part.start : part.end]]
        self._pace.learn(texts, tokens=answer.tokens, seconds=seconds * self._share)
        self._metrics.batch_seconds.observe(seconds)
        self._metrics.batch_tokens.observe(answer.tokens)
        self._metrics.batch_texts.observe(len(texts))
        self._metrics.texts.inc(len(texts))
