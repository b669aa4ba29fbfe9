"""Texts are put into requests that a server takes: so many texts, so many bytes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from polyhead.errors import RequestRefusedError, ServerError, SettingsError

_FRAME = 2
"""Bytes of the brackets around the texts."""


@dataclass(frozen=True)
class Limits:
    """What a server takes at once.

    Attributes:
        texts: Texts of a request.
        body_bytes: Bytes of its body.
    """

    texts: int
    body_bytes: int

    @classmethod
    def of(cls, model: Mapping[str, Any]) -> Limits:
        """Read them from what ``/v1/model`` gives.

        Raises:
            ServerError: If they are not there: this is no polyhead server, or one of another version.
        """
        try:
            limits = model["limits"]
            return cls(texts=max(1, int(limits["texts"])), body_bytes=max(1, int(limits["body_bytes"])))
        except (KeyError, TypeError, ValueError) as error:
            message = f"/v1/model has no limits that we know: {error!r}; is it a polyhead server of this version?"
            raise ServerError(message) from error


@dataclass(frozen=True)
class Question:
    """What is asked of every text.

    Attributes:
        tasks: The tasks to answer; `None` for all.
        min_confidence: What is held less probable than this is left out.
        truncate: Whether texts that are too long are cut instead of refused.
        top_k: How many of the most probable classes are shown beside an answer; `None` for none.
    """

    tasks: tuple[str, ...] | None = None
    min_confidence: float = 0.0
    truncate: bool = False
    top_k: int | None = None

    @classmethod
    def of(cls, tasks: Sequence[str] | None, *, min_confidence: float, truncate: bool, top_k: int | None) -> Question:
        """Check what a caller gave.

        Raises:
            TypeError: If `tasks` is a single string.
            SettingsError: If `min_confidence` is no probability, or `top_k` no whole number of at least 1.
        """
        if isinstance(tasks, str):
            raise TypeError("tasks must be a list of names, found one string; write tasks=[name]")
        if not 0.0 <= min_confidence <= 1.0:
            raise SettingsError(f"min_confidence: must lie between 0 and 1, found {min_confidence}")
        if top_k is not None and (isinstance(top_k, bool) or not isinstance(top_k, int) or top_k < 1):
            raise SettingsError(f"top_k: must be a whole number of at least 1, found {top_k!r}")
        return cls(None if tasks is None else tuple(tasks), float(min_confidence), bool(truncate), top_k)

    def around(self, texts: bytes) -> bytes:
        """Return the body of a request that asks it of texts, which are a JSON array already."""
        rest = {"tasks": self.tasks, "min_confidence": self.min_confidence, "truncate": self.truncate}
        if self.top_k is not None:  # a server from before there was such a field would refuse it
            rest["top_k"] = self.top_k
        return b'{"texts":' + texts + b"," + json.dumps(rest).encode()[1:]


@dataclass(frozen=True)
class Part:
    """Texts of one request.

    Attributes:
        start: Where the first of them stands among all texts of the caller.
        texts: Each as JSON.
    """

    start: int
    texts: tuple[bytes, ...]

    def body(self, question: Question) -> bytes:
        """Return the request's body."""
        return question.around(b"[" + b",".join(self.texts) + b"]")

    def halves(self) -> tuple[Part, ...]:
        """Return the same texts as two parts."""
        return self.of(-(-len(self.texts) // 2))

    def of(self, count: int) -> tuple[Part, ...]:
        """Return the same texts as parts of at most so many."""
        starts = range(0, len(self.texts), count)
        return tuple(Part(self.start + at, self.texts[at : at + count]) for at in starts)


class Packer:
    """Puts texts, one by one, into parts.

    A text that is too large for any request gets a part of its own: the server says what is wrong with it.

    Args:
        texts: Texts of a part, where the server takes more.
        question: What is asked, which needs bytes as well.
    """

    def __init__(self, *, texts: int, question: Question) -> None:
        self._texts = texts
        self._around = len(question.around(b"")) + _FRAME
        self._waiting: list[bytes] = []
        self._bytes = self._start = self._seen = 0

    def add(self, text: object, limits: Limits) -> Part | None:
        """Take a text; return the part that is full because of it.

        Args:
            text: The text.
            limits: What the server takes now.

        Raises:
            TypeError: If it is neither a string nor two.
            RequestRefusedError: If it is not valid Unicode.
        """
        written = _json_of(text, self._seen)
        self._seen += 1
        size = self._around + self._bytes + len(written)
        full = self.rest() if size > limits.body_bytes else None
        self._waiting.append(written)
        self._bytes += len(written) + 1
        return full or (self.rest() if len(self._waiting) >= min(self._texts, limits.texts) else None)

    def rest(self) -> Part | None:
        """Return what waits as a part; `None` where nothing does."""
        if not self._waiting:
            return None
        part = Part(self._start, tuple(self._waiting))
        self._start += len(self._waiting)
        self._waiting, self._bytes = [], 0
        return part


def checked(texts: object) -> None:
    """Refuse what is nearly always meant to be a list of one.

    Raises:
        TypeError: If `texts` is a single string.
    """
    if isinstance(texts, str):
        raise TypeError("texts must be a list of strings, found one string; write client.predict([text])")


def _json_of(text: object, index: int) -> bytes:
    pair = isinstance(text, list | tuple)
    parts: Iterable[object] = text if isinstance(text, list | tuple) else (text,)
    if (pair and len(text) != 2) or not all(isinstance(part, str) for part in parts):  # type: ignore[arg-type]
        found = f"{len(text)} of them" if pair else type(text).__name__  # type: ignore[arg-type]
        raise TypeError(f"texts[{index}] must be a string, or two that are read together; found {found}")
    try:
        return json.dumps(text, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        at = next(number for part in parts if (number := _surrogate(str(part))) is not None)
        message = f"texts[{index}]: is not valid Unicode: character {at} is half of a surrogate pair; repair the text"
        raise RequestRefusedError(
            f"{message} (nothing was sent for it)", code="invalid", field=f"texts[{index}]"
        ) from error


def _surrogate(text: str) -> int | None:
    return next((at for at, character in enumerate(text) if "\ud800" <= character <= "\udfff"), None)
