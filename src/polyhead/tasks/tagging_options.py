"""Settings of a tagging task."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from polyhead.tasks.options import HeadOptions


class TaggingOptions(HeadOptions):
    """Settings of a tagging task."""

    unit: Literal["auto", "whitespace", "pretokenizer"] = "auto"
    """What the head labels: ``whitespace`` words, or ``pretokenizer`` words (punctuation and ideographs apart).
    ``auto``: the first where the data give tags, the second where they give entities by their characters."""
    decoder: Literal["viterbi", "crf"] = "viterbi"
    """``viterbi``: each tag has a loss of its own, and the best sequence that keeps the BIO scheme is the answer.
    ``crf``: sequences are learnt as wholes, by a linear-chain CRF that keeps the scheme (Lafferty et al. 2001)."""
    class_weights: dict[str, Annotated[float, Field(ge=0.0)]] | None = None
    """Weight in the loss by entity type, or ``O`` for what is in no entity; 1 where not named. Not with ``crf``."""
    label_smoothing: float = Field(default=0.0, ge=0.0, lt=1.0)
    """Share of a target that is spread over all tags (Szegedy et al. 2016). Not with ``crf``."""

    @property
    def is_open(self) -> bool:
        """Whether the unit is left to the data."""
        return self.unit == "auto"

    def suited(self, value: Any) -> Self:
        """Take the unit that fits how the data give entities."""
        by_characters = isinstance(value, list) and any(isinstance(entry, dict) for entry in value)
        return self.model_copy(update={"unit": "pretokenizer" if by_characters else "whitespace"})

    @model_validator(mode="after")
    def _fits_the_decoder(self) -> Self:
        if self.decoder == "crf":
            for name in ("class_weights", "label_smoothing"):
                if getattr(self, name):
                    raise ValueError(f"decoder 'crf' scores whole sequences and takes no {name}; leave it out")
        return self
