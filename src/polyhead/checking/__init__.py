"""Annotated data before any training: what is wrong, odd or worth knowing, each with file and line.

    files → Reading → records on disk      broken lines, tags, characters, digests of texts
    records → look_at_all                  labels, bounds of entities, values, lengths, unknown pieces
    digests → groups_of, near_pairs        equal texts, what contradicts itself in them, nearly equal texts
    Findings                               counted by kind, listed with their places

Needs no torch.
"""

from polyhead.checking.api import check

__all__ = ["check"]
