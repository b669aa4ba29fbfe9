"""What texts cost: how many tokens characters are, and how long a token takes, as the last batches had it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from polyhead.records import Text

_NEW = 0.1
"""What the newest batch counts in a mean."""
_FULL = 0.25
"""Share of a batch's most tokens from which it says what a token takes: a smaller one takes a time of its own."""
_LEAST = 64
"""Tokens that a batch may have however slow they are: one of fewer gains nothing."""
_SPECIAL = 2
"""Tokens of a text that stand for no character."""


class Pace:
    """Means over the last batches.

    Args:
        most: Tokens of a batch.
        seconds: Time that a batch may take, of all processes.

    Attributes:
        token_seconds: Of all processes together; 0 until a full batch was answered.
    """

    def __init__(self, most: int, seconds: float) -> None:
        self._most, self._seconds = most, seconds
        self._tokens_a_character = 0.3
        self.token_seconds = 0.0

    @property
    def budget(self) -> int:
        """Tokens of a batch, so that it takes no longer than it may."""
        fit = self._seconds / self.token_seconds if self.token_seconds else self._most
        return min(self._most, max(_LEAST, int(fit)))

    def sizes(self, texts: Sequence[Text]) -> list[int]:
        """Estimate the tokens of texts."""
        return [_SPECIAL + int(_characters(text) * self._tokens_a_character) for text in texts]

    def learn(self, texts: Sequence[Text], *, tokens: int, seconds: float) -> None:
        """Take a batch into account.

        Args:
            texts: Its texts.
            tokens: Theirs.
            seconds: What it took, of the time of all processes.
        """
        if characters := sum(map(_characters, texts)):
            seen = max(0, tokens - _SPECIAL * len(texts)) / characters
            self._tokens_a_character += _NEW * (seen - self._tokens_a_character)
        if tokens >= _FULL * self.budget:
            taken = seconds / tokens
            self.token_seconds += (taken - self.token_seconds) * (_NEW if self.token_seconds else 1.0)


class Stopwatch:
    """Time in which a process had something to do, batch by batch, though two are with it at a time."""

    def __init__(self) -> None:
        self._clock = asyncio.get_running_loop().time
        self._last = 0.0

    def now(self) -> float:
        """Return the time, to be given back once the batch is answered."""
        return self._clock()

    def taken(self, start: float) -> float:
        """Return what a batch took: what it shared with the one before it is that one's."""
        now = self._clock()
        taken, self._last = now - max(start, self._last), now
        return taken


def _characters(text: Text) -> int:
    return len(text) if isinstance(text, str) else len(text[0]) + len(text[1])
