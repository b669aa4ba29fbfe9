import asyncio

import pytest

from polyhead.serving.pace import Pace, Stopwatch


def test_tokens_are_estimated_as_the_last_batches_had_them():
    pace = Pace(100)
    assert pace.sizes(["", "a" * 100, ("a" * 50, "a" * 50)]) == [2, 32, 32]
    for _ in range(200):
        pace.learn(["a" * 100] * 4, tokens=4 * 102, seconds=1.0)
    assert pace.sizes(["a" * 100])[0] == pytest.approx(102, abs=2)


def test_a_token_takes_what_full_batches_took():
    pace = Pace(100)
    pace.learn(["a"], tokens=3, seconds=1.0)
    assert pace.token_seconds == 0.0, "a small batch says nothing of that"
    pace.learn(["a" * 300], tokens=100, seconds=1.0)
    assert pace.token_seconds == 0.01
    pace.learn(["a" * 300], tokens=100, seconds=2.0)
    assert 0.01 < pace.token_seconds < 0.02


def test_batches_that_overlap_are_not_counted_twice():
    async def run():
        watch = Stopwatch()
        now = 0.0
        watch._clock = lambda: now
        first, second = watch.now(), watch.now()
        now = 2.0
        assert watch.taken(first) == 2.0
        now = 3.0
        assert watch.taken(second) == 1.0
        now = 9.0
        alone = watch.now()
        now = 10.0
        assert watch.taken(alone) == 1.0

    asyncio.run(run())
