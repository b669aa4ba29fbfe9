"""Settings as TOML are read back as they were."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from polyhead.settings.writing import as_toml

KEYS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
VALUES = st.recursive(
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(KEYS, VALUES, max_size=5))
def test_what_is_written_is_read_back(settings: dict[str, Any]) -> None:
    assert tomllib.loads(as_toml(settings)) == settings


def test_what_is_not_set_is_left_out_and_paths_are_texts() -> None:
    settings = {"output": Path("a b"), "training": {"lr": None, "epochs": 3}, "data": {"train": (Path("x"), "y")}}
    assert as_toml(settings) == 'output = "a b"\n\n[training]\nepochs = 3\n\n[data]\ntrain = ["x", "y"]\n'
