"""Records to lines of JSON and back, with exact types and no pickle.

What JSON has stands as it is, but for objects: ``{"t": [...]}`` is a tuple, ``{"f": [...]}`` a frozenset, ``{"d":
[[key, value], ...]}`` a dictionary, ``{"p": [start, end, label]}`` a span, ``{"s": [[start, end, label], ...]}`` spans,
with ``"k"`` where they are known to a place only.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from polyhead.records import Record, Source, Span, Spans

_AS_THEY_ARE = frozenset({str, int, float, bool, type(None)})
_write = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode


class CannotStoreError(Exception):
    """Something has a type that the cache does not know, so that it cannot come back as what it was."""


def record_line(record: Record, path: int) -> bytes:
    """Return a record as a line.

    Args:
        record: The record.
        path: The number by which its file is known.

    Raises:
        CannotStoreError: If an annotation has a type that is not known here, as those of an outside kind may.
    """
    line = record.source.line if record.source else 0
    annotations = {name: _encoded(value) for name, value in record.annotations.items()}
    return _write([record.text, record.second, path, line, annotations]).encode("utf-8", "surrogatepass") + b"\n"


def record_of(line: bytes, paths: list[str]) -> Record:
    """Undo `record_line`."""
    text, second, path, number, annotations = json.loads(line.decode("utf-8", "surrogatepass"))
    source = Source(paths[path], number) if number else None
    return Record(text, {name: _decoded(value) for name, value in annotations.items()}, source, second)


def annotation_of(line: bytes, task: str) -> Any:
    """Return one annotation of a record's line."""
    return _decoded(json.loads(line.decode("utf-8", "surrogatepass"))[4][task])


def _encoded(value: Any) -> Any:
    kind = type(value)
    if kind in _AS_THEY_ARE:
        return value
    if kind is list:
        return [_encoded(part) for part in value]
    writer = _WRITERS.get(kind)
    if writer is None:
        raise CannotStoreError(f"{kind.__module__}.{kind.__qualname__}")
    return writer(value)


def _of_span(span: Span) -> list[Any]:
    _check((span.start, int), (span.end, int), (span.label, str))
    return [span.start, span.end, span.label]


def _of_spans(spans: Spans) -> dict[str, Any]:
    _check((spans.spans, tuple), *((span, Span) for span in spans.spans))
    found: dict[str, Any] = {"s": [_of_span(span) for span in spans.spans]}
    if spans.known_to is not None:
        _check((spans.known_to, int))
        found["k"] = spans.known_to
    return found


def _check(*values: tuple[Any, type]) -> None:
    """See that values have just these types: a number of numpy's would come back as another."""
    for value, kind in values:
        if type(value) is not kind:
            raise CannotStoreError(f"{type(value).__module__}.{type(value).__qualname__} in spans")


def _of_frozenset(values: frozenset[Any]) -> dict[str, Any]:
    encoded = [_encoded(part) for part in values]
    return {"f": sorted(encoded, key=_write)}  # in an order that no process changes


_WRITERS: dict[type, Callable[[Any], Any]] = {
    tuple: lambda value: {"t": [_encoded(part) for part in value]},
    frozenset: _of_frozenset,
    dict: lambda value: {"d": [[_encoded(key), _encoded(part)] for key, part in value.items()]},
    Span: lambda value: {"p": _of_span(value)},
    Spans: _of_spans,
}


def _decoded(value: Any) -> Any:
    if type(value) is dict:
        return _object(value)
    return [_decoded(part) for part in value] if type(value) is list else value


def _object(value: Mapping[str, Any]) -> Any:
    if "s" in value:
        return Spans(tuple([Span(*span) for span in value["s"]]), value.get("k"))
    ((kind, inner),) = value.items()
    return _READERS[kind](inner)


_READERS: dict[str, Callable[[Any], Any]] = {
    "t": lambda inner: tuple(_decoded(part) for part in inner),
    "f": lambda inner: frozenset(_decoded(part) for part in inner),
    "d": lambda inner: {_decoded(key): _decoded(part) for key, part in inner},
    "p": lambda inner: Span(*inner),
}
