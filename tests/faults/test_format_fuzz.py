"""10,000 damaged files a format: records, or a complaint with its place; no crash, no hang over two seconds."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from polyhead.formats import FORMATS
from tests.faults.format_fuzzing import Content, FormatFuzzer, Outcome, seeds

CASES, SHARE = 10_000, 100
"""Of each format; the usual tests do one of so many."""
NAMES = [form.name for form in FORMATS]


@pytest.fixture(scope="module")
def good_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Content]]:
    real = Path(__file__).parents[3] / "shared" / "data" / "formats"
    return seeds(tmp_path_factory.mktemp("seeds"), real if real.is_dir() else None)


def do(name: str, numbers: range, good_files: dict[str, list[Content]], scratch: Path) -> None:
    fuzzer, outcome = FormatFuzzer(name, good_files[name], scratch), Outcome()
    for number in numbers:
        fuzzer.one(number, outcome)
    seconds, slowest = outcome.slowest
    print(
        f"\n{name}: {outcome.read:,} read, {outcome.refused:,} refused, {len(outcome.faults)} faults, "
        f"slowest {seconds:.2f} s ({slowest})"
    )
    again = "\n  POLYHEAD_FUZZ_FORMAT='<the case>' does one of them again"
    assert not outcome.faults, "\n".join(outcome.faults[:20]) + again
    assert outcome.read
    assert outcome.refused
    assert seconds < 2, slowest


@pytest.mark.parametrize("name", NAMES)
def test_a_part_of_the_cases(name: str, good_files: dict[str, list[Content]], tmp_path: Path) -> None:
    do(name, range(0, CASES, SHARE), good_files, tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", NAMES)
def test_all_cases(name: str, good_files: dict[str, list[Content]], tmp_path: Path) -> None:
    do(name, range(CASES), good_files, tmp_path)


@pytest.mark.skipif("POLYHEAD_FUZZ_FORMAT" not in os.environ, reason="names no case")
def test_one_case(good_files: dict[str, list[Content]], tmp_path: Path) -> None:
    name, number = os.environ["POLYHEAD_FUZZ_FORMAT"].split()
    outcome = Outcome()
    FormatFuzzer(name, good_files[name], tmp_path).one(int(number), outcome)
    print(outcome)
    assert not outcome.faults
