"""Nonsense to everything that reads what strangers give, each case by a number with which it can be done again.

POLYHEAD_FUZZ="about 1234" pytest tests/faults/test_fuzz.py -k one does the one case, and lets its error through.
"""

from __future__ import annotations

import json
import re
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from polyhead import Predictor
from polyhead.bundle.inspection import inspect_path
from polyhead.errors import DataError, PolyheadError
from tests.faults import mutations
from tests.faults.signing import put, safetensors

PLAN = {
    "texts": 56_000,
    "bytes": 10_000,
    "about": 10_000,
    "config": 6_000,
    "tokenizer": 8_000,
    "header": 5_000,
    "pt": 5_000,
}
"""How many of each make 100,000."""

FILES = ("polyhead.json", "config.json", "tokenizer.json", "model.safetensors", "manifest.json")
TRIED = ["John lives in New York.", ("我住在北京 \U0001f600 [SEP] " * 3, "what's the weather like?")]


@dataclass
class Outcome:
    """What a row of cases came to.

    Attributes:
        cases: How many.
        refused: How many were refused with an error of ours.
        slowest: Seconds of the slowest, of this process's own time, and its name.
        faults: What went wrong, with the name of the case.
    """

    cases: int = 0
    refused: int = 0
    slowest: tuple[float, str] = (0.0, "")
    faults: list[str] = field(default_factory=list)


class Fuzzer:
    """Does cases on whole models, which it leaves as they were.

    Args:
        bundles: Bundles of several encoders; the first has a task of every kind.
        single: A model in one file.
        scratch: An empty folder to do harm in.
    """

    def __init__(self, bundles: list[Path], single: Path, scratch: Path) -> None:
        self.predictors = [Predictor.load(bundle) for bundle in bundles]
        self._files = [{name: _content(bundle / name) for name in FILES} for bundle in bundles]
        self._single, self._scratch = single.read_bytes(), scratch
        with zipfile.ZipFile(single) as archive:
            self._entries = {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}

    def row(self, kind: str, numbers: range, outcome: Outcome) -> None:
        """Do a row of cases."""
        case: Callable[[Random], bool] = getattr(self, f"_{kind}")
        for number in numbers:
            name = f"{kind} {number}"
            started = time.process_time()
            try:
                outcome.refused += case(Random(name))
            except BaseException as error:  # a panic of a library is no Exception
                if isinstance(error, KeyboardInterrupt):
                    raise
                outcome.faults.append(f"{name}: {type(error).__name__}: {str(error)[:300]}")
            seconds = time.process_time() - started
            outcome.cases += 1
            outcome.slowest = max(outcome.slowest, (seconds, name))
            if seconds > 1:
                outcome.faults.append(f"{name}: took {seconds:.2f} s")

    def _texts(self, random: Random) -> bool:
        predictor, text = random.choice(self.predictors), mutations.text(random)
        try:
            (result,) = predictor([text])
        except DataError:
            assert mutations.has_halves(text)
            return True
        assert not mutations.has_halves(text)
        answer = result.to_json()
        json.dumps(answer, allow_nan=False)
        for task in answer.values():
            for entity in task.get("entities", ()) if isinstance(task, dict) else ():
                assert answer["text"][entity["start"] : entity["end"]] == entity["text"]
        return False

    def _bytes(self, random: Random) -> bool:
        files = random.choice(self._files)
        name = random.choice(FILES)
        harmed = mutations.bytes_of(random, files[name], random.choice(list(files.values())))
        return self._bundle(files, name, harmed, sign=name != "manifest.json")

    def _about(self, random: Random) -> bool:
        return self._json(random, "polyhead.json", self._files[0])

    def _config(self, random: Random) -> bool:
        return self._json(random, "config.json", random.choice(self._files))

    def _tokenizer(self, random: Random) -> bool:
        return self._json(random, "tokenizer.json", random.choice(self._files))

    def _json(self, random: Random, name: str, files: dict[str, bytes]) -> bool:
        harmed = mutations.json_of(random, json.loads(files[name]))
        return self._bundle(files, name, mutations.dumps(random, harmed).encode("utf-8", "replace"))

    def _header(self, random: Random) -> bool:
        files = random.choice(self._files)
        content = files["model.safetensors"]
        length = int.from_bytes(content[:8], "little")
        header, data = content[8 : 8 + length], content[8 + length :]
        if random.random() < 0.3:
            harmed: Any = mutations.bytes_of(random, header, content)
        else:
            harmed = mutations.dumps(random, mutations.json_of(random, json.loads(header))).encode("utf-8", "replace")
        return self._bundle(files, "model.safetensors", safetensors(harmed, data))

    def _pt(self, random: Random) -> bool:
        path = self._scratch / "model.pt"
        if random.random() < 0.3:
            path.write_bytes(mutations.bytes_of(random, self._single, self._entries["data.pkl"]))
            return opened(path)
        name = random.choice(("data.pkl", "data.pkl", "data.pkl", *self._entries))
        harmed = {**self._entries, name: mutations.bytes_of(random, self._entries[name], self._entries["data.pkl"])}
        with zipfile.ZipFile(path, "w") as archive:
            for inner, content in harmed.items():
                archive.writestr(f"model/{inner}", content)
        return opened(path)

    def _bundle(self, files: dict[str, bytes], name: str, harmed: bytes, *, sign: bool = True) -> bool:
        for own, content in files.items():
            (self._scratch / own).write_bytes(content)
        if sign:
            put(self._scratch, name, harmed)
        else:
            (self._scratch / name).write_bytes(harmed)
        return opened(self._scratch)


def _content(path: Path) -> bytes:
    """Return a file without the paths of this machine, so that the same number does the same harm everywhere."""
    return re.sub(rb'"/[^"]*"', b'"/a"', path.read_bytes()) if path.name == "polyhead.json" else path.read_bytes()


def opened(path: Path) -> bool:
    """Open, use and inspect a model; return whether it was refused."""
    inspect_path(path)
    try:
        for result in Predictor.load(path)(TRIED):
            json.dumps(result.to_json())
    except PolyheadError as error:
        if not 0 < len(str(error)) < 5000:
            raise ValueError("an error that says nothing, or too much") from error
        return True
    return False
