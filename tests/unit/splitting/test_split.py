"""Splits of data files, as properties."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyhead.errors import DataError, SettingsError
from polyhead.records import text_key
from polyhead.splitting import split, verify
from polyhead.splitting.near import join_near

NAMES = ("train", "dev", "test")
texts = st.sampled_from([f"text number {at}" for at in range(60)] + ["Same  text", "same text", "SAME TEXT "])
record = st.fixed_dictionaries(
    {"sentence": texts},
    optional={
        "label": st.sampled_from([0, 1, "1", "a"]),
        "ner_tags": st.sampled_from([[], ["O"], ["B-x"], ["B-x", "B-y"]]),
        "user": st.sampled_from(["u", "v", 1, "1", None]),
    },
)
SURE = [{"sentence": f"sure {at}", "label": at % 2, "ner_tags": ["B-x"], "user": at} for at in range(6)]
datasets = st.lists(record, max_size=40).map(lambda rows: [*rows, *SURE])


def parts_of(rows: list[dict[str, Any]], **options: Any) -> tuple[dict[str, list[str]], dict[str, Any]]:
    """Split records, and return the lines of each part, and the manifest."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "all.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        manifest = split(path, output=Path(folder) / "parts", **options)
        assert verify(Path(folder) / "parts")["whole"]
        assert json.loads((Path(folder) / "parts" / "split.json").read_text()) == json.loads(json.dumps(manifest))
        return {name: (Path(folder) / "parts" / f"{name}.jsonl").read_text().splitlines() for name in NAMES}, manifest


@settings(max_examples=30)
@given(datasets, st.integers(0, 3))
def test_each_record_is_in_one_part_and_equal_texts_stay_together(rows: list[dict[str, Any]], seed: int) -> None:
    parts, manifest = parts_of(rows, seed=seed)
    everything = [line for lines in parts.values() for line in lines]
    assert Counter(everything) == Counter(json.dumps(row) for row in rows)
    of_text: dict[str, set[str]] = {}
    for name, lines in parts.items():
        for line in lines:
            of_text.setdefault(text_key(json.loads(line)["sentence"]), set()).add(name)
    assert all(len(names) == 1 for names in of_text.values())
    largest = max(Counter(text_key(row["sentence"]) for row in rows).values())
    for got, wanted in zip(*(manifest["counts"]["records"][key] for key in ("got", "wanted")), strict=True):
        assert abs(got - wanted) < largest + 1
    assert [len(lines) for lines in parts.values()] == manifest["counts"]["records"]["got"]
    assert parts_of(rows, seed=seed)[0] == parts


@settings(max_examples=30)
@given(datasets)
def test_groups_are_never_torn(rows: list[dict[str, Any]]) -> None:
    parts, _ = parts_of(rows, group="user")
    of_user: dict[str, set[str]] = {}
    for name, lines in parts.items():
        for line in lines:
            if (user := json.loads(line).get("user")) is not None:
                of_user.setdefault(json.dumps(user), set()).add(name)
    assert all(len(names) == 1 for names in of_user.values())


def test_near_duplicates_stay_together_and_groups_reach_over_them() -> None:
    rows = [
        {"sentence": f"{at * 7919} {at * 104729} {at * 1299709} {at * 15485863}", "label": at % 2} for at in range(60)
    ]
    near = "please book a table for two people in the restaurant by the sea tonight"
    rows += [{"sentence": f"{near}{end}", "label": 0} for end in (" now", "!", " so")]
    rows[0]["user"] = rows[-1]["user"] = "u"
    for seed in range(4):
        parts, manifest = parts_of(rows, near_duplicates=0.8, group="user", seed=seed)
        assert manifest["groups"] == 60
        holds = {name for name, lines in parts.items() if any(near in line or '"user"' in line for line in lines)}
        assert len(holds) == 1


def test_near_is_what_the_share_of_common_stretches_says() -> None:
    texts = ["abcdefghijkl", "Abcdefghijkx", "zzzzzzzzzzzz"]  # 8 stretches each, 7 of them in both: 7/9
    assert join_near(texts, threshold=0.77) == [(0, 1)]
    assert join_near(texts, threshold=0.78) == []


def test_records_without_labels_are_shared_out_too() -> None:
    rows: list[dict[str, Any]] = [{"sentence": f"text {at}"} for at in range(100)]
    rows += [{"sentence": f"labelled {at}", "label": 1} for at in range(20)]
    parts, manifest = parts_of(rows)
    assert manifest["counts"]["records"]["got"] == [96, 12, 12]
    assert manifest["counts"]["tasks"]["classification"]["records"]["got"] == [16, 2, 2]
    assert [sum("labelled" in line for line in lines) for lines in parts.values()] == [16, 2, 2]


def bad_options() -> Iterator[tuple[dict[str, Any], str]]:
    yield {"shares": "80"}, "--shares: wanted two or more"
    yield {"shares": "80/-1/2"}, "--shares: wanted two or more"
    yield {"shares": "a/b"}, "--shares: wanted numbers"
    yield {"shares": "nan/1"}, "--shares: wanted two or more"
    yield {"shares": "1/1/1/1"}, "--names: name the 4 parts"
    yield {"names": "a,b"}, "--names: wanted 3 names"
    yield {"names": "a,../b,c"}, "cannot be a part's name"
    yield {"names": "a,A,b"}, "each part needs a name of its own"
    yield {"near_duplicates": 1.5}, "--near-duplicates: wanted"
    yield {"seed": -1}, "--seed: wanted 0 or more"
    yield {"unseen_entities": True}, "--unseen-entities: no record has an entity"


@pytest.mark.parametrize(("options", "said"), list(bad_options()))
def test_options_out_of_range_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        parts_of([{"sentence": f"text {at}", "label": 1} for at in range(9)], **options)


def test_an_unknown_field_to_group_by_is_refused_with_those_known() -> None:
    with pytest.raises(
        DataError, match=r"no record has the field 'usr'; known: label, sentence, user .did you mean 'user'"
    ):
        parts_of([{"sentence": f"text {at}", "label": 1, "user": "u"} for at in range(9)], group="usr")
