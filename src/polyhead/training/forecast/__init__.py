"""What a run will take, before it is begun: its very batches are counted, and a few of them are tried.

prepare → workload (all batches) → trial (a few of them, timed) → time, memory, disk → advice where it does not fit
"""

from polyhead.training.forecast.api import forecast

__all__ = ["forecast"]
