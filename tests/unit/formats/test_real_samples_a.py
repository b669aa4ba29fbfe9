"""Files that other tools wrote, and a real set through each format and back."""

import collections
import json
from pathlib import Path

import pytest

from polyhead.converting import convert
from polyhead.converting.convert import WRITERS
from polyhead.formats import FORMATS, Way
from polyhead.formats.place import opened
from polyhead.labels import tags_of_spans, words_of
from polyhead.records import Span
from tests.unit.formats.reading_files import read_file

DATA = Path(__file__).parents[4] / "shared" / "data"
SAMPLES = DATA / "formats"

pytestmark = pytest.mark.skipif(not SAMPLES.is_dir(), reason="the real data sets are not beside the checkout")

READ = {
    "doccano/classification.csv": ("csv", 3, 3, 0),
    "doccano/labeling.conll2003.user1": ("conll", 3, 0, 5),
    "prodigy_spacy/spacy_ner-sent-per-line.iob": ("iob", 2, 0, 7),
    "prodigy_spacy/spacy_ner-token-per-line-conll2003.iob": ("conll", 2, 0, 7),
    "prodigy_spacy/spacy_ner-token-per-line-with-pos.iob": ("conll", 1, 0, 7),
    "prodigy_spacy/spacy_ner-token-per-line.iob": ("conll", 1, 0, 7),
    "conllu/en_ewt-ud-dev_sample.conllu": ("conllu", 43, 0, 0),
}
"""By file: its format, and how many records, classes and entities it has."""


@pytest.mark.parametrize("name", READ)
def test_files_of_other_tools_are_known_and_read(name):
    form, records, classes, entities = READ[name]
    with opened(SAMPLES / name) as place:
        assert next(own.name for own in FORMATS if own.fits(place)) == form
    read = read_file(SAMPLES / name)
    assert len(read.records) == records
    assert sum(record.label is not None for record in read.records) == classes
    assert sum(len(record.spans.spans) for record in read.records if record.spans) == entities


def test_the_same_text_in_four_files_has_the_same_entities():
    found = []
    for name in [own for own in READ if own.endswith(".iob")]:
        surfaces = [
            (record.text[span.start : span.end], span.label)
            for record in read_file(SAMPLES / name).records
            for span in record.spans.spans
        ]
        found.append(surfaces)
    assert found[0] == found[1] == found[2] == found[3]


def test_a_treebank_is_read_with_its_words_and_told_what_is_not():
    read = read_file(SAMPLES / "conllu" / "en_ewt-ud-dev_sample.conllu")
    text = (SAMPLES / "conllu" / "en_ewt-ud-dev_sample.conllu").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in text.splitlines() if line and not line.startswith("#")]
    words = [row for row in rows if row[0].isdecimal()]
    found = [own for fields in read.fields for own in fields["upos"]]
    assert [own["label"] for own in found] == [row[3] for row in words]
    assert all(
        fields["text"][own["start"] : own["end"]] == word
        for fields, start in zip(read.fields, _starts(read.fields), strict=True)
        for own, word in zip(fields["upos"], [row[1] for row in words[start:]], strict=False)
    )
    counts = collections.Counter(read.reasons)
    assert counts["the dependencies of a sentence"] == 43
    assert counts["an empty node, which is not in the text"] == sum("." in row[0] for row in rows)
    with_features = sum(
        "=" in "".join(row.split("\t")[5] for row in own.splitlines() if row[0] != "#")
        for own in text.strip().split("\n\n")
    )
    assert counts["the morphological features of a sentence's words"] == with_features == 42


def _starts(fields):
    at = 0
    for own in fields:
        yield at
        at += len(own["upos"])


@pytest.mark.parametrize(
    "writer",
    [
        own.name
        for own in WRITERS
        if own.name
        in {
            "csv",
            "tsv",
            "parquet",
            "arrow",
            "hf",
            "conll",
            "jointbert",
            "jsonl-tags",
        }
    ],
)
def test_snips_comes_back_as_it_was(writer, tmp_path):
    source = DATA / "snips" / "train.jsonl"
    there = convert(source, tmp_path / "there", to=writer)
    back = convert(tmp_path / "there", tmp_path / "back.jsonl", way=Way(None if writer == "jsonl-tags" else writer))
    assert there["losses"] == back["losses"] == []
    assert back["records"] == {"read": 13_084, "written": 13_084}
    with source.open(encoding="utf-8") as before, (tmp_path / "back.jsonl").open(encoding="utf-8") as after:
        for line, again in zip(before, after, strict=True):
            wanted, found = json.loads(line), json.loads(again)
            spans = [Span(**own) for own in found["entities"]]
            tags = tags_of_spans(spans, words_of(found["text"]))
            assert (found["text"], found["label"], tags) == (wanted["sentence"], wanted["label"], wanted["ner_tags"])
