"""Work that is begun before the work before it has ended; what becomes of it comes in its order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")
Begun = TypeVar("Begun")
Ended = TypeVar("Ended")


def in_order(
    items: Iterable[Item],
    begin: Callable[[Item], Begun],
    end: Callable[[Begun], Ended],
    *,
    ahead: Callable[[Begun], int],
) -> Iterator[Ended]:
    """Yield what becomes of each item, in their order.

    Where the items themselves come to a bad end, at a line of a file that cannot be read, say, those before it are
    ended first.

    Args:
        items: The items; each is taken when it is to be begun.
        begin: Begins with one.
        end: Waits for its end.
        ahead: How many of those before one that was begun may still be under way.

    Raises:
        Exception: Whatever the items, `begin` or `end` raise.
    """
    waiting: deque[Begun] = deque()
    source = iter(items)
    trouble: Exception | None = None
    while True:
        try:
            item = next(source)
        except StopIteration:
            break
        except Exception as error:  # whatever it is: it is raised in its turn
            trouble = error
            break
        begun = begin(item)
        waiting.append(begun)
        while len(waiting) > ahead(begun):
            yield end(waiting.popleft())
    while waiting:
        yield end(waiting.popleft())
    if trouble is not None:
        raise trouble
