"""Clients that ask one thing after the other, and what became of it."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections import Counter
from types import TracebackType
from typing import Any, Self


class Clients:
    """Threads that ask until the block ends, each on a connection that is kept.

    Args:
        port: Of the server.
        count: How many.
        texts: What each asks; the client's number and the request's are added to it.

    Attributes:
        answers: Status, or what went wrong, with how often.
        broken: What came back and was not as promised.
        models: By which models the answers were, in the order in which they were first seen.
    """

    def __init__(self, port: int, *, count: int = 8, texts: tuple[str, ...] = ("text",)) -> None:
        self._port, self._texts = port, texts
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(at,), daemon=True) for at in range(count)]
        self.answers: Counter[str] = Counter()
        self.broken: list[Any] = []
        self.models: list[str] = []

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Have them finish what they asked."""
        self._stop.set()
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive(), "a client has had no answer for a minute"

    def _run(self, number: int) -> None:
        connection, fresh, at = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60), True, 0
        told = False  # that the server ends: it need not accept one more connection
        while not self._stop.is_set():
            at += 1
            texts = [f"{text} {number} {at}" for text in self._texts]
            try:
                connection.request("POST", "/v1/predict", json.dumps({"texts": texts}))
                response = connection.getresponse()
                self._check(response, texts, response.read())
                fresh, told = response.will_close, told or response.status == 503
            except ConnectionRefusedError:
                self.answers["refused"] += 1
                return  # the server has ended
            except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError) as error:
                # A connection that was kept may be closed as it is used again; a new one may not.
                self.answers["closed"] += 1
                if fresh and not told:
                    self.broken.append(repr(error))
                fresh = True
                connection.close()
            except (http.client.HTTPException, OSError) as error:
                self.broken.append(repr(error))
                connection.close()
        connection.close()

    def _check(self, response: http.client.HTTPResponse, texts: list[str], body: bytes) -> None:
        answer = json.loads(body)
        if response.status == 200:
            self.answers["200"] += 1
            if answer["model"] not in self.models:
                self.models.append(answer["model"])
            if [result["text"] for result in answer["results"]] != texts:
                self.broken.append(answer)
            return
        self.answers[f"{response.status} {answer['error']['code']}"] += 1
        if response.status in (429, 503):
            if not 1 <= int(response.headers["retry-after"]) <= 60:
                self.broken.append(dict(response.headers))
            time.sleep(0.01)
