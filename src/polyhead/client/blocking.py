"""The client for plain programs: calls wait."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from polyhead.ahead import in_order
from polyhead.client import steps
from polyhead.client.parts import Limits, Packer, Part, Question, checked
from polyhead.client.replies import Reply, Trouble
from polyhead.client.retrying import Policy
from polyhead.client.transport import library, options, reply_of, request_of, trouble_of
from polyhead.records import Text

if TYPE_CHECKING:
    import httpx

Given = TypeVar("Given")


class _StoppedError(Exception):
    """Whoever wanted the answer has gone."""


class Client:
    """Asks a polyhead server; safe to use from several threads, which then share its connections.

    Many texts are cut into requests by what the server takes, several are on their way at once, and answers come in the
    order of the texts. A server that is busy (429, 503, 502 from a proxy) or not there is asked again, with exponential
    back-off and full jitter, never before its ``Retry-After``. What it refuses (other 4xx), what fails (500) and what
    took too long (504, `timeout`) is not asked again.
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
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Make a client; nothing is sent yet.

        Args:
            url: The server's address, such as ``http://127.0.0.1:8000``, with the path that leads to it, if any.
            api_key: The server's key, where it wants one.
            timeout: Seconds to wait for an answer of one request; more than the server's ``--deadline-seconds``.
            retries: Times that a request is sent again, at most.
            max_wait: Seconds that a request may wait between attempts, all together, at most.
            concurrency: Requests that are on their way at once.
            texts_per_request: Texts that are sent together, where the server takes as many; so many are read ahead.
            transport: How requests travel, as httpx takes it: through a proxy, or to an app in this process.

        Raises:
            SettingsError: If one of them cannot be.
            MissingExtraError: If httpx is not installed.
        """
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
        self._http = library().Client(**made)
        self._pool = ThreadPoolExecutor(concurrency, thread_name_prefix="polyhead-client")

    def predict(
        self,
        texts: Iterable[Text],
        *,
        tasks: Sequence[str] | None = None,
        min_confidence: float = 0.0,
        top_k: int | None = None,
        truncate: bool = False,
    ) -> list[dict[str, Any]]:
        """Answer tasks for texts.

        Args:
            texts: Texts, or pairs of texts that are read together; not a single string.
            tasks: The tasks to answer; all where not given.
            min_confidence: Leave out what is held less probable than this, from 0 to 1.
            top_k: Have answers of classes show so many of the most probable ones beside them; a server takes up to 100.
            truncate: Have texts that are too long for the server cut, which their results say, instead of refused.

        Returns:
            One object a text, in their order, as `polyhead predict --json` prints it, with ``windows`` and
            ``truncated``.

        Raises:
            TypeError: If `texts` or `tasks` is a single string, or a text is none.
            RequestRefusedError: If a text or a task is refused; `field` names it, counted among all texts.
            ServerUnavailableError: If the server stays busy or away, or does not answer in time.
            ServerError: If it fails, or its answer is none.
        """
        return list(self.stream(texts, tasks=tasks, min_confidence=min_confidence, top_k=top_k, truncate=truncate))

    def stream(
        self,
        texts: Iterable[Text],
        *,
        tasks: Sequence[str] | None = None,
        min_confidence: float = 0.0,
        top_k: int | None = None,
        truncate: bool = False,
    ) -> Iterator[dict[str, Any]]:
        """Answer texts as they come; takes and raises what `predict` does.

        Yields:
            One object a text, in their order. At most `concurrency` requests are held.
        """
        checked(texts)
        return self._answered(texts, Question.of(tasks, min_confidence=min_confidence, top_k=top_k, truncate=truncate))

    def model(self) -> dict[str, Any]:
        """Return what the server runs: the object of ``/v1/model``, with tasks, labels, limits and checksums."""
        return self._done(steps.learnt(self._known))

    def ready(self) -> bool:
        """Whether the server would answer now; false also where none is there."""
        return self._done(steps.healthy(steps.READY))

    def live(self) -> bool:
        """Whether the server is up, ready or not; false also where none is there."""
        return self._done(steps.healthy(steps.LIVE))

    def reload(self, *, timeout: float = 300.0) -> dict[str, Any]:
        """Have the server load its model anew; the one before answers until then, and stays where that fails.

        Args:
            timeout: Seconds to wait for it.

        Returns:
            What it runs now, as `model` does.

        Raises:
            RequestRefusedError: If it has no keys, or one reload is running (409), or the new model is refused (422).
        """
        return self._done(steps.reloaded(self._known, timeout))

    def close(self) -> None:
        """Close its connections; it cannot be used any more."""
        self._pool.shutdown(cancel_futures=True)
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, sort: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _answered(self, texts: Iterable[Text], question: Question) -> Iterator[dict[str, Any]]:
        gone = threading.Event()
        begun: set[Future[list[dict[str, Any]]]] = set()

        def begin(part: Part) -> Future[list[dict[str, Any]]]:
            future = self._pool.submit(self._done, steps.predicted(part, question, self._known), gone)
            begun.add(future)
            future.add_done_callback(begun.discard)
            return future

        try:
            parts = self._parts(texts, question)
            for answers in in_order(parts, begin, Future.result, ahead=lambda _: self._concurrency - 1):
                yield from answers
        finally:  # the caller may have gone in the middle
            gone.set()
            for future in tuple(begun):
                future.cancel()

    def _parts(self, texts: Iterable[Text], question: Question) -> Iterator[Part]:
        packer = Packer(texts=self._texts, question=question)
        try:
            for text in texts:
                if part := packer.add(text, self._limits()):
                    yield part
        except Exception:  # what stands before the trouble is answered
            if part := packer.rest():
                yield part
            raise
        if part := packer.rest():
            yield part

    def _limits(self) -> Limits:
        # Read once: an answer that another request gets in this moment may make them unknown.
        return self._known.limits or Limits.of(self._done(steps.learnt(self._known)))

    def _done(self, doing: steps.Steps[Given], gone: threading.Event | None = None) -> Given:
        """Do what the steps say, in their order, and return what they give."""
        came: Reply | Trouble | None = None
        try:
            while True:
                step = doing.send(came)
                if isinstance(step, steps.Send):
                    came = self._sent(step)
                else:
                    self._pause(step.seconds, gone)
                    came = None
        except StopIteration as end:
            given: Given = end.value
            return given

    def _sent(self, send: steps.Send) -> Reply | Trouble:
        try:
            return reply_of(self._http.send(request_of(self._http, send)))
        except library().RequestError as error:
            return trouble_of(error)

    def _pause(self, seconds: float, gone: threading.Event | None) -> None:
        """Wait, unless nobody wants the answer any more."""
        if (gone or threading.Event()).wait(seconds):
            raise _StoppedError
