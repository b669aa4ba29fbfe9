"""Whether a model's parts fit each other: what does not is said when it is opened, not at some later text."""

from __future__ import annotations

import torch

from polyhead.bundle import Bundle
from polyhead.encoding import TextEncoder
from polyhead.errors import BundleError, PolyheadError
from polyhead.model.multi_task import MultiTaskModel
from polyhead.model.tables import misfit, most_positions


def check_fit(model: MultiTaskModel, bundle: Bundle) -> None:
    """See that a model takes every row that its tokenizer makes.

    Raises:
        BundleError: If an id or a place in a row is beyond its tables, or a row of special tokens gives no logits.
    """
    text_encoder, encoder = bundle.text_encoder(), model.encoder
    if (problem := misfit(encoder, text_encoder)) is not None:
        raise BundleError(problem)
    if (most := most_positions(encoder)) < text_encoder.max_pieces:
        raise BundleError(
            f"polyhead.json: rows may have {text_encoder.max_pieces} pieces (encoding.max_pieces), the encoder of "
            f"config.json takes {most}"
        )
    _try(model, text_encoder)


def _try(model: MultiTaskModel, text_encoder: TextEncoder) -> None:
    """Run the shortest row: a description that transformers builds is not always one that it can run."""
    ids = torch.tensor([[*text_encoder.prefix, *text_encoder.suffix, text_encoder.pad_id]])
    mask = torch.ones_like(ids)
    mask[0, -1] = 0
    try:
        with torch.inference_mode():
            model(ids.to(model.device()), mask.to(model.device()))
    except PolyheadError:
        raise
    except Exception as error:
        raise BundleError(f"config.json describes a network that cannot run: {str(error)[:300]}") from error
