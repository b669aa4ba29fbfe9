from __future__ import annotations

import pytest

from polyhead.errors import SettingsError
from polyhead.studies.tuning.durations import seconds_of


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("30m", 1800), ("1h", 3600), ("1h30m", 5400), ("1.5h", 5400), (" 2H5s ", 7205), ("1h1m1s", 3661)],
)
def test_a_length_of_time(text: str, seconds: float) -> None:
    assert seconds_of(text, where="--timeout") == seconds


@pytest.mark.parametrize("text", ["", "90", "1d", "m", "0s", "-1h", "30m1h", "1 h", "1h 30m", "nan"])
def test_what_is_none(text: str) -> None:
    with pytest.raises(SettingsError, match=r"--timeout: wanted a length of time such as 90s, 30m, 1h or 1h30m, found"):
        seconds_of(text, where="--timeout")
