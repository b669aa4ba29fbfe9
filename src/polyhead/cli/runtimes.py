"""Options that say what runs a model."""

from __future__ import annotations

from typing import Annotated

import typer

from polyhead.cli.console import error_console

RuntimeOption = Annotated[
    str,
    typer.Option(
        "--runtime",
        metavar="auto|onnxruntime|openvino|torch",
        help="What runs the model; auto takes torch, or for an exported model what is fastest here.",
    ),
]
PrecisionOption = Annotated[
    str | None,
    typer.Option(
        "--precision", metavar="fp32|bf16|int8", help="Of an exported model; any that it was exported in if not given."
    ),
]


def said_once(said: str) -> None:
    """Write a line on what takes a moment."""
    error_console().print(said, markup=False)
