import asyncio
from contextlib import suppress
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyhead.serving.pump import Pump
from polyhead.serving.refusals import QUEUE_FULL, Refusal
from polyhead.serving.waiting import Asked, Queue


def asked(loop, *sizes, name="t"):
    return Asked(
        texts=[f"{name}{at}" for at in range(len(sizes))],
        truncated=frozenset(),
        tasks=["a"],
        confidence=0.0,
        sizes=sizes,
        answer=loop.create_future(),
        arrived=0.0,
    )


@pytest.fixture
def loop():
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


def put(queue, request, *, token_seconds=0.0, most_seconds=1.0):
    queue.put(request, token_seconds=token_seconds, most_seconds=most_seconds)


def texts(parts):
    return [list(part.asked.texts[part.start : part.end]) for part in parts]


def test_a_batch_is_what_waits_up_to_its_budget(loop):
    queue = Queue(requests=9, tokens=999, budget=10)
    for name in "abc":
        put(queue, asked(loop, 4, name=name))
    assert texts(queue.batch()) == [["a0"], ["b0"]]
    assert texts(queue.batch()) == [["c0"]]
    assert queue.batch() == []
    assert (len(queue), queue.tokens) == (0, 0)


def test_what_is_asked_goes_with_every_part_of_a_request(loop):
    queue = Queue(requests=9, tokens=999, budget=10)
    request = asked(loop, 8, 8)
    request.top_k = 3
    put(queue, request)
    put(queue, asked(loop, 2))
    sent = [part.to_json() for _ in range(2) for part in queue.batch()]
    assert [(part["texts"], part.get("top_k")) for part in sent] == [(["t0"], 3), (["t0"], None), (["t1"], 3)]


def test_requests_take_turns(loop):
    queue = Queue(requests=9, tokens=9999, budget=64)
    put(queue, asked(loop, *[1] * 100, name="many"))
    put(queue, asked(loop, 1, name="one"))
    assert [len(part) for part in texts(queue.batch())] == [64]
    assert [len(part) for part in texts(queue.batch())] == [1, 36]


def test_a_large_text_goes_first_into_a_batch_and_not_into_one_of_small_ones(loop):
    queue = Queue(requests=9, tokens=9999, budget=10)
    put(queue, asked(loop, 1, name="small"))
    put(queue, asked(loop, 500, 500, name="large"))
    put(queue, asked(loop, 1, name="late"))
    assert [texts(queue.batch()) for _ in range(4)] == [[["small0"]], [["large0"]], [["late0"]], [["large1"]]]


def test_bounds(loop):
    queue = Queue(requests=2, tokens=100, budget=10)
    put(queue, asked(loop, 1000))  # alone, whatever its size
    with pytest.raises(Refusal) as caught:
        put(queue, asked(loop, 1), token_seconds=0.002, most_seconds=9)
    assert caught.value.reason is QUEUE_FULL
    assert (b"retry-after", b"2") in caught.value.headers()
    queue.batch()
    put(queue, asked(loop, 50))
    with pytest.raises(Refusal):
        put(queue, asked(loop, 51))
    put(queue, asked(loop, 50))
    with pytest.raises(Refusal):
        put(queue, asked(loop, 0))
    assert (len(queue), queue.tokens) == (2, 100)


def test_what_could_not_be_answered_in_time_is_refused_at_once(loop):
    queue = Queue(requests=99, tokens=10_000, budget=10)
    put(queue, asked(loop, 100), token_seconds=0.02, most_seconds=1.0)
    with pytest.raises(Refusal):
        put(queue, asked(loop, 1), token_seconds=0.02, most_seconds=1.0)
    put(queue, asked(loop, 1), token_seconds=0.01, most_seconds=1.0)


def test_what_came_to_nothing_goes_first_and_alone(loop):
    queue = Queue(requests=9, tokens=999, budget=100)
    first, second, third = (asked(loop, 1, name=name) for name in "abc")
    put(queue, first)
    put(queue, second)
    (part, _) = queue.batch()
    put(queue, third)
    assert first.begin_anew()
    queue.put_back(first)
    assert queue.suspect
    assert texts(queue.batch()) == [["a0"]]
    assert not queue.suspect
    first.add(part, b"an answer that comes too late")
    assert not first.answer.done()
    assert texts(queue.batch()) == [["c0"]]
    assert not first.begin_anew(), "two attempts"


def test_who_waits_for_a_request(loop):
    async def run():
        queue = Queue(requests=9, tokens=999, budget=100)
        waiting = asyncio.ensure_future(queue.some())
        await asyncio.sleep(0)
        assert not waiting.done()
        put(queue, asked(asyncio.get_running_loop(), 1))
        await asyncio.wait_for(waiting, 1)
        queue.forget(next(iter(queue._waiting)))
        assert queue.tokens == 0
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(queue.some(), 0.01)

    loop.run_until_complete(run())


STEPS = st.lists(
    st.one_of(
        st.lists(st.integers(0, 30), min_size=1, max_size=90),  # a request comes
        st.sampled_from(["batch", "end", "fail", "leave"]),
    ),
    max_size=60,
)


class Play:
    """A queue, requests, and batches that are under way."""

    def __init__(self, chance):
        self.loop, self.chance = asyncio.new_event_loop(), chance
        self.queue = Queue(requests=6, tokens=400, budget=40)
        self.requests, self.under_way = [], []

    def come(self, sizes):
        request = asked(self.loop, *sizes, name=f"r{len(self.requests)}-")
        with suppress(Refusal):
            put(self.queue, request)
            self.requests.append(request)

    def batch(self):
        if parts := self.queue.batch():
            self.under_way.append(parts)

    def _one(self):
        return self.under_way.pop(self.chance.randrange(len(self.under_way))) if self.under_way else ()

    def end(self):
        for part in self._one():
            part.asked.add(part, b",".join(part.asked.texts[at].encode() for at in range(part.start, part.end)))

    def fail(self):
        Pump._again(SimpleNamespace(_queue=self.queue), self._one())

    def leave(self):
        one = self.chance.choice(self.requests) if self.requests else None
        if one and not one.answer.done():
            one.answer.cancel()
            self.queue.forget(one)

    def check(self):
        assert self.queue.tokens == sum(one.tokens for one in self.queue._waiting)
        assert len(set(self.queue._waiting)) == len(self.queue)


@settings(deadline=None)
@given(STEPS, st.randoms(use_true_random=False))
def test_whatever_happens_each_request_has_all_its_answers_in_order_or_none(steps, chance):
    play = Play(chance)
    for step in [*steps, *["batch", "end"] * 400]:
        play.come(step) if isinstance(step, list) else getattr(play, step)()
        play.check()
    assert (len(play.queue), play.queue.tokens, play.under_way) == (0, 0, [])
    for one in play.requests:
        assert one.answer.done()
        if not one.answer.cancelled() and one.answer.exception() is None:
            assert one.answer.result().decode().split(",") == list(one.texts)
    play.loop.close()
