"""Encoder and heads as one ONNX graph, by torch's exporter."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from polyhead.bundle.exported import IDS, MASK, TYPES, logits_name
from polyhead.errors import ExportError
from polyhead.model.merging import for_graph
from polyhead.model.multi_task import MultiTaskModel

OPSET = 18
_MOST_BYTES = 2**31 - 2**20
"""What a file without external data can hold."""
_ROWS, _LENGTH = 3, 17
"""Of the example: sides of 0 or 1 would be taken for fixed ones."""


class _AllHeads(nn.Module):
    """The network with a row of tensors in, and a row of tensors out.

    Args:
        model: The network.
        types: Whether it takes `types`.
    """

    def __init__(self, model: MultiTaskModel, *, types: bool) -> None:
        super().__init__()
        self.model, self.types = model, types

    def forward(self, ids: Tensor, mask: Tensor, types: Tensor | None = None) -> tuple[Tensor, ...]:
        return tuple(self.model(ids, mask, types).values())


def write_onnx(model: MultiTaskModel, path: Path, *, tasks: int, types: bool) -> None:
    """Write a model as one ONNX graph in fp32, of any number of rows of any length.

    Args:
        model: The model, on the CPU.
        path: The file.
        tasks: How many it has: outputs, in their order.
        types: Whether the graph takes `types`.

    Raises:
        ExportError: If torch cannot export the network, or it is too large for one file.
    """
    model = for_graph(model)
    size = sum(parameter.numel() * parameter.element_size() for parameter in model.parameters())
    if size > _MOST_BYTES:
        raise ExportError(f"an ONNX file holds 2 GiB at most, the weights have {size:,} bytes; take a smaller encoder")
    whole = _AllHeads(model, types=types).eval()  # the exporter puts the model back into the wrapper's mode
    inputs = [IDS, MASK, TYPES] if types else [IDS, MASK]
    given = tuple(torch.full((_ROWS, _LENGTH), int(name == MASK)) for name in inputs)
    rows, length = torch.export.Dim("rows", min=1), torch.export.Dim("length", min=1)
    try:
        with _quiet(), torch.inference_mode(False), torch.no_grad(), _plain_attention(model.encoder):
            program: Any = torch.onnx.export(
                whole,
                given,
                dynamo=True,
                input_names=inputs,
                output_names=[logits_name(at) for at in range(tasks)],
                dynamic_shapes=tuple({0: rows, 1: length} for _ in given),
                opset_version=OPSET,
                optimize=True,
                verbose=False,
            )
            if len(model.passes()) > 1:
                _once_each(program)
            program.save(path, external_data=False)
    except Exception as error:  # whatever its many parts raise
        raise ExportError(f"torch cannot export this encoder: {str(error).strip()[:800]}") from error


def _once_each(program: Any) -> None:
    """Have equal weights in a graph once: folding makes a copy of a matrix for each pass that reads it."""
    from onnx_ir.passes.common import DeduplicateInitializersPass

    DeduplicateInitializersPass(size_limit=_MOST_BYTES)(program.model)


@contextmanager
def _plain_attention(encoder: nn.Module) -> Iterator[None]:
    """Have attention written as products and a softmax, a pattern that runtimes know and join into one kernel.

    What the exporter makes of torch's own attention also asks of each row whether all of it is masked, which none is.
    """
    config, change = encoder.config, getattr(encoder, "set_attn_implementation", None)
    before = getattr(config, "_attn_implementation", None)
    if change is None or before in (None, "eager"):
        yield
        return
    change("eager")
    try:
        yield
    finally:
        change(before)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter from telling of its own parts."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir", "torch.export")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
