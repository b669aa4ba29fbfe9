"""With a frozen encoder its states are computed once; training on them is training as it was."""

from __future__ import annotations

import json
import shutil
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from polyhead.batching import SubBatch
from polyhead.bundle.manifest import manifest_of
from polyhead.inference import open_model
from polyhead.model import MultiTaskModel
from polyhead.settings import load_settings
from polyhead.training import run_training
from polyhead.training.extending import settings_of_head
from polyhead.training.forward import HeadsAlone
from polyhead.training.frozen import heads_alone, states_key
from polyhead.training.frozen_states import FrozenStates
from polyhead.training.passes import Passes
from polyhead.training.progress import Progress
from polyhead.training.suspects import find_trouble
from tests.conftest import RECORDS
from tests.end_to_end.many_kinds import PARTS, TASKS, TRAINING, WHOLE
from tests.training.conftest import Fit, Fitted, Listener, settings_with
from tests.training.driving import Drive
from tests.training.test_passes import longer

Write = Callable[..., Path]
LAST = {name: {**task, "layers": "last"} for name, task in TASKS.items()}
POOLED = {
    f"{name}_{pooling}_{layers}": {**TASKS[name], "pooling": pooling, "layers": layers}
    for name in ("topic", "themes", "stars")
    for pooling in ("cls", "mean", "attention")
    for layers in ("last", "mix")
}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of this test alone; entries are in the folder that is returned."""
    monkeypatch.setenv("POLYHEAD_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def passes_of_encoder(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The rows of each pass of the encoder, those for dev scores not counted."""
    seen: list[int] = []
    states = MultiTaskModel.states

    def spy(self: MultiTaskModel, ids: Tensor, *others: Any, **named: Any) -> Any:
        if not torch.is_inference_mode_enabled():
            seen.append(len(ids))
        return states(self, ids, *others, **named)

    monkeypatch.setattr(MultiTaskModel, "states", spy)
    return seen


def lines(listener: Listener) -> list[str]:
    prefix = "the frozen encoder's states of "
    return [line.removeprefix(prefix) for topic, line in listener.lines if topic == "cache"]


def weights_of(fitted: Fitted) -> dict[str, bytes]:
    return {path.parent.name: path.read_bytes() for path in fitted.run.folder.glob("epoch-*/model.safetensors")}


def forward_of(drive: Drive) -> HeadsAlone:
    found = heads_alone(
        drive.prepared,
        Progress(drive.guard, last=None),
        reporter=drive.listener,
        check=lambda: None,  # type: ignore[arg-type]
    )
    assert isinstance(found, HeadsAlone)
    return found


class Noisy(FrozenStates):
    """States with noise where there is padding."""

    def __init__(self, whole: FrozenStates) -> None:
        self._whole = whole

    def gather(self, rows: np.ndarray) -> tuple[list[Tensor], Tensor]:
        layers, mask = self._whole.gather(rows)
        noise = [torch.full_like(states, 50.0) * (1 - mask)[:, :, None] for states in layers]
        return [states + more for states, more in zip(layers, noise, strict=True)], mask


def with_all_kinds(folder: Path, encoder: Path, tasks: dict[str, Any], *, taught: bool, **training: Any) -> Drive:
    """Partial labels, windows, weights of rows, and a teacher where it is wanted."""
    files = {"parts": PARTS[:64], "long": [longer(record) for record in PARTS[::7]], "whole": WHOLE}
    for name, records in files.items():
        text = "".join(json.dumps(record) + "\n" for record in records)
        (folder / f"{name}.jsonl").write_text(text, encoding="utf-8")
    sets = {
        name: {"train": [folder / f"{name}.jsonl"], "dev": [folder / "whole.jsonl"], "weight": at + 0.5}
        for at, name in enumerate(files)
    }
    flags: dict[str, Any] = {"encoder": str(encoder), "tasks": tasks, "data.sets": sets, "encoding.max_length": 16}
    training = {**TRAINING, "epochs": 1, "strategy": "joint", **training}
    flags |= {f"training.{name}": value for name, value in training.items()}
    if taught:
        teacher = run_training(load_settings(None, (), {**flags, "output": folder / "teacher"}))
        flags |= {"teacher.models": [teacher.folder], "teacher.temperature": 2.0}
    return Drive.of(load_settings(None, (), {**flags, "training.freeze": "encoder", "training.epochs": 2}))


def gradient(drive: Drive, rows: Any, forward: Any, budget: int | None) -> tuple[dict[str, float], dict[str, Tensor]]:
    prepared = drive.prepared
    passes = Passes(
        prepared.model,
        prepared.examples,
        encoder=prepared.text_encoder,
        engine=prepared.engine,
        losses=drive.losses,
        stopped=(),
        forward=forward,
    )
    prepared.model.zero_grad(set_to_none=True)
    prepared.model.train()
    prepared.model.encoder.eval()
    torch.manual_seed(3)  # the heads drop the same
    names = frozenset(task.name for task in prepared.tasks)
    losses = passes.backward((SubBatch(rows, names),), budget=budget)
    weights = prepared.model.named_parameters()
    return losses, {name: weight.grad.clone() for name, weight in weights if weight.grad is not None}


@pytest.mark.parametrize("tasks", [TASKS, LAST, POOLED], ids=["kinds", "kinds-last-layer", "poolings"])
@pytest.mark.parametrize("kind", ["distilbert", "deberta"])
def test_losses_and_gradients_are_those_of_the_whole_model(
    encoder_folders: dict[str, Path], tmp_path: Path, cache: Path, kind: str, tasks: dict[str, Any]
) -> None:
    drive = with_all_kinds(tmp_path, encoder_folders[kind], tasks, taught=kind == "deberta")
    alone = forward_of(drive)
    rows = np.random.default_rng(0).permutation(len(drive.prepared.examples))
    lengths = [drive.prepared.examples[row].row.length for row in rows]
    assert min(lengths) < max(lengths), "some rows are padded"
    noisy = HeadsAlone(drive.prepared.model, Noisy(alone._states))
    for budget in (None, 200):
        losses, wanted = gradient(drive, rows, None, budget)
        assert losses.keys() == tasks.keys()
        assert wanted, "heads learn"
        for forward in (alone, noisy):
            own, found = gradient(drive, rows, forward, budget)
            assert own == {name: pytest.approx(loss, rel=1e-5, abs=1e-6) for name, loss in losses.items()}
            assert found.keys() == wanted.keys()
            for name, grad in wanted.items():
                assert float((found[name] - grad).norm()) <= 1e-5 * float(grad.norm()) + 1e-6, name


@pytest.mark.parametrize("settings", [{}, {"strategy": "alternating"}, {"token_budget": 30}, {"patience": 1}])
def test_a_run_learns_what_it_learnt_without(
    fit: Fit, write: Write, cache: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any]
) -> None:
    data = write(RECORDS * 5)
    wanted = {"epochs": 3, "batch_size": 8, "freeze": "encoder", "head_lr": 1e-2, **settings}
    listener = Listener()
    kept = fit(data, reporter=listener, **wanted)
    assert "rows: computed once" in lines(listener)[0]
    assert len(list(cache.iterdir())) == 1
    monkeypatch.setenv("POLYHEAD_CACHE", str(data))  # a file, in which no folder can be made
    whole = fit(data, **wanted)
    assert len(kept.steps) == len(whole.steps) > 0
    for one, other in zip(kept.steps, whole.steps, strict=True):
        assert one["losses"] == pytest.approx(other["losses"], abs=1e-4)
        assert (one["rows"], one["tokens"], one["lr"]) == (other["rows"], other["tokens"], other["lr"])


def test_in_bf16_too(fit: Fit, write: Write, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = write(RECORDS * 5)
    wanted: dict[str, Any] = {"epochs": 2, "batch_size": 8, "freeze": "encoder", "precision": "bf16"}
    kept = fit(data, **wanted)
    assert len(list(cache.iterdir())) == 1
    monkeypatch.setenv("POLYHEAD_CACHE", str(data))
    whole = fit(data, **wanted)
    for one, other in zip(kept.steps, whole.steps, strict=True):
        assert one["losses"] == pytest.approx(other["losses"], rel=2e-2)


def test_each_row_goes_through_the_encoder_once(
    fit: Fit, write: Write, cache: Path, passes_of_encoder: list[int]
) -> None:
    data = write(RECORDS * 5)
    fit(data, epochs=4, batch_size=8, freeze="encoder")
    assert sum(passes_of_encoder) == len(RECORDS) * 5
    passes_of_encoder.clear()
    fit(data, epochs=2, batch_size=8)
    assert sum(passes_of_encoder) == 2 * len(RECORDS) * 5, "an encoder that learns runs in each epoch"


def test_a_second_run_finds_them(fit: Fit, write: Write, cache: Path, passes_of_encoder: list[int]) -> None:
    data = write(RECORDS * 5)
    first, second = Listener(), Listener()
    one = fit(data, epochs=2, batch_size=8, freeze="encoder", reporter=first)
    assert lines(first)[0] == "40 rows: computed once, for all epochs"
    assert lines(first)[-1].startswith("40 rows: 0.")
    assert lines(first)[-1].endswith(f"kept in {cache}")
    passes_of_encoder.clear()
    other = fit(data, epochs=2, batch_size=8, freeze="encoder", reporter=second)
    assert lines(second) == [f"40 rows: found in {cache}, so the encoder need not run"]
    assert passes_of_encoder == []
    assert weights_of(one) == weights_of(other)
    shorter = Listener()
    fit(data, epochs=1, batch_size=4, lr=1e-3, freeze="encoder", reporter=shorter)
    assert "found in" in lines(shorter)[0], "with one epoch, other rates and batches, too"
    assert passes_of_encoder == []


@pytest.mark.parametrize(
    "settings",
    [
        {"epochs": 1, "freeze": "encoder"},
        {"epochs": 2},
        {"epochs": 2, "freeze": "embeddings"},
        {"epochs": 2, "unfreeze": 1},
    ],
)
def test_nothing_is_kept_where_it_would_not_pay(fit: Fit, write: Write, cache: Path, settings: dict[str, Any]) -> None:
    listener = Listener()
    fit(write(RECORDS), reporter=listener, **settings)
    assert not cache.exists() or not list(cache.iterdir())
    assert lines(listener) == []


def test_what_the_key_depends_on(
    encoder_folders: dict[str, Path], write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = {"data.train": write(RECORDS * 3), "data.dev": write(RECORDS, "dev.jsonl")}
    base = {"encoder": str(encoder_folders["distilbert"]), "training.freeze": "encoder", "training.precision": "fp32"}

    def key(*, mixes: bool = False, **flags: Any) -> str:
        return states_key(Drive.of(settings_with(**{**data, **base, **flags})).prepared, mixes=mixes)

    first = key()
    for same in ({"training.lr": 1e-2}, {"training.batch_size": 4}, {"training.epochs": 7}, {"training.seed": 5}):
        assert key(**same) == first, same
    others = {
        "data": key(**{"data.train": write(RECORDS * 4, "more.jsonl")}),
        "labels": key(**{"data.train": write([{**record, "label": 3} for record in RECORDS * 3], "labels.jsonl")}),
        "encoder": key(encoder=str(encoder_folders["deberta"])),
        "length": key(**{"encoding.max_length": 12}),
        "precision": key(**{"training.precision": "bf16"}),
        "layers": key(mixes=True),
    }
    assert len({first, *others.values()}) == 1 + len(others)
    drive = Drive.of(settings_with(**data, **base))
    with torch.no_grad():
        next(drive.prepared.model.encoder.parameters())[0, 0] += 1
    assert states_key(drive.prepared, mixes=False) != first, "weights"


def _cut(entry: Path) -> None:
    file = entry / "layer-0.npy"
    file.write_bytes(file.read_bytes()[:-1])


def _turn_a_bit(entry: Path) -> None:
    file = entry / "layer-0.npy"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


def _no_array(entry: Path) -> None:
    _signed(entry, lambda folder: (folder / "layer-0.npy").write_bytes(b"no array"))


def _another_shape(entry: Path) -> None:
    _signed(entry, lambda folder: np.save(folder / "layer-0.npy", np.zeros((3, 32), dtype=np.float32)))


def _objects(entry: Path) -> None:
    _signed(entry, lambda folder: np.save(folder / "layer-0.npy", np.array([{}]), allow_pickle=True))


def _other_places(entry: Path) -> None:
    _signed(entry, lambda folder: np.save(folder / "places.npy", np.full(40, 10**6)))


def _signed(entry: Path, change: Callable[[Path], Any]) -> None:
    """Damage that the manifest does not show."""
    change(entry)
    (entry / "manifest.json").write_text(manifest_of(entry))


@pytest.mark.parametrize(
    "damage",
    [
        _cut,
        _turn_a_bit,
        _no_array,
        _another_shape,
        _objects,
        _other_places,
        lambda entry: (entry / "places.npy").unlink(),
        lambda entry: (entry / "manifest.json").unlink(),
    ],
)
def test_a_damaged_entry_is_made_anew(
    fit: Fit, write: Write, cache: Path, damage: Callable[[Path], None], passes_of_encoder: list[int]
) -> None:
    data, listener = write(RECORDS * 5), Listener()
    settings: dict[str, Any] = {"epochs": 2, "batch_size": 8, "freeze": "encoder"}
    first = fit(data, **settings)
    (entry,) = cache.iterdir()
    damage(entry)
    passes_of_encoder.clear()
    second = fit(data, reporter=listener, **settings)
    (said,) = [line for line in listener.warnings if "damaged" in line and "dev texts" not in line]
    assert said.startswith(f"a damaged entry was removed: {entry}")
    assert sum(passes_of_encoder) == 40
    assert weights_of(first) == weights_of(second)
    assert list(cache.iterdir()) == [entry]
    passes_of_encoder.clear()
    fit(data, **settings)
    assert passes_of_encoder == []


@pytest.fixture
def uncached(fit: Fit, write: Write, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """Train where nothing can be kept; return the warnings, after seeing that the run was as it always was."""
    data = write(RECORDS * 5)
    settings: dict[str, Any] = {"epochs": 2, "batch_size": 8, "freeze": "encoder"}
    with monkeypatch.context() as context:
        context.setenv("POLYHEAD_CACHE", str(data))
        wanted = weights_of(fit(data, **settings))

    def _uncached() -> list[str]:
        listener = Listener()
        assert weights_of(fit(data, reporter=listener, **settings)) == wanted
        return [line for line in listener.warnings if "frozen" in line]

    return _uncached


_REASON = "the frozen encoder's states cannot be kept, so the encoder runs in every epoch: "


def test_a_folder_that_cannot_be_made(
    uncached: Callable[[], list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("POLYHEAD_CACHE", str(tmp_path / "file"))
    (said,) = uncached()
    assert said.startswith(f"{_REASON}{tmp_path / 'file'}")
    assert "File exists" in said


def test_a_disk_that_is_full(uncached: Callable[[], list[str]], cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**12, 10**12, 10**9))
    (said,) = uncached()
    assert said.startswith(f"{_REASON}{cache}: ")
    assert "are needed, of 1.0 GB that are free" in said
    assert list(cache.iterdir()) == []


def test_a_disk_that_becomes_full(
    uncached: Callable[[], list[str]], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full:
        def __enter__(self) -> Any:
            return self

        def __exit__(self, *_: object) -> None: ...

        def write(self, _: object) -> int:
            raise OSError(28, "No space left on device", str(cache / "somewhere"))

    opened = Path.open
    monkeypatch.setattr(
        Path, "open", lambda self, *a, **k: Full() if self.name == "layer-0.npy" else opened(self, *a, **k)
    )
    assert uncached() == [f"{_REASON}{cache / 'somewhere'}: No space left on device"]
    assert list(cache.iterdir()) == []


def test_more_than_may_be_kept(uncached: Callable[[], list[str]], cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("polyhead.preparing.cache.MOST_BYTES", 1000)
    (said,) = uncached()
    assert "are needed, of 0.0 MB at most" in said


def test_memory_that_runs_out_in_the_first_pass(
    fit: Fit, write: Write, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    states, seen = MultiTaskModel.states, []

    def small(self: MultiTaskModel, ids: Tensor, *others: Any, **named: Any) -> Any:
        if torch.is_inference_mode_enabled():
            return states(self, ids, *others, **named)
        seen.append(ids.numel())
        if ids.numel() > 100:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return states(self, ids, *others, **named)

    monkeypatch.setattr(MultiTaskModel, "states", small)
    listener = Listener()
    fit(write(RECORDS * 5), epochs=2, batch_size=8, freeze="encoder", reporter=listener)
    assert max(seen) > 100
    assert len(list(cache.iterdir())) == 1
    assert [line for line in listener.warnings if "dev texts" not in line] == []


def test_an_error_of_the_encoder_is_none_of_the_cache(
    fit: Fit, write: Write, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("something else")

    monkeypatch.setattr(MultiTaskModel, "states", broken)
    with pytest.raises(RuntimeError, match="something else"):
        fit(write(RECORDS), epochs=2, freeze="encoder")
    assert list(cache.iterdir()) == []


def test_only_the_layers_that_are_read_are_kept(fit: Fit, write: Write, cache: Path) -> None:
    data = write(RECORDS * 2)
    fit(data, epochs=2, freeze="encoder", tasks={"classification": {"kind": "single_label", "field": "label"}})
    (entry,) = cache.iterdir()
    assert sorted(path.name for path in entry.iterdir()) == ["layer-0.npy", "manifest.json", "places.npy"]
    shutil.rmtree(cache)
    mixed = {"classification": {"kind": "single_label", "field": "label", "layers": "mix"}}
    fit(data, epochs=2, freeze="encoder", tasks=mixed)
    (entry,) = cache.iterdir()
    assert len(list(entry.glob("layer-*.npy"))) > 1


def test_a_further_head_learns_from_them_and_the_proof_holds(
    fit: Fit, write: Write, cache: Path, tmp_path: Path, passes_of_encoder: list[int]
) -> None:
    mixed = {"classification": {"kind": "single_label", "field": "label", "layers": "mix"}}
    base = open_model(fit(write(RECORDS * 3), epochs=1, tasks=mixed).run.best)
    topics = write(
        [{"text": record["sentence"], "topic": str(record["label"])} for record in RECORDS * 3], "topics.jsonl"
    )
    flags = {"data.train": topics, "data.dev": topics, "data.text_field": "text", "output": tmp_path / "further"}
    flags |= {"training.precision": "fp32", "training.epochs": 3}
    flags |= {"tasks": {"topic": {"kind": "single_label", "field": "topic"}}}
    settings = settings_of_head(load_settings(None, (), flags), "topic", base)
    listener = Listener()
    passes_of_encoder.clear()
    run_training(settings, base=base, reporter=listener)
    assert "kept in" in lines(listener)[-1]
    assert ("proof", "the other heads' logits are bit-equal to before, in every bundle of the run") in listener.lines
    (entry,) = cache.iterdir()
    assert len(list(entry.glob("layer-*.npy"))) == 1, "the head that learns reads the last layer"


@pytest.mark.filterwarnings("ignore:overflow encountered")
def test_a_loss_that_is_no_number_is_traced_to_its_records(
    encoder_folders: dict[str, Path], write: Write, cache: Path
) -> None:
    dev = write(RECORDS, "dev.jsonl")
    sets = {
        "good": {"train": [write(RECORDS * 10, "good.jsonl")], "dev": [dev]},
        "bad": {"train": [write(RECORDS[:2], "bad.jsonl")], "dev": [dev], "weight": 1e39},
    }
    flags = {"encoder": str(encoder_folders["distilbert"]), "training.batch_size": 4, "training.on_nonfinite": "skip"}
    flags |= {"training.freeze": "encoder", "training.precision": "fp32", "training.strategy": "joint"}
    drive = Drive.of(settings_with(sets=sets, **flags))
    passes = Passes(
        drive.prepared.model,
        drive.prepared.examples,
        encoder=drive.prepared.text_encoder,
        engine=drive.prepared.engine,
        losses=drive.losses,
        stopped=(),
        forward=forward_of(drive),
    )
    for _, step in drive.order():
        losses = passes.backward(step, budget=None)
        if not all(map(np.isfinite, losses.values())):
            trouble = find_trouble(
                drive.prepared.model, passes, step, examples=drive.prepared.examples, losses=losses, norm=None
            )
            assert trouble.alone
            assert all("bad.jsonl" in name for name in trouble.alone)
            return
    raise AssertionError("no step had one of them")
