"""How long a run still takes."""

from __future__ import annotations

import pytest

from polyhead.cli.pace import Pace, clock_time
from tests.unit.cli.reports import Clock


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (7.4, "0:07"), (59.6, "1:00"), (754, "12:34"), (3723, "1:02:03")]
)
def test_times_as_they_are_written(seconds: float, text: str) -> None:
    assert clock_time(seconds) == text


def walk(pace: Pace, clock: Clock, *, steps: int, each: float) -> None:
    for _ in range(steps):
        clock.now += each
        pace.step()


def test_the_first_step_tells_nothing() -> None:
    clock = Clock()
    pace = Pace(steps=20, epochs=2, clock=clock)
    assert pace.left() is None
    walk(pace, clock, steps=1, each=30.0)
    assert pace.left() is None
    walk(pace, clock, steps=4, each=2.0)
    assert pace.left() == 15 * 2.0, "warming up is not counted"


def test_dev_scores_and_saving_are_counted_once_they_were_seen() -> None:
    clock = Clock()
    pace = Pace(steps=30, epochs=3, clock=clock)
    walk(pace, clock, steps=10, each=1.0)
    assert pace.left() == 20.0
    clock.now += 5.0
    pace.epoch()
    assert pace.left() == 20.0 + 2 * 5.0
    walk(pace, clock, steps=10, each=1.0)
    assert pace.left() == 10.0 + 2 * 5.0
    clock.now += 4.0
    assert pace.left() == 10.0 + 1.0 + 5.0, "it goes down while scores are computed"
    clock.now += 40.0
    assert pace.left() == 10.0 + 5.0, "but not below what is certainly left"
    pace.epoch()
    walk(pace, clock, steps=10, each=1.0)
    pace.epoch()
    assert pace.left() == 0.0


def test_it_goes_down_during_a_step() -> None:
    clock = Clock()
    pace = Pace(steps=10, epochs=1, clock=clock)
    walk(pace, clock, steps=5, each=2.0)
    clock.now += 1.5
    assert pace.left() == 8.5
