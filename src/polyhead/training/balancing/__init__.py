"""How the losses of several tasks become one gradient.

losses by task ─┬─ weighing      a weighted sum, and one backward: static, uncertainty, dwa
                └─ aggregation   a backward a task, their gradients put together: upgrad, pcgrad, cagrad, nashmtl

The weight of a task stands beneath each: a method is given the loss of a task times its weight.
"""

from polyhead.training.balancing.base import Balancing, Static
from polyhead.training.balancing.choosing import AGGREGATIONS, Learning, balancing_of

__all__ = ["AGGREGATIONS", "Balancing", "Learning", "Static", "balancing_of"]
