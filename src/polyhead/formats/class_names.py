"""The names of classes that data sets of the `datasets` library keep beside their integers.

Its features say of each column what it holds, as JSON: in ``dataset_info.json`` of a saved set, and in the metadata of
Arrow and Parquet files that it wrote. Source: the library's own `Features.to_dict`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from polyhead.errors import AnnotationError
from polyhead.strict_json import JsonError, parse_json

Named = Callable[[Any], Any]
"""Turns a value into one with names for integers."""

HIDDEN = -1
"""The class of a record of which it is not told."""


def features_in(metadata: Mapping[bytes, bytes] | None) -> Mapping[str, Any]:
    """Return the features that a schema's metadata hold; nothing where there are none that can be read."""
    try:
        features = parse_json((metadata or {})[b"huggingface"].decode())["info"]["features"]
    except (KeyError, TypeError, JsonError, UnicodeDecodeError):
        return {}
    return features if isinstance(features, dict) else {}


def names_by_column(features: Mapping[str, Any]) -> dict[str, Named]:
    """Return what gives names to the classes in each column that has any."""
    found = ((column, _named(feature)) for column, feature in features.items())
    return {column: named for column, named in found if named is not None}


def _named(feature: Any) -> Named | None:
    if isinstance(feature, list) and len(feature) == 1:
        return _each(_named(feature[0]))
    if not isinstance(feature, dict):
        return None
    kind = feature.get("_type")
    if kind == "ClassLabel":
        names = feature.get("names")
        return _one_of(names) if isinstance(names, list) and all(isinstance(name, str) for name in names) else None
    if kind in {"Sequence", "List", "LargeList"}:
        return _each(_named(feature.get("feature")))
    return None


def _one_of(names: Sequence[str]) -> Named:
    def named(value: Any) -> Any:
        if value == HIDDEN or not isinstance(value, int):
            return None if value == HIDDEN else value
        if not 0 <= value < len(names):
            raise AnnotationError(f"class {value} has no name: there are {len(names)}, from 0")
        return names[value]

    return named


def _each(one: Named | None) -> Named | None:
    if one is None:
        return None
    inner = one
    return lambda values: [inner(value) for value in values] if isinstance(values, list) else values
