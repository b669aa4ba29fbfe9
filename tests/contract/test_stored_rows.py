"""Rows that were stored make the very batches that rows in memory make: every kind, windows, pairs, any tokenizer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from polyhead.batching import Example, StoredRows, collate, collate_targets
from polyhead.notices import Notices
from polyhead.preparing.encoding import ChunkEncoder, chunks_of
from polyhead.preparing.packing import RowWriter, files_of, open_rows
from polyhead.preparing.spool import Spool, StoredRecords
from polyhead.records import Record, Source
from polyhead.tasks import Task
from polyhead.training.data import DataSet
from polyhead.training.examples import make_examples, pieces_in, rows_in
from polyhead.training.fingerprint import rows_digest
from tests.contract.test_tasks import SAMPLES, TEXTS, learn
from tests.tiny_encoders import KINDS as TOKENIZERS
from tests.unit.encoders import text_encoder

SECOND = "It rained in Berlin, and Anna was late. " * 3


def records_of(task: Task, annotations: Sequence[object]) -> list[list[Record]]:
    """Two data sets: texts alone, of which some carry no annotation; and pairs."""
    alone = [
        Record(text, {task.name: annotation}, Source("a.jsonl", line))
        for line, (text, annotation) in enumerate(zip(TEXTS, annotations, strict=True), start=1)
    ]
    pairs = [
        Record(record.text, record.annotations, Source("b.jsonl", line), SECOND[: 30 * line])
        for line, record in enumerate(alone, start=1)
    ]
    return [[*alone, Record("nothing is known", {}, Source("a.jsonl", 7))], [*pairs, *alone[:2]]]


def stored_rows(folder: Path, sets: Sequence[DataSet], tasks: Sequence[Task], tokenizer: str) -> StoredRows:
    """Write records and rows, and open what was written."""
    folder.mkdir()
    (folder / "records").mkdir()
    spool = Spool(folder / "records", [task.name for task in tasks])
    records = [spool.keep(own.train) for own in sets]
    spool.close()
    weights = [own.weight for own in sets]
    here = ChunkEncoder(records, weights, tasks, text_encoder(tokenizer, max_pieces=24), strict=False)
    heads = {task.name: task.head() for task in tasks}
    writer = RowWriter(folder, heads)
    for chunk in chunks_of([len(own) for own in records]):
        writer.add(here.encode(chunk)[0])
    digest = writer.close()
    assert all((folder / name).is_file() for name in files_of(heads))
    for own, stored in zip(sets, records, strict=True):
        assert isinstance(stored, StoredRecords)
        assert list(stored) == own.train, "records come back as they were"
    return open_rows(folder, heads, weights=weights, digest=digest, remake=here.again)


def same(one: NDArray[np.generic] | None, other: NDArray[np.generic] | None) -> bool:
    if one is None or other is None:
        return one is other
    return one.dtype == other.dtype and np.array_equal(one, other, equal_nan=one.dtype.kind == "f")


def check_batch(direct: Sequence[Example], stored: StoredRows, numbers: Sequence[int], tasks: Sequence[Task]) -> None:
    encoder = stored.encoder  # type: ignore[attr-defined]
    ours, theirs = [stored[number] for number in numbers], [direct[number] for number in numbers]
    one, other = (collate([example.row for example in own], encoder) for own in (ours, theirs))
    assert same(one.ids, other.ids)
    assert same(one.mask, other.mask)
    assert same(one.types, other.types)
    heads = {task.name: task.head() for task in tasks}
    length, offset = one.ids.shape[1], len(encoder.prefix)
    found, wanted = (collate_targets(own, heads, length=length, offset=offset) for own in (ours, theirs))
    assert found.keys() == wanted.keys()
    for name, target in wanted.items():
        for field in ("values", "soft", "weights", "continues"):
            assert same(getattr(found[name], field), getattr(target, field)), (name, field)


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
@pytest.mark.parametrize("key", SAMPLES, ids=" ".join)
def test_they_make_the_same_batches(key: tuple[str, str], tokenizer: str, tmp_path: Path) -> None:
    learnt = learn(key, tokenizer)
    task = learnt.task
    sets = [
        DataSet(str(number), weight, records, [], held_out=False)
        for number, (weight, records) in enumerate(zip((1.0, 0.3), records_of(task, learnt.annotations), strict=True))
    ]
    encoder = text_encoder(tokenizer, max_pieces=24)
    direct = make_examples(sets, [task], encoder, Notices())
    stored = stored_rows(tmp_path / "rows", sets, [task], tokenizer)
    stored.encoder = encoder  # type: ignore[attr-defined]
    assert len(stored) == len(direct)
    assert any(example.row.window.own_start > 0 for example in direct), "there are windows"
    assert stored.digest == rows_digest(direct) == rows_digest(stored)
    assert pieces_in(stored, encoder).tolist() == pieces_in(direct, encoder).tolist()
    for one, other in zip(stored, direct, strict=True):
        assert (one.row.length, one.row.window, one.weight) == (other.row.length, other.row.window, other.weight)
        assert (one.tasks, one.source, one.place, one.name()) == (other.tasks, other.source, other.place, other.name())
        assert one.row.encoded.text == other.row.encoded.text
        assert one.targets.keys() == other.targets.keys()
    for by_set in (True, False):
        ours, theirs = (rows_in(own, sets, [task], by_set=by_set) for own in (stored, direct))
        assert list(ours.lengths) == list(theirs.lengths)
        assert ours.feeds == theirs.feeds
        for own, wanted in ((ours.members, theirs.members), (ours.sources, theirs.sources)):
            assert {name: rows.tolist() for name, rows in own.items()} == {
                name: rows.tolist() for name, rows in wanted.items()
            }
    random = np.random.default_rng(0)
    for size in (1, 2, 5, len(direct)):
        for _ in range(6):
            check_batch(direct, stored, random.permutation(len(direct))[:size].tolist(), [task])
    for number in range(len(direct)):
        check_batch(direct, stored, [number], [task])


def test_a_task_of_which_nothing_is_stored_has_no_targets(tmp_path: Path) -> None:
    """As those of a model that is given a further head."""
    learnt, other = learn(("single_label", ""), "distilbert"), learn(("tagging", "crf"), "distilbert")
    own = DataSet("a", 1.0, [Record(TEXTS[0], {learnt.task.name: learnt.annotations[0]})], [], held_out=False)
    stored = stored_rows(tmp_path / "rows", [own], [learnt.task], "distilbert")
    heads = {"another": other.task.head(), learnt.task.name: learnt.task.head()}
    assert collate_targets([stored[0]], heads, length=9, offset=1).keys() == {learnt.task.name}
    assert stored[-1].name() == repr(TEXTS[0][:40]), "of a record without a place, the beginning of its text"
    assert [example.row.length for example in stored[:9]] == stored.lengths.tolist()
    with pytest.raises(IndexError):
        stored[1]
