"""Rows to batches: padding, targets, and the order in which rows come."""

from polyhead.batching.collate import Batch, Row, collate, rows_of
from polyhead.batching.sampling import (
    STRATEGIES,
    Mixing,
    Rows,
    Step,
    SubBatch,
    batches_by_length,
    slots,
)
from polyhead.batching.stored import StoredArrays, StoredRows, StoredTargets
from polyhead.batching.targets import Example, Target, collate_targets
from polyhead.batching.token_budget import token_budget_batches

__all__ = [
    "STRATEGIES",
    "Batch",
    "Example",
    "Mixing",
    "Row",
    "Rows",
    "Step",
    "StoredArrays",
    "StoredRows",
    "StoredTargets",
    "SubBatch",
    "Target",
    "batches_by_length",
    "collate",
    "collate_targets",
    "rows_of",
    "slots",
    "token_budget_batches",
]
