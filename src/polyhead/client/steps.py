"""What to do, step by step, as generators that touch neither network nor clock.

A generator yields what is to be done and is sent what came of it: for `Send` a `Reply` or `Trouble`, for `Wait`
nothing. The two clients differ only in how they do that, so nothing is decided twice.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from polyhead.client.parts import Limits, Part, Question
from polyhead.client.replies import Reply, Trouble
from polyhead.client.retrying import Policy, asked_for
from polyhead.errors import ServerError

MODEL, PREDICT, RELOAD = "/v1/model", "/v1/predict", "/v1/reload"
LIVE, READY = "/v2/health/live", "/v2/health/ready"
_UNAVAILABLE = 503


@dataclass(frozen=True)
class Send:
    """Send a request, and tell what came.

    Attributes:
        method: ``GET`` or ``POST``.
        path: Where to.
        body: JSON; `None` for none.
        timeout: Seconds to wait for an answer, where they are not the client's.
    """

    method: str
    path: str
    body: bytes | None = None
    timeout: float | None = None


@dataclass(frozen=True)
class Wait:
    """Wait for so many seconds."""

    seconds: float


Step = Send | Wait
Came = Reply | Trouble | None
Given = TypeVar("Given")
Steps = Generator[Step, Came, Given]
Json = dict[str, Any]


@dataclass
class Known:
    """What a client knows of a server; it lasts as long as the client.

    Attributes:
        policy: How long it asks.
        limits: What the server takes; `None` until it is asked, and once its model was seen to be another.
        model: The name of the model that answered last.
    """

    policy: Policy = field(default_factory=Policy)
    limits: Limits | None = None
    model: object = None

    def answered_by(self, model: object) -> None:
        """Note which model gave an answer; with another one, limits may be others."""
        if self.model is not None and model != self.model:
            self.limits = None
        self.model = model


def asked(send: Send, policy: Policy, *, start: int = 0) -> Steps[Reply]:
    """Send until there is an answer that asking again would not change.

    Args:
        send: What is sent; to predict and to read changes nothing, so it may be sent twice.
        policy: How long to ask.
        start: Where the request's first text stands among the caller's.

    Returns:
        An answer, or a refusal.

    Raises:
        ServerUnavailableError: If the server stayed busy or away, or did not answer in time.
    """
    attempts: list[str] = []
    waited = 0.0
    while True:
        came = yield send
        assert came is not None  # noqa: S101
        attempts.append(came.words())
        if not (came.busy if isinstance(came, Reply) else came.again):
            if isinstance(came, Trouble):
                raise came.error(tuple(attempts))
            return came
        wanted = asked_for(came.headers) if isinstance(came, Reply) else 0.0
        wait = policy.wait(attempt=len(attempts), waited=waited, asked=wanted)
        if isinstance(wait, str):
            raise came.error(tuple(attempts), start=start, advice=_given_up(attempts, waited, wait))
        yield Wait(wait)
        waited += wait


def learnt(known: Known) -> Steps[Json]:
    """Ask what the server runs, and remember what it takes."""
    reply = yield from asked(Send("GET", MODEL), known.policy)
    return _noted(_object(reply), known)


def predicted(part: Part, question: Question, known: Known) -> Steps[list[Json]]:
    """Have the texts of a part answered, in smaller requests where the server takes no more at once.

    Raises:
        RequestRefusedError: If it refuses a text, named by its place among all texts.
        ServerUnavailableError: If it stays busy or away.
        ServerError: If it fails, or its answer is none.
    """
    reply = yield from asked(Send("POST", PREDICT, part.body(question)), known.policy, start=part.start)
    if reply.answered:
        results = reply.results(len(part.texts))
        known.answered_by(reply.json().get("model"))
        return results
    smaller = yield from _smaller(part, reply, known)
    if not smaller:
        raise _named(part, reply)
    results = []
    for one in smaller:
        results += yield from predicted(one, question, known)
    return results


def reloaded(known: Known, timeout: float) -> Steps[Json]:
    """Have the server load its model anew, once: nobody knows whether one whose answer was lost was done."""
    once = Policy(retries=0)
    reply = yield from asked(Send("POST", RELOAD, timeout=timeout), once)
    return _noted(_object(reply), known)


def healthy(path: str) -> Steps[bool]:
    """Ask how the server is, once; one that is not there is not well."""
    came = yield Send("GET", path)
    if isinstance(came, Reply):
        if came.answered or came.status == _UNAVAILABLE:
            return came.answered
        raise came.error((came.words(),))
    return False


def _smaller(part: Part, reply: Reply, known: Known) -> Steps[tuple[Part, ...]]:
    """Return parts that may be taken where a part was too much; nothing where that was not the trouble."""
    count = len(part.texts)
    if reply.too_large and count > 1:
        return part.halves()
    if reply.too_many:
        model = yield from learnt(known)
        if (most := Limits.of(model).texts) < count:
            return part.of(most)
    return ()


def _named(part: Part, reply: Reply) -> ServerError:
    """Return the error of a refusal; where a text by itself is too large, that text is named."""
    error = reply.error((reply.words(),), start=part.start)
    if reply.too_large and error.field is None:
        error.field = f"texts[{part.start}]"
        error.args = (f"{error.field}: {error}",)
    return error


def _noted(model: Json, known: Known) -> Json:
    """Remember what the server takes, and which model it said that of."""
    known.limits, known.model = Limits.of(model), model.get("model", known.model)
    return model


def _object(reply: Reply) -> Json:
    if not reply.answered:
        raise reply.error((reply.words(),))
    return reply.json()


def _given_up(attempts: list[str], waited: float, why: str) -> str:
    counted = ", ".join(f"{what} x {attempts.count(what)}" for what in dict.fromkeys(attempts))
    times = "once" if len(attempts) == 1 else f"{len(attempts)} times"
    return (
        f"asked {times} ({counted}), {waited:.1f} s of waiting between; not again, for {why}. "
        "Is the server up? If it is busy, send less at once (concurrency), ask for longer (retries, max_wait), "
        "or run more servers"
    )
