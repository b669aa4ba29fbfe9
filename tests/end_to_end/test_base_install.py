"""What `pip install polyhead` gives, and nothing more: an exported model is predicted with, without torch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

import polyhead
from polyhead.export import export
from polyhead.training import TrainedRun
from tests.conftest import RECORDS

ROOT = Path(__file__).parents[2]
TEXTS = [str(record["sentence"]) for record in RECORDS]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment with the package and its own requirements."""
    folder = tmp_path_factory.mktemp("base")
    venv.create(folder, with_pip=True)
    install = [folder / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run([*install, "-c", ROOT / "constraints.txt", ROOT], capture_output=True, text=True, check=False)
    if done.returncode and ("No matching distribution" in done.stderr or "Connection" in done.stderr):
        pytest.skip(f"packages cannot be fetched here: {done.stderr[-300:]}")
    assert done.returncode == 0, done.stderr
    return folder / "bin"


@pytest.fixture(scope="module")
def exported(trained: TrainedRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(trained.folder, tmp_path_factory.mktemp("base") / "exported").folder


def run(*command: object) -> str:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, check=False, env=environment, cwd="/"
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_there_is_no_torch(base: Path) -> None:
    code = "import importlib.util as u; print([n for n in ('torch', 'transformers', 'safetensors') if u.find_spec(n)])"
    assert run(base / "python", "-c", code) == "[]\n"


def test_answers_are_those_of_torch(base: Path, exported: Path, trained: TrainedRun) -> None:
    lines = run(base / "polyhead", "predict", exported, *TEXTS, "--json").splitlines()
    wanted = [result.to_json() for result in polyhead.Predictor.load(trained.folder)(TEXTS)]
    assert [plain(json.loads(line)) for line in lines] == [plain(answer) for answer in wanted]


def plain(answer: dict[str, object]) -> object:
    """Scores as near as two runtimes are."""
    if isinstance(answer, dict):
        return {key: plain(value) for key, value in answer.items()}  # type: ignore[arg-type]
    if isinstance(answer, list):
        return [plain(value) for value in answer]
    return pytest.approx(answer, abs=1e-4) if isinstance(answer, float) else answer


def test_what_needs_more_says_so(base: Path, exported: Path, trained: TrainedRun) -> None:
    for arguments, said in (
        (["predict", trained.folder, "Anna"], "needs the extra 'train': pip install 'polyhead[train]'"),
        (["predict", exported, "Anna", "--runtime", "torch"], "needs the extra 'train'"),
        (["export", trained.folder], "needs the extra 'export': pip install 'polyhead[export]'"),
        (["predict", exported, "Anna", "--runtime", "openvino"], "needs the extra 'openvino'"),
    ):
        command = [str(part) for part in (base / "polyhead", *arguments)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
        assert done.returncode == 2
        assert said in done.stderr
        assert "Traceback" not in done.stderr


def test_importing_loads_next_to_nothing() -> None:
    """Not a time, which depends on the machine: what takes time is not loaded."""
    code = "import sys, polyhead; print(sorted({'numpy', 'tokenizers', 'pydantic', 'torch'} & set(sys.modules)))"
    assert run(sys.executable, "-c", f"import sys; sys.path[:0] = {sys.path!r}; {code}") == "[]\n"
