"""What texts cost, and how large a batch may be for it."""

from __future__ import annotations

import pytest

from polyhead.serving.pace import Pace

TEXT = "a" * 400


def test_a_batch_may_be_as_large_as_is_set_until_it_is_known_what_a_token_takes() -> None:
    assert Pace(4096, 0.2).budget == 4096


def test_a_batch_takes_no_longer_than_it_may() -> None:
    pace = Pace(4096, 0.2)
    pace.learn([TEXT] * 20, tokens=2000, seconds=1.0)
    assert pace.token_seconds == pytest.approx(0.0005)
    assert pace.budget == 400


def test_a_slow_time_is_not_remembered_for_ever() -> None:
    """Batches were cut for it, and the smaller ones must still say what a token takes."""
    pace = Pace(4096, 0.2)
    pace.learn([TEXT] * 20, tokens=2000, seconds=10.0)
    assert pace.budget == 64
    for _ in range(100):
        tokens = pace.budget
        pace.learn([TEXT], tokens=tokens, seconds=tokens * 1e-5)
    assert pace.budget == 4096


def test_a_small_batch_says_nothing_of_what_a_token_takes() -> None:
    pace = Pace(4096, 0.2)
    pace.learn(["a"], tokens=3, seconds=0.01)
    assert pace.token_seconds == 0.0
