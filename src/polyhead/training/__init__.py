"""Data and settings to bundles.

settings → load_data → make_examples → train_steps (a generator) → a bundle an epoch, scored on dev
"""

from polyhead.training.api import add_head, named_settings, settings_of, train
from polyhead.training.extending import remove_head
from polyhead.training.reporting import EpochReport, Reporter
from polyhead.training.run import run_training
from polyhead.training.trained import TrainedRun

__all__ = [
    "EpochReport",
    "Reporter",
    "TrainedRun",
    "add_head",
    "named_settings",
    "remove_head",
    "run_training",
    "settings_of",
    "train",
]
