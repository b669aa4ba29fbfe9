"""Twice what the server can do: who is answered is answered in time, the others are told, and memory stays flat."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from pathlib import Path

import httpx
import psutil
import pytest

from tests.serving.live import Server

DEADLINE = 5.0
TEXTS = ["Book a table for four near Union Square tomorrow at seven, please. " * 3] * 8


class Storm:
    """Requests at a rate that does not wait for answers.

    Args:
        server: The server.
    """

    def __init__(self, server: Server) -> None:
        self._url = f"http://127.0.0.1:{server.port}/v1/predict"
        self.statuses: Counter[int] = Counter()
        self.seconds: list[float] = []
        self.retries: list[int] = []

    async def ask(self, client: httpx.AsyncClient) -> None:
        answer = await client.post(self._url, json={"texts": TEXTS})
        self.statuses[answer.status_code] += 1
        if answer.status_code == 200:
            # As the server counts: where others are at work, too, what waits the longest waits for this client.
            self.seconds.append(answer.json()["milliseconds"] / 1000)
        elif answer.status_code == 429:
            self.retries.append(int(answer.headers["retry-after"]))

    async def closed(self, clients: int, seconds: float) -> float:
        """Ask one after the other from so many clients; return how many answers there were a second."""
        begin = sum(self.statuses.values())

        async def loop(client: httpx.AsyncClient) -> None:
            while time.perf_counter() < end:
                await self.ask(client)

        end = time.perf_counter() + seconds
        async with httpx.AsyncClient(timeout=60, limits=httpx.Limits(max_connections=clients)) as client:
            await asyncio.gather(*(loop(client) for _ in range(clients)))
        return (sum(self.statuses.values()) - begin) / seconds

    async def open(self, rate: float, seconds: float) -> None:
        """Ask so often a second, whatever becomes of it."""
        limits = httpx.Limits(max_connections=1000, max_keepalive_connections=1000)
        async with httpx.AsyncClient(timeout=60, limits=limits) as client:
            begin, asked = time.perf_counter(), []
            while (now := time.perf_counter() - begin) < seconds:
                asked += [asyncio.create_task(self.ask(client)) for _ in range(int(now * rate) - len(asked))]
                await asyncio.sleep(0.005)
            await asyncio.gather(*asked)


def memory(server: Server) -> int:
    """Bytes of all processes."""
    return sum(one.memory_info().rss for one in (psutil.Process(server.process.pid), *server.children))


def overload(model: Path, seconds: float) -> None:
    way = ("--runtime", "onnxruntime", "--precision", "fp32", "--deadline-seconds", DEADLINE, "--queue-requests", 64)
    with Server(model, *way, "--no-log-requests") as server:
        server.ready()
        storm = Storm(server)
        rate = asyncio.run(storm.closed(8, max(2.0, seconds / 8)))
        asyncio.run(storm.open(2 * rate, max(2.0, seconds / 4)))  # to warm up: memory grows to what such a load takes
        storm.statuses.clear(), storm.seconds.clear(), storm.retries.clear()
        before = memory(server)
        asyncio.run(storm.open(2 * rate, seconds))
        after = memory(server)
        assert storm.statuses.keys() <= {200, 429}, storm.statuses
        assert storm.statuses[429] or seconds < 60, "a machine that was busy as its capacity was measured had more then"
        slowest = sorted(storm.seconds)[int(0.99 * len(storm.seconds))]
        assert slowest < DEADLINE, f"p99 is {slowest:.2f} s"
        assert storm.statuses[200] > 0.3 * rate * seconds, "what could be answered was"
        assert all(1 <= retry <= 10 for retry in storm.retries)
        assert after < 1.05 * before, f"{before / 2**20:.0f} MiB became {after / 2**20:.0f} MiB"
        assert server.predict("well").status == 200
        assert server.metric("polyhead_queue_tokens") == 0
        assert server.metric("polyhead_process_restarts_total") == 0
        print(f"{rate:.0f} a second; {dict(storm.statuses)}; p99 {slowest:.2f} s; {before >> 20} → {after >> 20} MiB")


def test_twice_the_capacity_for_a_moment(two_tasks: Path) -> None:
    overload(two_tasks, 4)


@pytest.mark.slow  # a minute of load, and what goes before it
def test_twice_the_capacity_for_a_minute(two_tasks: Path) -> None:
    overload(two_tasks, 60)
