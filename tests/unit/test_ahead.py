"""Work that is begun ahead."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from polyhead.ahead import in_order


def told(items: object, ahead: int, log: list[str]) -> Iterator[str]:
    def begin(item: int) -> int:
        log.append(f"+{item}")
        return item

    def end(item: int) -> str:
        log.append(f"-{item}")
        return f"done {item}"

    return in_order(items, begin, end, ahead=lambda _: ahead)  # type: ignore[arg-type, type-var]


@pytest.mark.parametrize(
    ("ahead", "wanted"),
    [(0, "+0 -0 +1 -1 +2 -2 +3 -3"), (1, "+0 +1 -0 +2 -1 +3 -2 -3"), (9, "+0 +1 +2 +3 -0 -1 -2 -3")],
)
def test_so_many_are_under_way_and_they_end_in_order(ahead: int, wanted: str) -> None:
    log: list[str] = []
    assert list(told(range(4), ahead, log)) == [f"done {item}" for item in range(4)]
    assert log == wanted.split()


@pytest.mark.parametrize("ahead", [0, 1, 5])
def test_what_came_before_a_bad_end_is_ended_first(ahead: int) -> None:
    def bad() -> Iterator[int]:
        yield from range(3)
        raise ZeroDivisionError("at item 3")

    log: list[str] = []
    found = told(bad(), ahead, log)
    assert [next(found) for _ in range(3)] == ["done 0", "done 1", "done 2"]
    with pytest.raises(ZeroDivisionError, match="at item 3"):
        next(found)


def test_an_item_is_taken_when_it_is_to_be_begun() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for item in range(9):
            taken.append(item)
            yield item

    found = told(items(), 0, [])
    next(found)
    assert taken == [0]


def test_nothing_gives_nothing() -> None:
    assert list(told([], 3, [])) == []
