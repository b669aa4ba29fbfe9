"""The tokenizer of an encoder, as its `tokenizer.json` describes it."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from polyhead.encoding.encoded import Encoded
from polyhead.encoding.windows import cut_windows
from polyhead.errors import BundleError, DataError, EncoderError
from polyhead.records import is_unicode


class TextEncoder:
    """Cuts texts into pieces with offsets, and into windows.

    Attributes:
        prefix: Ids of the special tokens before a text (``[CLS]``); the first of them is the sentence's state.
        suffix: Ids of the special tokens after it.
        pad_id: The id that fills rows up.
        max_pieces: Pieces in one row, special tokens included.
    """

    def __init__(self, tokenizer_json: str, *, max_pieces: int, pad_id: int, overlap: int | None = None) -> None:
        """Set up a tokenizer.

        Args:
            tokenizer_json: The content of a ``tokenizer.json``.
            max_pieces: Pieces that the encoder takes in one row, special tokens included.
            pad_id: The id that fills rows up.
            overlap: Pieces that neighbouring windows share; a quarter of a window where not given.

        Raises:
            BundleError: If the tokenizer cannot be read.
            EncoderError: If it puts no special token before a text, or rows or windows cannot be of these sizes.
        """
        try:
            self._tokenizer = Tokenizer.from_str(tokenizer_json)
        except Exception as error:  # the library raises plain Exception
            raise BundleError(f"tokenizer.json cannot be read: {error}") from error
        # A published tokenizer.json may cut at 128 pieces and pad to 128; neither may happen behind our back.
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._tokenizer.encode_special_tokens = True  # a "[SEP]" inside a text is text
        self.prefix, self.suffix = self._specials()
        self.pad_id, self.max_pieces = pad_id, max_pieces
        self._unknown: int | None = json.loads(tokenizer_json)["model"].get("unk_id")
        self._capacity = max_pieces - len(self.prefix) - len(self.suffix)
        self._overlap = self._capacity // 4 if overlap is None else overlap
        if not 0 <= self._overlap < self._capacity:  # or cutting would never come to an end
            raise EncoderError(
                f"encoding: a row of {max_pieces} pieces leaves {self._capacity} for a text, of which neighbouring "
                f"windows can share fewer than that, found an overlap of {self._overlap}"
            )

    def encode(self, texts: Sequence[str]) -> list[Encoded]:
        """Encode texts, in parallel.

        Raises:
            DataError: If a text is no valid Unicode.
        """
        for number, text in enumerate(texts):
            if not is_unicode(text):
                raise DataError(f"text {number} (from 0): holds half a surrogate pair, which is no valid Unicode")
        encodings = self._tokenizer.encode_batch(list(texts), add_special_tokens=False)
        return [
            Encoded(
                text,
                self._without_specials(np.asarray(encoding.ids, dtype=np.int64)),
                tuple(encoding.offsets),
                cut_windows(len(encoding.ids), capacity=self._capacity, overlap=self._overlap),
            )
            for text, encoding in zip(texts, encodings, strict=True)
        ]

    def _without_specials(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Unigram models (those with an `unk_id`) find special tokens in a text by themselves: make them unknown."""
        if self._unknown is None:
            return ids
        return np.where(np.isin(ids, [*self.prefix, *self.suffix, self.pad_id]), self._unknown, ids)

    def _specials(self) -> tuple[list[int], list[int]]:
        encoding = self._tokenizer.encode("a", add_special_tokens=True)
        plain = [index for index, special in enumerate(encoding.special_tokens_mask) if not special]
        if not plain:
            raise EncoderError("the encoder's tokenizer makes nothing of the text 'a', so it cannot be used")
        if plain[0] == 0:
            raise EncoderError(
                "the encoder's tokenizer puts no special token such as [CLS] before a text, and sentence heads read "
                "the state of that token; take an encoder of the BERT, RoBERTa or DeBERTa families"
            )
        return encoding.ids[: plain[0]], encoding.ids[plain[-1] + 1 :]
