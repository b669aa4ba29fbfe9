"""Short runs whose weights are known, in all the ways that training goes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from polyhead.bundle import locate
from polyhead.errors import BundleError
from polyhead.inference import open_model
from polyhead.model.weights import load_model
from tests.conftest import RECORDS
from tests.faults import child

WAYS: dict[str, dict[str, Any]] = {
    "joint": {},
    "alternating": {"strategy": "alternating"},
    "proportional": {"strategy": "proportional"},
    "uniform": {"strategy": "uniform"},
    "temperature": {"strategy": "temperature"},
    "round_robin": {"strategy": "round_robin"},
    "crf": {
        "tasks": {
            "classification": {"kind": "single_label", "field": "label"},
            "ner": {"kind": "tagging", "field": "ner_tags", "decoder": "crf"},
        }
    },
    "frozen": {"freeze": "encoder"},
    "unfreezing": {"unfreeze": 1},
    "averaging": {"average": 2},
}
"""Settings by name: both strategies, every mixing, a CRF, a frozen encoder, and what else has a memory."""


@dataclass(frozen=True)
class Known:
    """An uninterrupted run.

    Attributes:
        settings: Its settings, without the output.
        weights: SHA-256 of the weights of each epoch's bundle.
        steps: The steps in its log.
        notes: What its process said, with each operation on the disk.
    """

    settings: dict[str, Any]
    weights: dict[str, str]
    steps: list[dict[str, Any]]
    notes: str

    def differs(self, folder: Path) -> list[str]:
        """Return in what a run differs from this one; nothing of it should."""
        found = []
        if weights_in(folder) != self.weights:
            found.append(f"weights: {weights_in(folder)}, wanted {self.weights}")
        if steps_in(folder) != self.steps:
            found.append(f"steps of the log: {len(steps_in(folder))}, wanted {len(self.steps)}")
        account = json.loads((folder / "run.json").read_text())
        if not account["finished"] or [epoch["folder"] for epoch in account["epochs"]] != sorted(self.weights):
            found.append(f"account: {account['finished']}, {account['epochs']}")
        names = sorted(path.name for path in folder.iterdir())
        if names != sorted([*self.weights, "log.jsonl", "run.json"]):
            found.append(f"left over: {names}")
        return found


Know = Callable[[str], Known]


@pytest.fixture(scope="session")
def know(tmp_path_factory: pytest.TempPathFactory, encoder_folders: dict[str, Path]) -> Know:
    """Train in one of `WAYS` without a fault, once a session."""
    root = tmp_path_factory.mktemp("known")
    data = root / "data.jsonl"
    data.write_text("".join(json.dumps(record) + "\n" for record in RECORDS * 3), encoding="utf-8")
    found: dict[str, Known] = {}

    def _know(way: str) -> Known:
        if way not in found:
            settings = {
                "data": str(data), "dev": str(data), "encoder": str(encoder_folders["distilbert"]), "precision": "fp32",
                "epochs": 2, "batch_size": 6, "saving": {"every_steps": 2, "every_minutes": 0.0}, **WAYS[way],
            }  # fmt: skip
            notes = root / f"{way}.txt"
            folder = root / way / "saved_model"
            ending = child.train({**settings, "output": str(folder)}, notes=notes)
            assert ending.code == child.FINISHED, ending.said
            found[way] = Known(settings, weights_in(folder), steps_in(folder), ending.said)
        return found[way]

    return _know


def weights_in(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of the weights of each epoch."""
    return {
        path.parent.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.glob("epoch-*/model.safetensors")
    }


def steps_in(folder: Path) -> list[dict[str, Any]]:
    """Return the steps of a run's log."""
    lines = (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()
    return [line for line in map(json.loads, lines) if line["event"] == "step"]


def check_loadable(folder: Path) -> None:
    """See that a run which was broken off has a model, as soon as it accounts for one, that loads."""
    account: Mapping[str, Any] = json.loads((folder / "run.json").read_text()) if (folder / "run.json").exists() else {}
    for epoch in account.get("epochs", ()):
        load_model(open_model(folder / epoch["folder"]))
    if account.get("epochs"):
        load_model(open_model(locate(folder)))
        return
    with pytest.raises(BundleError, match=r"no such model|neither a bundle|has not finished an epoch yet"):
        locate(folder)
