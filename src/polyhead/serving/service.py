"""The model that answers: requests are checked against it, wait for it, and it is exchanged for another."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from polyhead.errors import PolyheadError, name_the_known
from polyhead.records import Text
from polyhead.serving.generation import Generation
from polyhead.serving.limits import ServerLimits
from polyhead.serving.logs import Log
from polyhead.serving.messages import PredictRequest
from polyhead.serving.metrics import Metrics
from polyhead.serving.orders import Order
from polyhead.serving.refusals import (
    CLIENT_GONE,
    DEADLINE,
    DRAINING,
    INVALID,
    MODEL_REFUSED,
    NOT_READY,
    QUEUE_FULL,
    RELOADING,
    Refusal,
)
from polyhead.serving.waiting import Asked

_POLL_SECONDS = 0.02
_MOMENT_SECONDS = 0.5
_BEGUN_SHARE = 0.6
"""Share of the deadline within which a request must be in a batch: one that is not has no hope, and is told so."""


class Service:
    """Answers requests.

    Args:
        order: Which model, and what runs it.
        limits: What is taken.
        processes: How many answer.
        examples: Texts that the page offers beside those of the bundle.
        metrics: Counts.
        log: Hears of what happens.

    Attributes:
        limits: What is taken.
        metrics: The counters.
        log: The log.
        draining: Whether the server is about to end.
    """

    def __init__(
        self,
        order: Order,
        *,
        limits: ServerLimits,
        processes: int = 1,
        examples: Sequence[str] = (),
        metrics: Metrics | None = None,
        log: Log | None = None,
    ) -> None:
        self._order, self._processes, self._examples = order, processes, list(examples)
        self.limits, self.metrics, self.log = limits, metrics or Metrics(), log or Log()
        self.draining = False
        self.in_flight = 0
        self._open: set[Asked] = set()
        self._current: Generation | None = None
        self._retiring: dict[asyncio.Task[None], Generation] = {}
        self._loading = asyncio.Lock()
        self._watch()

    @property
    def ready(self) -> bool:
        """Whether texts are answered."""
        return not self.draining and self._current is not None and self._current.ready > 0

    def generation(self) -> Generation:
        """Return the model that answers.

        Raises:
            Refusal: If there is none.
        """
        if self.draining:
            raise Refusal(DRAINING, retry_after=1)
        if self._current is None or self._current.failing:
            raise Refusal(NOT_READY, retry_after=1)
        return self._current

    def account(self) -> dict[str, Any]:
        """Return what `GET /v1/model` says.

        Raises:
            Refusal: If there is no model.
        """
        generation = self.generation()
        told = {name: value for name, value in generation.account.items() if name != "characters"}
        limits = {
            "texts": self.limits.texts,
            "characters": self._characters(generation),
            "body_bytes": self.limits.body_bytes,
            "deadline_seconds": self.limits.deadline_seconds,
        }
        return {
            **told,
            "generation": generation.number,
            "loaded_at": generation.loaded_at,
            "limits": limits,
            "examples": [*self._examples, *told["examples"]],
            "versions": {"server": version("polyhead"), **told["versions"]},
        }

    async def load(self) -> None:
        """Load the model, in place of the one before it, which answers what it was asked.

        Raises:
            PolyheadError: If it cannot be used; the one before it stays.
        """
        number = 1 if self._current is None else self._current.number + 1
        start = time.perf_counter()
        generation = await Generation.start(
            self._order,
            number=number,
            processes=self._processes,
            limits=self.limits,
            metrics=self.metrics,
            log=self.log,
        )
        before, self._current = self._current, generation
        self.metrics.generation.set(number)
        account = generation.account
        self.log.event(
            "model_loaded",
            generation=number,
            model=account["model"],
            name=account["name"],
            runtime=account["runtime"],
            precision=account["precision"],
            seconds=round(time.perf_counter() - start, 3),
        )
        if before is not None:
            task = asyncio.create_task(before.close())
            self._retiring[task] = before
            task.add_done_callback(self._retiring.pop)

    async def reload(self) -> dict[str, Any]:
        """Load the model anew from its place, and say what it is.

        Raises:
            Refusal: If one is being loaded already, or it cannot be used.
        """
        if self._loading.locked():
            raise Refusal(RELOADING)
        async with self._loading:
            self.generation()
            try:
                await self.load()
            except (PolyheadError, OSError) as error:
                self.metrics.reloads.labels("refused").inc()
                self.log.event("model_refused", level="error", message=str(error))
                raise Refusal(MODEL_REFUSED, f"{MODEL_REFUSED.meaning}: {error}") from None
            self.metrics.reloads.labels("loaded").inc()
            return self.account()

    async def predict(self, request: PredictRequest, left: asyncio.Future[Any]) -> tuple[bytes, str]:
        """Answer a request.

        Args:
            request: What is asked.
            left: Done when nobody waits for the answer any more.

        Returns:
            The results as JSON objects with commas between, and which model gave them.

        Raises:
            Refusal: If there is no answer.
        """
        generation = self.generation()
        asked = self._asked(request, generation)
        generation.put(asked)
        self._open.add(asked)
        try:
            deadline = self.limits.deadline_seconds
            await _first(asked.answer, left, _BEGUN_SHARE * deadline)
            if not asked.answer.done() and not left.done():
                if not asked.begun:  # things are slower than they were when it was let in
                    raise Refusal(QUEUE_FULL, "no batch had room for it in time", retry_after=deadline)
                await _first(asked.answer, left, (1 - _BEGUN_SHARE) * deadline)
            if asked.answer.done():
                return asked.answer.result(), generation.account["model"]
            if left.done():
                raise Refusal(CLIENT_GONE)
            raise Refusal(DEADLINE, f"there was no answer within {deadline:g} s")
        finally:
            self._open.discard(asked)
            if not asked.answer.done():
                asked.answer.cancel()
                generation.queue.forget(asked)

    async def drain(self, seconds: float, at_once: asyncio.Event | None = None) -> int:
        """Take nothing more, and wait for what is in flight.

        Args:
            seconds: At most so long.
            at_once: Ends the waiting.

        Returns:
            How many requests were left without an answer.
        """
        self.draining = True
        loop = asyncio.get_running_loop()
        begin = loop.time()
        # A moment in any case: clients with a request on its way are told, instead of being cut off.
        while loop.time() < begin + min(_MOMENT_SECONDS, seconds) or (self.in_flight and loop.time() < begin + seconds):
            if at_once is not None and at_once.is_set():
                break
            await asyncio.sleep(_POLL_SECONDS)
        left = self.in_flight
        for asked in self._open:
            if not asked.answer.done():
                asked.answer.set_exception(Refusal(DRAINING, "the server ended before there was an answer"))
        return left

    async def close(self) -> None:
        """End the processes."""
        all_of_them = [*self._retiring.values(), *([self._current] if self._current else [])]
        for task in list(self._retiring):
            task.cancel()
        await asyncio.gather(*(generation.kill() for generation in all_of_them))

    def _characters(self, generation: Generation) -> int:
        own = int(generation.account["characters"])
        return own if self.limits.characters is None else min(own, self.limits.characters)

    def _asked(self, request: PredictRequest, generation: Generation) -> Asked:
        account = generation.account
        if len(request.texts) > self.limits.texts:
            message = f"has {len(request.texts)} texts, a request may have {self.limits.texts}; send them in several"
            raise Refusal(INVALID, message, field="texts")
        known = [task["name"] for task in account["tasks"]]
        for at, name in enumerate(request.tasks or ()):
            if name not in known:
                message = f"the model has no task {name[:80]!r}; {name_the_known(name[:80], known)}"
                raise Refusal(INVALID, message, field=f"tasks[{at}]")
        limit, second = self._characters(generation), account["reads_second"]
        checked = [_checked(text, at, second, limit, request.truncate) for at, text in enumerate(request.texts)]
        texts = [text for text, _ in checked]
        cut = frozenset(at for at, (_, shorter) in enumerate(checked) if shorter)
        if cut:
            self.metrics.truncated.inc(len(cut))
        loop = asyncio.get_running_loop()
        return Asked(
            texts=texts,
            truncated=cut,
            tasks=request.tasks or known,
            confidence=request.min_confidence,
            top_k=request.top_k,
            sizes=generation.pace.sizes(texts),
            answer=loop.create_future(),
            arrived=loop.time(),
        )

    def _watch(self) -> None:
        watch = self.metrics.watch
        watch("in_flight_requests", lambda: float(self.in_flight))
        watch("queue_requests", lambda: float(len(self._current.queue)) if self._current else 0.0)
        watch("queue_tokens", lambda: float(self._current.queue.tokens) if self._current else 0.0)
        watch("processes_ready", lambda: float(self._current.ready) if self._current else 0.0)


async def _first(answer: asyncio.Future[bytes], left: asyncio.Future[Any], seconds: float) -> None:
    await asyncio.wait((answer, left), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)


def _checked(text: str | list[str], at: int, second: bool | str, limit: int, truncate: bool) -> tuple[Text, bool]:
    """Return a text as the model reads it, and whether it was cut."""
    if isinstance(text, str):
        if second is True:
            raise Refusal(INVALID, "the model reads two texts together: give a pair", field=f"texts[{at}]")
        if len(text) <= limit:
            return text, False
    elif second is False:
        raise Refusal(INVALID, "the model reads one text, found a pair", field=f"texts[{at}]")
    elif max(map(len, text)) <= limit:
        return (text[0], text[1]), False
    if not truncate:
        longest = len(text) if isinstance(text, str) else max(map(len, text))
        message = (
            f'has {longest:,} characters, the server takes {limit:,}; split it, or send "truncate": true to have it cut'
        )
        raise Refusal(INVALID, message, field=f"texts[{at}]")
    return (text[:limit] if isinstance(text, str) else (text[0][:limit], text[1][:limit])), True
