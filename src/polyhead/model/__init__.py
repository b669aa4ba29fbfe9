"""The network: one encoder, one head a task. Torch begins here."""

from polyhead.model.multi_task import MultiTaskModel
from polyhead.model.pretrained import Pretrained, load_pretrained
from polyhead.model.runtime import TorchRuntime

__all__ = ["MultiTaskModel", "Pretrained", "TorchRuntime", "load_pretrained"]
