"""A data set as the `datasets` library saves it to disk: a folder of Arrow streams, with what its columns hold."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from polyhead.errors import DataError
from polyhead.formats.annotated import Annotated
from polyhead.formats.arrow import rows_of_arrow
from polyhead.formats.arrow_rows import need_pyarrow
from polyhead.formats.arrow_writing import batches_of, schema_of
from polyhead.formats.holds import Holds
from polyhead.formats.losses import Lost
from polyhead.formats.place import Place
from polyhead.formats.raw import RawRecord, ReadOptions
from polyhead.formats.spool import Kind, spooled
from polyhead.strict_json import JsonError, parse_json

_INFO, _STATE, _SPLITS = "dataset_info.json", "state.json", "dataset_dict.json"
_DESCRIPTION_LIMIT = 64 * 2**20
_DATA = "data-00000-of-00001.arrow"


def _value(kind: str) -> dict[str, str]:
    return {"dtype": kind, "_type": "Value"}


_FEATURES: Mapping[Kind, Any] = {
    "text": _value("string"),
    "whole": _value("int64"),
    "number": _value("float64"),
    "truth": _value("bool"),
    "texts": [_value("string")],
    "wholes": [_value("int64")],
    "entities": [{"start": _value("int64"), "end": _value("int64"), "label": _value("string")}],
    "json": _value("string"),
}
_STATE_WRITTEN: dict[str, Any] = {
    "_data_files": [{"filename": _DATA}],
    "_format_columns": None,
    "_format_kwargs": {},
    "_format_type": None,
    "_output_all_columns": False,
    "_split": None,
}


class SavedSet:
    """A folder that `Dataset.save_to_disk` wrote. It is read without that library, and classes come by their names."""

    name: ClassVar[str] = "hf"
    title: ClassVar[str] = "a saved Hugging Face data set"
    holds: ClassVar[Holds] = Holds(rest=True)

    def fits(self, place: Place) -> bool:
        """Whether it is a folder with the files that describe one data set, or several."""
        return place.holds(_INFO, _STATE) or place.holds(_SPLITS)

    def write(self, records: Iterable[Annotated], path: Path, lost: Lost) -> None:
        """Write a folder that the library's `load_from_disk` opens."""
        need_pyarrow(f"{path}: to write a data set")
        import pyarrow as pa

        path.mkdir()
        digest = hashlib.sha256()  # the library keeps results by it
        with spooled(_hashed(records, digest), path) as spool, (path / _DATA).open("xb") as file:
            schema = schema_of(spool)
            with pa.ipc.new_stream(file, schema) as writer:
                for batch in batches_of(spool, schema):
                    writer.write_batch(batch)
        features = {name: _FEATURES[kind] for name, kind in spool.kinds.items()}
        described = {
            _INFO: {"features": features},
            _STATE: _STATE_WRITTEN | {"_fingerprint": digest.hexdigest()[:16]},
        }
        for name, content in described.items():
            (path / name).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")

    def records(self, place: Place, options: ReadOptions, lost: Lost) -> Iterator[RawRecord]:
        """Yield the rows of its files; a line is the number of a row in its file, from 1."""
        if place.holds(_SPLITS):
            splits = _described(place, _SPLITS).get("splits") or []
            raise DataError(
                f"{place.name}: holds several data sets; name one of its folders: "
                f"{', '.join(f'{place.name}/{split}' for split in splits) or 'it says none'}"
            )
        if not place.holds(_INFO, _STATE):
            raise DataError(f"{place.name}: must be a folder with {_INFO} and {_STATE}, as save_to_disk writes it")
        features = _described(place, _INFO).get("features") or {}
        state = _described(place, _STATE)
        if state.get("_indices_data_files"):
            raise DataError(
                f"{place.name}: its rows are chosen by an index; save it anew with a present-day `datasets`"
            )
        for file in _files(state, f"{place.name}/{_STATE}"):
            with place.inside(file) as data:
                yield from rows_of_arrow(data, lost, features if isinstance(features, dict) else {})


def _hashed(records: Iterable[Annotated], found: Any) -> Iterator[Annotated]:
    for record in records:
        found.update(json.dumps(record.fields(), default=str).encode())
        yield record


def _files(state: dict[str, Any], name: str) -> list[str]:
    entries = state.get("_data_files")
    if not isinstance(entries, list):
        entries = []
    files = [entry.get("filename") if isinstance(entry, dict) else None for entry in entries]
    if not files or not all(isinstance(file, str) and file for file in files):
        raise DataError(f"{name}: '_data_files' must be a list of objects with a 'filename'")
    return [str(file) for file in files]


def _described(place: Place, name: str) -> dict[str, Any]:
    with place.inside(name) as file, file.text() as stream:
        text = stream.read(_DESCRIPTION_LIMIT)
    try:
        value = parse_json(text)
    except JsonError as error:
        raise DataError(f"{place.name}/{name}: not valid JSON: {error}") from error
    if not isinstance(value, dict):
        raise DataError(f"{place.name}/{name}: must be a JSON object")
    return value
