"""A model's description, with one task of each sort of head."""

from __future__ import annotations

from polyhead.bundle import FORMAT_VERSION, About, EncodingState
from polyhead.labels import LabelSet
from polyhead.tasks import SingleLabel, Tagging, task_state

TASKS = (
    SingleLabel("intent", "label", 1.0, SingleLabel.Options(pooling="mean"), LabelSet((0, 1, "été")), (1.0, 0.5, 2.0)),
    Tagging("ner", "ner_tags", 0.5, Tagging.Options(unit="pretokenizer"), LabelSet(("LOC", "PER"))),
)


def about() -> About:
    return About(
        format_version=FORMAT_VERSION,
        encoder="tiny",
        tasks=tuple(task_state(task) for task in TASKS),
        encoding=EncodingState(max_pieces=64, pad_id=0, overlap=None),
        epoch=2,
        dev={"mean": 0.5, "macro_f1": None},
        settings={"encoder": "tiny"},
        versions={"polyhead": "0.1.0"},
    )
