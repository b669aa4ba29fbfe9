"""What of the machine is used."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from polyhead import machine


@pytest.mark.parametrize(("told", "wanted"), [("", 8), ("3", 3), ("64", 8), ("0", 8), ("-2", 8), ("two", 8), ("1", 1)])
def test_fewer_cores_can_be_asked_for_and_not_more(
    told: str, wanted: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr(machine, "_QUOTA", tmp_path / "none")
    monkeypatch.setenv(machine.CORES, told)
    assert machine.cores() == wanted


@pytest.mark.parametrize(
    ("new", "old", "wanted"),
    [
        ("150000 100000", None, 2),
        ("max 100000", ("100000", "100000"), 8),
        (None, ("300000", "100000"), 3),
        (None, ("20000", "100000"), 1),
        (None, ("-1", "100000"), 8),
        (None, ("-1", ""), 8),
        ("150000", ("300000", "100000"), 3),
        (None, None, 8),
    ],
)
def test_no_more_cores_than_the_container_may_use(
    new: str | None, old: tuple[str, str] | None, wanted: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.delenv(machine.CORES, raising=False)
    files = (tmp_path / "quota", tmp_path / "period")
    monkeypatch.setattr(machine, "_QUOTA", tmp_path / "max")
    monkeypatch.setattr(machine, "_OLD_QUOTA", files)
    if new is not None:
        (tmp_path / "max").write_text(f"{new}\n")
    for file, text in zip(files, old or (), strict=False):
        file.write_text(f"{text}\n")
    assert machine.cores() == wanted


def test_a_processor_is_told_from_another(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    files = {name: tmp_path / name for name in ("one", "other")}
    files["one"].write_text("processor\t: 0\nmodel name\t: Fast CPU\nflags\t\t: avx2 amx_bf16\ncpu MHz\t: 2000.1\n")
    files["other"].write_text("processor\t: 0\nmodel name\t: Fast CPU\nflags\t\t: avx2\ncpu MHz\t: 2000.1\n")
    found = {}
    for name, file in files.items():
        monkeypatch.setattr(machine, "_PROCESSOR", file)
        found[name] = machine.processor()
    assert found == {"one": "Fast CPU avx2 amx_bf16", "other": "Fast CPU avx2"}
    files["one"].write_text(files["one"].read_text().replace("2000.1", "3100.7"))
    monkeypatch.setattr(machine, "_PROCESSOR", files["one"])
    assert machine.processor() == found["one"], "what changes from moment to moment is left out"


def test_where_nothing_is_told_of_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(machine, "_PROCESSOR", tmp_path / "none")
    assert machine.processor().strip()
