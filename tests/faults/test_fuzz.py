"""100,000 cases of nonsense: no crash but our own errors, no hang over a second."""

from __future__ import annotations

import os
import resource
import time
from pathlib import Path
from random import Random

import pytest

import polyhead
from polyhead.training import TrainedRun
from tests.end_to_end.conftest import every_kind  # noqa: F401
from tests.faults.fuzzing import PLAN, Fuzzer, Outcome

SHARE = 50
"""The usual tests do one case of so many."""


@pytest.fixture(scope="module")
def fuzzer(
    every_kind: Path,  # noqa: F811
    single_file_run: TrainedRun,
    encoder_folders: dict[str, Path],
    small_data: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Fuzzer:
    """Whole models: a task of every kind, the three sorts of tokenizer, one in a single file."""
    root = tmp_path_factory.mktemp("fuzz")
    bundles = [max(every_kind.glob("epoch-*"))]
    for kind in ("roberta", "deberta"):
        encoder, output = str(encoder_folders[kind]), root / kind
        run = polyhead.train(small_data, dev=small_data, encoder=encoder, output=output, epochs=1, precision="fp32")
        bundles.append(run.best)
    (root / "scratch").mkdir()
    return Fuzzer(bundles, single_file_run.folder / "mtl_epoch1.pt", root / "scratch")


def do(fuzzer: Fuzzer, kind: str, numbers: range) -> None:
    """Do a row of cases and tell of them."""
    outcome = Outcome()
    fuzzer.row(kind, numbers, outcome)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    seconds, slowest = outcome.slowest
    print(
        f"\n{kind}: {outcome.cases:,} cases, {outcome.refused:,} refused, {len(outcome.faults)} faults, slowest "
        f"{seconds:.3f} s ({slowest}), {memory:,} MiB at most"
    )
    print("\n".join(outcome.faults[:20]))
    again = "\n  POLYHEAD_FUZZ='<the case>' pytest tests/faults/test_fuzz.py -k one   does one of them again"
    assert not outcome.faults, "\n  ".join(outcome.faults[:20]) + again
    assert outcome.cases == len(numbers)


@pytest.mark.parametrize("kind", PLAN)
def test_a_part_of_the_cases(kind: str, fuzzer: Fuzzer) -> None:
    do(fuzzer, kind, range(0, PLAN[kind], SHARE))


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("kind", PLAN)
def test_all_cases(kind: str, fuzzer: Fuzzer) -> None:
    assert sum(PLAN.values()) == 100_000
    do(fuzzer, kind, range(PLAN[kind]))


@pytest.mark.skipif("POLYHEAD_FUZZ" not in os.environ, reason="names no case")
def test_one_case(fuzzer: Fuzzer) -> None:
    name = os.environ["POLYHEAD_FUZZ"]
    print("refused" if getattr(fuzzer, f"_{name.split()[0]}")(Random(name)) else "opened")


LONG = {
    "a": 1_000_000,
    "a b ": 250_000,
    "我": 300_000,
    "\u0301": 1_000_000,
    " ": 1_000_000,
    "\U0001f469\u200d": 250_000,
}


@pytest.mark.slow
@pytest.mark.parametrize("part", LONG)
@pytest.mark.parametrize("model", [0, 1, 2])
def test_a_megabyte_is_answered(part: str, model: int, fuzzer: Fuzzer) -> None:
    text = part * LONG[part]
    started = time.process_time()
    (result,) = fuzzer.predictors[model]([text])
    print(f"\n{len(text):,} characters of {part!r}: {time.process_time() - started:.1f} s")
    assert result.text == text
