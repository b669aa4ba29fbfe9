"""Every real set reads with the records, classes and entity types that its description names, and nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from polyhead.converting import annotated, convert
from polyhead.formats import Annotated, Loss, read_raw
from polyhead.notices import Notices

SETS = {
    "snips": ((13_084, 700, 700), 7, 39),
    "nlupp_hotels": ((914, None, 95), 296, 14),
    "nlupp_banking": ((1_862, None, 209), 971, 13),
    "banking77": ((10_003, None, 3_080), 77, 0),
    "restaurant8k": ((8_198, None, 3_731), 0, 5),
    "wnut17": ((3_394, 1_009, 1_287), 0, 6),
    "wikigold": ((None, None, 1_696), 0, 4),
    "xsid_de": ((None, 300, 500), 16, 34),
    "xsid_tr": ((None, 300, 500), 16, 35),
    "xsid_ar": ((None, 300, 500), 16, 35),
    "xsid_zh": ((None, 300, 500), 16, 34),
    "xsid_ja": ((None, 150, 250), 10, 6),
}
"""By set: records of train, dev and test; classes; entity types. (Of xsid the description gives rounder numbers, 15 and
33; these are what a look at the bare JSON counts.)"""
PARTS = ("train", "dev", "test")


class Told:
    """What was read, and what was said of it."""

    def __init__(self) -> None:
        self.lost: list[Loss] = []
        self.notices = Notices()

    def records(self, path: Path) -> Iterator[Annotated]:
        return annotated(read_raw(path, lost=self.lost.append), lost=self.lost.append, notices=self.notices)


@pytest.mark.parametrize("name", SETS)
def test_a_set_has_what_its_description_names(name: str, real_data: Path) -> None:
    counts, classes, types = SETS[name]
    told, labels, found = Told(), set(), set()
    for part, count in zip(PARTS, counts, strict=True):
        path = real_data / name / f"{part}.jsonl"
        assert path.is_file() == (count is not None)
        records = list(told.records(path)) if count else []
        assert len(records) == (count or 0)
        labels |= {record.label for record in records} - {None}
        found |= {span.label for record in records for span in (record.spans.spans if record.spans else ())}
    assert (len(labels), len(found)) == (classes, types)
    assert len(told.lost) == (7 if name == "xsid_zh" else 0)  # the blank words


def test_types_may_hold_a_hyphen_and_texts_characters_of_no_width(real_data: Path) -> None:
    records = list(Told().records(real_data / "wnut17" / "dev.jsonl"))
    types = {span.label for record in records for span in record.spans.spans}
    assert "creative-work" in types
    assert any("\u200b" in record.text or "\ufeff" in record.text for record in records)
    assert all(record.text[span.start : span.end].strip() for record in records for span in record.spans.spans)


def test_wikigold_is_read_as_iob1(real_data: Path) -> None:
    told = Told()
    records = list(told.records(real_data / "wikigold" / "test.jsonl"))
    assert sum(len(record.spans.spans) for record in records) > 3_000
    assert told.notices.lines() == []


def test_blank_words_lose_their_tags_and_say_so(real_data: Path) -> None:
    told = Told()
    list(told.records(real_data / "xsid_zh" / "test.jsonl"))
    assert {loss.reason for loss in told.lost} == {"the tag of a blank word between two spaces"}
    assert told.lost[0].source.line == 275


def test_records_without_a_class_stay_without(real_data: Path) -> None:
    records = list(Told().records(real_data / "nlupp_hotels" / "train.jsonl"))
    assert any(record.label is None for record in records)


@pytest.mark.parametrize("name", ["snips", "wnut17", "nlupp_hotels", "xsid_ar"])
def test_there_and_back_again(name: str, real_data: Path, tmp_path: Path) -> None:
    """Into our spans and back into tags: the records are those of the beginning."""
    path = real_data / name / "test.jsonl"
    there = convert(path, tmp_path / "there.jsonl.gz", to="jsonl")
    back = convert(tmp_path / "there.jsonl.gz", tmp_path / "back.jsonl", to="jsonl-tags")
    assert there["losses"] == back["losses"] == []
    before, after = list(Told().records(path)), list(Told().records(tmp_path / "back.jsonl"))
    assert [(own.text, own.label, own.spans) for own in before] == [(own.text, own.label, own.spans) for own in after]
