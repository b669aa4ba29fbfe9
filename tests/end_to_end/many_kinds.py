"""One file for a task of every kind, in which no record carries all the fields."""

from __future__ import annotations

from typing import Any

from tests.conftest import RECORDS

_POS = ["NVPNN", "NVPN", "VDNPN", "VDNPNN", "PVDN", "VPAPNX", "NVPN", "VDNA"]
_NAMES = {"N": "NOUN", "V": "VERB", "P": "ADP", "D": "DET", "A": "ADJ", "X": "PUNCT"}
_THEMES = [
    ["people", "places"], ["people", "places"], ["travel", "places"], ["travel", "places"],
    ["weather"], ["weather", "places"], ["people"], [],
]  # fmt: skip
_STARS = [5.0, 4.5, 2.0, 2.5, -1.0, 0.0, 4.0, -2.5]
_STRETCHES = [
    [("John", "PER"), ("New York.", "LOC"), ("York", "ORG")],
    [("Anna", "PER"), ("Berlin", "LOC")],
    [("a flight to Berlin", "TRIP"), ("Berlin", "LOC")],
    [("New York", "LOC"), ("York", "ORG")],
    [],
    [("Berlin", "LOC")],
    [("Anna", "PER"), ("John", "PER")],
    [],
]


def _spans(text: str, stretches: list[tuple[str, str]]) -> list[dict[str, Any]]:
    return [{"start": text.index(own), "end": text.index(own) + len(own), "label": label} for own, label in stretches]


WHOLE: list[dict[str, Any]] = [
    {
        "sentence": record["sentence"],
        "topic": f"topic-{record['label']}",
        "themes": themes,
        "tags": record["ner_tags"],
        "pos": [_NAMES[letter] for letter in pos],
        "places": _spans(str(record["sentence"]), stretches),
        "stars": stars,
    }
    for record, pos, themes, stars, stretches in zip(RECORDS, _POS, _THEMES, _STARS, _STRETCHES, strict=True)
]
"""Eight records with every field."""

FIELDS = ("topic", "themes", "tags", "pos", "places", "stars")
PARTS: list[dict[str, Any]] = [
    {key: value for key, value in record.items() if key not in FIELDS or (FIELDS.index(key) + at + copy) % 3 == 0}
    for copy in range(36)
    for at, record in enumerate(WHOLE)
]
"""Each of them many times over, with two of the six fields."""

TASKS: dict[str, dict[str, Any]] = {
    "topic": {"kind": "single_label", "field": "topic", "class_weights": "balanced"},
    "themes": {"kind": "multi_label", "field": "themes", "pooling": "mean"},
    "slots": {"kind": "tagging", "field": "tags", "decoder": "crf"},
    "pos": {"kind": "token_label", "field": "pos", "layers": "mix"},
    "places": {"kind": "spans", "field": "places", "max_width": 6},
    "stars": {"kind": "regression", "field": "stars", "pooling": "attention", "hidden": 16},
}
TRAINING: dict[str, Any] = {"epochs": 4, "lr": 3e-3, "head_lr": 5e-3, "batch_size": 8, "precision": "fp32"}
