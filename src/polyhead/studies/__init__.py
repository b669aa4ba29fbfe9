"""Questions about data and settings that several trainings answer.

learning_curve   is more data worth it?     parts of the data of several sizes, each trained on and scored on dev
study            does sharing help?         one joint model against a model for each task, under the same budget
find_issues      which labels are wrong?    each record answered by a model that was trained without it
tune             which settings are best?   trainings in the ranges that a settings file marks
"""

from polyhead.studies.curves import curve_of, learning_curve
from polyhead.studies.runs import StudyReporter
from polyhead.studies.search import find_issues, label_issues
from polyhead.studies.sharing import study, study_of
from polyhead.studies.tuning import tune

__all__ = ["StudyReporter", "curve_of", "find_issues", "label_issues", "learning_curve", "study", "study_of", "tune"]
