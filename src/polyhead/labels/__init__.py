"""Label sets, tag schemes, and what may follow what."""

from polyhead.labels.label_set import LabelSet
from polyhead.labels.tags import TagReader, spans_of_tags, tags_of_spans
from polyhead.labels.transitions import allowed_transitions
from polyhead.labels.words import beside_words, words_of

__all__ = ["LabelSet", "TagReader", "allowed_transitions", "beside_words", "spans_of_tags", "tags_of_spans", "words_of"]
