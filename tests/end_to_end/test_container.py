"""Dockerfile, .dockerignore and compose.yaml: what they promise, and that their commands work, without Docker."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from polyhead.export import export
from polyhead.training import TrainedRun
from tests.conftest import RECORDS
from tests.end_to_end.served import parsed

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Step:
    name: str
    rest: str

    @property
    def words(self) -> list[str]:
        """The words of a command that is written as a JSON array, which runs without a shell."""
        found = json.loads(self.rest)
        assert isinstance(found, list)
        return found


def stages() -> list[list[Step]]:
    """The Dockerfile's steps, by stage; what stands before the first FROM is a stage, too."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    lines = [line for line in text.replace("\\\n", "").splitlines() if line.strip()]
    found: list[list[Step]] = [[]]
    for line in lines:
        name, rest = line.split(None, 1)
        if name == "FROM":
            found.append([])
        found[-1].append(Step(name, rest.strip()))
    return found


def only(name: str, stage: list[Step]) -> Step:
    (found,) = [step for step in stage if step.name == name]
    return found


ARGS, BUILD, FINAL = stages()


def health_command() -> list[str]:
    options, command = only("HEALTHCHECK", FINAL).rest.split(" CMD ")
    assert dict(word[2:].split("=") for word in options.split()) == {
        "interval": "10s",
        "timeout": "5s",
        "start-period": "120s",
        "retries": "3",
    }
    return Step("CMD", command).words


@pytest.fixture(scope="module")
def service() -> dict[str, Any]:
    """The service of compose.yaml, its variables as they are where nobody sets one."""
    text = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", (ROOT / "compose.yaml").read_text(encoding="utf-8"))
    assert "$" not in text
    found = yaml.safe_load(text)
    assert found["secrets"] == {"keys": {"file": "./keys.txt"}}
    assert list(found["services"]) == ["polyhead"]
    return found["services"]["polyhead"]


def test_both_stages_are_a_slim_python_that_is_pinned() -> None:
    assert [step.name for step in ARGS] == ["ARG"]
    assert re.fullmatch(r"PYTHON=3\.1[123]", ARGS[0].rest)
    assert [stage[0].rest for stage in (BUILD, FINAL)] == ["python:${PYTHON}-slim AS build", "python:${PYTHON}-slim"]


def test_nothing_of_the_build_but_the_environment_comes_into_the_image() -> None:
    copies = [step.rest for step in FINAL if step.name in ("COPY", "ADD")]
    assert copies == ["--from=build /opt/polyhead /opt/polyhead"]
    assert not [step for step in FINAL if step.name == "RUN" and re.search(r"pip|apt|curl|wget", step.rest)]


def test_it_runs_as_a_user_that_is_not_root_and_has_a_number() -> None:
    user = only("USER", FINAL).rest
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)  # Kubernetes' runAsNonRoot cannot judge a name
    assert FINAL.index(only("USER", FINAL)) > max(at for at, step in enumerate(FINAL) if step.name == "RUN")


def test_how_it_starts_and_ends() -> None:
    assert only("STOPSIGNAL", FINAL).rest == "SIGTERM"
    assert only("EXPOSE", FINAL).rest == "8000"
    entry = only("ENTRYPOINT", FINAL).words
    assert entry[:2] == ["polyhead", "serve"]
    found = parsed([*entry[2:], *only("CMD", FINAL).words])
    assert (str(found["model"]), found["host"], found["port"]) == ("/model", "0.0.0.0", 8000)


def test_no_secret_and_no_data_is_sent_to_the_build() -> None:
    lines = [
        line for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line[:1] not in ("#", "")
    ]
    assert lines[0] == "*"
    kept = {line[1:] for line in lines if line.startswith("!")}
    copied = {source for step in BUILD if step.name == "COPY" for source in step.rest.split()[:-1]}
    assert kept == copied
    assert all((ROOT / name).exists() for name in copied)
    assert "**/__pycache__" in lines[1:]


def test_compose_locks_it_down(service: dict[str, Any]) -> None:
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert re.fullmatch(r"\d+[mg]", service["mem_limit"])
    assert service["memswap_limit"] == service["mem_limit"]
    assert service["pids_limit"] > 0
    assert not {"privileged", "cap_add", "network_mode", "pid", "devices", "user", "environment"} & set(service)
    assert all(port.startswith("127.0.0.1:") and port.endswith(":8000") for port in service["ports"])


def test_compose_mounts_the_model_to_be_read(service: dict[str, Any]) -> None:
    (volume,) = service["volumes"]
    assert (volume["target"], volume["read_only"], volume["bind"]) == ("/model", True, {"create_host_path": False})


def test_what_is_written_has_a_place(service: dict[str, Any]) -> None:
    (place,) = service["tmpfs"]
    path, options = place.split(":")
    cache = re.search(r"POLYHEAD_CACHE=(\S+)", only("ENV", FINAL).rest)
    assert cache is not None
    assert Path(cache[1]).is_relative_to(path)
    assert {"mode=1777", "noexec", "nosuid", "nodev"} < set(options.split(","))


def test_composes_command_is_one_that_the_server_takes(service: dict[str, Any]) -> None:
    found = parsed([*only("ENTRYPOINT", FINAL).words[2:], *service["command"]])
    assert (str(found["model"]), found["host"], found["port"]) == ("/model", "0.0.0.0", 8000)
    assert found["api_key_file"] == Path("/run/secrets") / service["secrets"][0]
    assert (found["runtime"], found["precision"]) == ("onnxruntime", "fp32")
    grace = int(service["stop_grace_period"].removesuffix("s"))
    assert grace >= found["drain_seconds"] + 5
    health = service["healthcheck"]
    assert int(health["interval"][:-1]) * health["retries"] > found["drain_seconds"]


def test_both_ask_for_health_alike(service: dict[str, Any]) -> None:
    health = service["healthcheck"]
    assert health["test"] == ["CMD", *health_command()]
    assert (health["interval"], health["timeout"], health["start_period"], health["retries"]) == (
        "10s",
        "5s",
        "120s",
        3,
    )


@pytest.fixture
def ready_or_not() -> Iterator[tuple[int, list[int]]]:
    """A server whose status of health can be set, and its port."""
    status = [200]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status[0] if self.path == "/v2/health/ready" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1], status
        server.shutdown()
        thread.join()


def asked_for_health(port: int, python: object = sys.executable) -> int:
    command = [str(python), *health_command()[1:]]
    assert health_command()[0] == "python"
    assert command[-1].count("8000") == 1
    command[-1] = command[-1].replace("8000", str(port))
    proxies = {"http_proxy": "http://127.0.0.1:1", "HTTP_PROXY": "http://127.0.0.1:1"}
    done = subprocess.run(command, check=False, capture_output=True, timeout=60, env={**os.environ, **proxies})
    return done.returncode


def test_the_check_of_health(ready_or_not: tuple[int, list[int]]) -> None:
    port, status = ready_or_not
    assert asked_for_health(port) == 0
    for status[0] in (503, 404, 500):
        assert asked_for_health(port) == 1


def test_the_check_of_health_where_nobody_listens(ready_or_not: tuple[int, list[int]]) -> None:
    port, _ = ready_or_not
    import socket

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert asked_for_health(port) == 1


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the Dockerfile's first stage builds, built by its own commands; the folder of the environment's programs."""
    place = tmp_path_factory.mktemp("image")
    source = place / "source"
    source.mkdir()
    venv.create(place / "base", with_pip=True)
    base = place / "base" / "bin"
    # `pip --python` came with pip 22.3; the image's own is newer than that which comes with this Python, maybe.
    environment = {
        **os.environ,
        "PATH": f"{base}{os.pathsep}{os.environ['PATH']}",
        "EXTRAS": only("ARG", BUILD).rest.split("=")[1],
    }
    environment.pop("PYTHONPATH", None)
    for step in BUILD:
        if step.name == "COPY":
            *names, _ = step.rest.split()
            for name in names:
                copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
                copy(ROOT / name, source / name)
        if step.name == "RUN":
            command = step.rest.replace("/wheels", str(place / "wheels")).replace(
                "/opt/polyhead", str(place / "polyhead")
            )
            done = subprocess.run(
                ["sh", "-c", command], cwd=source, env=environment, capture_output=True, text=True, check=False
            )
            if done.returncode and re.search(
                r"No matching distribution|Connection|Could not find a version", done.stderr
            ):
                pytest.skip(f"packages cannot be fetched here: {done.stderr[-300:]}")
            assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    return place / "polyhead" / "bin"


@pytest.mark.slow
def test_what_is_built_serves_without_torch(built: Path, trained: TrainedRun, tmp_path: Path) -> None:
    model = export(trained.folder, tmp_path / "model").folder
    keys = tmp_path / "keys"
    keys.write_text("0123456789abcdef0123456789abcdef\n", encoding="utf-8")
    entry = [built / only("ENTRYPOINT", FINAL).words[0], *only("ENTRYPOINT", FINAL).words[1:]]
    environment = {"PATH": str(built), "HOME": "/nonexistent", "POLYHEAD_CACHE": str(tmp_path / "cache")}
    options = ["--port", "0", "--api-key-file", keys]
    command = [str(part) for part in (*entry, model, *options)]
    server = subprocess.Popen(command, cwd="/", env=environment, stderr=subprocess.PIPE, text=True)
    try:
        assert server.stderr
        port = int(next(found[1] for line in server.stderr if (found := re.search(r'"url": ".*:(\d+)"', line))))
        threading.Thread(target=server.stderr.read, daemon=True).start()
        deadline = time.monotonic() + 120
        while asked_for_health(port, built / "python") and time.monotonic() < deadline:
            assert server.poll() is None
            time.sleep(0.2)
        assert asked_for_health(port, built / "python") == 0
        answers(port, keys.read_text().strip())
        server.send_signal(signal.SIGTERM)
        assert server.wait(30) == 0
        assert asked_for_health(port, built / "python") == 1
    finally:
        server.kill()
        server.wait()


def answers(port: int, key: str) -> None:
    from polyhead import Client
    from polyhead.errors import RequestRefusedError

    texts = [str(record["sentence"]) for record in RECORDS]
    with Client(f"http://127.0.0.1:{port}", api_key=key) as client:
        assert [found["text"] for found in client.predict(texts)] == texts
    with Client(f"http://127.0.0.1:{port}") as client, pytest.raises(RequestRefusedError, match="401 unauthorized"):
        client.predict(texts)


@pytest.mark.slow
@pytest.mark.parametrize("extras", ["serve", "serve,openvino"])
def test_every_python_that_may_be_named_has_all_wheels(extras: str) -> None:
    """Nothing is compiled: a slim image has no compiler."""
    wanted = requirements(extras)
    for version in ("3.11", "3.12", "3.13"):
        command = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--dry-run",
            "--quiet",
            "--ignore-installed",
            "--target",
            "/nowhere",
        ]
        command += ["--only-binary=:all:", f"--python-version={version}", "-c", str(ROOT / "constraints.txt"), *wanted]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if "Connection" in done.stderr:
            pytest.skip("packages cannot be fetched here")
        assert done.returncode == 0, f"{version}: {done.stderr[-1000:]}"


def requirements(extras: str) -> list[str]:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    optional = [one for extra in extras.split(",") for one in project["optional-dependencies"][extra]]
    return [*project["dependencies"], *optional]


def test_the_shell_commands_are_whole() -> None:
    for step in (*BUILD, *FINAL):
        if step.name == "RUN":
            assert shlex.split(step.rest)
