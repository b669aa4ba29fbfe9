"""What adapters cost: the whole encoder against one adapter for all tasks, merged or kept, and one a task.

    python benchmarks/adapters.py --data DIR [--encoder minilm] [--rank 8] [--records 2000] [--texts 200] [--rounds 3]

DIR holds `train.jsonl` and `test.jsonl` with `sentence`, `label` and `ner_tags` (SNIPS, say). Each way trains an epoch
on the first records in a process of its own, in turn, `--rounds` times; the fastest training counts, dev scores not
included. Latency is the median of one text after another by torch, and by the exported graph with ONNX Runtime, taken
in turns text by text, so that what else runs on the machine is spread over all ways. Ratios are to the whole encoder.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import Any

WAYS: dict[str, dict[str, Any]] = {
    "full": {},
    "shared, merged": {"share": "shared"},
    "shared, kept": {"share": "shared", "merge": False},
    "own, of 2 tasks": {"share": "own"},
}
TASKS = {
    "intent": {"kind": "single_label", "field": "label"},
    "slots": {"kind": "tagging", "field": "ner_tags"},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--encoder", default="minilm")
    parser.add_argument("--rank", type=int, default=8)
    parser.add_argument("--targets", choices=["all", "attention"], default="all")
    parser.add_argument("--records", type=int, default=2000)
    parser.add_argument("--texts", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--way", help=argparse.SUPPRESS)
    parser.add_argument("--output", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        print(json.dumps(trained(options)))
        return
    with tempfile.TemporaryDirectory() as folder:
        figures = measured(options, Path(folder))
    print(json.dumps(figures) if options.json else table(figures))


def trained(options: argparse.Namespace) -> dict[str, Any]:
    """Train one way; this is a process of its own."""
    import polyhead

    lines: list[str] = []

    class Listener(polyhead.training.Reporter):
        def info(self, topic: str, line: str) -> None:
            if topic in ("encoder", "adapters"):
                lines.append(line)

    adapters = {"rank": options.rank, "targets": options.targets, **WAYS[options.way]} if WAYS[options.way] else {}
    run = polyhead.train(
        options.data,
        dev=options.data,
        encoder=options.encoder,
        output=options.output,
        tasks=TASKS,
        adapters=adapters,
        epochs=1,
        batch_size=32,
        precision=options.precision,
        reporter=Listener(),
    )
    return {"rows_per_second": run.epochs[0].rows_per_second, "best": str(run.best), "said": lines}


def measured(options: argparse.Namespace, folder: Path) -> dict[str, dict[str, Any]]:
    data, texts = folder / "train.jsonl", folder / "texts.jsonl"
    for source, target, count in (("train", data, options.records), ("test", texts, options.texts)):
        with (options.data / f"{source}.jsonl").open(encoding="utf-8") as lines:
            target.write_text("".join(islice(lines, count)), encoding="utf-8")
    figures: dict[str, dict[str, Any]] = {way: {"rows_per_second": 0.0} for way in WAYS}
    for _ in range(options.rounds):
        for number, (way, own) in enumerate(figures.items()):
            command = [sys.executable, __file__, "--data", str(data), "--way", way]
            command += ["--output", str(folder / f"run-{number}"), "--encoder", options.encoder]
            command += ["--rank", str(options.rank), "--targets", options.targets, "--precision", options.precision]
            done = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
            own["rows_per_second"] = max(own["rows_per_second"], done["rows_per_second"])
            own |= {"best": done["best"], "said": done["said"]}
            print(f"{way:<18}{done['rows_per_second']:>9.1f} rows/s", file=sys.stderr, flush=True)
    add_sizes(figures, folder)
    add_latencies(figures, [json.loads(line)["sentence"] for line in texts.read_text(encoding="utf-8").splitlines()])
    return figures


def add_sizes(figures: dict[str, dict[str, Any]], folder: Path) -> None:
    """Count parameters, and the bytes of bundle and graph."""
    from polyhead.export import export
    from polyhead.inference import open_model
    from polyhead.model.weights import load_model

    for number, own in enumerate(figures.values()):
        best = Path(own["best"])
        model = load_model(open_model(best))
        own["parameters"] = sum(weight.numel() for weight in model.parameters())
        own["adapters"] = sum(weight.numel() for weight in model.adapters.weights()) if model.adapters else 0
        own["bundle_mb"] = sum(file.stat().st_size for file in best.iterdir()) / 1e6
        own["graph"] = str(export(best, folder / f"graph-{number}").folder)
        own["graph_mb"] = (Path(own["graph"]) / "model.onnx").stat().st_size / 1e6


def add_latencies(figures: dict[str, dict[str, Any]], texts: list[str]) -> None:
    """Time one text after another, each way in turn."""
    from polyhead import Predictor

    for runtime, source in (("torch", "best"), ("onnxruntime", "graph")):
        predictors = {way: Predictor.load(own[source], runtime=runtime) for way, own in figures.items()}
        took: dict[str, list[float]] = {way: [] for way in figures}
        for at, text in enumerate([*texts[:10], *texts]):
            for way, predictor in predictors.items():
                began = time.perf_counter()
                predictor([text])
                if at >= 10:  # the first warm up
                    took[way].append(time.perf_counter() - began)
        for way, own in figures.items():
            own[f"{runtime}_ms"] = 1e3 * statistics.median(took[way])


def table(figures: dict[str, dict[str, Any]]) -> str:
    columns = ("parameters", "bundle_mb", "graph_mb", "rows_per_second", "torch_ms", "onnxruntime_ms")
    lines = [f"{'':<18}" + "".join(f"{column.replace('_', ' '):>24}" for column in columns)]
    first = figures["full"]
    for way, own in figures.items():
        cells = (f"{own[column]:,.{0 if column == 'parameters' else 2}f}" for column in columns)
        ratios = (f"({own[column] / first[column]:.2f})" for column in columns)
        pairs = zip(cells, ratios, strict=True)
        lines.append(f"{way:<18}" + "".join(f"{cell:>16}{ratio:>8}" for cell, ratio in pairs))
    said = [f"{way}: {line}" for way, own in figures.items() for line in own["said"] if "learn" in line]
    return "\n".join([*lines, *said])


if __name__ == "__main__":
    main()
