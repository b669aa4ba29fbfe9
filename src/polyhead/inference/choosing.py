"""Which of the ways to run a model is the fastest here: timed once, and remembered for this model and machine."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

import numpy as np

from polyhead.batching import Batch
from polyhead.bundle import Bundle
from polyhead.bundle.manifest import MANIFEST
from polyhead.bundle.reading import MIB, read_json, read_text
from polyhead.bundle.saving import write_text
from polyhead.errors import BundleError, PolyheadError
from polyhead.inference.candidates import Candidate
from polyhead.inference.running import Runner
from polyhead.inference.runtime import Purpose, Runtime
from polyhead.machine import cores, processor
from polyhead.preparing.cache import Cache

_SHAPES: dict[Purpose, tuple[tuple[int, int], ...]] = {
    "throughput": ((64, 16), (64, 16), (64, 24), (64, 24), (32, 40), (16, 80)),
    "latency": ((1, 8), (1, 16), (1, 32)),
}
"""Rows and pieces of what is timed: texts of a sentence or two, in bulk and one by one."""
_SECONDS = 0.6
"""For which each way is timed, once its kernels are made."""


def fastest(
    bundle: Bundle, ways: Sequence[Candidate], purpose: Purpose, *, say: Callable[[str], None] | None = None
) -> Candidate:
    """Return the fastest way to run a model here.

    Args:
        bundle: The model.
        ways: Those that there are; at least one.
        purpose: What for.
        say: Hears that it takes a moment.

    Raises:
        BundleError: If none of them can be opened.
    """
    if len(ways) == 1:
        return ways[0]
    memory, key = Cache.at(None), _key(bundle, ways, purpose)
    if memory and (known := _known(memory, key, ways)):
        return known
    if say:
        say(f"timing {len(ways)} ways to run this model here for {purpose}, once: {', '.join(map(str, ways))}")
    seconds = _timed(bundle, ways, purpose)
    best = min((way for way in ways if str(way) in seconds), key=lambda way: seconds[str(way)])
    if memory:
        with suppress(OSError):  # then it is timed again next time
            memory.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = {
                "fastest": str(best),
                "purpose": purpose,
                "seconds": seconds,
            }
            write_text(memory.folder / f"runtime-{key}.json", json.dumps(found, indent=2) + "\n")
    return best


def _known(memory: Cache, key: str, ways: Sequence[Candidate]) -> Candidate | None:
    with suppress(BundleError, KeyError, TypeError):
        said = read_json(memory.folder / f"runtime-{key}.json", cure="", limit=MIB)["fastest"]
        return next((way for way in ways if str(way) == said), None)
    return None


def _key(bundle: Bundle, ways: Sequence[Candidate], purpose: Purpose) -> str:
    """Return what stands for the model, the libraries, the processor and what of it may be used."""
    assert bundle.path is not None  # noqa: S101 (an exported model is a folder)
    manifest = read_text(bundle.path / MANIFEST, cure="copy the model again")
    parts = [manifest, *(f"{way} {way.graph.file} {way.version()}" for way in ways), purpose, processor(), cores()]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def _timed(bundle: Bundle, ways: Sequence[Candidate], purpose: Purpose) -> dict[str, float]:
    """Return the seconds that each way takes, for the same batches; one that cannot be opened is left out."""
    batches, trouble = _batches(bundle, purpose), None
    seconds: dict[str, float] = {}
    for way in ways:
        try:
            runtime = way.open(bundle, purpose)
        except PolyheadError as error:
            trouble = error
        else:
            seconds[str(way)] = _time(runtime, batches)
    if not seconds:
        raise trouble or BundleError(f"{bundle.path}: nothing here can run it")
    return seconds


def _time(runtime: Runtime, batches: Sequence[Batch]) -> float:
    """Return the seconds of one round, the fastest of several: what else runs on the machine makes some slower."""
    runner = Runner(runtime)
    list(runner.run(batches))  # kernels are made
    rounds: list[float] = []
    began = time.perf_counter()
    while not rounds or time.perf_counter() - began < _SECONDS:
        start = time.perf_counter()
        list(runner.run(batches))
        rounds.append(time.perf_counter() - start)
    return min(rounds)


def _batches(bundle: Bundle, purpose: Purpose) -> list[Batch]:
    """Return batches of pieces drawn at random, always the same."""
    random, encoder = np.random.default_rng(0), bundle.text_encoder()
    batches = []
    for rows, wanted in _SHAPES[purpose]:
        length = min(wanted, encoder.max_pieces)
        ids = random.integers(0, encoder.highest_id + 1, size=(rows, length))
        ids[:, : len(encoder.prefix)] = encoder.prefix
        batches.append(Batch(ids.astype(np.int64), np.ones((rows, length), dtype=np.int64)))
    return batches
