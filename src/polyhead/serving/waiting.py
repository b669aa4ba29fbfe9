"""Requests that wait, and the batches that are made of them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from polyhead.records import Text
from polyhead.serving.refusals import QUEUE_FULL, Refusal

_TURN = 64
"""Texts that a request puts into a batch before others have their turn."""
_MOST_TRIES = 2
"""Times that a request may be with a process that ends."""


@dataclass(eq=False)
class Asked:
    """A request on its way.

    Attributes:
        texts: Its texts.
        truncated: Places of those that were cut.
        tasks: Names of the tasks to answer.
        confidence: What is held less probable is left out.
        tokens: Of all its texts, as estimated.
        answer: Becomes its results, as JSON with commas between; cancelled once nobody waits any more.
        arrived: When it came, by the loop's clock.
    """

    texts: Sequence[Text]
    truncated: frozenset[int]
    tasks: Sequence[str]
    confidence: float
    tokens: int
    answer: asyncio.Future[bytes]
    arrived: float
    tries: int = 0
    _taken: int = 0
    _answers: dict[int, bytes] = field(default_factory=dict)
    _answered: int = 0

    @property
    def left(self) -> int:
        """How many of its texts are in no batch yet."""
        return len(self.texts) - self._taken

    def take(self, count: int) -> Part:
        """Take some of the texts that are left."""
        start = self._taken
        self._taken += count
        return Part(self, start, self._taken, self.tries)

    def add(self, part: Part, results: bytes) -> None:
        """Take what became of a part; with the last one the request is answered."""
        if part.tries != self.tries:
            return  # it began anew in the meantime
        self._answers[part.start] = results
        self._answered += part.end - part.start
        if self._answered == len(self.texts) and not self.answer.done():
            self.answer.set_result(b",".join(self._answers[start] for start in sorted(self._answers)))

    def begin_anew(self) -> bool:
        """Forget what was begun, after a process ended.

        Returns:
            Whether it may be tried again.
        """
        self._taken, self._answered = 0, 0
        self._answers.clear()
        self.tries += 1
        return self.tries < _MOST_TRIES


@dataclass(frozen=True)
class Part:
    """Texts of one request in a batch.

    Attributes:
        asked: The request.
        start: Its first text.
        end: Behind its last.
        tries: Those of the request when it was taken.
    """

    asked: Asked
    start: int
    end: int
    tries: int

    def to_json(self) -> dict[str, Any]:
        """Return it as the process that answers takes it."""
        truncated = [at - self.start for at in self.asked.truncated if self.start <= at < self.end]
        return {
            "texts": self.asked.texts[self.start : self.end],
            "tasks": self.asked.tasks,
            "confidence": self.asked.confidence,
            **({"truncated": truncated} if truncated else {}),
        }


class Queue:
    """Requests that wait for a batch, bounded in number and tokens.

    A batch is what waits when a process has room for it, up to a budget: nothing is ever held back for more to come.
    Requests take turns, so that one of many texts does not keep small ones waiting.

    Args:
        requests: How many may wait.
        tokens: How many tokens may wait, as estimated; more if nothing else waits.
        budget: Tokens in a batch, as estimated.
    """

    def __init__(self, *, requests: int, tokens: int, budget: int) -> None:
        self._most_requests, self._most_tokens, self._budget = requests, tokens, budget
        self._waiting: deque[Asked] = deque()
        self._some = asyncio.Event()
        self.tokens = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, asked: Asked, *, seconds: Callable[[int], float]) -> None:
        """Have a request wait.

        Args:
            asked: The request.
            seconds: Says how long so many tokens take.

        Raises:
            Refusal: If too much waits already.
        """
        if self._waiting and (
            len(self._waiting) >= self._most_requests or self.tokens + asked.tokens > self._most_tokens
        ):
            raise Refusal(QUEUE_FULL, retry_after=seconds(self.tokens))
        self._waiting.append(asked)
        self.tokens += asked.tokens
        self._some.set()

    def put_back(self, asked: Asked) -> None:
        """Have a request wait whose process ended; it comes first."""
        if asked in self._waiting:
            return  # others of its texts wait still
        self._waiting.appendleft(asked)
        self.tokens += asked.tokens
        self._some.set()

    def forget(self, asked: Asked) -> None:
        """Leave out a request for which nobody waits any more, if it waits."""
        if asked in self._waiting:
            self._waiting.remove(asked)
            self.tokens -= asked.tokens

    async def some(self) -> None:
        """Wait until a request waits."""
        await self._some.wait()

    def batch(self) -> list[Part]:
        """Take a batch; nothing if nothing waits."""
        parts = list(self._parts())
        if not self._waiting:
            self._some.clear()
        return parts

    def _parts(self) -> Iterator[Part]:
        room = self._budget
        while self._waiting and room > 0:
            asked = self._waiting.popleft()
            if asked.tries and room < self._budget:  # it may be what ended a process: it goes alone
                self._waiting.appendleft(asked)
                return
            each = max(1, asked.tokens // len(asked.texts))
            count = max(1, min(asked.left, _TURN, room // each))
            room -= count * each
            yield asked.take(count)
            if asked.left:
                self._waiting.append(asked)
            else:
                self.tokens -= asked.tokens
            if asked.tries:
                return
