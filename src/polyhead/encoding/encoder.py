"""The tokenizer of an encoder, as its `tokenizer.json` describes it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from polyhead.encoding.components import check_tokenizer
from polyhead.encoding.encoded import Encoded
from polyhead.encoding.windows import Window, cut_pairs, cut_windows
from polyhead.errors import BundleError, DataError, EncoderError, PolyheadError
from polyhead.labels.tags import Extent
from polyhead.records import Text, is_unicode


class TextEncoder:
    """Cuts texts into pieces with offsets, and into windows.

    Attributes:
        prefix: Ids of the special tokens before a text (``[CLS]``); the first of them is the sentence's state.
        suffix: Ids of the special tokens after it.
        middle: Ids of the special tokens between two texts that are read together.
        end: Ids of the special tokens after the second of them.
        pad_id: The id that fills rows up.
        max_pieces: Pieces in one row, special tokens included.
        highest_id: The highest id that can stand in a row.
    """

    def __init__(self, tokenizer_json: str, *, max_pieces: int, pad_id: int, overlap: int | None = None) -> None:
        """Set up a tokenizer.

        Args:
            tokenizer_json: The content of a ``tokenizer.json``.
            max_pieces: Pieces that the encoder takes in one row, special tokens included.
            pad_id: The id that fills rows up.
            overlap: Pieces that neighbouring windows share; a quarter of a window where not given.

        Raises:
            BundleError: If the tokenizer cannot be read, or has components that are not taken from strangers.
            EncoderError: If it puts no special token before a text, or rows or windows cannot be of these sizes.
        """
        file = check_tokenizer(tokenizer_json)
        with _complaining("tokenizer.json cannot be read"):
            self._tokenizer = Tokenizer.from_str(file.text)
        # A published tokenizer.json may cut at 128 pieces and pad to 128; neither may happen behind our back.
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._tokenizer.encode_special_tokens = True  # a "[SEP]" inside a text is text
        with _complaining("tokenizer.json makes nothing of the text 'a'"):
            self.prefix, self.suffix = self._specials()
            self.middle, self.end = self._specials_of_pairs()
        self._around = tuple(np.array(own, dtype=np.int64) for own in (self.prefix, self.suffix, self.middle, self.end))
        self._beside = len(self.prefix) + len(self.suffix), len(self.prefix) + len(self.middle) + len(self.end)
        self.pad_id, self.max_pieces = pad_id, max_pieces
        self._unknown = file.vocabulary.unknown_id
        added = (self._tokenizer.token_to_id(content) or 0 for content in file.added)
        own = (*self.prefix, *self.suffix, *self.middle, *self.end)
        self.highest_id = max(file.vocabulary.highest_id, pad_id, *added, *own)
        self._capacity = max_pieces - len(self.prefix) - len(self.suffix)
        self._overlap = self._capacity // 4 if overlap is None else overlap
        if not 0 <= self._overlap < self._capacity:  # or cutting would never come to an end
            raise EncoderError(
                f"encoding: a row of {max_pieces} pieces leaves {self._capacity} for a text, of which neighbouring "
                f"windows can share fewer than that, found an overlap of {self._overlap}"
            )

    def encode(self, texts: Sequence[Text]) -> list[Encoded]:
        """Encode texts, or pairs of texts that are read together, in parallel.

        Raises:
            DataError: If a text is no valid Unicode.
        """
        for number, text in enumerate(texts):
            if not (is_unicode(text) if isinstance(text, str) else all(map(is_unicode, text))):
                raise DataError(f"text {number} (from 0): holds half a surrogate pair, which is no valid Unicode")
        first = self._pieces([text if isinstance(text, str) else text[0] for text in texts])
        second = iter(self._pieces([text[1] for text in texts if not isinstance(text, str)]))
        return [
            self._single(text, *pieces) if isinstance(text, str) else self._pair(text, *pieces, next(second)[0])
            for text, pieces in zip(texts, first, strict=True)
        ]

    def parts(self, encoded: Encoded, window: Window) -> tuple[NDArray[np.int64], ...]:
        """Return the ids of a row, as arrays that stand one behind the other."""
        prefix, suffix, middle, end = self._around
        first = encoded.ids[window.start : window.stop]
        if encoded.second is None:
            return prefix, first, suffix
        return prefix, first, middle, encoded.second_ids[slice(*window.second)], end

    def row(self, encoded: Encoded, window: Window) -> tuple[list[int], list[int]]:
        """Return the ids of a row and, for each, 1 where it belongs to a second text, else 0."""
        parts = self.parts(encoded, window)
        types = [int(number > 2) for number, part in enumerate(parts) for _ in part]
        return np.concatenate(parts).tolist(), types

    def row_length(self, encoded: Encoded, window: Window) -> int:
        """Return how many pieces a row has, special tokens included."""
        around = self._beside[encoded.second is not None]
        start, stop = window.second
        return around + window.stop - window.start + stop - start

    @property
    def unknown_id(self) -> int | None:
        """The id of what the vocabulary lacks; `None` where a tokenizer has none, since it knows every byte, say."""
        token = getattr(self._tokenizer.model, "unk_token", None)
        return self._unknown if token is None else self._tokenizer.token_to_id(token)

    def names(self, ids: Sequence[int]) -> list[str]:
        """Return the pieces that ids stand for, as the tokenizer writes them."""
        return [self._tokenizer.id_to_token(number) or "" for number in ids]

    def _pieces(self, texts: list[str]) -> list[tuple[NDArray[np.int64], tuple[Extent, ...]]]:
        with _complaining("tokenizer.json cannot cut these texts"):
            encodings = self._tokenizer.encode_batch(texts, add_special_tokens=False)
        return [
            (self._without_specials(np.asarray(encoding.ids, dtype=np.int64)), tuple(encoding.offsets))
            for encoding in encodings
        ]

    def _single(self, text: str, ids: NDArray[np.int64], pieces: tuple[Extent, ...]) -> Encoded:
        return Encoded(text, ids, pieces, cut_windows(len(ids), capacity=self._capacity, overlap=self._overlap))

    def _pair(
        self, texts: tuple[str, str], ids: NDArray[np.int64], pieces: tuple[Extent, ...], second: NDArray[np.int64]
    ) -> Encoded:
        room = self.max_pieces - len(self.prefix) - len(self.middle) - len(self.end)
        if room < 2:
            raise EncoderError(
                f"encoding: a row of {self.max_pieces} pieces leaves {room} for two texts; raise max_length"
            )
        windows = cut_pairs(len(ids), len(second), room=room, overlap=self._overlap)
        return Encoded(texts[0], ids, pieces, windows, texts[1], second)

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

    def _specials_of_pairs(self) -> tuple[list[int], list[int]]:
        """Find what stands between two texts and after them: the suffix, where a tokenizer knows no pairs."""
        encoding = self._tokenizer.encode("a", "a", add_special_tokens=True)
        first = [at for at, text in enumerate(encoding.sequence_ids) if text == 0]
        second = [at for at, text in enumerate(encoding.sequence_ids) if text == 1]
        middle = encoding.ids[first[-1] + 1 : second[0]]
        return (middle, encoding.ids[second[-1] + 1 :]) if middle else (self.suffix, self.suffix)


@contextmanager
def _complaining(what: str) -> Iterator[None]:
    """Turn whatever the library raises into a complaint about the file: it trusts what it reads."""
    try:
        yield
    except PolyheadError:
        raise
    except Exception as error:  # the library raises plain Exception
        raise BundleError(f"{what}: {str(error)[:500]}") from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # no Exception, and no name to import it by
            raise
        raise BundleError(f"{what}: {str(error)[:500]}") from error
