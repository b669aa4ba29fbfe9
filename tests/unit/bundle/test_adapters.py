"""What `polyhead.json` says of adapters, and the passes that follow from it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from polyhead.bundle.about import About
from polyhead.bundle.adapters import AdapterState, check_adapters, passes_of
from polyhead.errors import BundleError
from tests.unit.bundle.abouts import about

STATE: dict[str, Any] = {"key": "adapter_0", "tasks": ("a",), "rank": 4, "alpha": 8.0, "targets": ("query",)}


def state(**changes: Any) -> AdapterState:
    return AdapterState(**{**STATE, **changes})


def test_without_adapters_there_is_one_pass() -> None:
    assert passes_of((), ["a", "b"]) == [(None, ["a", "b"])]
    assert passes_of((), []) == [(None, [])]


def test_tasks_that_share_an_adapter_share_a_pass_and_those_without_one_read_the_encoder_as_it_is() -> None:
    adapters = (state(tasks=("a", "c")), state(key="adapter_7", tasks=("d",)))
    assert passes_of(adapters, ["a", "b", "c", "d"]) == [
        (None, ["b"]),
        ("adapter_0", ["a", "c"]),
        ("adapter_7", ["d"]),
    ]
    assert passes_of(adapters, ["c"]) == [("adapter_0", ["c"])]
    assert passes_of(adapters, []) == []


@pytest.mark.parametrize(
    "adapters",
    [
        (state(), state(tasks=("b",))),
        (state(), state(key="adapter_1")),
        (state(tasks=("z",)),),
    ],
    ids=["one name twice", "one task twice", "no task of the model"],
)
def test_what_does_not_go_together_is_refused(adapters: tuple[AdapterState, ...]) -> None:
    with pytest.raises(BundleError, match=r"^polyhead\.json: each adapter has a name of its own, and tasks"):
        check_adapters(adapters, ["a", "b"])


@pytest.mark.parametrize(
    "changes",
    [
        {"key": "../adapter"},
        {"key": "adapter_0\n"},
        {"rank": 0},
        {"rank": 10**9},
        {"alpha": float("inf")},
        {"targets": ()},
        {"targets": ("(a+)+$",)},
        {"tasks": ()},
        {"code": "x"},
    ],
    ids=str,
)
def test_what_is_no_adapter_is_refused(changes: dict[str, Any]) -> None:
    described = json.loads(about().dump())
    described["adapters"] = [{**STATE, **changes}]
    with pytest.raises(BundleError, match=r"^polyhead\.json cannot be read"):
        About.parse(json.dumps(described))


def test_it_comes_back_and_is_not_written_where_there_is_none() -> None:
    assert "adapters" not in json.loads(about().dump())
    with_one = about().model_copy(update={"adapters": (state(),)})
    assert About.parse(with_one.dump()).adapters == (state(),)
