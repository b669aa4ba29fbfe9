"""Chunks that other processes encode are those that are encoded here: rows, notices, errors."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from polyhead import machine
from polyhead.errors import DataError
from polyhead.labels import LabelSet
from polyhead.preparing import encoding, examples, workers
from polyhead.preparing.encoding import Chunk, ChunkEncoder, Recipe, chunks_of
from polyhead.preparing.spool import Spool, StoredRecords
from polyhead.records import Record, Source, Span, Spans
from polyhead.tasks import SingleLabel, SpanClassification, Tagging, task_state
from polyhead.tasks.regression import Regression
from tests.unit.encoders import PAD_IDS, text_encoder, tokenizer_json

TASKS = (
    SingleLabel("topic", "label", 1.0, SingleLabel.Options(), LabelSet(("a", 1))),
    Tagging("ner", "ner", 1.0, Tagging.Options(), LabelSet(("LOC",))),
    SpanClassification("places", "places", 1.0, SpanClassification.Options(max_width=3), LabelSet(("LOC",))),
    Regression("stars", "stars", 1.0, Regression.Options(), 1.0, 2.0, 0.0, 9.0, 0.1),
)
INSIDE = Spans((Span(1, 3, "LOC"),))
"""A part of a word, which no head can say."""


def record(at: int) -> Record:
    text = ["Anna lives in Berlin", "play some music " * (at % 30), "我住在北京"][at % 3]
    annotations = {
        "topic": "a" if at % 2 else 1,
        "ner": INSIDE if at % 50 == 7 else Spans((Span(0, 4, "LOC"),)),
        "places": Spans((Span(0, 4, "LOC"),)),
        "stars": float(at % 9),
    }
    kept = {name: value for number, (name, value) in enumerate(annotations.items()) if (at + number) % 3}
    return Record(f"{at} {text}", kept, Source("a.jsonl", at + 1), "and more" if at % 4 == 0 else None)


@pytest.fixture
def both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[list[Chunk], ChunkEncoder, Recipe]:
    """Chunks of two data sets, what encodes them here, and by which others do."""
    monkeypatch.setattr(examples, "TEXTS_AT_ONCE", 40)
    monkeypatch.setattr(encoding, "TEXTS_AT_ONCE", 40)
    spool = Spool(tmp_path, [task.name for task in TASKS])
    sets = [spool.keep(map(record, range(150))), spool.keep(map(record, range(150, 300)))]
    spool.close()
    sets[0] = sets[0].at(np.arange(0, 150, 2))
    for number, own in enumerate(sets):
        np.save(tmp_path / f"{number}-train.npy", own.places)
    setting = {"max_pieces": 24, "pad_id": PAD_IDS["distilbert"], "overlap": None}
    recipe = Recipe(
        folder=str(tmp_path),
        places=["0-train.npy", "1-train.npy"],
        weights=[1.0, 0.3],
        tasks=[task_state(task) for task in TASKS],
        tokenizer_json=tokenizer_json("distilbert"),
        encoding=setting,
        strict=False,
    )
    encoder = text_encoder("distilbert", max_pieces=24)
    return list(chunks_of([len(own) for own in sets])), ChunkEncoder(sets, [1.0, 0.3], TASKS, encoder, False), recipe


def never(line: str) -> None:
    raise AssertionError(line)


def test_chunks_go_through_all_records_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding, "TEXTS_AT_ONCE", 40)
    assert list(chunks_of([50, 0, 40])) == [Chunk(0, 0, 40, 0), Chunk(0, 40, 50, 40), Chunk(2, 0, 40, 50)]
    assert list(chunks_of([])) == []


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_others_give_what_this_process_gives(
    processes: int, both: tuple[Sequence[Chunk], ChunkEncoder, Recipe]
) -> None:
    here = list(workers.encoded(*both, processes=0, say=never))
    others = list(workers.encoded(*both, processes=processes, say=never))
    assert len(here) == len(others) == 6
    for (one, heard), (other, also_heard) in zip(here, others, strict=True):
        assert one.digested == other.digested
        assert heard == also_heard
        assert one.arrays.keys() == other.arrays.keys()
        for name, values in one.arrays.items():
            assert values.dtype == other.arrays[name].dtype
            assert np.array_equal(values, other.arrays[name], equal_nan=values.dtype.kind == "f"), name
    assert sum(len(heard) for _, heard in here) > 1, "there are notices"


@pytest.mark.parametrize("processes", [0, 2])
def test_the_first_error_is_the_one_that_is_raised(
    processes: int, both: tuple[Sequence[Chunk], ChunkEncoder, Recipe]
) -> None:
    chunks, here, recipe = both
    answers = workers.encoded(
        chunks, replace(here, strict=True), replace(recipe, strict=True), processes=processes, say=never
    )
    with pytest.raises(DataError, match=r"^a\.jsonl:\d+: .* \(--strict: ") as caught:
        list(answers)
    assert type(caught.value) is DataError
    assert str(caught.value).startswith("a.jsonl:")
    if processes:
        with pytest.raises(DataError) as wanted:
            list(workers.encoded(chunks, replace(here, strict=True), recipe, processes=0, say=never))
        assert str(caught.value) == str(wanted.value)


def test_what_a_process_that_ended_has_not_done_is_done_here(
    both: tuple[Sequence[Chunk], ChunkEncoder, Recipe], monkeypatch: pytest.MonkeyPatch
) -> None:
    here = [packed.digested for packed, _ in workers.encoded(*both, processes=0, say=never)]
    said: list[str] = []
    answers = workers.encoded(*both, processes=2, say=said.append)
    found = [next(answers)[0].digested]
    take = workers._Worker.take

    def killed_first(self: workers._Worker) -> workers.Answer:
        self._process.kill()
        self._process.wait()
        return take(self)

    monkeypatch.setattr(workers._Worker, "take", killed_first)
    found += [packed.digested for packed, _ in answers]
    assert found == here
    (line,) = said
    assert line == "a process that encodes texts ended by itself (status -9); the rest is encoded by this one"


def test_where_none_can_be_started_it_is_done_here(
    both: tuple[Sequence[Chunk], ChunkEncoder, Recipe], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    said: list[str] = []
    assert len(list(workers.encoded(*both, processes=2, say=said.append))) == 6
    assert "ended by itself (status 1)" in said[0]


def test_no_more_than_a_few_chunks_are_under_way(
    both: tuple[Sequence[Chunk], ChunkEncoder, Recipe], monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Chunk] = []
    give = workers._Worker.give
    monkeypatch.setattr(workers._Worker, "give", lambda self, chunk: (given.append(chunk), give(self, chunk)))
    answers = workers.encoded(both[0], both[1], both[2], processes=1, say=never)
    for taken in range(1, 4):
        next(answers)
        assert len(given) <= taken + 2
    answers.close()


def test_it_needs_no_torch() -> None:
    code = (
        "import sys, polyhead.preparing.worker; "
        "print(sorted({'torch', 'transformers', 'accelerate'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize(
    ("bound", "quota", "wanted"),
    [(8, "max 100000", 8), (8, "200000 100000", 2), (2, "800000 100000", 2), (4, "50000 100000", 1), (3, "?", 3)],
)
def test_how_many_cores_there_are(
    bound: int, quota: str, wanted: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(bound)), raising=False)
    monkeypatch.setattr(machine, "_QUOTA", tmp_path / "cpu.max")
    (tmp_path / "cpu.max").write_text(quota + "\n")
    assert machine.cores() == wanted
    assert workers.how_many(workers.MANY - 1) == 0
    assert workers.how_many(workers.MANY) == (wanted if wanted > 1 else 0)


def test_stored_records_are_what_a_chunk_is_cut_from(both: tuple[Sequence[Chunk], ChunkEncoder, Recipe]) -> None:
    _, here, _ = both
    assert all(isinstance(own, StoredRecords) for own in here.sets)
    for text in (0, 74, 75, 224):
        (row, *_) = here.again(text)
        own = here.sets[0][text] if text < 75 else here.sets[1][text - 75]
        assert row.row.encoded.text == own.text
        assert row.place == own.source
    with pytest.raises(IndexError):
        here.again(225)
