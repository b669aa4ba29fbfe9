"""`[training]`: how the model is trained."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from polyhead.settings.section import Section

Strategy = Literal["joint", "alternating", "proportional", "uniform", "temperature", "round_robin"]
Balancing = Literal["static", "uncertainty", "dwa", "upgrad", "pcgrad", "cagrad", "nashmtl"]
Freeze = Literal["encoder", "embeddings"] | Annotated[int, Field(ge=1)]


def _number_if_digits(value: Any) -> Any:
    return int(value) if isinstance(value, str) and value.isdecimal() else value


class TrainingSettings(Section):
    """`[training]`: how the model is trained. What is not given follows from the encoder and the number of steps."""

    strategy: Strategy = "joint"
    """``joint``: one pass a batch, each task that has targets in it adds its loss. ``alternating``: in each step one
    sub-batch a task, each through its own pass, the losses summed, one optimiser step. ``proportional``, ``uniform``,
    ``temperature``, ``round_robin``: in each step one batch of one source, see `mix_by`."""
    mix_by: Literal["auto", "set", "task"] = "auto"
    """What the last four strategies take for a source: each data ``set``, with all its tasks at once, or each ``task``.
    ``auto``: sets where there are several, else tasks."""
    temperature: float = Field(default=2.0, ge=1.0)
    """For the strategy ``temperature``: a source with n rows has a share of the steps that grows as n^(1/T). 1 is
    proportional, and the larger T is, the nearer to uniform."""
    balancing: Balancing = "static"
    """How the losses of several tasks become one gradient. ``static``: their sum by the tasks' weights.
    ``uncertainty``: weights that are learnt (Kendall et al. 2018). ``dwa``: more weight for losses that fall slowly
    (Liu et al. 2019). ``upgrad``, ``pcgrad``, ``cagrad`` (by the extra ``balancing``), ``nashmtl``: a gradient a task,
    put together so that they conflict less; a backward pass and a copy of the gradient for each."""
    uncertainty_lr: float = Field(default=0.02, gt=0.0)
    """For ``uncertainty``: the rate at which the logarithms of the tasks' variances are learnt."""
    dwa_temperature: float = Field(default=2.0, gt=0.0)
    """For ``dwa``: the larger, the nearer to equal are the weights."""
    dwa_window: int | None = Field(default=None, ge=1)
    """For ``dwa``: steps over which losses are averaged before they are compared. By default a tenth of the run, and an
    epoch at most."""
    cagrad_radius: float = Field(default=0.5, ge=0.0, lt=1.0)
    """For ``cagrad``: how far from the mean gradient the step may go, as a share of that one's length."""
    diagnose: bool = False
    """Look at the tasks' gradients up to 50 times over the run, and tell at its end whether a task dominates or two
    fight. The weights of the run stay the same, bit for bit."""
    epochs: int = Field(default=2, ge=1)
    """Times that the training data are gone through."""
    batch_size: int | None = Field(default=None, ge=1)
    """Rows in a batch (with ``alternating``, in each sub-batch)."""
    lr: float | None = Field(default=None, gt=0.0)
    """The encoder's highest learning rate."""
    head_lr: float | None = Field(default=None, gt=0.0)
    """The heads' highest learning rate."""
    layer_decay: float = Field(default=1.0, gt=0.0, le=1.0)
    """Each of the encoder's layers learns at this share of the rate of the layer above it, the embeddings at the lowest
    (Howard and Ruder 2018); 1: all at the same rate."""
    warmup: float = Field(default=0.1, ge=0.0, lt=1.0)
    """Share of the steps in which the learning rate rises to its highest; it then falls in a line to zero."""
    weight_decay: float = Field(default=0.01, ge=0.0)
    """Weight decay of AdamW; biases and norms have none."""
    clip: float = Field(default=1.0, gt=0.0)
    """The gradient's norm is cut down to this."""
    head_dropout: float = Field(default=0.1, ge=0.0, lt=1.0)
    """Dropout before each head's linear layer."""
    freeze: Annotated[Freeze | None, BeforeValidator(_number_if_digits)] = None
    """What of the encoder stays as it is: all of it (``encoder``), its ``embeddings``, or these and the N lowest
    layers (a number)."""
    unfreeze: int | None = Field(default=None, ge=1)
    """Gradual unfreezing (Howard and Ruder 2018): in the first epoch the whole encoder stays as it is, and with each
    further epoch so many more of its layers learn, from the top; the embeddings with the last of them."""
    patience: int | None = Field(default=None, ge=1)
    """Stop after so many epochs without a better dev score."""
    average: int = Field(default=1, ge=1)
    """Also score the mean of the weights at the ends of the last so many epochs (Izmailov et al. 2018), and save
    whichever is better on dev; without dev data, the mean. 1: no averaging."""
    seed: int = Field(default=42, ge=0, lt=2**32)
    """Seeds everything random. The same seed on the same machine gives the same weights."""
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    """``auto``: bf16 where the processor or GPU has it in hardware, and on a processor a timed layer shows it faster;
    else fp16 on a GPU of capability 7.0 or more, else fp32. With fp16 losses are scaled (Micikevicius et al. 2018).
    Weights and losses are fp32 in any case."""

    token_budget: int | None = Field(default=None, ge=8)
    """Pieces, padding included, that go through the encoder at once. A batch that has more goes through in parts, whose
    gradients are added up: the same step, with less memory. By default whole batches, and parts once memory ran out."""
    checkpoint_activations: bool = False
    """Keep of each layer of the encoder only what goes into it, and run the layer once more in the backward pass: the
    same weights bit for bit, with far less memory on long texts, in about a third more time."""
    compile: bool = False
    """Compile each layer of the encoder (`torch.compile`) in the first steps, for a minute or two. For GPUs: on a
    processor the layers that are run without it are faster."""
    on_nonfinite: Literal["stop", "skip"] = "stop"
    """What a loss or gradient that is infinite or no number does: ``stop`` the run, which names the batch's records, or
    ``skip`` the batch: its gradients are dropped. Ten such batches in a row stop the run in any case."""

    @model_validator(mode="after")
    def _frozen_in_one_way(self) -> Self:
        if self.freeze is not None and self.unfreeze is not None:
            raise ValueError("'freeze' and 'unfreeze' cannot both be given: unfreezing begins with all of it frozen")
        return self
