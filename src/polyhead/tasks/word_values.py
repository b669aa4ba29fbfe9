"""Fields that give one value to each whitespace word, from the first word on: tags, say, or parts of speech."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from polyhead.errors import AnnotationError
from polyhead.formats.json_values import json_type
from polyhead.labels.tags import Extent
from polyhead.labels.words import beside_words
from polyhead.notices import Notices
from polyhead.records import Source


def words_given(
    values: Any, text: str, field: str, source: Source | None, notices: Notices, *, what: str
) -> tuple[Sequence[Any], list[Extent]]:
    """See that a field holds a list that does not go beyond the words of its text.

    Args:
        values: The field's value.
        text: The text.
        field: The field of the file.
        source: Where the record stood.
        notices: Hears of values for words that are blank, which are left out.
        what: What the values are, in the plural, for messages.

    Returns:
        The values, and all words of the text.

    Raises:
        AnnotationError: If the value is no list, or gives more values than there are words.
    """
    if not isinstance(values, list):
        raise AnnotationError(f"{what} must be a list with one for each word, found {json_type(values)}")
    kept, words = beside_words(values, text)
    if len(kept) > len(words):
        raise AnnotationError(f"{len(values)} {what} for {len(words)} words")
    if len(kept) < len(values):
        notices.add(
            f"{{records have|record has}} {what} in {field!r} for blank words between two spaces (left out)",
            source,
            f"{len(values)} {what} for {len(words)} words",
        )
    return kept, words


def known_part(
    values: Sequence[object], words: Sequence[Extent], field: str, source: Source | None, notices: Notices, *, what: str
) -> int | None:
    """Find how far a text is annotated, and tell of one that is not annotated to its end.

    Args:
        values: At least one.
        words: Those of the text; as many as there are values, or more.
        field: The field of the file.
        source: Where the record stood.
        notices: Hears of fewer values than words.
        what: What the values are, in the plural.

    Returns:
        Where the annotated part ends; `None` where that is the whole text.
    """
    if len(values) == len(words):
        return None
    notices.add(
        f"{{records have|record has}} fewer {what} than words in {field!r} (words behind the last {what[:-1]} are "
        "unknown)",
        source,
        f"{len(values)} {what} for {len(words)} words",
    )
    return words[len(values) - 1][1]
