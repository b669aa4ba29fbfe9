"""Requests that wait, and the batches that are made of them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
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
        top_k: How many of the most probable classes are shown beside an answer; `None` for none.
        sizes: By text, its tokens, as estimated.
        answer: Becomes its results, as JSON with commas between; cancelled once nobody waits any more.
        arrived: When it came, by the loop's clock.
        tries: How often it came to nothing.
        tokens: Of all its texts.
    """

    texts: Sequence[Text]
    truncated: frozenset[int]
    tasks: Sequence[str]
    confidence: float
    sizes: Sequence[int]
    answer: asyncio.Future[bytes]
    arrived: float
    top_k: int | None = None
    tries: int = 0
    _taken: int = 0
    _answers: dict[int, bytes] = field(default_factory=dict)
    _answered: int = 0

    def __post_init__(self) -> None:
        self.tokens = sum(self.sizes)

    @property
    def begun(self) -> bool:
        """Whether a text of it was in a batch."""
        return self._taken > 0 or self.tries > 0

    @property
    def left(self) -> int:
        """How many of its texts are in no batch yet."""
        return len(self.texts) - self._taken

    @property
    def next_size(self) -> int:
        """Tokens of the first text that is in no batch yet."""
        return self.sizes[self._taken]

    def take(self, room: int) -> tuple[Part, int]:
        """Take some of the texts that are left: one, and as many more as there is room for.

        Args:
            room: In tokens.

        Returns:
            The texts, and their tokens.
        """
        start, tokens = self._taken, self.sizes[self._taken]
        self._taken += 1
        for size in self.sizes[start + 1 : start + _TURN]:
            if tokens + size > room:
                break
            tokens += size
            self._taken += 1
        return Part(self, start, self._taken, self.tries), tokens

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
            **({} if self.asked.top_k is None else {"top_k": self.asked.top_k}),
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

    Attributes:
        tokens: Those of the requests that wait, all of whose texts count until the last of them is in a batch.
    """

    def __init__(self, *, requests: int, tokens: int, budget: int) -> None:
        self._most_requests, self._most_tokens, self._budget = requests, tokens, budget
        self._waiting: deque[Asked] = deque()
        self._some = asyncio.Event()
        self._wanted: dict[asyncio.Event, int] = {}
        self.tokens = 0

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def suspect(self) -> bool:
        """Whether the next batch is one request that came to nothing before: it may be what ends processes."""
        return bool(self._waiting) and self._waiting[0].tries > 0

    def put(self, asked: Asked, *, token_seconds: float, most_seconds: float) -> None:
        """Have a request wait.

        Args:
            asked: The request.
            token_seconds: How long a token takes.
            most_seconds: How long a request may have to wait for its batch.

        Raises:
            Refusal: If too much waits already.
        """
        wait = self.tokens * token_seconds
        if self._waiting and (
            len(self._waiting) >= self._most_requests
            or self.tokens + asked.tokens > self._most_tokens
            or wait > most_seconds
        ):
            raise Refusal(QUEUE_FULL, retry_after=wait)
        self._waiting.append(asked)
        self._grown(asked)

    def put_back(self, asked: Asked) -> None:
        """Have a request wait that came to nothing; it comes first."""
        self.forget(asked)  # others of its texts may wait still
        self._waiting.appendleft(asked)
        self._grown(asked)

    def forget(self, asked: Asked) -> None:
        """Leave out a request for which nobody waits any more, if it waits."""
        if asked in self._waiting:
            self._waiting.remove(asked)
            self.tokens -= asked.tokens

    async def some(self) -> None:
        """Wait until a request waits."""
        while not self._waiting:
            self._some.clear()
            await self._some.wait()

    async def at_least(self, tokens: int) -> None:
        """Wait until so many tokens wait."""
        grown = asyncio.Event()
        self._wanted[grown] = tokens
        try:
            if self.tokens < tokens:
                await grown.wait()
        finally:
            del self._wanted[grown]

    def _grown(self, asked: Asked) -> None:
        self.tokens += asked.tokens
        self._some.set()
        for grown, wanted in self._wanted.items():
            if self.tokens >= wanted:
                grown.set()

    def batch(self, most: int | None = None) -> list[Part]:
        """Take a batch; nothing if nothing waits.

        Args:
            most: Tokens that it may have, where that is less than the queue's own budget.
        """
        return list(self._parts(self._budget if most is None else min(most, self._budget)))

    def _parts(self, budget: int) -> Iterator[Part]:
        room = budget
        while self._waiting and room > 0:
            asked = self._waiting[0]
            if room < budget and (asked.tries or asked.next_size > room):
                return  # it goes alone, or first into the next batch
            self._waiting.popleft()
            part, tokens = asked.take(room)
            room -= tokens
            if asked.left:
                self._waiting.append(asked)
            else:
                self.tokens -= asked.tokens
            yield part
            if asked.tries:
                return
