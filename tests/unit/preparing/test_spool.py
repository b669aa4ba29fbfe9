"""Records on disk behave as a list of them does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from polyhead.preparing import spool
from polyhead.preparing.arrays import ArrayWriter, open_array
from polyhead.preparing.choosing import annotated, annotations_of, how_many, taken, together
from polyhead.preparing.spool import RecordFile, Spool, StoredRecords
from polyhead.records import Record, Source, Span, Spans

RECORDS = [
    Record(
        f"text {at} " + "x" * (at % 7) ** 3,
        {"label": at % 3} if at % 2 else {"label": "a", "ner": Spans((Span(0, 4, f"T{at % 5}"),))} if at % 4 else {},
        Source(f"{at // 400}.jsonl", at + 1),
        "second" if at % 9 == 0 else None,
    )
    for at in range(1300)
]


@pytest.fixture
def stored(tmp_path: Path) -> StoredRecords:
    own = Spool(tmp_path, ["label", "ner"])
    found = together([own.keep(iter(RECORDS[:700])), own.keep(iter([])), own.keep(iter(RECORDS[700:]))])
    own.close()
    assert isinstance(found, StoredRecords)
    return found


def test_they_are_those_that_were_kept(stored: StoredRecords) -> None:
    assert len(stored) == len(RECORDS)
    assert list(stored) == RECORDS
    assert [stored[at] for at in (0, 511, 512, -1)] == [RECORDS[at] for at in (0, 511, 512, -1)]
    assert list(stored[5:900:3]) == RECORDS[5:900:3]
    with pytest.raises(IndexError):
        stored[len(RECORDS)]


def test_long_ones_are_read_one_by_one(stored: StoredRecords, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "_MOST_BYTES", 100)
    assert list(stored) == RECORDS


@pytest.mark.parametrize("kind", ["list", "stored"])
def test_choosing_does_not_know_where_they_are(kind: str, stored: StoredRecords) -> None:
    own = stored if kind == "stored" else RECORDS
    places = np.array([900, 3, 3, 1299])
    assert list(taken(own, places)) == [RECORDS[at] for at in places]
    assert list(together([taken(own, places), own[:2]])) == [*(RECORDS[at] for at in places), *RECORDS[:2]]
    assert list(together([])) == []
    assert how_many(own, "ner") == sum("ner" in record.annotations for record in RECORDS)
    assert annotated(own).tolist() == [bool(record.annotations) for record in RECORDS]
    wanted = [record.annotations["ner"] for record in RECORDS if "ner" in record.annotations]
    annotations = annotations_of(own, "ner")
    assert (len(annotations), list(annotations), list(annotations)) == (len(wanted), wanted, wanted)
    assert (annotations[2], list(annotations[:4])) == (wanted[2], wanted[:4])


def test_records_of_a_disk_and_of_memory_together_are_a_list(stored: StoredRecords) -> None:
    assert together([stored, RECORDS]) == RECORDS * 2


def test_they_stay_readable_when_their_folder_gets_another_name(tmp_path: Path) -> None:
    folder = tmp_path / "one"
    folder.mkdir()
    own = Spool(folder, ["label", "ner"])
    found = own.keep(RECORDS)
    own.close()
    folder.rename(tmp_path / "two")
    assert list(found) == RECORDS
    again = RecordFile.opened(tmp_path / "two")
    assert again.tasks == ("label", "ner")
    assert len(again) == len(RECORDS)
    assert list(StoredRecords(again, np.arange(3))) == RECORDS[:3]


def test_an_array_is_what_numpy_reads(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    with ArrayWriter(path, np.int32, (2,)) as writer:
        writer.append(np.array([[1, 2], [3, 4]]))
        writer.append(np.zeros((0, 2), dtype=np.int32))
        writer.append(np.array([[5, 6]], dtype=np.int8))
    assert open_array(path).tolist() == [[1, 2], [3, 4], [5, 6]]
    assert np.load(path, allow_pickle=False).dtype == np.int32
    with ArrayWriter(path, np.float32):
        pass
    assert open_array(path).shape == (0,)


@pytest.mark.parametrize(("kind", "value"), [(np.int8, 128), (np.int32, 2**31), (np.int64, 0.5)])
def test_a_number_that_does_not_fit_is_not_stored_as_another(tmp_path: Path, kind: type, value: float) -> None:
    with ArrayWriter(tmp_path / "a.npy", kind) as writer, pytest.raises(OverflowError):
        writer.append(np.array([0, value]))
