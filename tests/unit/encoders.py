"""Text encoders over the tiny tokenizers, made once, and texts to try them on."""

from __future__ import annotations

from functools import cache

from hypothesis import strategies as st

from polyhead.encoding import TextEncoder
from tests import tiny_encoders

PAD_IDS = {"distilbert": 0, "roberta": 1, "deberta": 0}


@cache
def tokenizer_json(kind: str) -> str:
    """The content of the `tokenizer.json` of a kind."""
    return tiny_encoders.tokenizer_of(kind).to_str()


@cache
def text_encoder(kind: str, *, max_pieces: int = 64, overlap: int | None = None) -> TextEncoder:
    """A text encoder of a kind."""
    return TextEncoder(tokenizer_json(kind), max_pieces=max_pieces, pad_id=PAD_IDS[kind], overlap=overlap)


NASTY = [
    "New York.",
    " ",
    "  ",
    "\t",
    "\n",
    "\u00a0",
    "\u3000",
    "\u2028",
    "\x1f",
    "\u200b",
    "\u200d",
    "\ufeff",
    "\u00ad",
    "caf\u00e9",
    "cafe\u0301",
    "\u0301",
    "\U0001f600",
    "\U0001f469\u200d\U0001f4bb",
    "\u2764\ufe0f",
    "我住在北京",
    "東京タワー",
    "مرحبا",
    "שלום",
    "\ufb01ne",
    "½",
    "…",
    "①",
    "İstanbul",
    "Straße",
    "it's",
    "(really)",
    "--",
    "[SEP]",
    "</s>",
    "▁",
    "a",
    "\x00",
]

nasty_texts = st.lists(st.sampled_from(NASTY), max_size=12).map("".join)
any_texts = st.text(max_size=40) | nasty_texts
