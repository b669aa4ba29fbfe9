"""A process that answers batches, seen from the one that speaks HTTP."""

from __future__ import annotations

import asyncio
import json
from asyncio.subprocess import PIPE, Process
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from polyhead.errors import PolyheadError
from polyhead.processes import command_of, parse_header
from polyhead.serving.orders import Answer, Order
from polyhead.serving.waiting import Part

_MODULE = "polyhead.serving.worker"
_LONGEST_LINE = 2**24
_END_SECONDS = 5.0
"""Time in which a process ends that is told to."""
_LAST_SECONDS = 1.0
"""Time in which one ends that says no more."""


class ProcessEndedError(Exception):
    """The process ended before it had answered."""


class BatchFailedError(Exception):
    """The process could not answer a batch, and goes on.

    Args:
        kind: Name of the error.
        where: The innermost places that it passed.
    """

    def __init__(self, kind: str, where: Sequence[str]) -> None:
        super().__init__(kind)
        self.kind, self.where = kind, where


class AnsweringProcess:
    """A process that has loaded a model; `start` makes one.

    Attributes:
        account: What it said of the model.
        pid: Its number.
    """

    def __init__(self, process: Process, account: dict[str, Any]) -> None:
        self._process, self.account, self.pid = process, account, process.pid
        self._killed = False
        self._waiting: deque[asyncio.Future[Answer]] = deque()
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, order: Order, *, cores: int, say: Callable[[str], None]) -> AnsweringProcess:
        """Start a process, and wait until it has answered texts of its own.

        Args:
            order: What it is to do.
            cores: How many it may keep busy.
            say: Hears of what takes a moment.

        Raises:
            PolyheadError: If the model cannot be used, or the process ended.
        """
        command, environment = command_of(_MODULE, cores=cores)
        process = await asyncio.create_subprocess_exec(
            *command, stdin=PIPE, stdout=PIPE, env=environment, limit=_LONGEST_LINE
        )
        try:
            _stdin(process).write(json.dumps(order.to_json()).encode() + b"\n")
            account = await _account(process, say)
        except BaseException:
            _kill(process)
            raise
        return cls(process, account)

    async def answer(self, parts: Sequence[Part]) -> Answer:
        """Have a batch answered; further ones may be sent before that.

        Raises:
            ProcessEndedError: If the process ended.
            BatchFailedError: If it could not answer.
        """
        if self.ending:
            raise ProcessEndedError
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append(answer)
        # Written at once, and so in the order of the futures; the pipe holds no more than the two batches under way.
        _stdin(self._process).write(json.dumps([part.to_json() for part in parts]).encode() + b"\n")
        return await asyncio.shield(answer)

    @property
    def ending(self) -> bool:
        """Whether it takes no more, though those who wait for it may not know yet."""
        return self._killed or self._reader.done() or _stdin(self._process).is_closing()

    async def over(self) -> None:
        """See that one which takes no more ends, and wait until whoever waited for it knows."""
        self.kill()
        await asyncio.wait((self._reader,))

    @property
    def status(self) -> int | None:
        """With which status it ended; `None` while it runs."""
        return self._process.returncode

    def when_ended(self, call: Callable[[], None]) -> None:
        """Have something called once it has ended, and whoever waited for it knows."""
        self._reader.add_done_callback(lambda _: call())

    def kill(self) -> None:
        """End it, whatever it is at."""
        self._killed = True
        _kill(self._process)

    async def close(self) -> None:
        """Tell it to end, and see that it does."""
        _stdin(self._process).close()
        await _end(self._process, _END_SECONDS)
        await self._reader

    async def _read(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 (as it was started)
        source = self._process.stdout
        try:
            while line := await source.readline():
                header = parse_header(line)
                if "failed" in header:
                    self._settle(BatchFailedError(header["failed"], header["where"]))
                    continue
                parts = [await source.readexactly(size) for size in header["parts"]]
                self._settle(Answer(parts, header["tokens"], header["seconds"]))
        except (OSError, ValueError, EOFError, LookupError, TypeError, PolyheadError):
            pass  # it ended within a line, or writes nonsense
        finally:
            await _end(self._process, _LAST_SECONDS)
            while self._waiting:
                self._settle(ProcessEndedError())

    def _settle(self, answer: Answer | Exception) -> None:
        future = self._waiting.popleft()
        if future.done():
            return
        if isinstance(answer, Exception):
            future.set_exception(answer)
            future.exception()  # whoever waited may be gone
        else:
            future.set_result(answer)


async def _account(process: Process, say: Callable[[str], None]) -> dict[str, Any]:
    assert process.stdout is not None  # noqa: S101 (as it was started)
    while line := await process.stdout.readline():
        try:
            header = parse_header(line)
        except ValueError as error:
            raise PolyheadError(f"the process that loads the model wrote what is no message: {line[:80]!r}") from error
        if "ready" in header:
            account: dict[str, Any] = header["ready"]
            return account
        say(str(header.get("say")))
    status = await process.wait()
    raise PolyheadError(f"the process that loads the model ended by itself (status {status}); was there memory for it?")


def _stdin(process: Process) -> asyncio.StreamWriter:
    assert process.stdin is not None  # noqa: S101 (as it was started)
    return process.stdin


async def _end(process: Process, seconds: float) -> None:
    """Wait for the end of a process, and bring it about where it takes too long."""
    try:
        await asyncio.wait_for(process.wait(), seconds)
    except TimeoutError:
        _kill(process)
        await process.wait()


def _kill(process: Process) -> None:
    with suppress(ProcessLookupError):
        process.kill()
