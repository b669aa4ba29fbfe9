"""What users see and rely on, pinned: help texts, public names, the layout of what a run leaves.

A change that is meant is taken over by `POLYHEAD_UPDATE_GOLDEN=1 pytest tests/golden`, and then reviewed as a diff.
"""

from __future__ import annotations

import importlib
import inspect
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import polyhead
from polyhead.training import TrainedRun

HERE, ROOT = Path(__file__).parent, Path(__file__).parents[2]
UPDATE = os.environ.get("POLYHEAD_UPDATE_GOLDEN") == "1"

HELP = {
    "help": ["-m", "polyhead", "--help"],
    "help_split": ["-m", "polyhead", "split", "--help"],
    "help_plan": ["-m", "polyhead", "plan", "--help"],
    "help_check": ["-m", "polyhead", "check", "--help"],
    "help_train": ["-m", "polyhead", "train", "--help"],
    "help_evaluate": ["-m", "polyhead", "evaluate", "--help"],
    "help_calibrate": ["-m", "polyhead", "calibrate", "--help"],
    "help_export": ["-m", "polyhead", "export", "--help"],
    "help_compare": ["-m", "polyhead", "compare", "--help"],
    "help_find_issues": ["-m", "polyhead", "find-issues", "--help"],
    "help_learning_curve": ["-m", "polyhead", "learning-curve", "--help"],
    "help_study": ["-m", "polyhead", "study", "--help"],
    "help_tune": ["-m", "polyhead", "tune", "--help"],
    "help_convert": ["-m", "polyhead", "convert", "--help"],
    "help_predict": ["-m", "polyhead", "predict", "--help"],
    "help_serve": ["-m", "polyhead", "serve", "--help"],
    "help_info": ["-m", "polyhead", "info", "--help"],
    "help_inspect": ["-m", "polyhead", "inspect", "--help"],
    "help_add_head": ["-m", "polyhead", "add-head", "--help"],
    "help_remove_head": ["-m", "polyhead", "remove-head", "--help"],
    "help_script_train": ["src/train.py", "--help"],
    "help_script_predict": ["src/predict.py", "--help"],
}


def check(name: str, found: str) -> None:
    path = HERE / f"{name}.txt"
    if UPDATE:
        path.write_text(found, encoding="utf-8")
    wanted = path.read_text(encoding="utf-8") if path.is_file() else ""
    assert found == wanted, f"{path} differs; where that is meant: POLYHEAD_UPDATE_GOLDEN=1 pytest tests/golden"


def key_tree(value: Any, indent: str = "") -> list[str]:
    """Draw the keys of nested objects; of a list the keys of its elements together; of anything else its type."""
    if isinstance(value, list):
        objects = [element for element in value if isinstance(element, dict)]
        merged = {key: element for one in objects for key, element in one.items()}
        return key_tree(merged, indent) if objects else []
    if not isinstance(value, dict):
        return []
    lines = []
    for key, inner in value.items():
        name = {list: "[]", dict: "{}"}.get(type(inner), type(inner).__name__)
        lines += [f"{indent}{key}: {name}", *key_tree(inner, indent + "  ")]
    return lines


@pytest.mark.parametrize("name", HELP)
def test_help(name: str) -> None:
    environment = {"COLUMNS": "100", "TERM": "dumb", "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"}
    for variable in ("FORCE_COLOR", "PY_COLORS", "GITHUB_ACTIONS", "TERMINAL_WIDTH"):
        environment[variable] = ""  # Typer draws for a terminal where one of these is set
    kept = {key: value for key, value in (os.environ | environment).items() if value}
    command = [sys.executable, *HELP[name]]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", cwd=ROOT, env=kept, check=True)
    assert done.stderr == ""
    assert "\x1b" not in done.stdout
    check(name, re.sub(r"[ \t]+$", "", done.stdout, flags=re.MULTILINE))


def test_public_names() -> None:
    assert polyhead.__all__ == sorted(polyhead.__all__)
    assert dir(polyhead) == polyhead.__all__
    check("public_names", "".join(f"{name}\n" for name in polyhead.__all__))


@pytest.mark.parametrize("name", [name for name in polyhead.__all__ if name != "__version__"])
def test_public_names_are_there_and_documented(name: str) -> None:
    value = getattr(polyhead, name)
    assert value.__name__ == name
    assert value.__module__.startswith("polyhead.")
    assert len(inspect.getdoc(value) or "") > 20
    assert getattr(importlib.import_module("polyhead"), name) is value
    for part, member in vars(value).items() if inspect.isclass(value) else ():
        if inspect.isfunction(member) and not part.startswith("_"):
            assert member.__doc__, f"{name}.{part}"


def test_unknown_names_are_refused() -> None:
    with pytest.raises(AttributeError, match="no attribute 'trainer'"):
        _ = polyhead.trainer


def test_importing_loads_neither_torch_nor_transformers() -> None:
    code = (
        "import polyhead, sys; print(sorted({'torch', 'transformers', 'accelerate', 'sklearn'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_bundle_layout(single_file_run: TrainedRun) -> None:
    names = sorted(str(path.relative_to(single_file_run.folder)) for path in single_file_run.folder.rglob("*"))
    check("run_files", "".join(f"{name}\n" for name in names))


@pytest.mark.parametrize("name", ["run.json", "epoch-1/polyhead.json", "epoch-1/manifest.json"])
def test_keys(name: str, single_file_run: TrainedRun) -> None:
    content = json.loads((single_file_run.folder / name).read_text(encoding="utf-8"))
    check(f"keys_of_{Path(name).stem}", "\n".join(key_tree(content)) + "\n")


def test_keys_of_the_log(single_file_run: TrainedRun) -> None:
    lines = (single_file_run.folder / "log.jsonl").read_text(encoding="utf-8").splitlines()
    # A jump of a loss is not part of every run, and this one's encoder is another in each session.
    events = {line["event"]: line for line in map(json.loads, lines) if line["event"] != "spike"}
    check("keys_of_log", "".join(f"{event}\n" + "\n".join(key_tree(events[event], "  ")) + "\n" for event in events))


def test_layout_of_a_bundle_with_adapters(small_data: Path, encoder_folders: dict[str, Path], tmp_path: Path) -> None:
    run = polyhead.train(
        small_data,
        encoder=str(encoder_folders["distilbert"]),
        output=tmp_path / "run",
        epochs=1,
        adapters={"rank": 2, "share": "own", "targets": "attention"},
    )
    described = json.loads((run.best / "polyhead.json").read_text(encoding="utf-8"))
    listed = json.loads((run.best / "manifest.json").read_text(encoding="utf-8"))["files"]
    tensors = json.loads(_header(run.best / "adapters.safetensors"))
    lines = ["manifest.json", *(f"  {name}" for name in listed), "polyhead.json"]
    lines += [*key_tree({"adapters": described["adapters"]}, "  "), "adapters.safetensors"]
    lines += [f"  {name} {own['dtype']} {own['shape']}" for name, own in sorted(tensors.items())]
    check("bundle_with_adapters", "\n".join(lines) + "\n")


def _header(path: Path) -> bytes:
    content = path.read_bytes()
    return content[8 : 8 + int.from_bytes(content[:8], "little")]


def test_every_golden_file_is_checked() -> None:
    used = {*HELP, "public_names", "run_files", "keys_of_run", "keys_of_polyhead", "keys_of_manifest", "keys_of_log"}
    used.add("bundle_with_adapters")
    assert {path.stem for path in HERE.glob("*.txt")} == used
