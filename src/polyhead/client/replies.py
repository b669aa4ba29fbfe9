"""What came of asking: an answer, or why there is none, in words and as an error."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from polyhead.errors import RequestRefusedError, ServerError, ServerUnavailableError

_OK, _REDIRECT, _REFUSED, _FAILED = 200, 300, 400, 500
_TOO_LARGE, _INVALID, _TOO_LATE = 413, 422, 504
NO_CONNECTION, TOO_SLOW, BAD_ANSWER = "no_connection", "too_slow", "bad_answer"
_BUSY = frozenset({429, 502, 503})
"""Statuses after which a request is sent again: nothing was computed. A proxy says 502 of a server that restarts."""
_INDEX = re.compile(r"^texts\[(\d+)\]")
_SHOWN = 300
"""Characters shown of an answer that we do not know."""
_SAID = {
    401: "give the server's key as api_key",
    403: "start the server with --api-key-file, and give the key as api_key",
    404: "is the address that of a polyhead server, without a path?",
    408: "the request came too slowly; send fewer texts at once (texts_per_request), or look at the network",
    413: "a text alone is larger than the server, or a proxy before it, takes; shorten it, or raise that limit",
    500: "the server's log tells what went wrong, by the request's id",
    504: "send fewer texts at once (texts_per_request, concurrency), or raise the server's --deadline-seconds",
}
"""By status, what to do about it."""


@dataclass(frozen=True)
class Reply:
    """What a server said.

    Attributes:
        status: The HTTP status.
        headers: Its headers, by names in lower case.
        body: The body.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def busy(self) -> bool:
        """Whether the same request may well be answered later."""
        return self.status in _BUSY

    @property
    def answered(self) -> bool:
        """Whether it is what was asked for."""
        return self.status == _OK

    @property
    def too_large(self) -> bool:
        """Whether fewer texts might be taken; a proxy may say so, too, of whose limit nobody told us."""
        return self.status == _TOO_LARGE

    @property
    def too_many(self) -> bool:
        """Whether the number of texts is what was wrong."""
        return self.status == _INVALID and self._error().get("field") == "texts"

    def words(self) -> str:
        """Return status and code, for an account of what was tried."""
        code = self._error().get("code")
        return f"{self.status} {code}" if code else str(self.status)

    def json(self) -> dict[str, Any]:
        """Return the body's object.

        Raises:
            ServerError: If it is none.
        """
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise self._odd("is no JSON") from error
        if not isinstance(found, dict):
            raise self._odd("is no JSON object")
        return found

    def results(self, count: int) -> list[dict[str, Any]]:
        """Return one result a text.

        Raises:
            ServerError: If they are not as many as were asked for.
        """
        found = self.json().get("results")
        if not isinstance(found, list) or len(found) != count:
            raise self._odd(f"does not hold a result for each of {count} texts")
        return found

    def error(self, attempts: tuple[str, ...], *, start: int = 0, advice: str = "") -> ServerError:
        """Return what to raise.

        Args:
            attempts: What came of each attempt.
            start: Where the request's first text stands among the caller's.
            advice: What to do, where the status alone does not tell.
        """
        said = self._error()
        field = _shifted(said.get("field"), start)
        message = said["message"] if "message" in said else self._unknown()
        if field and said["field"] in message:
            message = message.replace(said["field"], field)
        elif field:
            message = f"{field}: {message}"
        advice = advice or _SAID.get(self.status, "")
        return self._sort()(
            f"the server answered {self.words()}: {message}" + (f"; {advice}" if advice else ""),
            status=self.status,
            code=said.get("code", f"http_{self.status}"),
            field=field,
            request_id=said.get("request_id") or self.headers.get("x-request-id"),
            attempts=attempts,
        )

    def _sort(self) -> type[ServerError]:
        if self.busy or self.status == _TOO_LATE:
            return ServerUnavailableError
        return RequestRefusedError if _REFUSED <= self.status < _FAILED else ServerError

    def _unknown(self) -> str:
        if _REDIRECT <= self.status < _REFUSED:
            return (
                f"it sends us to {self.headers.get('location', 'nowhere')!r}; if that is right, give it as the address"
            )
        return repr(self.body[:_SHOWN].decode(errors="replace")) if self.body else "without a word"

    def _error(self) -> dict[str, str]:
        """Return the texts of what it says of an error; nothing where it is not said as our server would."""
        try:
            found = json.loads(self.body)["error"]
            return {key: value for key, value in found.items() if isinstance(value, str)}
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return {}

    def _odd(self, what: str) -> ServerError:
        begins = repr(self.body[:_SHOWN].decode(errors="replace"))
        message = f"the server's answer {what}: it begins with {begins}; is the address that of a polyhead server?"
        return ServerError(message, status=self.status, request_id=self.headers.get("x-request-id"))


@dataclass(frozen=True)
class Trouble:
    """Nothing came.

    Attributes:
        what: What happened, in a few words.
        code: Our name for it.
    """

    what: str
    code: str = NO_CONNECTION

    @property
    def again(self) -> bool:
        """Whether asking again may help.

        What took too long is not asked again, nor is 504: the caller has waited as long as it wanted to, and a server
        that is slow is not made faster by twice the work.
        """
        return self.code == NO_CONNECTION

    def words(self) -> str:
        """Return what happened."""
        return self.what

    def error(self, attempts: tuple[str, ...], *, start: int = 0, advice: str = "") -> ServerError:  # noqa: ARG002
        """Return what to raise; see `Reply.error`."""
        if self.code == TOO_SLOW:
            advice = "raise timeout, or send fewer texts at once (texts_per_request, concurrency)"
        sort = ServerError if self.code == BAD_ANSWER else ServerUnavailableError
        what = f"no answer: {self.what}" + (f"; {advice}" if advice else "")
        return sort(what, code=self.code, attempts=attempts)


def _shifted(field: str | None, start: int) -> str | None:
    """Return a field as the caller counts texts, who does not know of requests."""
    if field and (found := _INDEX.match(field)):
        return f"texts[{start + int(found[1])}]{field[found.end() :]}"
    return field
