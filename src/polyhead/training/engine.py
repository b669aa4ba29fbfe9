"""Device, precision, optimiser and schedule: Accelerate's, torch's and transformers' work, set up."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import set_seed
from torch import nn
from torch.optim import AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR
from transformers import get_linear_schedule_with_warmup

from polyhead.errors import SettingsError
from polyhead.model import MultiTaskModel
from polyhead.model.fast import CutTable
from polyhead.model.freezing import layers_of, parts_by_depth
from polyhead.settings import TrainingSettings
from polyhead.training.plan import Plan
from polyhead.training.precision import bf16_is_faster

_EPSILON = 1e-6
"""Added to a gradient's norm, as `torch.nn.utils.clip_grad_norm_` does."""


@dataclass(frozen=True)
class Engine:
    """What carries a run.

    Attributes:
        accelerator: Device and mixed precision.
        optimizer: AdamW over the weights that are not frozen.
        schedule: The learning rates over the steps.
        trained: The weights that are not frozen.
    """

    accelerator: Accelerator
    optimizer: Optimizer
    schedule: LambdaLR
    trained: list[nn.Parameter]

    def clip(self, most: float) -> float:
        """Have the next step cut the gradient down, which costs no pass over it of its own.

        Args:
            most: What its norm is cut down to.

        Returns:
            The norm before.
        """
        grads = [weight.grad for weight in self.trained if weight.grad is not None]
        norm = float(torch.nn.utils.get_total_norm(grads, foreach=True))
        # What a fused optimiser divides gradients by on the way; made for gradients that a loss scale has enlarged.
        optimizer: Any = getattr(self.optimizer, "optimizer", self.optimizer)
        factor = (norm + _EPSILON) / most
        if optimizer.defaults["fused"]:
            optimizer.grad_scale = torch.tensor(factor, device=self.accelerator.device) if factor > 1.0 else None
        elif factor > 1.0:
            torch._foreach_div_(grads, factor)
        return norm


def make_repeatable(seed: int) -> None:
    """Seed everything random, and have torch take kernels that give the same bits each time."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    set_seed(seed)
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # a debugging aid that costs a pass over memory


def make_accelerator(precision: str) -> Accelerator:
    """Find the device, and settle the precision.

    Raises:
        SettingsError: If several processes were started, which training does not support yet.
    """
    AcceleratorState._reset_state()  # it outlives its run, and would refuse a second run of another precision
    accelerator = Accelerator(mixed_precision="bf16" if resolve_precision(precision) == "bf16" else "no")
    if accelerator.num_processes > 1:
        raise SettingsError(
            f"training runs in one process, found {accelerator.num_processes}; start it without a launcher"
        )
    return accelerator


def resolve_precision(precision: str) -> str:
    """Return ``fp32`` or ``bf16``. By the hardware alone, so that equal machines give equal weights."""
    if precision != "auto":
        return precision
    if torch.cuda.is_available():
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    in_hardware = torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()
    return "bf16" if in_hardware and bf16_is_faster("cpu") else "fp32"


def make_engine(model: MultiTaskModel, accelerator: Accelerator, *, settings: TrainingSettings, plan: Plan) -> Engine:
    """Set up optimiser and schedule for a model that is on its device."""
    groups = _groups(model, settings, plan)
    device = accelerator.device.type
    optimizer = AdamW(groups, fused=device in {"cpu", "cuda"})
    schedule = get_linear_schedule_with_warmup(optimizer, plan.warmup_steps, plan.steps)
    trained = [weight for group in groups for weight in group["params"]]
    table = model.encoder.get_input_embeddings()  # type: ignore[operator]
    if isinstance(table, CutTable):
        table.follow(optimizer)
    return Engine(accelerator, accelerator.prepare(optimizer), schedule, trained)


def check_layers(encoder: nn.Module, settings: TrainingSettings) -> None:
    """See that an encoder has layers that can be told apart, where a setting asks for that.

    Raises:
        SettingsError: If it has not (ALBERT's layers are one and the same).
    """
    name = "unfreeze" if settings.unfreeze else "layer_decay"
    if (settings.unfreeze or settings.layer_decay != 1.0) and not layers_of(encoder):
        raise SettingsError(f"training.{name}: this encoder has no list of layers to tell apart; leave it out")


def _groups(model: MultiTaskModel, settings: TrainingSettings, plan: Plan) -> list[dict[str, Any]]:
    """Group the weights by learning rate and decay: vectors (biases, norms) have none."""
    groups = []
    for lr, weights in (*_by_depth(model, settings, plan), (plan.head_lr, list(model.heads.parameters()))):
        learning = [weight for weight in weights if weight.requires_grad]
        for decay, chosen in (
            (settings.weight_decay, [weight for weight in learning if weight.ndim > 1]),
            (0.0, [weight for weight in learning if weight.ndim <= 1]),
        ):
            if chosen:
                groups.append({"params": chosen, "lr": lr, "weight_decay": decay})
    return groups


def _by_depth(model: MultiTaskModel, settings: TrainingSettings, plan: Plan) -> list[tuple[float, list[nn.Parameter]]]:
    """Return the encoder's weights with their rates, the top first."""
    if settings.layer_decay == 1.0:
        return [(plan.lr, list(model.encoder.parameters()))]
    parts = parts_by_depth(model.encoder)
    return [(plan.lr * settings.layer_decay**below, weights) for below, weights in enumerate(parts)]
