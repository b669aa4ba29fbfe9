"""YAML from strangers, node by node with their lines: no tags, no aliases, no depth without end, nothing made of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from polyhead.errors import DataError, MissingExtraError
from polyhead.records import Source

Node = Any
"""A node of PyYAML, which may not be installed."""

_DEPTH = 20
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Yaml:
    """One YAML document whose top is a mapping, read piece by piece.

    Args:
        stream: The file.
        path: As the user named it.

    Raises:
        MissingExtraError: If PyYAML is not installed.
    """

    def __init__(self, stream: TextIO, path: str) -> None:
        try:
            import yaml
        except ImportError as error:
            raise MissingExtraError(f"{path}: a file of YAML", "formats") from error
        self._yaml, self._path = yaml, path
        with self._explained():
            self._loader: Any = _loader_of(yaml)(_Printable(stream, path))
            self._begin()

    def _begin(self) -> None:
        self._loader.get_event()
        if self._loader.check_event(self._yaml.StreamEndEvent):
            return
        self._loader.get_event()
        if not self._loader.check_event(self._yaml.MappingStartEvent):
            raise DataError(f"{self.source(self._loader.peek_event())}: must be fields, such as 'nlu:', with values")
        self._loader.get_event()

    def fields(self) -> Iterator[str]:
        """Go through the top; whoever does must take each value, by `items` or `value`, as it comes.

        Yields:
            The names of its fields.

        Raises:
            DataError: If it is not YAML, or a field stands there twice.
        """
        seen: set[str] = set()
        while not self._next_is(self._yaml.MappingEndEvent, self._yaml.StreamEndEvent):
            node = self.value()
            name = str(node.value) if isinstance(node, self._yaml.ScalarNode) else ""
            if not name or name in seen:
                rule = f"the field {name!r} stands there twice" if name else "the name of a field must be a word"
                raise DataError(f"{self.source(node)}: {rule}")
            seen.add(name)
            yield name
        self._end()

    def _end(self) -> None:
        with self._explained():
            while not self._loader.check_event(self._yaml.StreamEndEvent):
                event = self._loader.get_event()
                if isinstance(event, self._yaml.DocumentStartEvent):
                    raise DataError(f"{self.source(event)}: a second document; put each in a file of its own")

    def items(self) -> Iterator[Node]:
        """Yield the items of a list, which the next value must be; an empty value has none."""
        if not self._next_is(self._yaml.SequenceStartEvent):
            node = self.value()
            if not (isinstance(node, self._yaml.ScalarNode) and node.value == ""):
                raise DataError(f"{self.source(node)}: must be a list: lines that begin with '- '")
            return
        self._loader.get_event()
        while not self._next_is(self._yaml.SequenceEndEvent):
            yield self.value()
        self._loader.get_event()

    def value(self) -> Node:
        """Return the next value whole."""
        with self._explained():
            return self._node(_DEPTH)

    def _node(self, depth: int) -> Node:
        own, event = self._yaml, self._loader.get_event()
        if isinstance(event, own.AliasEvent) or event.anchor:
            raise DataError(
                f"{self.source(event)}: anchors and aliases (& and *) are not taken; write it out, or quote it"
            )
        if event.tag and event.tag != "!":
            raise DataError(f"{self.source(event)}: tags ({event.tag[:40]}) are not taken; leave it out, or quote it")
        if depth == 0:
            raise DataError(f"{self.source(event)}: nested too deeply")
        if isinstance(event, own.ScalarEvent):
            return own.ScalarNode("", event.value, event.start_mark, event.end_mark, event.style)
        children: list[Any] = []
        if isinstance(event, own.SequenceStartEvent):
            while not self._loader.check_event(own.SequenceEndEvent):
                children.append(self._node(depth - 1))
            self._loader.get_event()
            return own.SequenceNode("", children, event.start_mark)
        while not self._loader.check_event(own.MappingEndEvent):
            children.append((self._node(depth - 1), self._node(depth - 1)))
        self._loader.get_event()
        return own.MappingNode("", children, event.start_mark)

    def mapping(self, node: Node) -> dict[str, Node]:
        """Return the fields of a node.

        Raises:
            DataError: If it has none, or one twice.
        """
        if not isinstance(node, self._yaml.MappingNode):
            raise DataError(f"{self.source(node)}: must be fields with values, such as 'intent: greet'")
        found: dict[str, Node] = {}
        for key, value in node.value:
            name = self.word(key)
            if name in found:
                raise DataError(f"{self.source(key)}: the field {name!r} stands there twice")
            found[name] = value
        return found

    def sequence(self, node: Node) -> list[Node] | None:
        """Return the items of a node; `None` where it is no list."""
        return list(node.value) if isinstance(node, self._yaml.SequenceNode) else None

    def word(self, node: Node) -> str:
        """Return a node's text as it was written, whatever YAML would make of it.

        Raises:
            DataError: If it is a list or has fields.
        """
        if isinstance(node, self._yaml.ScalarNode):
            return str(node.value)
        raise DataError(f"{self.source(node)}: must be a text")

    def lines(self, node: Node) -> list[tuple[Source, str]]:
        """Return the lines of a text, each with its place; those of a quoted one stand where it begins.

        Raises:
            DataError: If it is no text, or is folded (``>``), so that its lines are not those of the file.
        """
        text = self.word(node)
        if node.style == ">":
            raise DataError(f"{self.source(node)}: '>' joins the lines; begin the block with '|'")
        first = node.start_mark.line + 2
        return [
            (Source(self._path, first + number) if node.style == "|" else self.source(node), line)
            for number, line in enumerate(text.split("\n"))
        ]

    def source(self, node: Any) -> Source:
        """Return where a node begins."""
        return Source(self._path, node.start_mark.line + 1)

    def _next_is(self, *kinds: type) -> bool:
        with self._explained():
            return bool(self._loader.check_event(*kinds))

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn what the parser raises into a complaint with its line."""
        try:
            yield
        except self._yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = mark.line + 1 if mark else 1
            raise DataError(f"{self._path}:{line}: not valid YAML: {error.problem or error.context}") from error
        except (self._yaml.YAMLError, ValueError, RecursionError) as error:
            if isinstance(error, DataError | UnicodeDecodeError):
                raise
            raise DataError(f"{self._path}:1: not valid YAML: {error}") from error


def _loader_of(own: Any) -> Any:
    """Return PyYAML's loader with a bound on brackets in brackets, each of which it looks at for every token."""

    class Loader(own.SafeLoader):  # type: ignore[misc]
        def fetch_flow_collection_start(self, kind: type) -> None:
            if self.flow_level >= _DEPTH:
                raise own.scanner.ScannerError(None, None, "nested too deeply", self.get_mark())
            super().fetch_flow_collection_start(kind)

    return Loader


class _Printable:
    """Text without the characters that YAML forbids, which its parser finds without their line."""

    def __init__(self, stream: TextIO, path: str) -> None:
        self._stream, self._path, self._line = stream, path, 1

    def read(self, size: int = -1) -> str:
        text = self._stream.read(size)
        if found := _UNPRINTABLE.search(text):
            line = self._line + text.count("\n", 0, found.start())
            raise DataError(f"{self._path}:{line}: not valid YAML: the character {found[0]!r}")
        self._line += text.count("\n")
        return text
