"""Fixtures: tiny encoders, a small data set, and models trained on it once a session."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import polyhead
from polyhead.settings import load_settings
from polyhead.training import run_training
from tests import tiny_encoders

REAL_DATA = Path(__file__).parents[2] / "shared" / "data"

RECORDS = [
    {"sentence": "John lives in New York.", "label": 1, "ner_tags": ["B-PER", "O", "O", "B-LOC", "I-LOC"]},
    {"sentence": "Anna lives in Berlin.", "label": 1, "ner_tags": ["B-PER", "O", "O", "B-LOC"]},
    {"sentence": "Book a flight to Berlin", "label": 0, "ner_tags": ["O", "O", "O", "O", "B-LOC"]},
    {"sentence": "Book a room in New York", "label": 0, "ner_tags": ["O", "O", "O", "O", "B-LOC", "I-LOC"]},
    {"sentence": "What is the weather", "label": 2, "ner_tags": ["O", "O", "O", "O"]},
    {"sentence": "Is it good in Berlin ?", "label": 2, "ner_tags": ["O", "O", "O", "O", "B-LOC", "O"]},
    {"sentence": "Anna works for John", "label": 1, "ner_tags": ["B-PER", "O", "O", "B-PER"]},
    {"sentence": "play some music please", "label": 0, "ner_tags": ["O", "O", "O", "O"]},
]


@pytest.fixture
def real_data() -> Path:
    """The real data sets; a test that needs one is skipped where they are absent."""
    if not REAL_DATA.is_dir():
        pytest.skip(f"the real data sets are not at {REAL_DATA}")
    return REAL_DATA


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write records as JSON lines and return the path."""

    def _write(records: list[dict[str, object]], name: str = "data.jsonl") -> Path:
        path = tmp_path / name
        path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
        return path

    return _write


@pytest.fixture(scope="session", params=tiny_encoders.KINDS)
def any_encoder(request: pytest.FixtureRequest, encoder_folders: dict[str, Path]) -> Path:
    """Each tiny encoder in turn."""
    return encoder_folders[request.param]


@pytest.fixture(scope="session")
def encoder_folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """All tiny encoders, as folders, by kind."""
    root = tmp_path_factory.mktemp("encoders")
    return {kind: tiny_encoders.save_encoder(kind, root / kind) for kind in tiny_encoders.KINDS}


@pytest.fixture(scope="session")
def small_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight records with labels and tags, forty times over, as JSON lines."""
    path = tmp_path_factory.mktemp("data") / "train.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in RECORDS * 40), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def trained(
    tmp_path_factory: pytest.TempPathFactory, encoder_folders: dict[str, Path], small_data: Path
) -> polyhead.TrainedRun:
    """A run of two epochs of the tiny DistilBERT on the small data. Do not change its folder: copy it."""
    output = tmp_path_factory.mktemp("run") / "saved_model"
    return polyhead.train(
        small_data, dev=small_data, encoder=str(encoder_folders["distilbert"]), output=output, precision="fp32"
    )


@pytest.fixture(scope="session")
def single_file_run(
    tmp_path_factory: pytest.TempPathFactory, encoder_folders: dict[str, Path], small_data: Path
) -> polyhead.TrainedRun:
    """A run that also wrote `mtl_epoch1.pt` and `mtl_epoch2.pt`. Do not change its folder."""
    flags = {
        "data.train": small_data,
        "data.dev": small_data,
        "encoder": str(encoder_folders["distilbert"]),
        "output": tmp_path_factory.mktemp("single") / "saved_model",
        "training.lr": 3e-3,
        "training.precision": "fp32",
    }
    return run_training(load_settings(None, (), flags), single_file="mtl_epoch{epoch}.pt")


@pytest.fixture(scope="session", autouse=True)
def _cache_of_what_tests_share(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No fixture may write into the user's cache, or find there what another version left."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("POLYHEAD_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        yield


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test may find what another one left."""
    monkeypatch.setenv("POLYHEAD_CACHE", str(tmp_path_factory.getbasetemp() / "caches" / secrets.token_hex(8)))


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test may reach the Hub, wherever it runs."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    yield
    assert os.environ.get("HF_HUB_OFFLINE") == "1"
