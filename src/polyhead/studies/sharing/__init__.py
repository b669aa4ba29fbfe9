"""Does sharing an encoder help? A joint model against a model of its own for each task.

teams      which trainings a study takes: all tasks, each alone, each two
scored     the records that models are scored on, and what a model's answers for them are worth
training   one training: trained, scored, and all of it that the study needs kept as JSON
store      trainings that are finished, on disk, so that a study goes on where it was broken off
work       the trainings that are left: here one by one, or in several processes
resampling how sure a difference is, of records and of seeds
comparing  trainings → a row a task: joint, single, difference, verdict
grouping   trainings of pairs → which tasks should share
latency    all tasks on one text: one model, or several
page       the report
"""

from polyhead.studies.sharing.api import study, study_of

__all__ = ["study", "study_of"]
