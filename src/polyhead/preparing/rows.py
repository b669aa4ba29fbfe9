"""Rows that are kept between runs: found, or made and kept.

rows.json    digest over all of them, notices
             and the files of `polyhead.preparing.packing`
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from polyhead.batching import Example, StoredRows
from polyhead.encoding import TextEncoder
from polyhead.notices import Notices
from polyhead.preparing.cache import Cache, Entry
from polyhead.preparing.encoding import ChunkEncoder, NoticeState, Recipe, chunks_of
from polyhead.preparing.keys import rows_key
from polyhead.preparing.packing import RowWriter, files_of, open_rows
from polyhead.preparing.spool import StoredRecords
from polyhead.preparing.workers import encoded, how_many
from polyhead.tasks import HeadSpec, Task, task_state

_ABOUT = "rows.json"


@dataclass(frozen=True)
class ToEncode:
    """Records that are kept, and how they become rows.

    Attributes:
        key: The key of the records.
        entry: Their entry.
        places: The files of the places of each data set's records.
        sets: The records of each data set.
        weights: The weight of each.
        tasks: The tasks.
        tokenizer_json: The tokenizer.
        encoding: How texts become rows.
    """

    key: str
    entry: Entry
    places: tuple[str, ...]
    sets: tuple[StoredRecords, ...]
    weights: tuple[float, ...]
    tasks: tuple[Task, ...]
    tokenizer_json: str
    encoding: Mapping[str, Any]

    @property
    def heads(self) -> dict[str, HeadSpec]:
        """The head of each task."""
        return {task.name: task.head() for task in self.tasks}

    def rows_key(self) -> str:
        """Return the key of the rows."""
        return rows_key(self.key, tokenizer_json=self.tokenizer_json, encoding=self.encoding, weights=self.weights)

    def recipe(self, *, strict: bool) -> Recipe:
        """Return what another process needs to encode them."""
        states = [task_state(task) for task in self.tasks]
        folder, weights = str(self.entry.folder), list(self.weights)
        return Recipe(
            folder, list(self.places), weights, states, self.tokenizer_json, dict(self.encoding), strict=strict
        )


def kept_rows(to_encode: ToEncode, encoder: TextEncoder, notices: Notices, cache: Cache) -> StoredRows | None:
    """Return the rows of a run that are kept, after making them where they are not kept yet.

    Args:
        to_encode: The records.
        encoder: The tokenizer, set up.
        notices: Hears of annotations that a head has no way to say, also where an earlier run found them.
        cache: Where rows are kept; it says how they came about.

    Returns:
        The rows; `None` where they cannot be kept, which the cache then says.

    Raises:
        PolyheadError: If texts cannot be encoded.
    """
    here = ChunkEncoder(to_encode.sets, to_encode.weights, to_encode.tasks, encoder, strict=notices.strict)
    key, began = to_encode.rows_key(), time.perf_counter()
    if found := _found(to_encode, here, key, notices, cache):
        cache.said.append(f"{len(found):,} rows found, nothing tokenised again")
        return found
    made = _made(to_encode, here, key, notices, cache)
    if made:
        cache.said.append(f"{len(made):,} rows made in {time.perf_counter() - began:.1f} s")
    return made


def _found(to_encode: ToEncode, here: ChunkEncoder, key: str, notices: Notices, cache: Cache) -> StoredRows | None:
    entry = cache.find("rows", key, [_ABOUT, *files_of(to_encode.heads)])
    if entry is None:
        return None
    try:
        about = json.loads((entry.folder / _ABOUT).read_text("utf-8"))
        rows = _open(to_encode, here, entry, about["digest"])
        state = [(rule, first, count) for rule, first, count in about["notices"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        cache.remove("rows", key, why=repr(error)[:200])
        return None
    notices.repeat(state)
    return rows


def _made(to_encode: ToEncode, here: ChunkEncoder, key: str, notices: Notices, cache: Cache) -> StoredRows | None:
    try:
        with cache.new("rows", key) as entry:
            digest, state = _write(to_encode, here, entry.folder, cache)
            about = {"digest": digest, "notices": state}
            (entry.folder / _ABOUT).write_text(json.dumps(about, ensure_ascii=False), encoding="utf-8")
        rows = _open(to_encode, here, entry, digest)
    except (OverflowError, OSError) as error:
        cache.said.append(f"not used, rows are held in memory: {cache.why(error)}")
        return None
    notices.repeat(state)
    return rows


def _write(to_encode: ToEncode, here: ChunkEncoder, folder: Path, cache: Cache) -> tuple[str, NoticeState]:
    """Encode all records into files; return the digest over all rows, and what is odd about them."""
    heard, sizes = Notices(), [len(records) for records in to_encode.sets]
    writer = RowWriter(folder, to_encode.heads)
    answers = encoded(
        list(chunks_of(sizes)),
        here,
        to_encode.recipe(strict=here.strict),
        processes=how_many(sum(sizes)),
        say=cache.said.append,
    )
    for packed, state in answers:
        writer.add(packed)
        heard.repeat(state)
    return writer.close(), heard.state()


def _open(to_encode: ToEncode, here: ChunkEncoder, entry: Entry, digest: str) -> StoredRows:
    remake = partial(_again, here, (entry, to_encode.entry))
    return open_rows(entry.folder, to_encode.heads, weights=to_encode.weights, digest=digest, remake=remake)


def _again(here: ChunkEncoder, _in_use: Sequence[Entry], text: int) -> list[Example]:
    """Make a text's rows anew; the entries are held as long as the rows can ask for it."""
    return here.again(text)
