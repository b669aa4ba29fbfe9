"""Speed of serving: texts a second and times of answers, by clients and texts a request.

    python benchmarks/serving.py --data DIR [--model BUNDLE] [--clients 1 2 4 …] [--sizes 1 4 16] [--rounds 3]
    python benchmarks/serving.py --data DIR --overload 60

DIR is that of `benchmarks/inference.py`, and so are model and texts: a model is trained for an epoch (`--model` takes
another, `--prepared FOLDER` keeps what was made, and takes it the next time), exported, and its tasks as two folders
for transformers. Three contestants take turns in one run, on the same texts and processors:

predictor   polyhead's Predictor in a process of its own, all texts at once: what the machine gives without HTTP
polyhead    `polyhead serve`, with its own defaults
peer        a FastAPI app around two transformers pipelines (`benchmarks/fastapi_peer.py`), for some numbers of clients

Each client sends the next request when it has its answer (`benchmarks/load.py`). Times are of requests with status
200; "load" is how many processors the load generator took, which the server did not have.

`--overload SECONDS` finds the capacity with 64 clients, then sends twice as much at random times, whatever becomes of
it: which statuses come, the times of those with 200, and the memory of the server's processes each second.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import Any

from contestants import Contestant
from inference import say, texts_of
from servers import Server, peer_server, polyhead_server, watched

CLIENTS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
PEERS_CLIENTS = (1, 16, 256)
SIZES = (1, 4, 16)
_CAPACITY_CLIENTS = 64
_SETTLED = 5
"""Seconds of an overload after which its memory is looked at; so many more are the first and the last of it."""


def main() -> None:
    options = parsed()
    if options.predictor:
        serve_predictor(options)
        return
    with ExitStack() as stack:
        folder = options.prepared or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        prepare(options, folder)
        work = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        found = overload(options, folder, work) if options.overload else compare(options, folder, work)
    found["setup"] = {
        "cores": len(os.sched_getaffinity(0)),
        "runtime": options.runtime,
        "precision": options.precision,
        "workers": options.workers,
        "texts": options.texts,
    }
    print(json.dumps(found) if options.json else (overload_table(found) if options.overload else table(found)))


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with train.jsonl, dev.jsonl and test.jsonl")
    parser.add_argument("--encoder", default="minilm")
    parser.add_argument("--model", type=Path, help="a trained bundle with the tasks classification and ner")
    parser.add_argument("--prepared", type=Path, help="keep what is exported here, and take what is here already")
    parser.add_argument("--texts", default="short", help="short, long, or a file of records")
    parser.add_argument("--count", type=int, default=2800, help="texts of a turn of the predictor")
    parser.add_argument("--runtime", default="auto")
    parser.add_argument("--precision")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--clients", nargs="+", type=int, default=list(CLIENTS))
    parser.add_argument("--peers-clients", nargs="*", type=int, default=list(PEERS_CLIENTS))
    parser.add_argument("--sizes", nargs="+", type=int, default=list(SIZES), help="texts of a request")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0, help="of a turn, after a second that is not counted")
    parser.add_argument("--overload", type=float, default=0.0, metavar="SECONDS")
    parser.add_argument("--max-drop", type=float, default=2.0, help="what bf16 and int8 may lose, to be timed at all")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--predictor", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def prepare(options: argparse.Namespace, place: Path) -> None:
    import inference

    if not (place / "exported").is_dir():
        place.mkdir(parents=True, exist_ok=True)
        inference.prepare(options, place)


def serve_predictor(options: argparse.Namespace) -> None:
    """Be the predictor: answer all texts whenever a line comes."""
    from polyhead import Predictor

    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    predictor = Predictor.load(options.prepared / "exported", runtime=options.runtime, precision=options.precision)
    texts = texts_of(options)
    predictor(texts)
    for _ in sys.stdin:
        before, started = time.process_time(), time.perf_counter()
        predictor(texts)
        seconds = time.perf_counter() - started
        found = {
            "texts_per_second": len(texts) / seconds,
            "texts_per_cpu_second": len(texts) / (time.process_time() - before),
        }
        print(json.dumps(found), file=answers, flush=True)


def bodies_of(options: argparse.Namespace, work: Path) -> dict[int, Path]:
    """Write the requests' bodies, by texts a request."""
    texts = texts_of(options)
    files = {}
    for size in options.sizes:
        files[size] = work / f"bodies_{size}.json"
        bodies = [json.dumps({"texts": texts[at : at + size]}) for at in range(0, len(texts) - size + 1, size)]
        files[size].write_text(json.dumps(bodies), encoding="utf-8")
    return files


def compare(options: argparse.Namespace, folder: Path, work: Path) -> dict[str, Any]:
    bodies = bodies_of(options, work)
    turns: dict[str, list[dict[str, Any]]] = {}
    predictions: list[dict[str, Any]] = []
    with ExitStack() as stack:
        predictor = predictor_of(options, folder)
        stack.callback(predictor.close)
        ours = stack.enter_context(polyhead_server(options, folder, work))
        peer = stack.enter_context(peer_server(folder, work) if options.peers_clients else nullcontext())
        for number in range(options.rounds):
            for size in options.sizes:
                say(f"round {number + 1} of {options.rounds}, {size} texts a request")
                bulk = [predictor.ask()]
                sweep = turns_of(ours, bodies[size], options.clients, options.seconds)
                bulk.append(predictor.ask())
                predictions += bulk
                rate = statistics.mean(one["texts_per_second"] for one in bulk)
                for clients, found in sweep.items():
                    found["of_predictor"] = found["requests_per_second"] * size / rate
                    turns.setdefault(f"polyhead {size} {clients}", []).append(found)
                if peer:
                    for clients, found in turns_of(peer, bodies[size], options.peers_clients, options.seconds).items():
                        turns.setdefault(f"peer {size} {clients}", []).append(found)
    rows = [row(name, own) for name, own in turns.items()]
    return {"predictor": spread(predictions, "texts_per_second"), "rows": rows, "best": best(options, turns)}


def predictor_of(options: argparse.Namespace, folder: Path) -> Contestant:
    command = [__file__, "--predictor", "--data", str(options.data), "--prepared", str(folder)]
    command += ["--texts", options.texts, "--count", str(options.count), "--runtime", options.runtime]
    return Contestant([*command, *(["--precision", options.precision] if options.precision else [])])


def turns_of(server: Server, bodies: Path, clients: list[int], seconds: float) -> dict[int, dict[str, Any]]:
    return {number: server.ask(bodies, clients=number, warm=1.0, seconds=seconds) for number in clients}


def row(name: str, turns: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the medians of a setting's turns, and how far they lay apart."""
    who, size, clients = name.split()
    keys = ("requests_per_second", "p50", "p90", "p99", "server_cores", "load_cores", "of_predictor")
    medians = {
        key: statistics.median(turn[key] for turn in turns) for key in keys if all(key in turn for turn in turns)
    }
    statuses: dict[str, int] = {}
    for turn in turns:
        for status, count in turn["statuses"].items():
            statuses[status] = statuses.get(status, 0) + count
    rates = [turn["requests_per_second"] * int(size) for turn in turns]
    return {
        "who": who,
        "size": int(size),
        "clients": int(clients),
        "texts_per_second": statistics.median(rates),
        "lowest": min(rates),
        "highest": max(rates),
        **medians,
        "statuses": statuses,
    }


def best(options: argparse.Namespace, turns: dict[str, list[dict[str, Any]]]) -> dict[int, float]:
    """Return, by texts a request, the share of the predictor's rate with the number of clients that serves most."""
    shares = {
        size: [
            statistics.median(turn["of_predictor"] for turn in turns[f"polyhead {size} {number}"])
            for number in options.clients
        ]
        for size in options.sizes
    }
    return {size: max(own) for size, own in shares.items()}


def spread(turns: list[dict[str, Any]], key: str) -> dict[str, float]:
    values = [turn[key] for turn in turns]
    return {key: statistics.median(values), "lowest": min(values), "highest": max(values)}


def overload(options: argparse.Namespace, folder: Path, work: Path) -> dict[str, Any]:
    size = options.sizes[min(1, len(options.sizes) - 1)]
    bodies = bodies_of(options, work)[size]
    with polyhead_server(options, folder, work) as server:
        say(f"capacity, with {_CAPACITY_CLIENTS} clients and {size} texts a request")
        before = server.ask(bodies, clients=_CAPACITY_CLIENTS, warm=2.0, seconds=2 * options.seconds)
        rate = before["requests_per_second"]
        say(f"{rate:,.0f} requests/s; now {2 * rate:,.0f} for {options.overload:g} s")
        with watched(server) as memory:
            found = server.ask(bodies, rate=2 * rate, seconds=options.overload)
        after = server.ask(bodies, clients=_CAPACITY_CLIENTS, warm=2.0, seconds=2 * options.seconds)
    memory = memory[: int(options.overload)]
    first, last = memory[_SETTLED : 2 * _SETTLED], memory[-_SETTLED:]
    growth = 100 * (statistics.median(last) / statistics.median(first) - 1) if first and last else float("nan")
    capacity = {"before": rate, "after": after["requests_per_second"]}
    return {"size": size, "capacity": capacity, "overload": found, "megabytes": memory, "growth": growth}


def table(found: dict[str, Any]) -> str:
    bulk = found["predictor"]
    spread = f"{bulk['lowest']:,.0f} to {bulk['highest']:,.0f}"
    lines = [head(found), f"predictor in bulk: {bulk['texts_per_second']:,.0f} texts/s ({spread})", ""]
    lines += [
        f"{'':<10}{'texts':>6}{'clients':>9}{'texts/s':>9}{'(lowest to highest)':>21}{'of bulk':>9}"
        f"{'p50 ms':>9}{'p90':>9}{'p99':>9}{'server':>8}{'load':>6}  other statuses"
    ]
    for one in found["rows"]:
        spread = f"{one['lowest']:,.0f} to {one['highest']:,.0f}"
        share = f"{100 * one['of_predictor']:.0f} %" if "of_predictor" in one else ""
        times = "".join(f"{one[key]:>9.1f}" if key in one else " " * 9 for key in ("p50", "p90", "p99"))
        other = ", ".join(f"{status} x {count}" for status, count in one["statuses"].items() if status != "200")
        lines.append(
            f"{one['who']:<10}{one['size']:>6}{one['clients']:>9}{one['texts_per_second']:>9,.0f}{spread:>21}{share:>9}"
            f"{times}{one['server_cores']:>8.2f}{one['load_cores']:>6.2f}  {other}"
        )
    shares = ", ".join(f"{100 * share:.0f} % with {size} texts a request" for size, share in found["best"].items())
    return "\n".join([*lines, "", f"at most, of the predictor's bulk rate: {shares}"])


def overload_table(found: dict[str, Any]) -> str:
    own, memory = found["overload"], found["megabytes"]
    statuses = ", ".join(f"{status} x {count:,}" for status, count in sorted(own["statuses"].items()))
    times = ", ".join(f"{key} {own[key]:,.0f} ms" for key in ("p50", "p90", "p99") if key in own)
    capacity = found["capacity"]
    return "\n".join(
        [
            head(found),
            f"capacity: {capacity['before']:,.0f} requests/s of {found['size']} texts, "
            f"afterwards {capacity['after']:,.0f}",
            f"at twice that: {statuses}; {own['requests_per_second']:,.0f} requests/s with 200",
            f"of those with 200: {times}",
            f"sent late by at most {own['late']:.1f} ms in 99 of 100; load took {own['load_cores']:.2f} processors, "
            f"the server {own['server_cores']:.2f}",
            f"memory: {min(memory):,.0f} to {max(memory):,.0f} MB, "
            f"{found['growth']:+.1f} % from the first seconds to the last",
            "MB each second: " + " ".join(f"{one:.0f}" for one in memory),
        ]
    )


def head(found: dict[str, Any]) -> str:
    setup = found["setup"]
    precision = f" {setup['precision']}" if setup["precision"] else ""
    return (
        f"{setup['texts']} texts, {setup['cores']} cores, {setup['runtime']}{precision}, {setup['workers']} process(es)"
    )


if __name__ == "__main__":
    main()
