"""Faults planted into a copy of a data set, and where they were planted."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Place = tuple[str, int]
EACH = 50
UNKNOWN = "杂官園追楽"


@dataclass
class Copy:
    """Records of the splits of a data set, faults and all.

    Attributes:
        splits: By split, its lines.
        places: By kind of finding, where faults of it were planted.
    """

    splits: dict[str, list[str]]
    chosen: random.Random
    places: dict[str, set[Place]] = field(default_factory=lambda: defaultdict(set))
    taken: set[Place] = field(default_factory=set)

    @classmethod
    def of(cls, folder: Path, seed: int) -> Copy:
        splits = {name: (folder / f"{name}.jsonl").read_text("utf-8").splitlines() for name in ("train", "dev", "test")}
        return cls(splits, random.Random(seed))

    def spoil(self, kind: str, split: str, change: Callable[[dict[str, Any]], Any], fits: Any = lambda _: True) -> None:
        """Change records that fit and were not changed before."""
        lines = self.splits[split]
        order = self.chosen.sample(range(len(lines)), len(lines))
        left = EACH
        for at in order:
            if not left:
                return
            record = json.loads(lines[at])
            if (split, at + 1) not in self.taken and fits(record):
                changed = change(record)
                lines[at] = changed if isinstance(changed, str) else json.dumps(changed, ensure_ascii=False)
                self._note(kind, split, at + 1)
                left -= 1
        raise AssertionError(f"too few records of {split} for {kind}")

    def add(self, kind: str, split: str, make: Callable[[dict[str, Any]], dict[str, Any]], fits: Any) -> None:
        """Add records to a split that are made from training records, which stay as they are."""
        originals = [
            (at, json.loads(line)) for at, line in enumerate(self.splits["train"], 1) if line.startswith('{"sent')
        ]
        fitting = [(at, record) for at, record in originals if ("train", at) not in self.taken and fits(record)]
        for at, record in self.chosen.sample(fitting, EACH):
            self.taken.add(("train", at))
            self.splits[split].append(json.dumps(make(record), ensure_ascii=False))
            self._note(kind, split, len(self.splits[split]))

    def write(self, folder: Path) -> dict[str, Path]:
        paths = {name: folder / f"{name}.jsonl" for name in self.splits}
        for name, path in paths.items():
            path.write_text("\n".join(self.splits[name]) + "\n", encoding="utf-8")
        return paths

    def _note(self, kind: str, split: str, line: int) -> None:
        self.places[kind].add((split, line))
        self.taken.add((split, line))


def plant_all(copy: Copy) -> None:
    """Plant fifty faults of each kind into SNIPS."""
    chosen = copy.chosen
    copy.add("near leak", "test", _last_word_changed, _stays_similar)
    copy.add("leak", "dev", lambda record: {**record, "sentence": record["sentence"].upper()}, lambda _: True)
    copy.add("conflict", "train", lambda record: {**record, "label": _other(record["label"])}, _is_plain)
    copy.spoil("malformed", "train", lambda record: json.dumps(record)[: chosen.randint(5, 25)])
    copy.spoil("tag", "train", lambda record: _with_tag(record, 0, "Z-artist"))
    copy.spoil("scheme", "train", lambda record: _with_tag(record, 0, "I-artist"))
    copy.spoil("unseen label", "test", lambda record: {**record, "label": f"New{chosen.randint(1, 9)}"}, _is_plain)
    copy.spoil("unseen label", "dev", lambda record: _with_tag(record, 0, "B-new_type"), _begins_outside)
    copy.spoil("too long", "train", _repeated)
    copy.spoil("unknown piece", "train", lambda record: _with_word(record, 0, chosen.choice(UNKNOWN)))
    copy.spoil("character", "train", lambda record: _with_word(record, 0, f"a{chosen.choice('​‍﻿')}b"))


def _other(label: str) -> str:
    return "RateBook" if label != "RateBook" else "PlayMusic"


def _begins_outside(record: dict[str, Any]) -> bool:
    """Whether another tag in front breaks nothing behind it."""
    return record["ner_tags"][0] == "O"


def _is_plain(record: dict[str, Any]) -> bool:
    return record["sentence"].isascii()


def _stays_similar(record: dict[str, Any]) -> bool:
    """Whether nine tenths of the pieces of five characters are still shared when the last word is another."""
    one, other = (_pieces(own["sentence"]) for own in (record, _last_word_changed(record)))
    return len(one & other) >= 0.9 * len(one | other)


def _pieces(text: str) -> set[str]:
    return {text[at : at + 5] for at in range(len(text) - 4)}


def _last_word_changed(record: dict[str, Any]) -> dict[str, Any]:
    return _with_word(record, -1, "zq")


def _with_word(record: dict[str, Any], at: int, word: str) -> dict[str, Any]:
    words = record["sentence"].split()
    words[at] = word
    return {**record, "sentence": " ".join(words)}


def _with_tag(record: dict[str, Any], at: int, tag: str) -> dict[str, Any]:
    tags = list(record["ner_tags"])
    tags[at] = tag
    return {**record, "ner_tags": tags}


def _repeated(record: dict[str, Any]) -> dict[str, Any]:
    times = 600 // len(record["ner_tags"]) + 1
    return {**record, "sentence": " ".join([record["sentence"]] * times), "ner_tags": record["ner_tags"] * times}
