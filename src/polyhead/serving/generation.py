"""A model, the processes that answer for it, and the requests that wait for them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from polyhead.machine import cores
from polyhead.serving.limits import ServerLimits
from polyhead.serving.logs import Log
from polyhead.serving.metrics import Metrics
from polyhead.serving.orders import Answer, Order
from polyhead.serving.process import AnsweringProcess, BatchFailedError, ProcessEndedError
from polyhead.serving.refusals import INTERNAL, Refusal
from polyhead.serving.slot import Slot
from polyhead.serving.waiting import Asked, Part, Queue

_AT_ONCE = 2
"""Batches that a process has at a time: one that runs, and the next, which is tokenised meanwhile."""
_STUCK_SECONDS = 120.0
"""A batch that takes longer than this has met a process that is stuck; it is ended."""
_POLL_SECONDS = 0.02
_NEW = 0.05
"""What the newest batch counts in the means by which tokens and times are estimated."""


class Generation:
    """A model, the processes that answer for it, and the requests that wait for them; `start` makes one.

    Attributes:
        account: What the processes said of the model.
        number: How many models were loaded before it, and one.
        loaded_at: When.
        queue: What waits.
    """

    def __init__(
        self, processes: Sequence[AnsweringProcess], *, number: int, limits: ServerLimits, metrics: Metrics
    ) -> None:
        self.account: dict[str, Any] = processes[0].account
        self.number, self.loaded_at = number, datetime.now(UTC).isoformat(timespec="seconds")
        self.queue = Queue(requests=limits.queue_requests, tokens=limits.queue_tokens, budget=limits.batch_tokens)
        self._metrics = metrics
        self._slots: list[Slot] = []
        self._pumps: list[asyncio.Task[None]] = []
        self._busy = 0
        self._tokens_a_character, self._seconds_a_token = 0.3, 1e-4

    @classmethod
    async def start(
        cls, order: Order, *, number: int, processes: int, limits: ServerLimits, metrics: Metrics, log: Log
    ) -> Generation:
        """Load a model.

        Args:
            order: Which, and what runs it.
            number: How many models were loaded before it, and one.
            processes: How many answer; each has its share of the cores.
            limits: Of the queue.
            metrics: Counts.
            log: Hears of it.

        Raises:
            PolyheadError: If the model cannot be used.
        """
        share = max(1, cores() // processes)
        begin = partial(
            AnsweringProcess.start,
            order,
            cores=share,
            say=lambda line: log.event("loading", generation=number, message=line),
        )
        first = await begin()  # alone, since it may time what is fastest here
        started = [first, *await asyncio.gather(*(begin() for _ in range(processes - 1)))]
        own = cls(started, number=number, limits=limits, metrics=metrics)
        own._slots = [
            Slot(process, partial(own._restarted, begin, log), metrics=metrics, log=log) for process in started
        ]
        own._pumps = [asyncio.create_task(own._pump(slot)) for slot in own._slots for _ in range(_AT_ONCE)]
        return own

    @property
    def ready(self) -> int:
        """How many processes could answer at this moment."""
        return sum(slot.ready for slot in self._slots)

    @property
    def idle(self) -> bool:
        """Whether nothing waits, and nothing is being answered."""
        return not len(self.queue) and not self._busy

    def tokens(self, characters: int, texts: int) -> int:
        """Estimate the tokens of texts, by what the last batches had a character."""
        return 2 * texts + int(characters * self._tokens_a_character)

    def put(self, asked: Asked) -> None:
        """Have a request wait for a batch.

        Raises:
            Refusal: If too much waits already.
        """
        self.queue.put(asked, seconds=lambda tokens: tokens * self._seconds_a_token)

    async def close(self) -> None:
        """End, once all that waits is answered."""
        while not self.idle:
            await asyncio.sleep(_POLL_SECONDS)
        for pump in self._pumps:
            pump.cancel()
        await asyncio.gather(*(slot.close() for slot in self._slots), *self._pumps, return_exceptions=True)

    async def kill(self) -> None:
        """End, whatever waits."""
        for pump in self._pumps:
            pump.cancel()
        for slot in self._slots:
            slot.kill()
        await asyncio.gather(*(slot.close() for slot in self._slots), *self._pumps, return_exceptions=True)

    async def _restarted(self, begin: Callable[[], Awaitable[AnsweringProcess]], log: Log) -> AnsweringProcess:
        """Start a process in the place of one that ended."""
        process = await begin()
        if process.account["model"] != self.account["model"]:
            # The files are others by now, and those before are gone: an answer by them is better than none.
            log.event("model_changed", level="warning", model=process.account["model"], before=self.account["model"])
            self.account = process.account
        return process

    async def _pump(self, slot: Slot) -> None:
        """Take batches to a process, one after the other."""
        while True:
            await self.queue.some()
            process = await slot.process()
            if parts := self.queue.batch():
                self._busy += 1
                try:
                    await self._answer(process, parts)
                finally:
                    self._busy -= 1

    async def _answer(self, process: AnsweringProcess, parts: Sequence[Part]) -> None:
        loop = asyncio.get_running_loop()
        start = loop.time()
        for part in parts:
            if part.start == 0:
                self._metrics.waited.observe(start - part.asked.arrived)
        try:
            answer = await asyncio.wait_for(process.answer(parts), _STUCK_SECONDS)
        except (ProcessEndedError, TimeoutError):
            process.kill()  # stuck, if it has not ended
            self._again(parts, "the process that was to answer ended")
        except BatchFailedError as error:
            self._again(parts, str(error))
        else:
            self._learn(parts, answer, loop.time() - start)
            for part, results in zip(parts, answer.parts, strict=True):
                part.asked.add(part, results)

    def _again(self, parts: Sequence[Part], why: str) -> None:
        """Have requests wait again whose batch came to nothing; one that did so before is given up."""
        for asked in dict.fromkeys(part.asked for part in parts):
            if asked.answer.done() or any(part.asked is asked and part.tries != asked.tries for part in parts):
                continue
            if asked.begin_anew():
                self.queue.put_back(asked)
            else:
                self.queue.forget(asked)
                asked.answer.set_exception(Refusal(INTERNAL, f"the texts could not be answered, twice: {why}"))

    def _learn(self, parts: Sequence[Part], answer: Answer, seconds: float) -> None:
        texts = [text for part in parts for text in part.asked.texts[part.start : part.end]]
        characters = sum(len(text) if isinstance(text, str) else sum(map(len, text)) for text in texts)
        if characters:
            seen = max(0, answer.tokens - 2 * len(texts)) / characters
            self._tokens_a_character += _NEW * (seen - self._tokens_a_character)
        # Two batches share the processor, so that one takes twice what its tokens cost.
        self._seconds_a_token += _NEW * (seconds / _AT_ONCE / max(1, answer.tokens) - self._seconds_a_token)
        self._metrics.batch_seconds.observe(seconds)
        self._metrics.batch_tokens.observe(answer.tokens)
        self._metrics.batch_texts.observe(len(texts))
        self._metrics.texts.inc(len(texts))
