"""The pages on clients and on deploying: what can be run is run, what cannot is compared with the code."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from polyhead.export import export
from polyhead.serving.limits import ServerLimits
from polyhead.serving.metrics import Metrics
from polyhead.training import TrainedRun
from tests.end_to_end.served import Serving, parsed

DOCS = Path(__file__).parents[2] / "docs"
CLIENTS = (DOCS / "clients.md").read_text(encoding="utf-8")
DEPLOYING = (DOCS / "deploying.md").read_text(encoding="utf-8")


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)


@pytest.fixture(scope="module")
def server(trained: TrainedRun, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    model = export(trained.folder, tmp_path_factory.mktemp("page") / "exported").folder
    serving = Serving(model, "--runtime", "onnxruntime", "--precision", "fp32").ready()
    yield serving
    assert serving.close() == 0


@pytest.mark.parametrize("number", range(4))
def test_the_page_on_clients_runs(server: Serving, number: int) -> None:
    programs = blocks(CLIENTS, "python")
    assert len(programs) == 4
    program = programs[number].replace("http://127.0.0.1:8000", server.url)
    code = f"import sys; sys.path[:0] = {sys.path!r}\n" + program
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    said = [r"John lives in New York\. \d \[.*\]\nCould I have a parking permit\? \d \[.*\]\n", r"\[\[.*\], \[.*\]\]\n"]
    said.append(r"(\d (0|1)\.\d+(e-\d+)?\n){3}")
    said.append(
        re.escape(
            "".join(line[4:] + "\n" for line in re.findall(r"prints\n\n((?:    .+\n)+)", CLIENTS)[0].splitlines())
        )
    )
    assert re.fullmatch(said[number], done.stdout)


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl here")
def test_the_request_without_python(server: Serving) -> None:
    (line,) = re.findall(r"^    (curl .*)$", CLIENTS, re.MULTILINE)
    command = line.replace("http://127.0.0.1:8000", server.url)
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout.startswith('{"results":[{"text": "John lives in New York."')


def test_serve_commands_are_ones_that_the_server_takes() -> None:
    lines = re.findall(r"^    polyhead serve (.*)$", DEPLOYING, re.MULTILINE)
    assert len(lines) == 2
    for line in lines:
        assert str(parsed(shlex.split(line))["model"]) == "exported"


def test_every_metric_of_the_alarms_is_one_that_there_is() -> None:
    (rules,) = [found for found in map(yaml.safe_load, blocks(DEPLOYING, "yaml")) if "groups" in found]
    metrics = Metrics()
    for watched in ("queue_requests", "queue_tokens", "in_flight_requests", "processes_ready"):
        metrics.watch(watched, lambda: 0.0)
    for counter, *labels in (
        (metrics.requests, "/v1/predict", "200"),
        (metrics.refusals, "internal"),
        (metrics.reloads, "refused"),
    ):
        counter.labels(*labels).inc()
    there = set(re.findall(r"^(\w+)[{ ]", metrics.text().decode(), re.MULTILINE))
    (group,) = rules["groups"]
    expressions = " ".join(rule["expr"] for rule in group["rules"])
    assert set(re.findall(r"polyhead_\w+", expressions)) <= there
    named = set(re.findall(r"`(polyhead_\w+)`", DEPLOYING))
    assert len(named) > 4
    assert {name for name in named if not {name, f"{name}_bucket"} & there} == set()
    labels = dict(re.findall(r'(\w+)=~?"([^"]*)"', expressions))
    assert set(labels) <= {"path", "reason", "result"}


def test_kubernetes_is_told_what_is_so() -> None:
    (found,) = [one for one in map(yaml.safe_load, blocks(DEPLOYING, "yaml")) if one.get("kind") == "Deployment"]
    pod = found["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    options = parsed(["--host", "0.0.0.0", *container["args"]])
    waits = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
    assert pod["terminationGracePeriodSeconds"] > waits + options["drain_seconds"]
    assert container["ports"] == [{"name": "http", "containerPort": options["port"]}]
    paths = {name: container[name]["httpGet"]["path"] for name in ("startupProbe", "readinessProbe", "livenessProbe")}
    assert paths == {
        "startupProbe": "/v2/health/ready",
        "readinessProbe": "/v2/health/ready",
        "livenessProbe": "/v2/health/live",
    }
    mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
    assert str(options["model"]) in mounts
    assert str(options["api_key_file"].parent) in mounts
    assert set(mounts.values()) == {volume["name"] for volume in pod["volumes"]}
    assert "/tmp" in mounts  # where the image has its cache


def test_the_proxy_waits_longer_than_the_server() -> None:
    (block,) = blocks(DEPLOYING, "nginx")
    limits = ServerLimits()
    timeout = re.search(r"proxy_read_timeout (\d+)s;", block)
    assert timeout is not None
    assert int(timeout[1]) > limits.deadline_seconds
    assert "client_max_body_size 1m;" in block
    assert limits.body_bytes == 2**20
    assert block.count("{") == block.count("}")
    assert f"idle for {limits.idle_seconds:.0f} seconds" in DEPLOYING
    assert f"`--deadline-seconds` ({limits.deadline_seconds:.0f})" in DEPLOYING
    assert f"{limits.connections:,} connections" in DEPLOYING


def unit() -> str:
    (block,) = blocks(DEPLOYING, "ini")
    return block


def test_the_unit_runs_a_command_that_the_server_takes() -> None:
    start = re.search(r"^ExecStart=/opt/polyhead/bin/polyhead serve (.*)$", unit(), re.MULTILINE)
    stop = re.search(r"^TimeoutStopSec=(\d+)$", unit(), re.MULTILINE)
    files = re.search(r"^LimitNOFILE=(\d+)$", unit(), re.MULTILINE)
    assert start
    assert stop
    assert files
    options = parsed(shlex.split(start[1]))
    assert int(stop[1]) >= options["drain_seconds"] + 5
    assert int(files[1]) > ServerLimits().connections


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd here")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    for program in ("polyhead", "kill"):
        (tmp_path / program).write_text("#!/bin/sh\n", encoding="utf-8")
        (tmp_path / program).chmod(0o755)
    path = tmp_path / "polyhead.service"
    path.write_text(unit().replace("/opt/polyhead/bin/polyhead", str(tmp_path / "polyhead")), encoding="utf-8")
    command = ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(path)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "SYSTEMD_LOG_LEVEL": "warning"}
    )
    assert done.returncode == 0, done.stderr
    assert "polyhead.service" not in done.stderr, done.stderr
