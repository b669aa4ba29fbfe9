"""8-bit integers for the products of a graph, by ONNX Runtime; the layers that suffer most stay in fp32.

Weights are quantised once, by output channel; activations while the graph runs, by the range of the values in a batch
(dynamic quantisation), which is why an int8 answer depends a little on what else is in its batch.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from polyhead.errors import ExportError, MissingExtraError
from polyhead.telemetry import no_telemetry

_PRODUCTS = ("MatMul", "Gemm")
_TABLES = "Gather"
_SHARE = 0.5
"""Of the layers, what may stay in fp32: with more, the graph is hardly smaller or faster."""

Passes = Callable[[Path], bool]
"""Whether a quantised graph is good enough."""
Distance = Callable[[Path], float]
"""How far a quantised graph's logits are from those of fp32."""


def quantise(source: Path, target: Path, *, keep: Collection[str] = ()) -> None:
    """Write a graph with products of 8-bit integers.

    Args:
        source: The graph in fp32.
        target: The file to write.
        keep: Names of operators that stay as they are.
    """
    try:
        with no_telemetry():
            from onnxruntime.quantization import QuantType, quantize_dynamic
    except ImportError as error:
        raise MissingExtraError("export to int8", "export") from error
    with _quiet():
        quantize_dynamic(
            source,
            target,
            op_types_to_quantize=[*_PRODUCTS, _TABLES],
            per_channel=True,
            weight_type=QuantType.QInt8,
            # A Gemm is first made a MatMul and an Add, by this name, and only then looked for among those to leave out.
            nodes_to_exclude=[*keep, *(f"{name}_MatMul" for name in keep)],
            extra_options={"MatMulConstBOnly": True},
        )


def search(source: Path, target: Path, *, fixed: Sequence[str], passes: Passes, distance: Distance) -> list[str]:
    """Quantise a graph, leaving out what suffers most until it is good enough.

    First all products are quantised. Where that is too much, each is quantised by itself, and of those the 1, 2, 4, …
    whose logits move furthest stay in fp32, up to half of them.

    Args:
        source: The graph in fp32.
        target: The file to write.
        fixed: Names of operators that stay in fp32 in any case.
        passes: Whether a graph is good enough.
        distance: How far a graph's logits are from those in fp32.

    Returns:
        The names of the operators beyond `fixed` that stay in fp32.

    Raises:
        ExportError: If it is not good enough with half of them in fp32.
    """
    quantise(source, target, keep=fixed)
    if passes(target):
        return []
    rest = [name for name in quantisable(source) if name not in fixed]
    moved = {}
    for name in rest:
        quantise(source, target, keep=[*fixed, *(other for other in rest if other != name)])
        moved[name] = distance(target)
    worst = sorted(rest, key=lambda name: -moved[name])
    count = 1
    most = int(_SHARE * len(worst))
    while count <= most:
        kept = worst[:count]
        quantise(source, target, keep=[*fixed, *kept])
        if passes(target):
            return kept
        count *= 2
    raise ExportError(f"int8: not good enough even with {most} of {len(worst)} layers in fp32")


def quantisable(source: Path) -> list[str]:
    """Return the names of the operators that would be quantised, in the order of the graph."""
    graph = _load(source).graph
    constant = {tensor.name for tensor in graph.initializer}
    return [
        node.name
        for node in graph.node
        if (node.op_type in _PRODUCTS and node.input[1] in constant)
        or (node.op_type == _TABLES and node.input[0] in constant)
    ]


def last_products(source: Path) -> list[str]:
    """Return the names of the products that give the heads' logits: small, and nothing behind them evens them out."""
    graph = _load(source).graph
    makers = {output: node for node in graph.node for output in node.output}
    found = []
    for output in graph.output:
        waiting = [output.name]
        while waiting:
            node = makers.get(waiting.pop())
            if node is None:
                continue
            if node.op_type in _PRODUCTS:
                found.append(node.name)
            else:
                waiting += node.input
    return sorted(set(found))


def _load(path: Path):  # type: ignore[no-untyped-def]
    try:
        import onnx
    except ImportError as error:
        raise MissingExtraError("export to int8", "export") from error
    return onnx.load(path)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the library from advising steps that graphs like ours do not need."""
    logger = logging.getLogger()
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
