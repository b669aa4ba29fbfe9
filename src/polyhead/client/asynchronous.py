"""The client for asyncio: calls are awaited."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable, Sequence
from contextlib import aclosing
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from polyhead.client import steps
from polyhead.client.parts import Limits, Packer, Part, Question, checked
from polyhead.client.replies import Reply, Trouble
from polyhead.client.retrying import Policy
from polyhead.client.transport import library, options, reply_of, request_of, trouble_of
from polyhead.records import Text

if TYPE_CHECKING:
    import httpx

Given = TypeVar("Given")
Texts = Iterable[Text] | AsyncIterable[Text]


class AsyncClient:
    """Asks a polyhead server from asyncio; the same as `Client` in all it decides.

    `concurrency` holds for all calls of one client together, so a thousand calls at once queue here and not at the
    server. A call that is cancelled closes its connections, and the server drops what it has not begun with.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        timeout: float = 60.0,
        retries: int = 8,
        max_wait: float = 60.0,
        concurrency: int = 4,
        texts_per_request: int = 64,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Make a client; nothing is sent yet. See `Client` for what it takes and raises."""
        made = options(
            url,
            api_key=api_key,
            timeout=timeout,
            concurrency=concurrency,
            texts_per_request=texts_per_request,
            transport=transport,
        )
        self._known = steps.Known(Policy(retries, max_wait))
        self._concurrency = concurrency
        self._texts = texts_per_request
        self._http = library().AsyncClient(**made)
        self._turns = asyncio.Semaphore(concurrency)

    async def predict(
        self,
        texts: Texts,
        *,
        tasks: Sequence[str] | None = None,
        min_confidence: float = 0.0,
        top_k: int | None = None,
        truncate: bool = False,
    ) -> list[dict[str, Any]]:
        """Answer tasks for texts; see `Client.predict`. Texts may also come from an async iterator."""
        stream = self.stream(texts, tasks=tasks, min_confidence=min_confidence, top_k=top_k, truncate=truncate)
        return [answer async for answer in stream]

    def stream(
        self,
        texts: Texts,
        *,
        tasks: Sequence[str] | None = None,
        min_confidence: float = 0.0,
        top_k: int | None = None,
        truncate: bool = False,
    ) -> AsyncIterator[dict[str, Any]]:
        """Answer texts as they come; see `Client.stream`. Texts may also come from an async iterator."""
        checked(texts)
        return self._answered(texts, Question.of(tasks, min_confidence=min_confidence, top_k=top_k, truncate=truncate))

    async def model(self) -> dict[str, Any]:
        """Return what the server runs; see `Client.model`."""
        return await self._done(steps.learnt(self._known))

    async def ready(self) -> bool:
        """Whether the server would answer now; false also where none is there."""
        return await self._done(steps.healthy(steps.READY))

    async def live(self) -> bool:
        """Whether the server is up, ready or not; false also where none is there."""
        return await self._done(steps.healthy(steps.LIVE))

    async def reload(self, *, timeout: float = 300.0) -> dict[str, Any]:
        """Have the server load its model anew; see `Client.reload`."""
        return await self._done(steps.reloaded(self._known, timeout))

    async def close(self) -> None:
        """Close its connections; it cannot be used any more."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, sort: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def _answered(self, texts: Texts, question: Question) -> AsyncIterator[dict[str, Any]]:
        waiting: deque[asyncio.Future[list[dict[str, Any]]]] = deque()
        try:
            async with aclosing(self._begun(texts, question)) as requests:
                async for begun in requests:
                    waiting.append(begun)
                    while len(waiting) >= self._concurrency:
                        for answer in await waiting.popleft():
                            yield answer
            while waiting:
                for answer in await waiting.popleft():
                    yield answer
        finally:  # the caller may have gone in the middle
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    async def _begun(self, texts: Texts, question: Question) -> AsyncGenerator[asyncio.Future[list[dict[str, Any]]]]:
        """Yield requests that are under way; where the texts come to a bad end, one that failed, in its turn."""
        try:
            async for part in self._parts(texts, question):
                yield asyncio.create_task(self._in_turn(part, question))
        except Exception as error:
            failed: asyncio.Future[list[dict[str, Any]]] = asyncio.get_running_loop().create_future()
            failed.set_exception(error)
            yield failed

    async def _in_turn(self, part: Part, question: Question) -> list[dict[str, Any]]:
        async with self._turns:
            return await self._done(steps.predicted(part, question, self._known))

    async def _parts(self, texts: Texts, question: Question) -> AsyncIterator[Part]:
        packer = Packer(texts=self._texts, question=question)
        try:
            async for text in _each(texts):
                if part := packer.add(text, await self._limits()):
                    yield part
        except Exception:  # what stands before the trouble is answered
            if part := packer.rest():
                yield part
            raise
        if part := packer.rest():
            yield part

    async def _limits(self) -> Limits:
        # Read once: an answer that another request gets in this moment may make them unknown.
        return self._known.limits or Limits.of(await self._done(steps.learnt(self._known)))

    async def _done(self, doing: steps.Steps[Given]) -> Given:
        """Do what the steps say, in their order, and return what they give."""
        came: Reply | Trouble | None = None
        try:
            while True:
                step = doing.send(came)
                if isinstance(step, steps.Send):
                    came = await self._sent(step)
                else:
                    await self._pause(step.seconds)
                    came = None
        except StopIteration as end:
            given: Given = end.value
            return given

    async def _sent(self, send: steps.Send) -> Reply | Trouble:
        try:
            return reply_of(await self._http.send(request_of(self._http, send)))
        except library().RequestError as error:
            return trouble_of(error)

    async def _pause(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


async def _each(texts: Texts) -> AsyncIterator[Text]:
    if isinstance(texts, AsyncIterable):
        async for text in texts:
            yield text
    else:
        for text in texts:
            yield text
