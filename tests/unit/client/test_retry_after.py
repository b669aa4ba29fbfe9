from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from polyhead.client.retrying import asked_for


@pytest.mark.parametrize(
    ("text", "seconds"), [("3", 3), (" 0 ", 0), ("", 0), ("soon", 0), ("-1", 0), ("1.5", 0), ("Wed, 21", 0)]
)
def test_seconds(text: str, seconds: float) -> None:
    assert asked_for({"retry-after": text}) == seconds


def test_none() -> None:
    assert asked_for({}) == 0


def test_a_date_as_proxies_write_it() -> None:
    date = datetime.now(UTC) + timedelta(seconds=20)
    assert 18 <= asked_for({"retry-after": format_datetime(date, usegmt=True)}) <= 20
    assert asked_for({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}) == 0
