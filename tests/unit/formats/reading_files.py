"""Reading small files, for tests of formats."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from polyhead.converting import annotated
from polyhead.errors import DataError
from polyhead.formats import Annotated, Loss, RawRecord, ReadOptions, Way, read_raw
from polyhead.notices import Notices


@dataclass
class Read:
    """What came of a file."""

    raws: list[RawRecord]
    records: list[Annotated]
    lost: list[Loss] = field(default_factory=list)

    @property
    def fields(self) -> list[dict[str, Any]]:
        return [dict(raw.fields) for raw in self.raws]

    @property
    def lines(self) -> list[int]:
        return [raw.source.line for raw in self.raws]

    @property
    def reasons(self) -> list[str]:
        return [loss.reason for loss in self.lost]


def read_file(path: str | Path, *, columns: str | None = None, form: str | None = None) -> Read:
    """Read a file to the end."""
    lost: list[Loss] = []
    options = ReadOptions(tuple(columns.split(",")) if columns else None)
    raws = list(read_raw(path, way=Way(form, options), lost=lost.append))
    return Read(raws, list(annotated(raws, lost=lost.append, notices=Notices())), lost)


def complaint_of(path: str | Path, **how: Any) -> str:
    """Return what is said of a file that cannot be read, without its folder."""
    with pytest.raises(DataError) as caught:
        read_file(path, **how)
    return str(caught.value).replace(f"{Path(path).parent}/", "")
