"""The best settings in the ranges that a settings file marks.

ranges      dimensions, space, usual     what may be tried: checked before anything is trained
proposals   sampling                     what to try next, when to give up: Optuna's answers
trials      one_trial, search, trials    trained, kept, gone on with after a kill
account     account, importance          best.toml, table, plots, and how much of it is luck
"""

from polyhead.studies.tuning.api import best_in, tune

__all__ = ["best_in", "tune"]
