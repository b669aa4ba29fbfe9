"""What `train` tells before it trains: dev texts that are trained on, labels only dev knows, contradictions."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from polyhead.errors import DataError
from polyhead.notices import Notices
from polyhead.settings import load_settings
from polyhead.training.data import load_data

Write = Callable[..., Path]


def record(text: str, label: str = "x", tags: str = "") -> dict[str, Any]:
    return {"text": text, "label": label, "ner_tags": tags.split() or ["O"] * len(text.split())}


TRAIN = [record("Anna ran", tags="B-PER O"), record("it rains", "y"), record("they sing"), record("so what", "y")]


@pytest.fixture(params=["memory", "cache"])
def told(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., list[str]]:
    """Read data, and return what was told; from memory, and a second time from what was kept."""

    def _told(train: Path, dev: Path, *, strict: bool = False) -> list[str]:
        cache = "off" if request.param == "memory" else str(tmp_path / "cache")
        settings = load_settings(None, [], {"data.train": [str(train)], "data.dev": [str(dev)], "data.cache": cache})
        lines = []
        for _ in range(1 if request.param == "memory" else 2):
            notices = Notices(strict=strict)
            load_data(settings, notices)
            lines.append(notices.lines())
        assert lines[0] == lines[-1]
        return lines[0]

    return _told


def test_clean_data_have_nothing_to_tell(told: Callable[..., list[str]], write: Write) -> None:
    assert told(write(TRAIN), write([record("others now")], "dev.jsonl")) == []


def test_dev_texts_that_are_trained_on(told: Callable[..., list[str]], write: Write) -> None:
    dev = [record("new one"), record("ANNA  ran", tags="B-PER O"), record("they sing")]
    train, dev_path = write(TRAIN), write(dev, "dev.jsonl")
    assert told(train, dev_path) == [
        f"2 dev texts are in the training data, too (dev scores flatter); first: {dev_path}:2: the text of {train}:1"
    ]


def test_texts_that_are_not_trained_on_do_not_count(told: Callable[..., list[str]], write: Write) -> None:
    lines = told(write([*TRAIN, {"text": "bare"}]), write([record("bare")], "dev.jsonl"))
    assert not any("dev text" in line for line in lines)


def test_a_file_that_is_named_for_both_is_no_news(told: Callable[..., list[str]], write: Write) -> None:
    train = write(TRAIN)
    assert told(train, train) == []


def test_equal_texts_that_contradict(told: Callable[..., list[str]], write: Write) -> None:
    train = write([*TRAIN, record("It rains", "x")])
    (line,) = told(train, write([record("new one")], "dev.jsonl"))
    assert line == (
        "2 records have another 'classification' than a record of equal text (one may be wrong); "
        f"first: {train}:2: y, but x at {train}:5"
    )


def test_labels_that_only_dev_knows(told: Callable[..., list[str]], write: Write) -> None:
    dev = write([record("new one", "z"), record("new two", tags="O B-LOC"), record("new three", "z")], "dev.jsonl")
    assert told(write(TRAIN), dev) == [
        f"2 labels of 'classification' in dev that training lacks (never answered); first: {dev}:1: label 'z'",
        f"1 label of 'ner' in dev that training lacks (never answered); first: {dev}:2: label 'LOC'",
    ]


def test_strict_makes_it_an_error(write: Write) -> None:
    settings = load_settings(
        None, [], {"data.train": str(write(TRAIN)), "data.dev": str(write(TRAIN[:1], "dev.jsonl"))}
    )
    with pytest.raises(DataError, match=r"the text of .*dev texts are in the training data, too"):
        load_data(settings, Notices(strict=True))


def test_it_is_what_check_finds(told: Callable[..., list[str]], real_data: Path) -> None:
    paths = [real_data / "snips" / f"{split}.jsonl" for split in ("train", "dev")]
    twins, conflicts = told(*paths)
    train, dev = ([json.loads(line)["sentence"] for line in path.read_text("utf-8").splitlines()] for path in paths)
    assert twins.startswith(f"{sum(text in set(train) for text in dev)} dev texts are in the training data")
    assert conflicts.startswith("2 records have another 'ner'")
