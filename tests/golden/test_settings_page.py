"""docs/settings.md is made from the settings themselves; POLYHEAD_UPDATE_GOLDEN=1 (make golden) writes it anew."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from polyhead import settings
from polyhead.settings import (
    AdapterSettings,
    DataSettings,
    EncodingSettings,
    RunSettings,
    SavingSettings,
    SetSettings,
    TaskSettings,
    TeacherSettings,
    TrackingSettings,
    TrainingSettings,
)
from polyhead.tasks import KINDS

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"

HEAD = """# Settings

What can be set, in a settings file (`polyhead train --config run.toml`), by `--set KEY=VALUE` (the keys in full, such
as `training.lr`), or by a flag. A flag beats `--set`, which beats the file, which beats the default. Paths in a file
are relative to the file; an encoder in a folder beside the file begins with a dot (`./my_encoder`). An unknown key is
an error that lists the known ones.

A value may also be a range, in which `polyhead tune` searches the best one: [tune.md](tune.md).

This page is made from the code: `make golden` writes it anew.
"""


SETTINGS = [getattr(settings, name) for name in settings.__all__ if name.endswith("Settings")]
"""All sections of a settings file."""


def section(title: str, note: str, model: type[BaseModel]) -> str:
    fields = {name: info for name, info in model.model_fields.items() if not _is_section(info)}
    rows = [f"| `{name}` | {_default(info)} | {_meaning(info)} |" for name, info in fields.items()]
    table = (
        "\n".join(["| setting | default | meaning |", "|---|---|---|", *rows]) if rows else "No settings of its own."
    )
    return f"\n## {title}\n\n{note}{table}\n"


def _is_section(info: FieldInfo) -> bool:
    """Whether a field is a section, or a table of sections by name: these have a heading, not a row."""
    branches = (info.annotation, *get_args(info.annotation))
    return any(isinstance(branch, type) and issubclass(branch, BaseModel) for branch in branches)


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "must be given"
    value = info.get_default(call_default_factory=True)
    if value is None or value == () or value == {}:
        return "see right"
    return f"`{value}`".lower() if isinstance(value, bool) else f"`{value}`"


def _meaning(info: FieldInfo) -> str:
    assert info.description, "a setting is documented at its field"
    return re.sub(r"``(.+?)``", r"`\1`", " ".join(info.description.split())).replace("|", "\\|")


def page() -> str:
    sets, tasks = DataSettings.model_fields["sets"], RunSettings.model_fields["tasks"]
    parts = [
        HEAD,
        section("The run", "At the top of the file.\n\n", RunSettings),
        section("`[data]`", "", DataSettings),
        section("`[data.sets.NAME]`", f"{_meaning(sets)} The names are yours.\n\n", SetSettings),
        section("`[tasks.NAME]`", f"One section a task; the name is yours. {_meaning(tasks)}\n\n", TaskSettings),
        *(section(f'`[tasks.NAME]` with `kind = "{name}"`', "", kind.Options) for name, kind in KINDS.items()),
        section("`[encoding]`", "", EncodingSettings),
        section("`[training]`", "", TrainingSettings),
        section("`[adapters]`", "See [adapters.md](adapters.md).\n\n", AdapterSettings),
        section("`[teacher]`", "", TeacherSettings),
        section(
            "`[saving]`",
            "The states of a run, from which it goes on after a kill, a signal or a full disk. A bundle is saved after "
            "each epoch in any case. When the run is finished its states are removed.\n\n",
            SavingSettings,
        ),
        section("`[tracking]`", "", TrackingSettings),
    ]
    return "".join(parts)


@pytest.mark.parametrize("model", [*SETTINGS, *(kind.Options for kind in KINDS.values())])
def test_no_setting_is_left_out(model: type[BaseModel]) -> None:
    rows = {line.split("`")[1] for line in page().splitlines() if line.startswith("| `")}
    headings = {name for line in page().splitlines() if line.startswith("## `[") for name in re.findall(r"\w+", line)}
    for name, info in model.model_fields.items():
        assert name in (headings if _is_section(info) else rows), f"{model.__name__}.{name}"


def test_the_settings_page_says_what_there_is() -> None:
    if os.environ.get("POLYHEAD_UPDATE_GOLDEN"):
        PAGE.write_text(page(), encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == page(), "run `make golden`"
