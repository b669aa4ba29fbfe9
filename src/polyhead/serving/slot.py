"""A place for an answering process: one that ends is replaced."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from polyhead.errors import PolyheadError
from polyhead.serving.logs import Log
from polyhead.serving.metrics import Metrics
from polyhead.serving.process import AnsweringProcess

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 30.0
"""Seconds before a process is started in the place of one that ended; twice as long each time that one cannot be."""


class Slot:
    """A place for an answering process.

    Args:
        process: The first in it.
        start: Starts another.
        metrics: Counts those that ended.
        log: Hears of them.

    Attributes:
        failing: Whether the last process that was to be started could not be.
    """

    def __init__(
        self,
        process: AnsweringProcess,
        start: Callable[[], Awaitable[AnsweringProcess]],
        *,
        metrics: Metrics,
        log: Log,
    ) -> None:
        self._start, self._metrics, self._log = start, metrics, log
        self._closing = self.failing = False
        self._process: AnsweringProcess | None = None
        self._there = asyncio.Event()
        self._replacing: asyncio.Task[None] | None = None
        self._take(process)

    @property
    def ready(self) -> bool:
        """Whether a process is there."""
        return self._process is not None

    async def process(self) -> AnsweringProcess:
        """Return the process, once there is one."""
        while True:
            if (process := self._process) is None:
                await self._there.wait()
            elif process.ending:
                await process.over()
                self._lost(process)  # which it hears a moment later
            else:
                return process

    def kill(self) -> None:
        """End the process, whatever it is at, and have none in its place."""
        self._closing = True
        if self._process is not None:
            self._process.kill()

    async def close(self) -> None:
        """Have the process end, and none in its place."""
        self._closing = True
        if self._replacing is not None:
            self._replacing.cancel()
            await asyncio.gather(self._replacing, return_exceptions=True)
        if self._process is not None:
            await self._process.close()

    def _take(self, process: AnsweringProcess) -> None:
        self._process, self.failing = process, False
        self._there.set()
        process.when_ended(lambda: self._lost(process))

    def _lost(self, process: AnsweringProcess) -> None:
        if self._closing or self._process is not process:
            return
        self._log.event("process_ended", level="error", pid=process.pid, status=process.status)
        self._metrics.restarts.inc()
        self._process = None
        self._there.clear()
        self._replacing = asyncio.create_task(self._replace())

    async def _replace(self) -> None:
        pause = _FIRST_PAUSE
        while True:
            await asyncio.sleep(pause)
            try:
                process = await self._start()
            except Exception as error:  # whatever it is: without this task nothing would be answered any more
                self.failing = True
                message = {"message": str(error)} if isinstance(error, PolyheadError | OSError) else {}
                self._log.fault(error, event="process_not_started", **message)
                pause = min(2 * pause, _LONGEST_PAUSE)
            else:
                self._log.event("process_started", pid=process.pid)
                self._take(process)
                return
