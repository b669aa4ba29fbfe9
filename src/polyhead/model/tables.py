"""How far an encoder's tables of ids and places reach."""

from __future__ import annotations

from torch import nn

from polyhead.encoding import TextEncoder

MOST_PIECES = 512
"""Pieces in a row unless more is asked for: what the usual encoders take, and attention's cost grows as its square."""


def most_positions(encoder: nn.Module) -> int:
    """Return how many pieces a row can have: RoBERTa's table of 514 positions serves 512, the first two are padding."""
    for path, module in encoder.named_modules():
        if path.rpartition(".")[2] == "position_embeddings" and isinstance(module, nn.Embedding):
            return module.num_embeddings - (0 if module.padding_idx is None else module.padding_idx + 1)
    return int(getattr(encoder.config, "max_position_embeddings", MOST_PIECES))


def misfit(encoder: nn.Module, text_encoder: TextEncoder) -> str | None:
    """Say where a tokenizer's ids go beyond an encoder's table, if they do."""
    table = encoder.get_input_embeddings()  # type: ignore[operator]
    size = getattr(table, "num_embeddings", None)
    if size is None or text_encoder.highest_id < size:
        return None
    return (
        f"tokenizer.json has ids up to {text_encoder.highest_id:,} (pad_id included), the encoder's table has "
        f"{size:,} rows: tokenizer and encoder are of different models"
    )
