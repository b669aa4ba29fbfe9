"""Whether tasks help or hinder each other while they are trained, and whether one drowns the others.

now and then → a batch of all tasks → gradient of each task → norms and cosines, by group of layers → what they mean
"""

from polyhead.training.diagnosis.diagnoser import Diagnoser, check_diagnosis, diagnoser_of
from polyhead.training.diagnosis.findings import Diagnosis, diagnose
from polyhead.training.diagnosis.telling import tell_diagnosis

__all__ = ["Diagnoser", "Diagnosis", "check_diagnosis", "diagnose", "diagnoser_of", "tell_diagnosis"]
