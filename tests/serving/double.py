"""Stands in for the process that answers: loads no model, and does as the texts tell it.

`die` ends the process, `fail` fails, `hang` never ends, `junk` writes what is no answer, `slow` takes a fifth of a
second; any other text is answered at once, with its length.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
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
    source = sys.stdin.buffer
    order = json.loads(source.readline())
    time.sleep(float(os.environ.get("DOUBLE_LOADS", "0")))
    if "damaged" in account(order["model"])["model"]:
        write({"error": "BundleError", "message": "it is damaged"})
        return
    write({"ready": account(order["model"])})
    for line in source:
        parts = json.loads(line)
        texts = [text for part in parts for text in part["texts"]]
        if SEEN:
            with Path(SEEN).open("a") as file:
                file.write("".join(f"{text}\n" for text in texts))
        for text in texts:
            if text in ODD and ODD[text]():
                break
        else:
            answers = [b",".join(json.dumps(_answer(text)).encode() for text in part["texts"]) for part in parts]
            tokens = sum(map(len, texts))
            write({"parts": [len(answer) for answer in answers], "tokens": tokens, "seconds": 0.0}, *answers)


def write(header: object, *parts: bytes) -> bool:
    sys.stdout.buffer.write(json.dumps(header).encode() + b"\n" + b"".join(parts))
    sys.stdout.buffer.flush()
    return True


def _junk() -> bool:
    sys.stdout.buffer.write(b"no message\n")
    sys.stdout.buffer.flush()
    return True


ODD: dict[str, Callable[[], Any]] = {
    "die": lambda: os._exit(9),
    "hang": lambda: time.sleep(1000),
    "slow": lambda: time.sleep(0.2),
    "junk": _junk,
    "fail": lambda: write({"failed": "ValueError", "where": ["double.py:1"]}),
}
"""What is done for a text; whether there is no further answer."""


def _answer(text: str) -> dict[str, Any]:
    return {"text": text, "windows": 1, "truncated": False, "length": {"value": len(text)}}


if __name__ == "__main__":
    main()
