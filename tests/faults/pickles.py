"""Pickles that would run code, and zips as torch writes them around anything."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

NOTES = {"version": b"3\n", "byteorder": b"little"}


class Runs:
    """Calls something when it is unpickled."""

    def __init__(self, call: Callable[..., Any], *arguments: object) -> None:
        self._call, self._arguments = call, arguments

    def __reduce__(self) -> tuple[Any, ...]:
        return self._call, self._arguments


def payload(marker: Path) -> Runs:
    """What leaves a file when it is unpickled."""
    return Runs(os.system, f"touch {marker}")


def torch_zip(path: Path, data: bytes, more: dict[str, bytes] | None = None, *, compression: int = 0) -> Path:
    """Write a `.pt` file around a pickle; `more` are further entries, by their full names."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("model/data.pkl", data)
        for name, content in {**{f"model/{name}": note for name, note in NOTES.items()}, **(more or {})}.items():
            archive.writestr(name, content)
    return path


def root_of(path: Path) -> str:
    """Return the folder that all entries of a `.pt` file lie in."""
    with zipfile.ZipFile(path) as archive:
        return archive.namelist()[0].partition("/")[0]


def ours(path: Path, **changes: Any) -> Path:
    """Write a `.pt` file of ours anew, with some of its content replaced."""
    content = torch.load(path, weights_only=True)
    torch.save({**content, **changes}, path)
    return path


def with_tensor(path: Path, tensor: torch.Tensor) -> Path:
    """Replace a weight of a `.pt` file of ours."""
    content = torch.load(path, weights_only=True)
    weights = content["model_state_dict"]
    name = next(name for name in weights if "ner_head.linear.bias" in name)
    return ours(path, model_state_dict={**weights, name: tensor})


def stack_global(module: str, name: str, argument: str) -> bytes:
    """Write a pickle of protocol 4, which names what it calls in two texts of its own."""
    written = io.BytesIO()
    written.write(pickle.PROTO + b"\x04")
    for text in (module, name):
        written.write(pickle.SHORT_BINUNICODE + bytes([len(text)]) + text.encode())
    written.write(pickle.STACK_GLOBAL)
    written.write(pickle.BINUNICODE + len(argument.encode()).to_bytes(4, "little") + argument.encode())
    written.write(pickle.TUPLE1 + pickle.REDUCE + pickle.STOP)
    return written.getvalue()


def old_inst(module: str, name: str, argument: str) -> bytes:
    """Write a pickle of protocol 0, which calls by one instruction of old."""
    return f"(S{argument!r}\ni{module}\n{name}\n.".encode()


def shared_lists(levels: int, width: int) -> bytes:
    """Write a pickle of lists that hold one another many times."""
    out = b"\x80\x02]q\x00"
    for level in range(levels):
        inner = b"h" + bytes([level])
        out += b"]q" + bytes([level + 1]) + b"(" + inner * width + b"e"
    # What is left in the end is the last list; those below it are put away.
    return out[:2] + b"(" + out[2:] + b"t."
