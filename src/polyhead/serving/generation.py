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
from polyhead.serving.orders import Order
from polyhead.serving.pace import Pace
from polyhead.serving.process import AnsweringProcess
from polyhead.serving.pump import Pump
from polyhead.serving.slot import Slot
from polyhead.serving.waiting import Asked, Queue

_POLL_SECONDS = 0.02
_WAIT_SHARE = 0.5
"""Share of the deadline that a request may have to wait for its batch: times are estimates, and it must be run, too."""
_BATCH_SHARE = 0.1
"""Share of the deadline that a batch may take: two are before a request that is in the next one."""
Begin = Callable[[], Awaitable[AnsweringProcess]]


class Generation:
    """A model, the processes that answer for it, and the requests that wait for them; `start` makes one.

    Args:
        processes: They have loaded it.
        begin: Starts another.
        number: How many models were loaded before it, and one.
        limits: Of the queue.
        metrics: Counts.
        log: Hears of what happens.

    Attributes:
        account: What the processes said of the model.
        number: How many models were loaded before it, and one.
        loaded_at: When.
        queue: What waits.
        pace: What texts cost.
    """

    def __init__(
        self,
        processes: Sequence[AnsweringProcess],
        begin: Begin,
        *,
        number: int,
        limits: ServerLimits,
        metrics: Metrics,
        log: Log,
    ) -> None:
        self.account: dict[str, Any] = processes[0].account
        self.number, self.loaded_at = number, f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        self.queue = Queue(requests=limits.queue_requests, tokens=limits.queue_tokens, budget=limits.batch_tokens)
        self.pace = Pace(limits.batch_tokens, _BATCH_SHARE * limits.deadline_seconds / len(processes))
        self._begin, self._limits, self._log = begin, limits, log
        self._pumps = [
            Pump(
                self.queue,
                Slot(process, self._restarted, metrics=metrics, log=log),
                self.pace,
                share=1 / len(processes),
                metrics=metrics,
                log=log,
            )
            for process in processes
        ]

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
        started = await _all(begin, processes)
        return cls(started, begin, number=number, limits=limits, metrics=metrics, log=log)

    @property
    def ready(self) -> int:
        """How many processes could answer at this moment."""
        return sum(pump.slot.ready for pump in self._pumps)

    @property
    def failing(self) -> bool:
        """Whether no process is there, and none could be started."""
        return all(pump.slot.failing for pump in self._pumps)

    @property
    def idle(self) -> bool:
        """Whether nothing waits, and nothing is being answered."""
        return not len(self.queue) and not any(pump.busy for pump in self._pumps)

    def put(self, asked: Asked) -> None:
        """Have a request wait for a batch.

        Raises:
            Refusal: If too much waits already.
        """
        self.queue.put(
            asked,
            token_seconds=self.pace.token_seconds,
            most_seconds=_WAIT_SHARE * self._limits.deadline_seconds,
        )

    async def close(self) -> None:
        """End, once all that waits is answered."""
        while not self.idle:
            await asyncio.sleep(_POLL_SECONDS)
        await asyncio.gather(*(pump.close() for pump in self._pumps))

    async def kill(self) -> None:
        """End, whatever waits."""
        for pump in self._pumps:
            pump.slot.kill()
        await asyncio.gather(*(pump.close() for pump in self._pumps))

    async def _restarted(self) -> AnsweringProcess:
        """Start a process in the place of one that ended."""
        process = await self._begin()
        if process.account["model"] != self.account["model"]:
            # The files are others by now, and those before are gone: an answer by them is better than none.
            before, self.account = self.account["model"], process.account
            self._log.event("model_changed", level="warning", model=process.account["model"], before=before)
        return process


async def _all(begin: Begin, count: int) -> list[AnsweringProcess]:
    """Start processes; either all of them, or none is left."""
    started = [await begin()]  # alone, since it may time what is fastest here
    try:
        others = await asyncio.gather(*(begin() for _ in range(count - 1)), return_exceptions=True)
    except asyncio.CancelledError:
        started[0].kill()
        raise
    started += [one for one in others if isinstance(one, AnsweringProcess)]
    failed = next((one for one in others if isinstance(one, BaseException)), None)
    if failed is not None:
        for process in started:
            process.kill()
        raise failed
    return started
