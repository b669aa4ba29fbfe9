"""The image, built and run by Podman: what `docker build` and `docker run` in docs/deploying.md give."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from polyhead.export import export
from polyhead.training import TrainedRun
from tests.end_to_end.test_container import ARGS, ROOT, health_command

pytestmark = pytest.mark.slow

_PYTHON = ARGS[0].rest.split("=")[1]
_SUITES = {"3.11": "bookworm", "3.13": "trixie"}
"""Debian's releases by the Python that they have, for a base where there is no registry."""
_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
_KEY = "0123456789abcdef0123456789abcdef"
_LOCKED = ("--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--security-opt", "no-new-privileges")
_ASK = """
import json, sys, urllib.error, urllib.request
path, key, texts = sys.argv[1:]
body = json.dumps({"texts": [texts]}).encode() if texts else None
request = urllib.request.Request("http://127.0.0.1:8000" + path, body)
if key:
    request.add_header("authorization", "Bearer " + key)
try:
    answer = urllib.request.urlopen(request)
except urllib.error.HTTPError as refused:
    answer = refused
print(json.dumps([answer.status, answer.read().decode()]))
"""


@dataclass(frozen=True)
class Podman:
    """Podman with images of its own, which go with the test."""

    options: tuple[str, ...]

    def __call__(self, *words: object, wanted: int | None = 0, **options: Any) -> subprocess.CompletedProcess[str]:
        command = ["podman", *self.options, *map(str, words)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
        assert wanted is None or done.returncode == wanted, f"{words}: {done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        return done

    def runs(self, *words: object, wanted: int | None = 0) -> subprocess.CompletedProcess[str]:
        """Run a container; limits are ones that any user may set, and the one who runs it asks for its health."""
        limits = ("--ulimit", "nofile=4096:4096", "--ulimit", "nproc=4096:4096", "--health-interval", "disable")
        return self("run", *limits, "--network", "none", *words, wanted=wanted)


def base_of(place: Path, podman: Podman) -> str:
    """The image that the Dockerfile begins with, or what stands in for it where there is no registry."""
    name = f"docker.io/library/python:{_PYTHON}-slim"
    if podman("pull", "--quiet", name, wanted=None).returncode == 0:
        return name
    if not shutil.which("debootstrap") or os.geteuid() != 0:
        pytest.skip("there is no registry, and debootstrap, which makes what stands in for a base, cannot be used")
    packages = "--include=python3,python3-venv,python3-pip,ca-certificates,netbase,tzdata"
    system = place / "system"
    command = ["debootstrap", "--variant=minbase", packages, _SUITES[_PYTHON], str(system)]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip(f"Debian's packages cannot be fetched here: {made.stdout[-300:]}")
    (system / "usr/local/bin/python").symlink_to("/usr/bin/python3")
    archive = place / "system.tar"
    left = [f"--exclude=./{name}/*" for name in ("dev", "proc", "sys", "var/cache/apt/archives")]
    subprocess.run(["tar", "-C", system, *left, "-cf", archive, "."], check=True)
    shutil.rmtree(system)
    podman("import", archive, name)
    archive.unlink()
    return name


@pytest.fixture(scope="module")
def podman(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Podman]:
    """Podman, with the base and with a runtime that can run it here."""
    if not shutil.which("podman"):
        pytest.skip("podman is not installed")
    place = tmp_path_factory.mktemp("podman")
    stored = ("--root", str(place / "root"), "--runroot", str(place / "run"), "--cgroup-manager", "cgroupfs")
    base = base_of(place, Podman(stored))
    said = ""
    for runtime in filter(shutil.which, ("crun", "runc")):
        found = Podman((*stored, "--runtime", runtime))
        tried = found.runs("--rm", base, "python", "-c", "print('runs')", wanted=None)
        if tried.stdout == "runs\n":
            yield found
            found("system", "prune", "--all", "--force", "--volumes", wanted=None)
            subprocess.run(["umount", place / "root" / "overlay"], check=False, capture_output=True)
            shutil.rmtree(place, ignore_errors=True)
            return
        said = tried.stderr[-300:]
    pytest.skip(f"containers cannot be run here: {said}")


@pytest.fixture(scope="module")
def image(podman: Podman) -> str:
    certificates = ("--volume", f"{_CERTIFICATES}:{_CERTIFICATES}:ro") if _CERTIFICATES.exists() else ()
    options = ("--format", "docker", "--network", "host", "--pull-never", *certificates)
    done = podman("build", *options, "--tag", "polyhead", ".", cwd=ROOT, wanted=None)
    if "No matching distribution" in done.stderr or "Connection" in done.stderr:
        pytest.skip(f"packages cannot be fetched here: {done.stderr[-300:]}")
    assert done.returncode == 0, done.stderr[-3000:]
    return "localhost/polyhead"


@pytest.fixture(scope="module")
def mounts(trained: TrainedRun, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A model and keys, as options of `podman run`, for another user to read."""
    place = tmp_path_factory.mktemp("mounted")
    model = export(trained.folder, place / "model").folder
    (place / "keys.txt").write_text(f"{_KEY}\n", encoding="utf-8")
    for found in (model, *model.iterdir(), place / "keys.txt"):
        found.chmod(0o755 if found.is_dir() else 0o644)
    return ["--volume", f"{model}:/model:ro", "--volume", f"{place / 'keys.txt'}:/keys.txt:ro"]


def test_what_the_image_says_of_itself(podman: Podman, image: str) -> None:
    (told,) = json.loads(podman("inspect", image).stdout)
    about = told["Config"]
    assert (about["User"], about["StopSignal"], list(about["ExposedPorts"])) == ("10001:10001", "SIGTERM", ["8000/tcp"])
    assert told["Healthcheck"]["Test"] == ["CMD", *health_command()]
    assert (about["Entrypoint"][:2], about["Cmd"]) == (["polyhead", "serve"], ["/model"])


def test_what_is_in_it(podman: Podman, image: str) -> None:
    code = (
        "import importlib.util as u, os, site; "
        "print([name for name in ('torch', 'transformers', 'safetensors', 'pip') if u.find_spec(name)], "
        "[name for name in ('/source', '/wheels') if os.path.exists(name)], "
        "[path for path, _, _ in os.walk('/opt/polyhead') if os.access(path, os.W_OK)])"
    )
    assert podman.runs("--rm", "--entrypoint", "python", image, "-c", code).stdout == "[] [] []\n"


def test_it_is_not_healthy_where_nothing_serves(podman: Podman, image: str) -> None:
    python, *rest = health_command()
    podman.runs("--rm", "--entrypoint", python, image, *rest, wanted=1)


def test_it_says_what_is_missing(podman: Podman, image: str, mounts: list[str]) -> None:
    assert "/model: no such model" in podman.runs("--rm", image, wanted=2).stderr
    way = ("/model", "--runtime", "openvino", "--precision", "fp32")
    done = podman.runs("--rm", *mounts, image, *way, wanted=2)
    assert "pip install 'polyhead[openvino]'" in done.stderr


def test_it_serves_locked_down_and_ends_well(podman: Podman, image: str, mounts: list[str]) -> None:
    name = podman.runs("--detach", *_LOCKED, *mounts, image, "/model", "--api-key-file", "/keys.txt").stdout.strip()
    try:
        begin = time.monotonic()
        while podman("exec", name, *health_command(), wanted=None).returncode:
            assert time.monotonic() < begin + 120, podman("logs", name).stderr
            time.sleep(0.3)
        assert podman("exec", name, "id", "-u").stdout == "10001\n"
        assert "Read-only file system" in podman("exec", name, "touch", "/opt/polyhead/x", wanted=1).stderr
        held = dict(
            line.split(":\t")
            for line in podman("exec", name, "cat", "/proc/1/status").stdout.splitlines()
            if ":\t" in line
        )
        assert (int(held["CapEff"], 16), int(held["CapBnd"], 16), held["NoNewPrivs"]) == (0, 0, "1")
        assert asked(podman, name, "/v1/predict", texts="Anna lives in Berlin.")[0] == 401
        status, body = asked(podman, name, "/v1/predict", key=_KEY, texts="Anna lives in Berlin.")
        assert (status, json.loads(body)["results"][0]["text"]) == (200, "Anna lives in Berlin.")
        for page in ("/", "/docs", "/openapi.json", "/metrics"):
            status, body = asked(podman, name, page)
            assert (status, bool(body)) == (200, True), page
        begin = time.monotonic()
        podman("stop", "--time", "30", name)
        assert time.monotonic() - begin < 25
        assert podman("inspect", "--format", "{{.State.ExitCode}}", name).stdout == "0\n"
        log = podman("logs", name)
        events = [json.loads(line)["event"] for line in (log.stdout + log.stderr).splitlines() if "systemd" not in line]
        assert {"listening", "model_loaded", "ready", "request", "draining"} < set(events)
        assert events[-1] == "ended"
    finally:
        podman("rm", "--force", name, wanted=None)


def asked(podman: Podman, name: str, path: str, *, key: str = "", texts: str = "") -> tuple[int, str]:
    """Ask the server from inside its container, which has no network."""
    status, body = json.loads(podman("exec", name, "python", "-c", _ASK, path, key, texts).stdout)
    return status, body
