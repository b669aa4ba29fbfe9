"""Both clients over real connections: how many at once, those who go in the middle, connections that break."""

from __future__ import annotations

import asyncio
import builtins
import json
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from polyhead import AsyncClient, Client
from polyhead.errors import MissingExtraError, ServerUnavailableError
from tests.unit.client.fake_server import FakeServer, answer, busy

LIMIT = 60


class Live:
    """The fake server behind uvicorn, on a port of its own; each answer takes `delay` seconds."""

    def __init__(self, fake: FakeServer, delay: float = 0.0) -> None:
        self.fake, self.delay = fake, delay
        self.gone = 0
        app = Starlette(routes=[Route("/{path:path}", self.handle, methods=["GET", "POST"])])
        self.uvicorn = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", lifespan="off", loop="asyncio"))
        self.thread = threading.Thread(target=self.uvicorn.run, daemon=True)

    async def handle(self, request: Request) -> Response:
        body = await request.body()
        predicts = request.url.path == "/v1/predict"
        self.fake.inside += predicts
        self.fake.most = max(self.fake.most, self.fake.inside)
        try:
            await self.delayed(request)
        finally:
            self.fake.inside -= predicts
        found = self.fake(httpx.Request(request.method, str(request.url), headers=request.headers.raw, content=body))
        return Response(found.content, found.status_code, {"content-type": "application/json", **found.headers})

    async def delayed(self, request: Request) -> None:
        until = time.monotonic() + self.delay
        while time.monotonic() < until:
            if await request.is_disconnected():
                self.gone += 1
                return
            await asyncio.sleep(0.01)

    def __enter__(self) -> Live:
        self.thread.start()
        until(lambda: self.uvicorn.started)
        self.url = f"http://127.0.0.1:{self.uvicorn.servers[0].sockets[0].getsockname()[1]}"
        return self

    def __exit__(self, *_: object) -> None:
        self.uvicorn.should_exit = True
        self.thread.join(LIMIT)


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT
    while not true():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.005)


@pytest.fixture
def live() -> Iterator[Live]:
    with Live(FakeServer()) as server:
        yield server


TEXTS = [f"text {number}" for number in range(60)]
ANSWERS = [answer(text) for text in TEXTS]


def test_over_the_wire(live: Live) -> None:
    with Client(live.url, texts_per_request=7) as client:
        assert client.live()
        assert client.ready()
        assert client.predict(TEXTS) == ANSWERS

    async def main() -> list[dict[str, Any]]:
        async with AsyncClient(live.url, texts_per_request=7) as client:
            return await client.predict(TEXTS)

    assert asyncio.run(main()) == ANSWERS


def test_no_more_requests_at_once_than_told(live: Live) -> None:
    live.delay = 0.02
    with Client(live.url, texts_per_request=2, concurrency=3) as client, ThreadPoolExecutor(4) as pool:
        assert list(pool.map(client.predict, [TEXTS] * 4)) == [ANSWERS] * 4
    assert live.fake.most == 3


def test_no_more_requests_at_once_than_told_for_all_tasks_of_a_loop(live: Live) -> None:
    live.delay = 0.02

    async def main() -> list[Any]:
        async with AsyncClient(live.url, concurrency=3) as client:
            return await asyncio.gather(*(client.predict([text]) for text in TEXTS))

    assert asyncio.run(main()) == [[one] for one in ANSWERS]
    assert live.fake.most == 3


def test_texts_may_come_from_an_async_iterator(live: Live) -> None:
    async def source() -> Any:
        for text in TEXTS:
            await asyncio.sleep(0)
            yield text

    async def main() -> list[Any]:
        async with AsyncClient(live.url, texts_per_request=7) as client:
            return [one async for one in client.stream(source())]

    assert asyncio.run(main()) == ANSWERS


def test_a_call_that_is_cancelled_leaves_nothing_behind(live: Live) -> None:
    live.delay = LIMIT

    async def main() -> None:
        async with AsyncClient(live.url, texts_per_request=1, concurrency=3) as client:
            client._known.limits = await limits(live)
            call = asyncio.create_task(client.predict(TEXTS))
            while live.fake.inside < 3:
                await asyncio.sleep(0.005)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            assert len(asyncio.all_tasks()) == 1
            until(lambda: live.gone == 3)
            live.delay = 0.0
            assert await client.predict(TEXTS[:4]) == ANSWERS[:4]

    asyncio.run(main())
    assert live.fake.inside == 0


async def limits(live: Live) -> Any:
    delay, live.delay = live.delay, 0.0
    async with AsyncClient(live.url) as client:
        await client.model()
        live.delay = delay
        return client._known.limits


def test_a_stream_that_is_left_does_not_go_on_waiting(live: Live) -> None:
    def react(request: httpx.Request) -> httpx.Response:
        asked = json.loads(request.content)
        return live.fake.react(request, asked) if asked["texts"] == TEXTS[:1] else busy(50)(request)

    live.fake.pending.extend([react] * 9)
    with Client(live.url, texts_per_request=1, concurrency=4) as client:
        stream = client.stream(TEXTS)
        assert next(stream) == ANSWERS[0]
        until(lambda: len(live.fake.seen) >= 3)
        started = time.monotonic()
        stream.close()
    assert time.monotonic() - started < 10


class Breaking:
    """A server that ends each of its first connections in a way of its own, and answers on those after them."""

    def __init__(self, fake: FakeServer, *ways: str) -> None:
        self.fake, self.ways, self.met = fake, list(ways), []  # type: ignore[var-annotated]
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listening.getsockname()[1]}"
        threading.Thread(target=self.run, daemon=True).start()

    def run(self) -> None:
        while True:
            try:
                connection, _ = self.listening.accept()
            except OSError:
                return
            with connection:
                self.serve(connection)

    def serve(self, connection: socket.socket) -> None:
        stream = connection.makefile("rb")
        first = stream.readline().split()
        headers = dict(line.decode().strip().lower().split(": ", 1) for line in iter(stream.readline, b"\r\n") if line)
        if not first:
            return
        body = stream.read(int(headers.get("content-length", 0)))
        way = self.ways.pop(0) if self.ways and first[0] == b"POST" else "answer"
        self.met.append(way)
        said = self.fake(httpx.Request(first[0].decode(), self.url + first[1].decode(), content=body)).content
        whole = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(said) + said
        sent = {"answer": len(whole), "reset in the headers": 20, "closed in the body": len(whole) - 9}.get(way, 0)
        connection.sendall(whole[:sent])
        stream.close()
        if way.startswith("reset"):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


WAYS = ("reset at once", "reset in the headers", "closed in the body", "closed at once")


@pytest.mark.parametrize("way", WAYS)
def test_a_connection_that_breaks_is_no_loss(way: str) -> None:
    server = Breaking(FakeServer(), way)
    with Client(server.url, concurrency=1) as client:
        client._pause = lambda seconds, gone: None  # type: ignore[method-assign]
        assert client.predict(TEXTS) == ANSWERS
    assert server.met == ["answer", way, "answer"]

    async def main() -> list[dict[str, Any]]:
        async with AsyncClient(Breaking(FakeServer(), way).url, concurrency=1) as client:
            return await client.predict(TEXTS)

    assert asyncio.run(main()) == ANSWERS
    server.listening.close()


def test_connections_that_always_break_are_told() -> None:
    server = Breaking(FakeServer(), *WAYS, *WAYS)
    with Client(server.url, concurrency=1, retries=3) as client:
        client._pause = lambda seconds, gone: None  # type: ignore[method-assign]
        with pytest.raises(ServerUnavailableError, match="asked 4 times") as caught:
            client.predict(TEXTS)
    assert len(caught.value.attempts) == 4
    server.listening.close()


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with Client(url, retries=0) as client:
        assert not client.live()
        with pytest.raises(ServerUnavailableError, match=r"no answer: ConnectError: .*; asked once") as caught:
            client.predict(["text"])
    assert caught.value.code == "no_connection"


def test_an_answer_that_takes_too_long_is_not_asked_for_again(live: Live) -> None:
    live.delay = LIMIT
    with Client(live.url, timeout=0.2) as client:
        client._known.limits = asyncio.run(limits(live))
        with pytest.raises(ServerUnavailableError, match=r"no answer: ReadTimeout.*raise timeout") as caught:
            client.predict(["text"])
    assert (caught.value.code, len(caught.value.attempts)) == ("too_slow", 1)


def test_without_httpx_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    importing = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name == "httpx":
            raise ModuleNotFoundError(name)
        return importing(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    for client in (Client, AsyncClient):
        with pytest.raises(MissingExtraError, match=r"asking a server needs the extra 'client'"):
            client("http://127.0.0.1:8000")


def test_a_client_needs_nothing_of_what_a_model_needs() -> None:
    code = (
        "import sys, polyhead; polyhead.Client, polyhead.AsyncClient; before = 'httpx' in sys.modules\n"
        "polyhead.Client('http://x').close(); heavy = {'numpy', 'pydantic', 'tokenizers', 'onnxruntime', 'torch'}\n"
        "print(before, sorted(heavy & set(sys.modules)))"
    )
    code = f"import sys; sys.path[:0] = {sys.path!r}; {code}"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False []\n"
    )
