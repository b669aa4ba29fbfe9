"""No library tells its maker who exports and predicts: nothing is left at home, and no host is asked for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from polyhead.export import export
from polyhead.inference.candidates import is_installed
from polyhead.training import TrainedRun

_CALL = """
import sys
def heard(event, arguments):
    if event in ("socket.getaddrinfo", "socket.gethostbyname", "urllib.Request", "socket.connect"):
        print("asked the network:", event, arguments, file=sys.stderr, flush=True)
        sys.exit(3)
sys.addaudithook(heard)
from polyhead.cli.app import main
main()
"""
_SILENCED = ("CI", "TF_BUILD", "JENKINS_URL", "ORT_DISABLE_TELEMETRY", "ORT_RUNNING_UNIT_TESTS", "XDG_CACHE_HOME")
"""With some of these in the environment the libraries send nothing by themselves; a user has none of them."""


@pytest.fixture(scope="module")
def exported(trained: TrainedRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(trained.folder, tmp_path_factory.mktemp("exported") / "model").folder


def left_at_home(home: Path, *command: object) -> list[str]:
    """Call the command line with an empty home; the files that are then in it."""
    home.mkdir()
    environment = {name: value for name, value in os.environ.items() if name not in _SILENCED}
    environment |= {"HOME": str(home), "POLYHEAD_CACHE": str(home.parent / "cache"), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", _CALL, *map(str, command)], capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "asked the network" not in done.stderr
    return [str(found.relative_to(home)) for found in home.rglob("*") if found.is_file()]


@pytest.mark.parametrize("runtime", [name for name in ("onnxruntime", "openvino") if is_installed(name)])
def test_predicting_tells_nobody(runtime: str, exported: Path, tmp_path: Path) -> None:
    options = ("--runtime", runtime, "--precision", "fp32", "--json")
    assert left_at_home(tmp_path / "home", "predict", exported, "Anna lives in Berlin.", *options) == []


def test_exporting_tells_nobody(trained: TrainedRun, small_data: Path, tmp_path: Path) -> None:
    options = ("--precision", "fp32", "--precision", "int8", "--dev", small_data, "--max-drop", 5)
    assert left_at_home(tmp_path / "home", "export", trained.folder, "--output", tmp_path / "graph", *options) == []


@pytest.mark.skipif(not is_installed("openvino"), reason="OpenVINO is not installed")
def test_what_stays_out_of_the_way_can_be_imported_afterwards() -> None:
    code = (
        "import sys, polyhead.inference.openvino_runtime as r; assert 'openvino_telemetry' not in sys.modules; "
        "import openvino_telemetry"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
