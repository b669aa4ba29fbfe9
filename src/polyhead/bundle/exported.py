"""`export.json`: the networks of a model that runs without torch, and in which precisions they may run.

model.onnx            encoder and heads as one graph, fp32         ONNX Runtime; OpenVINO in fp32 and bf16
model.int8.onnx       the same with products of 8-bit integers     ONNX Runtime
model.xml, model.bin  encoder and heads as one graph               OpenVINO in fp32 and bf16
tables.safetensors    what decoding needs beside logits (a CRF's scores), where a task has it
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from polyhead.bundle.header import read_header
from polyhead.bundle.onnx_file import check_onnx
from polyhead.bundle.openvino_file import check_openvino
from polyhead.errors import BundleError
from polyhead.strict_json import JsonError, parse_json

EXPORT, TABLES = "export.json", "tables.safetensors"
IDS, MASK, TYPES = "ids", "mask", "types"
"""Names of a graph's inputs, each of shape (rows, length); the last where the encoder tells a second text by it."""

Precision = Literal["fp32", "bf16", "int8"]
PRECISIONS: tuple[str, ...] = get_args(Precision)
GraphFormat = Literal["onnx", "openvino"]

_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,100}")
_CHECKS = {"onnx": check_onnx, "openvino": check_openvino}
_ENDINGS = {"onnx": ".onnx", "openvino": ".xml"}


def logits_name(task: int) -> str:
    """Return the name of the output with a task's logits.

    Args:
        task: The task's place among the model's, from 0.
    """
    return f"logits_{task}"


class Graph(BaseModel):
    """A network as a file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str
    """Its name."""
    format: GraphFormat
    """What it is written as."""
    runs: dict[Annotated[str, Field(max_length=40)], tuple[Precision, ...]] = Field(min_length=1, max_length=8)
    """By runtime, the precisions in which it answered as it should before it was given away."""

    @property
    def files(self) -> tuple[str, ...]:
        """Its files: OpenVINO keeps weights apart."""
        return (self.file,) if self.format == "onnx" else (self.file, self.file.removesuffix(".xml") + ".bin")

    def check(self, folder: Path) -> str:
        """See that the file is such a graph, reaches no other file, and runs nothing that it brought along.

        Returns:
            What was found, in words.

        Raises:
            BundleError: If it is not.
        """
        return _CHECKS[self.format](folder / self.file)


class Exported(BaseModel):
    """The content of `export.json`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format_version: Literal[1]
    graphs: tuple[Graph, ...] = Field(min_length=1, max_length=8)
    types: bool
    """Whether the graphs take `types`."""
    tables: bool
    """Whether there are tables."""
    checks: dict[str, Any]
    """What was found when the graphs were checked against torch, by precision."""
    versions: dict[str, Annotated[str, Field(max_length=200)]]
    """Of what wrote the graphs."""

    @classmethod
    def parse(cls, text: str) -> Exported:
        """Read the content of `export.json`.

        Raises:
            BundleError: If it is not what was written.
        """
        try:
            exported = cls.model_validate(parse_json(text))
        except (JsonError, ValidationError) as error:
            raise BundleError(f"{EXPORT} cannot be read: {str(error)[:1000]}") from error
        names = [graph.file for graph in exported.graphs]
        for graph in exported.graphs:
            if not _NAME.fullmatch(graph.file) or not graph.file.endswith(_ENDINGS[graph.format]):
                raise BundleError(f"{EXPORT}: {graph.file[:80]!r} is no name of a graph of format {graph.format}")
        if len(set(names)) < len(names):
            raise BundleError(f"{EXPORT}: names a graph twice")
        return exported

    def dump(self) -> str:
        """Return the content of `export.json`."""
        return json.dumps(self.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n"

    @property
    def files(self) -> tuple[str, ...]:
        """All files that it speaks of."""
        return (*(name for graph in self.graphs for name in graph.files), *((TABLES,) if self.tables else ()))

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the inputs that each graph has."""
        return (IDS, MASK, TYPES) if self.types else (IDS, MASK)


def read_tables(folder: Path, tasks: Mapping[str, int]) -> dict[str, NDArray[np.float32]]:
    """Read the tables, by task.

    Args:
        folder: The bundle.
        tasks: By task, how many outputs its head has.

    Raises:
        BundleError: If the file is not of tables of these tasks.
    """
    path = folder / TABLES
    found = read_header(path)
    for name, info in found.items():
        if name not in tasks or info.dtype != "F32" or info.shape != (tasks[name] + 1, tasks[name]):
            raise BundleError(f"{path}: holds {name[:80]!r} ({info.dtype}, {list(info.shape)}), no table of a task")
    values = path.read_bytes()
    at = len(values) - sum(info.bytes for info in found.values())
    tables = {}
    for name, info in found.items():  # in the order of the file, which the header was checked to leave no gap in
        table = np.frombuffer(values, dtype="<f4", count=info.elements, offset=at).reshape(info.shape)
        if not np.isfinite(table).all():
            raise BundleError(f"{path}: the table of {name!r} holds values that are no numbers (NaN or infinity)")
        tables[name], at = table.astype(np.float32), at + info.bytes
    return tables
