"""Stands in for the process that answers: loads no model, and does as the texts tell it.

`die` ends the process, `fail` fails, `hang` never ends, `junk` writes what is no answer, `slow` takes a fifth of a
second; any other text is answered at once, with its length.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

TASKS = [{"name": "length", "kind": "regression", "labels": []}]
SEEN = os.environ.get("DOUBLE_SEEN")
"""A file for all texts that reach a batch."""


def account(model: str) -> dict[str, Any]:
    """What a model is: its name is the identity, too."""
    return {
        "name": Path(model).name,
        "model": Path(model).read_text().strip() if Path(model).is_file() else "0123456789ab",
        "encoder": "none",
        "runtime": "double",
        "precision": "fp32",
        "reads_second": False,
        "characters": 1000,
        "tasks": TASKS,
        "examples": [],
        "versions": {"bundle": "1"},
        "checksums": {},
    }


def main() -> None:
    source, sink = sys.stdin.buffer, sys.stdout.buffer

    def write(header: object, *parts: bytes) -> None:
        sink.write(json.dumps(header).encode() + b"\n" + b"".join(parts))
        sink.flush()

    order = json.loads(source.readline())
    time.sleep(float(os.environ.get("DOUBLE_LOADS", "0")))
    if "damaged" in account(order["model"])["model"]:
        write({"error": "BundleError", "message": "it is damaged"})
        return
    write({"ready": account(order["model"])})
    for line in source:
        parts = json.loads(line)
        answers = [b",".join(json.dumps(_answer(text)).encode() for text in part["texts"]) for part in parts]
        texts = [text for part in parts for text in part["texts"]]
        if SEEN:
            with Path(SEEN).open("a") as file:
                file.write("".join(f"{text}\n" for text in texts))
        if "die" in texts:
            os._exit(9)
        if "hang" in texts:
            time.sleep(1000)
        if "junk" in texts:
            sink.write(b"no message\n")
            sink.flush()
            continue
        if "fail" in texts:
            write({"failed": "ValueError", "where": ["double.py:1"]})
            continue
        if "slow" in texts:
            time.sleep(0.2)
        tokens = sum(len(text) for text in texts)
        write({"parts": [len(answer) for answer in answers], "tokens": tokens, "seconds": 0.0}, *answers)


def _answer(text: str) -> dict[str, Any]:
    return {"text": text, "windows": 1, "truncated": False, "length": {"value": len(text)}}


if __name__ == "__main__":
    main()
