"""From one data format into another."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from polyhead.converting.reading import FieldNames, annotated
from polyhead.errors import DataError, SettingsError, name_the_known
from polyhead.formats import FORMATS, Annotated, Loss, Way, Writer, fitted, read_raw
from polyhead.formats.json_tags import JsonTags
from polyhead.formats.raw import AS_IT_IS
from polyhead.notices import Notices

WRITERS: tuple[Writer, ...] = (*(form for form in FORMATS if isinstance(form, Writer)), JsonTags())
"""The formats that can be written."""

_SHOWN = 5
"""Losses of one reason that an account shows with their places."""


@dataclass
class Losses:
    """Counts what is lost, by what became of it and why.

    Attributes:
        on_loss: Hears of each of them.
    """

    on_loss: Callable[[Loss], None] | None = None
    _counts: dict[tuple[str, str], int] = field(default_factory=dict)
    _first: dict[tuple[str, str], list[Loss]] = field(default_factory=dict)

    def __call__(self, loss: Loss) -> None:
        """Count one."""
        key = (loss.how, loss.reason)
        self._counts[key] = self._counts.get(key, 0) + 1
        if len(first := self._first.setdefault(key, [])) < _SHOWN:
            first.append(loss)
        if self.on_loss:
            self.on_loss(loss)

    def account(self) -> list[dict[str, Any]]:
        """Return, for each reason, how often and where first; the most frequent first."""
        by_count = sorted(self._counts.items(), key=lambda item: -item[1])
        return [
            {
                "how": how,
                "reason": reason,
                "count": count,
                "first": [as_json(loss) for loss in self._first[how, reason]],
            }
            for (how, reason), count in by_count
        ]


def as_json(loss: Loss) -> dict[str, Any]:
    """Return a loss as JSON."""
    place = {"file": loss.source.path, "line": loss.source.line} if loss.source else {}
    return {**place, "how": loss.how, "what": loss.what, "reason": loss.reason}


def convert(
    source: str | Path,
    target: str | Path,
    *,
    to: str | None = None,
    way: Way = AS_IT_IS,
    names: FieldNames | None = None,
    notices: Notices | None = None,
    force: bool = False,
    on_loss: Callable[[Loss], None] | None = None,
    on_record: Callable[[int], None] | None = None,
) -> dict[str, Any]:
    """Write the records of a file in another format; nothing is there until all of it is.

    Args:
        source: A file or folder in any known format; ``-`` is standard input.
        target: The file or folder to write.
        to: The format to write; by the ending of `target` where not given.
        way: The format of the source, where its name and beginning do not tell, and what else a user says of it.
        names: What the fields of the file are called.
        notices: Hears of what is odd in the data but usable.
        force: Replace `target` if it is there.
        on_loss: Hears of each loss, in the order in which they come.
        on_record: Called with the number of records read since the last call.

    Returns:
        What was read and written, and what was lost: ``records``, ``entities`` and ``classes`` with ``read`` and
        ``written``, and ``losses``.

    Raises:
        DataError: If the source cannot be read, or the target is there.
        SettingsError: If there is no such format.
    """
    target = Path(target)
    writer = _writer(to, target)
    if target.exists() and not force:
        raise DataError(f"{target}: is there already; name another, or replace it with --force")
    losses, told = Losses(on_loss), notices or Notices()
    read, written = _Counts(), _Counts()
    raws = read_raw(source, way=way, lost=losses)
    records = read.counting(annotated(raws, lost=losses, notices=told, names=names), on_record)
    fitting = (own for own in (fitted(record, writer.holds, losses) for record in records) if own is not None)
    with _whole(target) as new:
        writer.write(written.counting(fitting), new, losses)
    return {
        "from": str(source),
        "to": str(target),
        "format": writer.name,
        **{what: {"read": read.of[what], "written": written.of[what]} for what in read.of},
        "losses": losses.account(),
    }


def _writer(name: str | None, target: Path) -> Writer:
    known = {own.name: own for own in WRITERS}
    if name is None:
        ending = target.name.removesuffix(".gz").removesuffix(".zst").rpartition(".")[2]
        if ending in known:
            return known[ending]
        raise SettingsError(f"--to: the name {target.name!r} does not tell the format; {name_the_known(ending, known)}")
    if name not in known:
        reads = any(own.name == name for own in FORMATS)
        rule = "can be read and not written" if reads else "is no format"
        raise SettingsError(f"--to: {name!r} {rule}; {name_the_known(name, known)}")
    return known[name]


class _Counts:
    """Counts what passes."""

    def __init__(self) -> None:
        self.of = {"records": 0, "classes": 0, "entities": 0}

    def counting(
        self, records: Iterable[Annotated], on_record: Callable[[int], None] | None = None
    ) -> Iterator[Annotated]:
        for record in records:
            self.of["records"] += 1
            self.of["classes"] += (record.label is not None) + len(record.labels or ())
            self.of["entities"] += len(record.spans.spans) if record.spans else 0
            yield record
            if on_record:
                on_record(1)


@contextmanager
def _whole(target: Path) -> Iterator[Path]:
    """Give a new place beside a target; what was written there is moved to the target if all went well."""
    target.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=".polyhead-", dir=target.parent))
    try:
        yield folder / target.name
        if target.exists():
            target.replace(folder / "before")  # a folder cannot be replaced by another
        (folder / target.name).replace(target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
