"""What it takes to prepare 1x, 4x and 16x the records: time, memory, and the time until training takes its first steps.

    python benchmarks/preparing.py [--records 15625] [--times 1 4 16] [--million] [--without] [--rounds 3] [--json]

Records are made up: intents and slots, as long as those of SNIPS, hardly two alike. Each start is a process of its
own: the first finds nothing in the cache (miss), the second all of it (hit); with --without also one that keeps nothing
(off). What every start takes, whatever the data, is done before: imports, and a run on a few records. The encoder is
tiny, its tokenizer is that of `minilm`.

Memory is the most that the process held at any time: before the data, when they were prepared, and after the first
steps, which look at pages of the kept rows all over; then what it holds at that time beside files that it looks at
(own), and the most that one of its workers held.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

MIB = 2**20
STEPS = 20
INTENTS = 7
SLOTS = 39


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=15_625, help="records at 1x")
    parser.add_argument("--times", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--million", action="store_true", help="62,500, 250,000 and 1,000,000 records")
    parser.add_argument("--without", action="store_true", help="also without the cache")
    parser.add_argument("--rounds", type=int, default=1, help="medians of so many")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", nargs=3, metavar=("DATA", "ENCODER", "CACHE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(measured(*options.child)))
        return
    base = 62_500 if options.million else options.records
    with tempfile.TemporaryDirectory(prefix="polyhead-preparing-") as folder:
        found = [row for times in options.times for row in rows_of(Path(folder), base * times, options)]
    print(json.dumps({"starts": found}) if options.json else table(found))


def rows_of(folder: Path, records: int, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Measure all starts with so many records."""
    encoder = tiny_encoder(folder / "encoder")
    written(folder / "few.jsonl", 50)
    data = written(folder / "data.jsonl", records)
    cases: dict[str, list[dict[str, Any]]] = {}
    for number in range(options.rounds):
        cache = folder / f"cache-{records}-{number}"
        for case in ("miss", "hit"):
            cases.setdefault(case, []).append(start(data, encoder, cache))
        if options.without:
            cases.setdefault("off", []).append(start(data, encoder, "off"))
        subprocess.run(["rm", "-rf", str(cache)], check=True)
    return [
        {"records": records, "case": case, **{key: statistics.median(own[key] for own in rounds) for key in rounds[0]}}
        for case, rounds in cases.items()
    ]


def start(data: Path, encoder: Path, cache: Path | str) -> dict[str, Any]:
    """Prepare and take some steps, in a process of its own."""
    command = [sys.executable, __file__, "--child", str(data), str(encoder), str(cache)]
    found: dict[str, Any] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    if isinstance(cache, Path):
        found["kept_mib"] = sum(file.stat().st_size for file in cache.rglob("*") if file.is_file()) / MIB
    return {"kept_mib": 0.0, **found}


def measured(data: str, encoder: str, cache: str) -> dict[str, float]:
    """Prepare, take some steps, and return what that took."""
    from polyhead.notices import Notices
    from polyhead.settings import TrainingSettings, load_settings
    from polyhead.training.guard import Guard
    from polyhead.training.loop import LossSettings, train_steps
    from polyhead.training.prepare import prepare
    from polyhead.training.reporting import Reporter

    flags = {"encoder": encoder, "data.cache": cache, "training.precision": "fp32"}
    few = str(Path(data).with_name("few.jsonl"))
    prepare(load_settings(None, (), {**flags, "data.train": few, "data.cache": "off"}), Notices()).account()
    before, workers = memory(), Workers()
    workers.start()
    began = time.perf_counter()
    prepared = prepare(load_settings(None, (), {**flags, "data.train": data}), Notices())
    prepared.account()
    facts = list(prepared.facts())
    ready, prepared_mib = time.perf_counter(), memory()
    steps = train_steps(
        prepared.model,
        prepared.examples,
        encoder=prepared.text_encoder,
        engine=prepared.engine,
        steps=((1, step) for step in prepared.steps.of_epoch(1)),
        losses=LossSettings(weights={task.name: task.weight for task in prepared.tasks}, clip=1.0),
        guard=Guard(TrainingSettings(), reporter=Reporter(), log=lambda *_, **__: None),
    )
    taken = sum(1 for _ in islice(steps, STEPS))
    assert taken == STEPS, facts
    return {
        "seconds": ready - began,
        "first_steps": time.perf_counter() - ready,
        "before_mib": before,
        "prepared_mib": prepared_mib,
        "steps_mib": memory(),
        "own_mib": own_memory(),
        "worker_mib": workers.most,
    }


def memory() -> float:
    """Return the most that this process held, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def own_memory() -> float:
    """Return what this process holds now beside files that it looks at, in MiB, where the system tells."""
    status = Path("/proc/self/status")
    found = re.search(r"RssAnon:\s+(\d+) kB", status.read_text()) if status.exists() else None
    return int(found[1]) / 1024 if found else math.nan


class Workers(threading.Thread):
    """Looks now and then at the processes that this one started, and keeps the most that one of them held, in MiB."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.most = 0.0

    def run(self) -> None:
        while True:
            for children in Path("/proc/self/task").glob("*/children"):
                for child in children.read_text().split():
                    with suppress(OSError):
                        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{child}/status").read_text())
                        self.most = max(self.most, int(found[1]) / 1024 if found else 0.0)
            time.sleep(0.1)


def tiny_encoder(folder: Path) -> Path:
    """Save a tiny encoder with the tokenizer of `minilm`."""
    if not folder.exists():
        from transformers import BertConfig, BertModel

        from polyhead.model import load_pretrained

        pretrained = load_pretrained("minilm")
        size = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
        BertModel(BertConfig(vocab_size=pretrained.encoder.config.vocab_size, **size)).save_pretrained(folder)
        (folder / "tokenizer.json").write_text(pretrained.tokenizer_json, encoding="utf-8")
    return folder


def written(path: Path, records: int) -> Path:
    """Write made-up records."""
    chance = random.Random(1)
    syllables = [
        first + second for first in "bdfgklmnprstvw" for second in ("a", "e", "i", "o", "u", "en", "ar", "ing")
    ]
    words = ["".join(chance.choices(syllables, k=chance.choice((1, 2, 2, 3)))) for _ in range(8000)]
    with path.open("w", encoding="utf-8") as file:
        for _ in range(records):
            file.write(json.dumps(record(chance, words)) + "\n")
    return path


def record(chance: random.Random, words: list[str]) -> dict[str, Any]:
    """Make up one record, of nine words on average."""
    length = max(3, round(chance.gauss(9, 3)))
    intent = chance.randrange(INTENTS)
    tags = ["O"] * length
    for slot in range(chance.choice((0, 1, 1, 2, 2, 3))):
        begin, wide = chance.randrange(length), chance.choice((1, 1, 2, 3))
        name = f"slot{(intent * 5 + slot * 3 + chance.randrange(4)) % SLOTS}"
        if tags[begin : begin + wide] == ["O"] * wide:
            tags[begin : begin + wide] = [f"B-{name}", *[f"I-{name}"] * (wide - 1)]
    sentence = " ".join(chance.choices(words, k=length))
    return {"sentence": sentence, "label": f"Intent{intent}", "ner_tags": tags}


def table(found: list[dict[str, Any]]) -> str:
    """Draw all starts, with ratios to the smallest of their case."""
    lines = [
        f"{'records':>9}  {'':<4}  {'seconds':>8} {'ratio':>6}  {'µs/record':>9}  {'first steps':>11}"
        f"  {'before':>8}  {'prepared':>8}  {'steps':>8}  {'own':>8}  {'a worker':>8}  {'kept':>8}"
    ]
    first: dict[str, float] = {}
    for row in found:
        ratio = row["seconds"] / first.setdefault(row["case"], row["seconds"])
        each = row["seconds"] / row["records"] * 1e6
        lines.append(
            f"{row['records']:>9,}  {row['case']:<4}  {row['seconds']:>8.2f} {ratio:>6.2f}  {each:>9.1f}"
            f"  {row['first_steps']:>9.2f} s  {row['before_mib']:>4.0f} MiB  {row['prepared_mib']:>4.0f} MiB"
            f"  {row['steps_mib']:>4.0f} MiB  {row['own_mib']:>4.0f} MiB"
            f"  {row['worker_mib']:>4.0f} MiB  {row['kept_mib']:>4.0f} MiB"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
