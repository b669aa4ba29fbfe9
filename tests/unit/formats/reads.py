"""Reading a text or folder in a format, for tests: its records, what was lost, or the complaint."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from polyhead.converting import annotated
from polyhead.errors import DataError
from polyhead.formats import Annotated, Loss, read_raw
from polyhead.notices import Notices


def put(folder: Path, name: str, content: str | bytes | Mapping[str, str]) -> Path:
    """Write a file, or a folder of files, and return where it is."""
    path = folder / name
    if isinstance(content, Mapping):
        for inner, text in content.items():
            (path / inner).parent.mkdir(parents=True, exist_ok=True)
            (path / inner).write_bytes(text.encode())
    else:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read(path: Path, form: str | None = None) -> tuple[list[Annotated], list[tuple[str, str, str]]]:
    """Return the records, and for each loss what became of it, the thing and the reason."""
    lost: list[Loss] = []
    records = list(annotated(read_raw(path, form=form, lost=lost.append), lost=lost.append, notices=Notices()))
    return records, [(loss.how, loss.what, loss.reason) for loss in lost]


def complaint(path: Path, form: str | None = None) -> str:
    """Return what is said of a file that cannot be read, without its folder."""
    with pytest.raises(DataError) as caught:
        read(path, form)
    return str(caught.value).replace(f"{path.parent}/", "")


def entities(record: Annotated) -> list[tuple[str, str]] | None:
    """Return the entities of a record as text and label."""
    if record.spans is None:
        return None
    return [(record.text[span.start : span.end], span.label) for span in record.spans.spans]
