"""Bundles with a task of every kind, whose heads have random weights: what is exported need not be of any use."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from polyhead.bundle import write_folder
from polyhead.bundle.about import EncodingState
from polyhead.export import export
from polyhead.model import MultiTaskModel, load_pretrained
from polyhead.model.weights import save_weights
from polyhead.notices import Notices
from polyhead.tasks import KINDS, Task, task_state
from tests.end_to_end.many_kinds import TASKS, WHOLE
from tests.export.families import FAMILIES, save_family
from tests.unit.bundle.abouts import about


@pytest.fixture(scope="session")
def write_bundle(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Write a bundle of an encoder of a family, with heads for some tasks; once. Do not change it: copy it."""

    written: dict[str, Path] = {}

    def _write(family: str, tasks: dict[str, dict[str, Any]] = TASKS) -> Path:
        key = f"{family} {sorted(tasks)}"
        if key not in written:
            written[key] = _new(family, tasks)
        return written[key]

    def _new(family: str, tasks: dict[str, dict[str, Any]]) -> Path:
        folder = tmp_path_factory.mktemp(family)
        pretrained = load_pretrained(str(save_family(family, folder / "encoder")))
        learnt = [_learnt(name, dict(options)) for name, options in tasks.items()]
        torch.manual_seed(1)
        model = MultiTaskModel(encoder=pretrained.encoder, heads={task.name: task.head() for task in learnt})
        for weight in model.heads.parameters():
            torch.nn.init.normal_(weight, std=0.5)
        pieces = pretrained.max_pieces(None)
        described = about().model_copy(
            update={
                "tasks": tuple(task_state(task) for task in learnt),
                "encoding": EncodingState(max_pieces=pieces, pad_id=pretrained.pad_id, overlap=None),
            }
        )
        write_folder(
            folder / "bundle",
            about=described,
            config_json=pretrained.config_json,
            tokenizer_json=pretrained.tokenizer_json,
            write_weights=lambda path: save_weights(model, path),
        )
        return folder / "bundle"

    return _write


def _learnt(name: str, options: dict[str, Any]) -> Task:
    kind, field = KINDS[options.pop("kind")], options.pop("field")
    checked = kind.Options(**options)
    column = kind.column(field, checked)
    values = [column.read(record[field], str(record["sentence"]), None, Notices()) for record in WHOLE]
    return kind.learn(name=name, field=field, weight=1.0, options=checked, annotations=values)


LIKE_OTHERS = ("electra", "xlm-roberta", "deberta-v2")
"""Families whose layers are those of another one that is there, too."""


@pytest.fixture(
    scope="session",
    params=[pytest.param(name, marks=pytest.mark.slow if name in LIKE_OTHERS else ()) for name in FAMILIES],
)
def family(request: pytest.FixtureRequest) -> str:
    """Each family of encoders in turn."""
    return str(request.param)


@pytest.fixture(scope="session")
def bundle(write_bundle: Callable[..., Path]) -> Path:
    """A BERT with a task of every kind. Do not change it."""
    return write_bundle("bert")


@pytest.fixture(scope="session")
def exported(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, exported. Do not change it: copy it."""
    return export(bundle, tmp_path_factory.mktemp("exported") / "model").folder
