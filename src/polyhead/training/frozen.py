"""With a frozen encoder: its states are computed once and kept, so that each epoch costs only the heads."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import numpy as np
import torch
from accelerate.utils.memory import clear_device_cache
from torch import Tensor

from polyhead.batching import collate
from polyhead.batching.sampling import Indices
from polyhead.errors import BundleError
from polyhead.model.freezing import is_frozen
from polyhead.model.runtime import tensors_of
from polyhead.preparing.cache import Cache, Entry
from polyhead.preparing.keys import key_of
from polyhead.training.engine import resolve_precision
from polyhead.training.examples import lengths_of
from polyhead.training.fingerprint import rows_digest
from polyhead.training.forward import Forward, HeadsAlone
from polyhead.training.frozen_states import FrozenStates, names_of, open_states, write_states
from polyhead.training.passes import is_out_of_memory
from polyhead.training.prepare import Prepared
from polyhead.training.progress import Progress
from polyhead.training.reporting import Reporter

_AT_ONCE = 4096
"""Pieces, padding included, that go through at once. No setting: the last bits of the states depend on it."""
_SAID_AFTER = 30.0
"""Seconds from one line on how far it is to the next."""
_TOPIC = "cache"
_KIND = "states"
_WHAT_IS_LOST = "the encoder runs in every epoch"


def heads_alone(
    prepared: Prepared, progress: Progress, *, reporter: Reporter, check: Callable[[], None]
) -> Forward | None:
    """Return what runs the heads of a run on states that its frozen encoder gave once.

    Args:
        prepared: The run.
        progress: Where it stands; it takes down what was chosen, so that a run that goes on learns from the same bits.
        reporter: Hears of it.
        check: Called between two batches; may raise.

    Returns:
        It; `None` where the whole model is to run.
    """
    if progress.step >= prepared.plan.steps or not _stays_frozen(prepared):
        return None
    states, before = None, progress.kept_states
    if before is not False:
        keeper = _Keeper(prepared, reporter, check)
        states = keeper.states(make=bool(before) or prepared.settings.training.epochs > 1)
    if before and states is None:
        reporter.warn("the weights may differ in their last bits from those of an uninterrupted run")
    progress.kept_states = states is not None
    return HeadsAlone(prepared.model, states) if states else None


def _stays_frozen(prepared: Prepared) -> bool:
    return is_frozen(prepared.model.encoder) and not prepared.settings.training.unfreeze


def adapter_of(prepared: Prepared) -> str | None:
    """Return the adapter with which the frozen encoder of a run is read by the heads that learn, if any."""
    ((adapter, _),) = prepared.model.passes([task.name for task in prepared.data.tasks])
    return adapter


def states_key(prepared: Prepared, *, mixes: bool) -> str:
    """Return the key of all that the states depend on.

    Args:
        prepared: The run.
        mixes: The states of all layers are kept.
    """
    encoding = prepared.encoding
    weights = hashlib.sha256()
    for name, tensor in prepared.model.encoder.state_dict().items():
        weights.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        weights.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return key_of(
        rows=rows_digest(prepared.examples),
        weights=weights.hexdigest(),
        tokenizer=prepared.pretrained.tokenizer_json,
        config=prepared.pretrained.config_json,
        max_pieces=encoding.max_pieces,
        pad_id=encoding.pad_id,
        precision=resolve_precision(prepared.settings.training.precision),
        device=prepared.model.device().type,
        all_layers=mixes,
        adapter=adapter_of(prepared),
        versions=[metadata.version(name) for name in ("torch", "transformers")],
    )


class _Keeper:
    """Finds the states of a run's rows, or has its encoder compute them."""

    def __init__(self, prepared: Prepared, reporter: Reporter, check: Callable[[], None]) -> None:
        self._prepared, self._reporter, self._check = prepared, reporter, check
        self._lengths = np.asarray(lengths_of(prepared.examples), dtype=np.int64)
        # Of a model that is given a further head, only that one learns, and only what it reads is kept.
        specs = prepared.model.specs
        self._mixes = any(specs[task.name].layers == "mix" for task in prepared.data.tasks)
        layers = int(prepared.model.encoder.config.num_hidden_layers) + 1  # type: ignore[union-attr,arg-type]
        self._layers = layers if self._mixes else 1

    def states(self, *, make: bool) -> FrozenStates | None:
        """Return the states; `None`, where they are not there, unless they are to be made and can be."""
        cache = Cache.at(self._prepared.settings.data.cache)
        if cache is None:
            return None
        key = states_key(self._prepared, mixes=self._mixes)
        try:
            found = self._found(cache, key)
            return found or (self._made(cache, key) if make else None)
        except (OSError, BundleError) as error:
            self._cannot(cache.why(error))
        return None

    def _cannot(self, why: str) -> None:
        self._reporter.warn(f"the frozen encoder's states cannot be kept, so {_WHAT_IS_LOST}: {why}")

    def _found(self, cache: Cache, key: str) -> FrozenStates | None:
        states = None
        if entry := cache.find(_KIND, key, names_of(self._layers)):
            try:
                states = self._opened(entry)
            except BundleError as error:
                cache.remove(_KIND, key, why=str(error))
        for line in cache.said:
            self._reporter.warn(line)
        if states:
            self._say(f"found in {cache.folder}, so the encoder need not run")
        return states

    def _made(self, cache: Cache, key: str) -> FrozenStates | None:
        self._say("computed once, for all epochs")
        budget, longest = _AT_ONCE, int(self._lengths.max())
        while True:
            try:
                return self._made_with(cache, key, budget)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
            clear_device_cache(garbage_collection=True)
            if budget < longest:  # rows went through one by one
                self._cannot("memory ran out")
                return None
            budget //= 2

    def _made_with(self, cache: Cache, key: str, budget: int) -> FrozenStates:
        began = time.perf_counter()
        with cache.new(_KIND, key) as entry:
            self._compute(entry.folder, budget, cache.require)
        states = self._opened(entry)
        size, seconds = states.nbytes / 10**6, time.perf_counter() - began
        self._say(f"{size:,.1f} MB in {seconds:.1f} s, kept in {cache.folder}")
        return states

    def _compute(self, folder: Path, budget: int, make_room: Callable[[int], None]) -> None:
        self._prepared.model.encoder.eval()
        said, done, pieces = time.monotonic(), 0, int(self._lengths.sum())
        for own in write_states(folder, self._lengths, self._encode, budget=budget, make_room=make_room):
            self._check()
            done += own
            if time.monotonic() - said >= _SAID_AFTER:
                said = time.monotonic()
                self._say(f"{100 * done // pieces} % computed")

    def _encode(self, rows: Indices) -> list[Tensor]:
        prepared = self._prepared
        batch = collate([prepared.examples[row].row for row in rows], prepared.text_encoder)
        ids, mask, types = tensors_of(batch, prepared.model.device())
        with torch.no_grad(), prepared.engine.autocast():
            states = prepared.model.states(ids, mask, types, adapter=adapter_of(prepared))
        return [layer[mask.bool()] for layer in states[-self._layers :]]

    def _opened(self, entry: Entry) -> FrozenStates:
        width = self._prepared.model.hidden
        return open_states(entry, self._lengths, layers=self._layers, width=width)

    def _say(self, line: str) -> None:
        self._reporter.info(_TOPIC, f"the frozen encoder's states of {len(self._lengths):,} rows: {line}")
