"""The rows that a run trains on: kept between runs, or made in memory."""

from __future__ import annotations

from collections.abc import Sequence

from polyhead.batching import Example
from polyhead.bundle import EncodingState
from polyhead.encoding import TextEncoder
from polyhead.notices import Notices
from polyhead.preparing import StoredRecords
from polyhead.preparing.rows import ToEncode, kept_rows
from polyhead.training.examples import make_examples
from polyhead.training.kept import places_of
from polyhead.training.sets import TrainingData
from polyhead.training.teaching import Teachers


def rows_to_train_on(
    data: TrainingData,
    *,
    teachers: Teachers,
    tokenizer_json: str,
    encoding: EncodingState,
    encoder: TextEncoder,
    notices: Notices,
) -> tuple[Sequence[Example], list[str]]:
    """Return the rows of a run, and lines on how they came about.

    Args:
        data: Records and tasks.
        teachers: What they say of each text is held in memory, and so are the rows that hear it.
        tokenizer_json: The tokenizer.
        encoding: How texts become rows.
        encoder: The tokenizer, set up so.
        notices: Hears of annotations that a head has no way to say.
    """
    sets, kept = (*data.sets, *teachers.sets), data.kept
    stored = [own.train for own in data.sets if isinstance(own.train, StoredRecords)]
    said: list[str] = []
    if kept and len(stored) == len(sets) and not teachers.predictors:
        already = len(kept.cache.said)
        to_encode = ToEncode(
            key=kept.key,
            entry=kept.entry,
            places=tuple(places_of(number)[0] for number in range(len(sets))),
            sets=tuple(stored),
            weights=tuple(own.weight for own in sets),
            tasks=data.tasks,
            tokenizer_json=tokenizer_json,
            encoding=encoding.model_dump(),
        )
        rows = kept_rows(to_encode, encoder, notices, kept.cache)
        said = kept.cache.said[already:]
        if rows is not None:
            return rows, said
    return make_examples(sets, data.tasks, encoder, notices, soft=teachers.answer(sets)), said
