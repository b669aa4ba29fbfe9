"""What scoring costs beside predicting: time and memory of `evaluate` against the bare predictor, on the same texts.

    python benchmarks/evaluation.py MODEL DATA [--records 100000] [--rounds 1]

DATA is repeated until there are enough records. Each measurement is a process of its own; its memory is the most that
it ever held.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--measure", choices=["predict", "evaluate"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measured(options.measure, options.model, options.data)))
        return
    with tempfile.TemporaryDirectory() as folder:
        for records in (options.records // 10, options.records):
            data = Path(folder) / f"{records}.jsonl"
            repeat(options.data, data, records)
            for _ in range(options.rounds):
                compare(options.model, data, records)


def compare(model: Path, data: Path, records: int) -> None:
    seconds, memory = {}, {}
    for what in ("predict", "evaluate"):
        command = [sys.executable, __file__, str(model), str(data), "--measure", what]
        done = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        seconds[what], memory[what] = done["seconds"], done["megabytes"]
    print(
        f"{records:,} records: predict {records / seconds['predict']:,.0f} texts/s, {memory['predict']:,.0f} MB; "
        f"evaluate {records / seconds['evaluate']:,.0f} texts/s, {memory['evaluate']:,.0f} MB; "
        f"evaluate has {100 * seconds['predict'] / seconds['evaluate']:.1f} % of the predictor's speed",
        flush=True,
    )


def measured(what: str, model: Path, data: Path) -> dict[str, float]:
    import polyhead
    from polyhead.formats import Limits, read_texts

    predictor = polyhead.Predictor.load(model)
    started = time.perf_counter()
    if what == "predict":
        for _ in predictor.stream(read_texts(data, Limits())):
            pass
    else:
        polyhead.evaluate(predictor, data)
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def repeat(source: Path, target: Path, records: int) -> None:
    lines = source.read_text(encoding="utf-8").splitlines()
    with target.open("w", encoding="utf-8") as file:
        for at in range(records):
            file.write(lines[at % len(lines)] + "\n")


if __name__ == "__main__":
    main()
