"""The settings of a run: what there is, what it may be, and where it comes from.

A flag of the command line beats ``--set``, which beats the settings file, which beats the defaults.
"""

from polyhead.settings.adapters import AdapterSettings
from polyhead.settings.loading import load_settings, merged_settings, parse_assignment
from polyhead.settings.model import (
    DataSettings,
    EncodingSettings,
    RunSettings,
    SavingSettings,
    SetSettings,
    TaskSettings,
    TeacherSettings,
    TrackingSettings,
)
from polyhead.settings.problems import settings_problem
from polyhead.settings.training import TrainingSettings

__all__ = [
    "AdapterSettings",
    "DataSettings",
    "EncodingSettings",
    "RunSettings",
    "SavingSettings",
    "SetSettings",
    "TaskSettings",
    "TeacherSettings",
    "TrackingSettings",
    "TrainingSettings",
    "load_settings",
    "merged_settings",
    "parse_assignment",
    "settings_problem",
]
