"""What it takes to write and to read a data set in each format: records a second on one core, and the most memory held.

    python benchmarks/reading.py [--records 200000] [--formats jsonl csv ...] [--rounds 3] [--json]

Records are made up: an intent and slots, as long as those of SNIPS. They are written from JSON lines by `convert`, and
read back by `read_raw`, to the end, with nothing done to them. Each reading is a process of its own; its time is the
processor's, the best of the rounds; its memory is the most that the process held above what it held before it read.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from polyhead.converting import convert
from polyhead.converting.convert import WRITERS
from polyhead.formats import FORMATS, Way, format_named, read_raw

MIB = 2**20
WORDS = [
    "play",
    "add",
    "book",
    "rate",
    "find",
    "the",
    "a",
    "to",
    "my",
    "me",
    "in",
    "for",
    "at",
    "of",
    "song",
    "table",
    "movie",
    "playlist",
    "weather",
    "restaurant",
]
INTENTS = ["PlayMusic", "AddToPlaylist", "BookRestaurant", "RateBook", "GetWeather", "SearchScreeningEvent"]
SLOTS = [f"slot_{number}" for number in range(39)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=200_000)
    parser.add_argument("--formats", nargs="+", default=[writer.name for writer in WRITERS], metavar="NAME")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--read", nargs=2, metavar=("PATH", "FORMAT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.read:
        print(json.dumps(reading(*options.read)))
        return
    with tempfile.TemporaryDirectory(prefix="polyhead-reading-") as folder:
        found = list(rows(Path(folder), options))
    print(json.dumps({"reading": found}) if options.json else table(found))


def rows(folder: Path, options: argparse.Namespace) -> Any:
    """Write, then read in processes of their own, in each format."""
    source = made_up(folder / "source.jsonl", options.records)
    for name in options.formats:
        target = folder / f"data-{name}"
        before = time.process_time()
        told = convert(source, target, to=name)
        seconds = time.process_time() - before
        form = name if any(own.name == name for own in FORMATS) else "jsonl"
        command = [sys.executable, __file__, "--read", str(target), form]
        runs = [
            json.loads(subprocess.run(command, check=True, capture_output=True).stdout) for _ in range(options.rounds)
        ]
        assert all(run["records"] == options.records for run in runs)
        yield {
            "format": name,
            "records": options.records,
            "mib": size(target) / MIB,
            "written_a_second": options.records / seconds,
            "read_a_second": max(run["records"] / run["seconds"] for run in runs),
            "read_memory_mib": max(run["memory"] for run in runs) / MIB,
            "losses": sum(loss["count"] for loss in told["losses"]),
        }
        subprocess.run(["rm", "-rf", str(target)], check=True)


def reading(path: str, form: str) -> dict[str, float]:
    """Read a file to its end; what has to be imported is, before."""
    if format_named(form).title in {"Parquet", "Arrow"} or Path(path).is_dir():
        import pyarrow.parquet  # noqa: F401
    before = held("VmRSS")
    start = time.process_time()
    count = sum(1 for _ in read_raw(path, way=Way(form)))
    seconds = time.process_time() - start
    return {"records": count, "seconds": seconds, "memory": held("VmHWM") - before}


def held(what: str) -> int:
    """Return what the process holds (VmRSS), or the most that it ever held (VmHWM), in bytes."""
    (line,) = [own for own in Path("/proc/self/status").read_text().splitlines() if own.startswith(what)]
    return 1024 * int(line.split()[1])


def made_up(path: Path, records: int) -> Path:
    """Write records of 5 to 13 words with up to three slots."""
    chance = random.Random(0)
    with path.open("w", encoding="utf-8") as file:
        for number in range(records):
            words = [*chance.choices(WORDS, k=chance.randint(4, 12)), f"w{number}"]
            tags = ["O"] * len(words)
            for at in sorted(chance.sample(range(len(words)), k=chance.randint(0, 3))):
                tags[at] = f"B-{chance.choice(SLOTS)}"
            row = {"sentence": " ".join(words), "label": chance.choice(INTENTS), "ner_tags": tags}
            file.write(json.dumps(row) + "\n")
    return path


def size(path: Path) -> int:
    return sum(own.stat().st_size for own in path.rglob("*")) if path.is_dir() else path.stat().st_size


def table(found: list[dict[str, Any]]) -> str:
    lines = [f"{'format':12} {'MiB':>8} {'written/s':>12} {'read/s':>12} {'memory MiB':>12} {'losses':>8}"]
    lines += [
        f"{row['format']:12} {row['mib']:8.1f} {row['written_a_second']:12,.0f} {row['read_a_second']:12,.0f} "
        f"{row['read_memory_mib']:12.1f} {row['losses']:8}"
        for row in found
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
