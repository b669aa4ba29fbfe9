"""What a pickle says, read as data: nothing is imported, nothing is called.

A pickle is a small program for a stack machine. Here it runs on a machine that can only build texts, numbers, lists,
tables, and notes that say what the program would have imported (`Global`) and called (`Call`). Of its instructions,
those are known that `torch.save` writes for tensors and texts; whatever else a file has is named in the complaint.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_MOST_STEPS = 400_000
"""A model of a thousand tensors takes 35,000."""


class PickleError(ValueError):
    """A pickle is none, or none that we read."""


@dataclass(frozen=True)
class Global:
    """What a pickle would import.

    Attributes:
        name: Module and name, such as ``posix.system``.
    """

    name: str


@dataclass(frozen=True)
class Call:
    """What a pickle would call.

    Attributes:
        function: What is called.
        arguments: With what.
    """

    function: object
    arguments: object


@dataclass(frozen=True)
class Persistent:
    """A part that lies elsewhere in the file.

    Attributes:
        key: What it is known by.
    """

    key: object


@dataclass(frozen=True)
class Reading:
    """A pickle as data.

    Attributes:
        value: What it makes, if it were let.
        imports: What it would import, in order.
    """

    value: Any
    imports: tuple[str, ...]


def read_pickle(content: bytes) -> Reading:
    """Read a pickle as data.

    Raises:
        PickleError: If it is none, or has an instruction that files of tensors and texts have no use for.
    """
    machine = _Machine()
    try:
        for opcode, argument, _ in pickletools.genops(content):
            machine.step(opcode.name, argument)
    except PickleError:
        raise
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise PickleError(f"its instructions make no sense: {error}") from error
    return Reading(machine.value(), tuple(dict.fromkeys(machine.imports)))


def imports_of(content: bytes) -> tuple[str, ...]:
    """Name what a pickle would import, as far as it can be read; also one that `read_pickle` refuses."""
    found: list[str] = []
    texts = ["?", "?"]
    try:
        for number, (opcode, argument, _) in enumerate(pickletools.genops(content)):
            if number > _MOST_STEPS:
                break
            if isinstance(argument, str) and "UNICODE" in opcode.name:
                texts = [texts[-1], argument]
            if opcode.name in {"GLOBAL", "INST"}:
                found.append(str(argument).replace(" ", ".", 1))
            elif opcode.name == "STACK_GLOBAL":
                found.append(".".join(texts))
    except (ValueError, IndexError, TypeError, OverflowError):
        pass  # what stands before the damage is said
    return tuple(dict.fromkeys(name[:120] for name in found))


class _Machine:
    """The stack, what is kept for later, and the marks."""

    def __init__(self) -> None:
        self.imports: list[str] = []
        self._steps = 0
        self._stack: list[Any] = []
        self._marks: list[int] = []
        self._kept: dict[int, Any] = {}

    def value(self) -> Any:
        """Return what is left in the end."""
        if len(self._stack) != 1 or self._marks:
            raise PickleError("it does not end with one value")
        return self._stack[0]

    def step(self, name: str, argument: Any) -> None:
        """Do one instruction."""
        self._steps += 1
        if self._steps > _MOST_STEPS:
            raise PickleError(f"it has more than {_MOST_STEPS:,} instructions")
        if name in _VALUES:
            self._stack.append(argument if argument is not None else _VALUES[name]())
        elif name in _KEEPS and argument <= _MOST_STEPS:  # others make a place for all that comes before
            self._kept[argument] = self._stack[-1]
        elif name in _GETS:
            self._stack.append(self._kept[argument])
        elif name in _STEPS:
            _STEPS[name](self, argument)
        elif name not in {"PROTO", "STOP"}:
            raise PickleError(f"it has the instruction {name}, for which a file of tensors and texts has no use")

    def _since_mark(self) -> list[Any]:
        mark = self._marks.pop()
        taken, self._stack[mark:] = self._stack[mark:], []
        return taken

    def mark(self, _: Any) -> None:
        """Remember where the stack is."""
        self._marks.append(len(self._stack))

    def tuple_since_mark(self, _: Any) -> None:
        """Make a tuple of what stands above the mark."""
        self._stack.append(tuple(self._since_mark()))

    def tuple_of(self, count: int) -> None:
        """Make a tuple of the last values."""
        if len(self._stack) < count:
            raise PickleError("it takes more than there is")
        taken, self._stack[-count:] = tuple(self._stack[-count:]), []
        self._stack.append(taken)

    def set_items(self, _: Any) -> None:
        """Put the pairs above the mark into a table."""
        pairs = self._since_mark()
        for key, value in zip(pairs[::2], pairs[1::2], strict=True):
            self._put(key, value)

    def set_item(self, _: Any) -> None:
        """Put one pair into a table."""
        value, key = self._stack.pop(), self._stack.pop()
        self._put(key, value)

    def appends(self, _: Any) -> None:
        """Put what stands above the mark into a list."""
        taken = self._since_mark()
        self._list().extend(taken)

    def append(self, _: Any) -> None:
        """Put one value into a list."""
        value = self._stack.pop()
        self._list().append(value)

    def imported(self, argument: str) -> None:
        """Note what it would import."""
        name = argument.replace(" ", ".", 1)
        self.imports.append(name)
        self._stack.append(Global(name))

    def call(self, _: Any) -> None:
        """Note what it would call; an ordered table is made a table."""
        arguments, function = self._stack.pop(), self._stack.pop()
        ordered = isinstance(function, Global) and function.name == "collections.OrderedDict"
        self._stack.append({} if ordered else Call(function, arguments))

    def build(self, _: Any) -> None:
        """Let go of what would be set on a value: the versions that a network's table of weights carries."""
        self._stack.pop()

    def persistent(self, _: Any) -> None:
        """Note a part that lies elsewhere."""
        self._stack.append(Persistent(self._stack.pop()))

    def _put(self, key: Any, value: Any) -> None:
        # Only texts and numbers: to hash tuples that hold one another sixty deep takes years.
        if type(self._stack[-1]) is not dict or type(key) not in {str, int}:
            raise PickleError("it puts pairs into what is no table, or by a key that is no text")
        self._stack[-1][key] = value

    def _list(self) -> list[Any]:
        if type(self._stack[-1]) is not list:
            raise PickleError("it puts values into what is no list")
        found: list[Any] = self._stack[-1]
        return found


_VALUES: dict[str, Callable[[], Any]] = {
    **dict.fromkeys(("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE"), int),
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
}
_KEEPS = frozenset({"BINPUT", "LONG_BINPUT"})
_GETS = frozenset({"BINGET", "LONG_BINGET"})
_STEPS: dict[str, Callable[[_Machine, Any], None]] = {
    "MARK": _Machine.mark,
    "TUPLE": _Machine.tuple_since_mark,
    "TUPLE1": lambda machine, _: machine.tuple_of(1),
    "TUPLE2": lambda machine, _: machine.tuple_of(2),
    "TUPLE3": lambda machine, _: machine.tuple_of(3),
    "SETITEMS": _Machine.set_items,
    "SETITEM": _Machine.set_item,
    "APPENDS": _Machine.appends,
    "APPEND": _Machine.append,
    "GLOBAL": _Machine.imported,
    "REDUCE": _Machine.call,
    "BUILD": _Machine.build,
    "BINPERSID": _Machine.persistent,
}
