"""docs/settings.md is made from the settings themselves; POLYHEAD_UPDATE_GOLDEN=1 (make golden) writes it anew."""

from __future__ import annotations

import os
import re
from pathlib import Path

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from polyhead.settings import DataSettings, EncodingSettings, RunSettings, TaskSettings, TrainingSettings
from polyhead.tasks import KINDS

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"

HEAD = """# Settings

What can be set, in a settings file (`polyhead train --config run.toml`), by `--set KEY=VALUE` (the keys in full, such
as `training.lr`), or by a flag. A flag beats `--set`, which beats the file, which beats the default. Paths in a file
are relative to the file; an encoder in a folder beside the file begins with a dot (`./my_encoder`). An unknown key is
an error that lists the known ones.

This page is made from the code: `make golden` writes it anew.
"""


def section(title: str, note: str, model: type[BaseModel]) -> str:
    fields = {name: info for name, info in model.model_fields.items() if not _is_section(info)}
    rows = [f"| `{name}` | {_default(info)} | {_meaning(info)} |" for name, info in fields.items()]
    table = (
        "\n".join(["| setting | default | meaning |", "|---|---|---|", *rows]) if rows else "No settings of its own."
    )
    return f"\n## {title}\n\n{note}{table}\n"


def _is_section(info: FieldInfo) -> bool:
    annotation = info.annotation
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "must be given"
    value = info.get_default(call_default_factory=True)
    if value is None or value == () or value == {}:
        return "see right"
    return f"`{value}`".lower() if isinstance(value, bool) else f"`{value}`"


def _meaning(info: FieldInfo) -> str:
    assert info.description, "a setting is documented at its field"
    return re.sub(r"``(.+?)``", r"`\1`", " ".join(info.description.split()))


def page() -> str:
    parts = [
        HEAD,
        section("The run", "At the top of the file.\n\n", RunSettings),
        section("`[data]`", "", DataSettings),
        section("`[tasks.NAME]`", "One section a task; the name is yours.\n\n", TaskSettings),
        *(section(f'`[tasks.NAME]` with `kind = "{name}"`', "", kind.Options) for name, kind in KINDS.items()),
        section("`[encoding]`", "", EncodingSettings),
        section("`[training]`", "", TrainingSettings),
    ]
    return "".join(parts)


def test_the_settings_page_says_what_there_is() -> None:
    if os.environ.get("POLYHEAD_UPDATE_GOLDEN"):
        PAGE.write_text(page(), encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == page(), "run `make golden`"
