"""Fields of a record that have the name of something else in the format they are to be written in."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Set

from polyhead.formats.annotated import Annotated
from polyhead.formats.losses import Loss, Lost


def without(names: Set[str]) -> Callable[[Annotated, Lost], Annotated]:
    """Return what takes fields out of records and tells so; see `Holds.mended`.

    Args:
        names: The fields, which mean something else in the format.
    """

    def mended(record: Annotated, lost: Lost) -> Annotated:
        if not names & record.rest.keys():
            return record
        for name in sorted(names & record.rest.keys()):
            what = f"{name}={record.rest[name]!r}"[:80]
            lost(Loss("dropped", record.source, what, f"the field {name!r}, which means something else there"))
        return dataclasses.replace(record, rest={key: own for key, own in record.rest.items() if key not in names})

    return mended
