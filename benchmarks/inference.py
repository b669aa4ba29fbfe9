"""Speed of predicting: polyhead against what a user would run instead, from strings to labels and spans.

    python benchmarks/inference.py --data DIR [--encoder minilm|distilbert|FOLDER] [--texts short|long|FILE]

DIR holds `train.jsonl` with `sentence`, `label` and `ner_tags`, `dev.jsonl` and `test.jsonl`. A model is trained for an
epoch (`--model BUNDLE` takes another), exported in fp32, bf16 and int8, and its tasks as two folders for transformers.
Contestants take turns, each in a process of its own:

pipelines           two transformers pipelines, one a task, as they come: a text at a time
pipelines_batch_32  the same in batches of 32
torch               polyhead's own pass for both tasks, torch fp32
onnxruntime …       the same by a graph, in the precision that is named
openvino …
auto                what polyhead takes by itself
by_hand             the bare graph of the fastest runtime on batches that were tokenised, sorted and padded before

`distilbert` is one of DistilBERT's size that begins with random weights. `--texts long` joins 2 to 12 texts into one;
of a FILE (records like those of DIR) each second text is joined in this way.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from contestants import Contestant
from predicting import Run, ready

WAYS = ("onnxruntime fp32", "onnxruntime int8", "openvino fp32", "openvino bf16")
CONTESTANTS = ("pipelines", "pipelines_batch_32", "torch", *WAYS, "auto", "by_hand")
_SLOW = {"pipelines": 0.1, "pipelines_batch_32": 0.2, "torch": 0.3}
"""The share of the texts that they are given: a rate is what is asked for."""
_MEGABYTE = 1024


def main() -> None:
    options = parsed()
    if options.contestant:
        serve(options)
        return
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        prepare(options, place)
        found: dict[str, Any] = {}
        turns: dict[str, list[dict[str, float]]] = {name: [] for name in options.contestants}
        running = {name: contestant_of(name, options, place) for name in options.contestants}
        for contestant in running.values():
            contestant.ask(what="warm")
        for _ in range(options.rounds):
            for name, contestant in running.items():
                turns[name].append(contestant.ask(what="bulk"))
        for name, contestant in running.items():
            found[name] = {**middle(turns[name]), **contestant.ask(what="alone")}
            contestant.close()
        result = {"ratios": ratios(turns), "alone": alone_ratios(found), "contestants": found}
        result["files"] = sizes(place)
        result["cold_start"] = cold_start(place)
    result["setup"] = {"encoder": options.encoder, "texts": options.texts, "cores": len(os.sched_getaffinity(0))}
    result["machine"] = {"gflops_bf16": product_rate(), "gflops_by_hand": rate_by_hand(found)}
    print(json.dumps(result) if options.json else table(result))


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with train.jsonl, dev.jsonl and test.jsonl")
    parser.add_argument("--encoder", default="minilm")
    parser.add_argument("--model", type=Path, help="a trained bundle with the tasks classification and ner")
    parser.add_argument("--texts", default="short", help="short, long, or a file of records")
    parser.add_argument("--count", type=int, default=2800, help="texts of a turn; fewer for those that are slow")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--max-drop", type=float, default=2.0, help="what int8 and bf16 may lose, to be timed at all")
    parser.add_argument("--contestants", nargs="+", choices=CONTESTANTS, default=list(CONTESTANTS))
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--contestant", choices=CONTESTANTS, help=argparse.SUPPRESS)
    parser.add_argument("--place", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def prepare(options: argparse.Namespace, place: Path) -> None:
    """Train, unless a model is named, and export."""
    from training import encoder_folder

    from polyhead import train
    from polyhead.export import export, export_pipeline

    model = options.model
    if model is None:
        (place / "encoder").mkdir()
        encoder = encoder_folder(options.encoder, place / "encoder")
        say(f"training {options.encoder} for an epoch")
        run = train(
            options.data / "train.jsonl",
            dev=options.data / "dev.jsonl",
            encoder=encoder,
            output=place / "run",
            epochs=1,
        )
        model = run.folder
    export(
        model,
        place / "exported",
        precisions=["fp32", "bf16", "int8"],
        dev=options.data / "dev.jsonl",
        max_drop=options.max_drop,
        say=say,
    )
    for task in ("classification", "ner"):
        say(f"{task} as a transformers pipeline")
        export_pipeline(model, place / task, task=task)
    (place / "model").write_text(str(Path(model).resolve()))


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def contestant_of(name: str, options: argparse.Namespace, place: Path) -> Contestant:
    command = [__file__, "--contestant", name, "--data", str(options.data), "--place", str(place)]
    return Contestant([*command, "--texts", options.texts, "--count", str(options.count)])


def texts_of(options: argparse.Namespace) -> list[str]:
    """Return texts, repeated to the count; long ones are 2 to 12 of them joined."""
    file = options.data / "test.jsonl" if options.texts in ("short", "long") else Path(options.texts)
    texts = [json.loads(line)["sentence"] for line in file.read_text(encoding="utf-8").splitlines()]
    if options.texts != "short":
        starts = range(0, 7 * options.count // 8, 7)
        joined = [" ".join(texts[at % len(texts) :][: 2 + at % 11]) for at in starts]
        both = [text for pair in zip(texts, joined, strict=False) for text in pair]  # in turn: some take but the first
        texts = joined if options.texts == "long" else both
    return (texts * (options.count // len(texts) + 1))[: options.count]


def serve(options: argparse.Namespace) -> None:
    """Take turns as the other end of a pipe asks for them; whatever else prints goes to stderr."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    texts = texts_of(options)
    many = texts[: int(len(texts) * _SLOW.get(options.contestant, 1.0))]
    run, tokens, products = ready(options.contestant, options.place, many)
    for line in sys.stdin:
        what = json.loads(line)["what"]
        if what == "warm":
            run(many)
            found: dict[str, float] = {}
        elif what == "bulk":
            seconds = timed(lambda: run(many))
            found = {"texts_per_second": len(many) / seconds, "gflops": products / seconds / 1e9}
        else:
            times = {} if options.contestant == "by_hand" else alone(run, texts[:300])
            found = {**times, "megabytes": peak(), "tokens": tokens}
        print(json.dumps(found), file=answers, flush=True)


def timed(call: Callable[[], Any]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def alone(run: Run, texts: list[str]) -> dict[str, float]:
    """Return how long one text by itself takes."""
    for text in texts[:20]:
        run([text])
    taken = sorted(1000 * timed(lambda text=text: run([text])) for text in texts)  # type: ignore[misc]
    return {name: taken[int(share * (len(taken) - 1))] for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))}


def peak() -> float:
    """Return the most memory that this process had; what `getrusage` says would include whoever started it."""
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:")) / _MEGABYTE


def middle(turns: list[dict[str, float]]) -> dict[str, float]:
    rates = [turn["texts_per_second"] for turn in turns]
    products = statistics.median(turn["gflops"] for turn in turns)
    return {
        "texts_per_second": statistics.median(rates),
        "lowest": min(rates),
        "highest": max(rates),
        "gflops": products,
    }


def ratios(turns: dict[str, list[dict[str, float]]]) -> dict[str, float]:
    """Return auto's rate over each other's, the median of turns that stood beside each other."""
    return {
        name: statistics.median(
            ours["texts_per_second"] / theirs["texts_per_second"]
            for ours, theirs in zip(turns["auto"], own, strict=True)
        )
        for name, own in turns.items()
        if name != "auto" and "auto" in turns
    }


def alone_ratios(found: dict[str, Any]) -> dict[str, float]:
    """Return each other's median time of one text over auto's."""
    if "auto" not in found:
        return {}
    return {name: own["p50"] / found["auto"]["p50"] for name, own in found.items() if name not in ("auto", "by_hand")}


def sizes(place: Path) -> dict[str, float]:
    return {
        **{file.name: file.stat().st_size / 1e6 for file in sorted((place / "exported").glob("*.onnx"))},
        "two transformers folders": sum(
            file.stat().st_size / 1e6
            for name in ("classification", "ner")
            for file in (place / name).glob("*.safetensors")
        ),
    }


def cold_start(place: Path) -> dict[str, float]:
    """Return seconds from nothing to an answer, and of that to load the graph; the fastest way is known by then."""
    command = [sys.executable, "-m", "polyhead", "predict", str(place / "exported"), "hello there", "--json"]
    quiet = {"stdout": subprocess.DEVNULL, "check": True}
    subprocess.run(command, **quiet)  # type: ignore[call-overload]
    whole = min(timed(lambda: subprocess.run(command, **quiet)) for _ in range(5))  # type: ignore[call-overload]
    importing = [sys.executable, "-c", "import polyhead"]
    bare = min(timed(lambda: subprocess.run([sys.executable, "-c", ""], **quiet)) for _ in range(5))  # type: ignore[call-overload]
    imported = min(timed(lambda: subprocess.run(importing, **quiet)) for _ in range(5))  # type: ignore[call-overload]
    return {"predict": whole, "import polyhead": imported - bare}


def product_rate() -> float:
    """Return what a large product in bf16 reaches here, in GFLOP/s."""
    import torch

    one = torch.randn(2048, 2048).bfloat16()
    for _ in range(5):
        one @ one
    return 2 * 2048**3 / min(timed(lambda: one @ one) for _ in range(30)) / 1e9


def rate_by_hand(found: dict[str, Any]) -> float | None:
    return found["by_hand"]["gflops"] if "by_hand" in found else None


def table(result: dict[str, Any]) -> str:
    setup, machine = result["setup"], result["machine"]
    lines = [f"{setup['encoder']}, {setup['texts']} texts, {setup['cores']} cores", ""]
    lines += [
        f"{'':<20}{'texts/s':>9}{'(lowest to highest)':>22}{'auto is':>10}"
        f"{'p50 ms':>9}{'p95':>8}{'p99':>8}{'peak MB':>9}"
    ]
    for name, own in result["contestants"].items():
        spread = f"{own['lowest']:,.0f} to {own['highest']:,.0f}"
        ratio = f"{result['ratios'][name]:.2f} x" if name in result["ratios"] else ""
        columns = (("p50", 9), ("p95", 8), ("p99", 8))
        times = "".join(f"{own[key]:>{width}.2f}" if key in own else " " * width for key, width in columns)
        lines.append(
            f"{name:<20}{own['texts_per_second']:>9,.0f}{spread:>22}{ratio:>10}{times}{own['megabytes']:>9,.0f}"
        )
    lines += ["", "one text alone, over auto's: " + ", ".join(f"{k} {v:.2f} x" for k, v in result["alone"].items())]
    lines += ["MB: " + ", ".join(f"{name} {size:,.1f}" for name, size in result["files"].items())]
    lines += ["seconds: " + ", ".join(f"{name} {seconds:.2f}" for name, seconds in result["cold_start"].items())]
    if (by_hand_rate := machine["gflops_by_hand"]) is not None:
        share = by_hand_rate / machine["gflops_bf16"]
        lines += [
            f"products of real tokens, by hand: {by_hand_rate:,.0f} GFLOP/s, "
            f"{100 * share:.0f} % of the {machine['gflops_bf16']:,.0f} that a large bf16 product reaches"
        ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
