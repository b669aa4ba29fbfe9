"""What is typed, made what the parser takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

_OF_NUMBERS = frozenset({"--fractions"})
"""Options that take several numbers, one behind the other."""


def name_each_number(arguments: Sequence[str]) -> Iterator[str]:
    """Write an option of several numbers once before each of them: the parser takes one value an option."""
    option = ""
    for at, argument in enumerate(arguments):
        if option and _is_number(argument):
            if arguments[at - 1] != option:
                yield option
        else:
            option = argument if argument in _OF_NUMBERS else ""
        yield argument


def _is_number(argument: str) -> bool:
    try:
        float(argument)
    except ValueError:
        return False
    return True
