"""Device, precision, optimiser and schedule: Accelerate's, torch's and transformers' work, set up."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import set_seed
from torch import Tensor, nn
from torch.amp import GradScaler
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
_FUSED = frozenset({"cpu", "cuda"})
"""Devices with an optimiser that goes over weights and gradients once."""
_LEAST_SCALE = 1.0
"""Of losses in fp16. What overflows with less is no matter of the scale."""
_FIRST_WITH_FP16 = (7, 0)
"""The capability from which on GPUs multiply matrices of fp16 in hardware."""


@dataclass(frozen=True)
class Engine:
    """What carries a run.

    Attributes:
        accelerator: Device and mixed precision.
        optimizer: AdamW over the weights that are not frozen.
        schedule: The learning rates over the steps.
        trained: The weights that are not frozen.
        scaler: With fp16, what losses are multiplied by before they go backward, so that small gradients are not lost.
    """

    accelerator: Accelerator
    optimizer: Optimizer
    schedule: LambdaLR
    trained: list[nn.Parameter]
    scaler: GradScaler | None = None

    def autocast(self) -> AbstractContextManager[Any]:
        """Return what a forward pass runs in, so that its matrix products are of the run's precision."""
        if self.scaler is None:
            context: AbstractContextManager[Any] = self.accelerator.autocast()
            return context
        return torch.autocast(self.accelerator.device.type, dtype=torch.float16)

    def backward(self, loss: Tensor) -> None:
        """Add a loss' gradients to the weights', in fp16 times the scale."""
        self.accelerator.backward(loss if self.scaler is None else self.scaler.scale(loss))

    def gradients(self, loss: Tensor, *, keep_graph: bool) -> dict[int, Tensor]:
        """Return a loss' gradients, in fp16 times the scale, and leave those that the weights hold as they are.

        Args:
            loss: The loss.
            keep_graph: Another loss goes backward through the same states after this one.

        Returns:
            By the number of the weight in `trained`; of those that it does not reach, or that do not learn now, none.
        """
        learning = {at: weight for at, weight in enumerate(self.trained) if weight.requires_grad}
        scaled = loss if self.scaler is None else self.scaler.scale(loss)
        found = torch.autograd.grad(scaled, list(learning.values()), retain_graph=keep_graph, allow_unused=True)
        return {at: grad for at, grad in zip(learning, found, strict=True) if grad is not None}

    def scale(self) -> float:
        """Return what losses are multiplied with before they go backward: 1, but for fp16."""
        return 1.0 if self.scaler is None else float(self.scaler.get_scale())

    def clip(self, most: float) -> float:
        """Have the next step cut the gradient down, which costs no pass over it of its own.

        Args:
            most: What its norm is cut down to.

        Returns:
            The norm before, without the scale of fp16.
        """
        scale = self.scale()
        grads = [weight.grad for weight in self.trained if weight.grad is not None]
        norm = float(torch.nn.utils.get_total_norm(grads, foreach=True)) / scale
        # What a fused optimiser divides gradients by on the way; made for gradients that a loss scale has enlarged.
        optimizer = self._plain_optimizer()
        factor = (norm + _EPSILON) / most
        if self.scaler is not None:  # which multiplies it by the scale
            optimizer.grad_scale = torch.tensor(max(1.0, factor), device=self.accelerator.device)
        elif optimizer.defaults["fused"]:
            optimizer.grad_scale = torch.tensor(factor, device=self.accelerator.device) if factor > 1.0 else None
        elif factor > 1.0:
            torch._foreach_div_(grads, factor)
        return norm

    def step(self) -> None:
        """Change the weights; only after `clip` gave a finite norm."""
        if self.scaler is None:
            self.optimizer.step()
        else:
            self.scaler.step(self._plain_optimizer())
            self.scaler.update()

    def lower_scale(self) -> bool:
        """Lower the scale of fp16, with which a gradient was no finite number.

        Returns:
            Whether that may help: there is a scale, and it was not at its lowest.
        """
        if self.scaler is None or self.scaler.get_scale() <= _LEAST_SCALE:
            return False
        # Not by its `update`, which looks for infinite gradients, where ours may only have a norm that is infinite.
        state = self.scaler.state_dict()
        lower = state["scale"] * state["backoff_factor"]
        self.scaler.load_state_dict({**state, "scale": lower, "_growth_tracker": 0})
        return True

    def _plain_optimizer(self) -> Any:
        """Return torch's optimiser, without what Accelerate puts around it."""
        return getattr(self.optimizer, "optimizer", self.optimizer)


def make_repeatable(seed: int) -> None:
    """Seed everything random, and have torch take kernels that give the same bits each time."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # Each shape of a batch has kernels of its own, which are made once, as long as oneDNN has room for all of them.
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "8192")
    set_seed(seed)
    torch.use_deterministic_algorithms(True, warn_only=True)
    # Where that only warns, these two add up in any order in the backward pass, and say so.
    torch.backends.cuda.enable_cudnn_sdp(False)
    torch.backends.cuda.enable_mem_efficient_sdp(False)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # a debugging aid that costs a pass over memory


def make_accelerator(precision: str) -> Accelerator:
    """Find the device, and settle the precision.

    Raises:
        SettingsError: If several processes were started, which training does not support yet, or fp16 cannot be had.
    """
    AcceleratorState._reset_state()  # it outlives its run, and would refuse a second run of another precision
    resolved = resolve_precision(precision)
    accelerator = Accelerator(mixed_precision="bf16" if resolved == "bf16" else "no")  # fp16: see Engine
    if accelerator.num_processes > 1:
        raise SettingsError(
            f"training runs in one process, found {accelerator.num_processes}; start it without a launcher"
        )
    if resolved == "fp16" and accelerator.device.type not in _FUSED:
        raise SettingsError(
            f"training.precision: fp16 trains on CUDA GPUs and on processors, found {accelerator.device.type}; "
            f"take bf16 or fp32"
        )
    return accelerator


def resolve_precision(precision: str) -> str:
    """Return ``fp32``, ``bf16`` or ``fp16``. By what the hardware can and, on a processor, is faster with."""
    if precision != "auto":
        return precision
    if torch.cuda.is_available():
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return "bf16"
        return "fp16" if torch.cuda.get_device_capability() >= _FIRST_WITH_FP16 else "fp32"
    in_hardware = torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()
    return "bf16" if in_hardware and bf16_is_faster("cpu") else "fp32"


def make_engine(model: MultiTaskModel, accelerator: Accelerator, *, settings: TrainingSettings, plan: Plan) -> Engine:
    """Set up optimiser and schedule for a model that is on its device."""
    groups = _groups(model, settings, plan)
    device = accelerator.device.type
    optimizer = AdamW(groups, fused=device in _FUSED)
    schedule = get_linear_schedule_with_warmup(optimizer, plan.warmup_steps, plan.steps)
    trained = [weight for group in groups for weight in group["params"]]
    table = model.encoder.get_input_embeddings()  # type: ignore[operator]
    if isinstance(table, CutTable):
        table.follow(optimizer)
    scaler = GradScaler(device) if resolve_precision(settings.precision) == "fp16" else None
    return Engine(accelerator, accelerator.prepare(optimizer), schedule, trained, scaler)


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
