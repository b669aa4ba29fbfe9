"""Adapters beside an encoder's linear layers, in every family of encoders."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from polyhead.batching import Batch
from polyhead.bundle import EncodingState, write_folder
from polyhead.bundle.adapters import ADAPTERS, AdapterState
from polyhead.bundle.manifest import MANIFEST, manifest_of
from polyhead.errors import BundleError, MissingExtraError, SettingsError
from polyhead.inference import open_model
from polyhead.model import MultiTaskModel, Pretrained, TorchRuntime, load_pretrained
from polyhead.model.adapters import Adapters, inject, key_of
from polyhead.model.merging import as_saved, for_graph, merged
from polyhead.model.single_file import read_single_file, write_single_file
from polyhead.model.targets import choose_targets
from polyhead.model.weights import load_model, save_weights
from tests.export.families import FAMILIES, save_family
from tests.unit.bundle.abouts import TASKS, about

HEADS = {task.name: task.head() for task in TASKS}
ATTENTION = {
    "distilbert": ("q_lin", "v_lin"),
    "deberta-v2": ("query_proj", "value_proj"),
    "deberta-v3": ("query_proj", "value_proj"),
    "modernbert": ("Wqkv",),
}
"""Others call them query and value."""


@pytest.fixture(scope="session")
def pretrained_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Pretrained]:
    """Load a tiny encoder of a family, anew each time."""
    root = tmp_path_factory.mktemp("families")

    def _load(family: str) -> Pretrained:
        folder = root / family
        return load_pretrained(str(folder if folder.is_dir() else save_family(family, folder)))

    return _load


def adapted(
    pretrained: Pretrained, *groups: tuple[str, ...], wanted: Any = "attention", merge: bool = False
) -> MultiTaskModel:
    """A model whose adapters add something."""
    torch.manual_seed(0)
    model = MultiTaskModel(encoder=pretrained.encoder, heads=HEADS)
    targets = choose_targets(model.encoder, wanted)
    states = [
        AdapterState(key=f"adapter_{at}", tasks=own, rank=2, alpha=3.0, targets=targets)
        for at, own in enumerate(groups)
    ]
    inject(model.encoder, states)
    model.adapters = Adapters(model.encoder, states, merge=merge)
    for weight in model.adapters.weights():
        nn.init.normal_(weight, std=0.2)
    return model.eval()


SHARED = (("intent", "ner"),)
OWN = (("intent",), ("ner",))


def batch(pretrained: Pretrained) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    ids = torch.randint(4, 100, (4, 9), generator=generator)
    mask = (torch.arange(9) < torch.tensor([9, 5, 7, 2])[:, None]).long()
    return ids.masked_fill(mask == 0, pretrained.pad_id), mask


def logits(model: MultiTaskModel, pretrained: Pretrained) -> dict[str, torch.Tensor]:
    ids, mask = batch(pretrained)
    with torch.inference_mode():
        found = model.eval()(ids, mask)
    return {name: own if own.ndim == 2 else own * mask[:, :, None] for name, own in found.items()}


def saved(model: MultiTaskModel, pretrained: Pretrained, folder: Path) -> Path:
    described = about().model_copy(
        update={
            "adapters": model.adapters.states if model.adapters else (),
            "encoding": EncodingState(max_pieces=32, pad_id=pretrained.pad_id, overlap=None),
        }
    )
    write_folder(
        folder,
        about=described,
        config_json=pretrained.config_json,
        tokenizer_json=pretrained.tokenizer_json,
        write_weights=lambda path: save_weights(model, path),
    )
    return folder


@pytest.mark.parametrize("family", FAMILIES)
def test_queries_and_values_are_found_in_every_family(family: str, pretrained_of: Callable[[str], Pretrained]) -> None:
    encoder = pretrained_of(family).encoder
    assert choose_targets(encoder, "attention") == ATTENTION.get(family, ("query", "value"))
    assert set(choose_targets(encoder, "attention")) < set(choose_targets(encoder, "all"))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("wanted", ["attention", "all"])
def test_an_adapter_adds_nothing_at_first_and_all_of_it_learns_and_nothing_else(
    family: str, wanted: str, pretrained_of: Callable[[str], Pretrained]
) -> None:
    pretrained = pretrained_of(family)
    model = MultiTaskModel(encoder=pretrained.encoder, heads=HEADS)
    before = logits(model, pretrained)
    targets = choose_targets(model.encoder, wanted)
    states = [AdapterState(key="adapter_0", tasks=("intent", "ner"), rank=2, alpha=3.0, targets=targets)]
    inject(model.encoder, states)
    model.adapters = Adapters(model.encoder, states)
    assert all(torch.equal(before[name], own) for name, own in logits(model, pretrained).items())
    for weight in model.adapters.weights():
        nn.init.normal_(weight, std=0.2)
    found = model.eval()(*batch(pretrained))
    sum(own.square().sum() for own in found.values()).backward()
    for name, weight in model.encoder.named_parameters():
        assert (weight.grad is not None) == weight.requires_grad == (key_of(name) is not None), name
        assert weight.grad is None or bool(weight.grad.abs().sum() > 0), name


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("wanted", ["attention", "all"])
def test_merged_it_answers_within_a_hundred_thousandth_and_kept_bit_for_bit(
    family: str, wanted: str, pretrained_of: Callable[[str], Pretrained], tmp_path: Path
) -> None:
    pretrained = pretrained_of(family)
    model = adapted(pretrained, *SHARED, wanted=wanted)
    plain = logits(MultiTaskModel(encoder=pretrained_of(family).encoder, heads=HEADS), pretrained)
    before = logits(model, pretrained)
    assert all(not torch.allclose(plain[name], own, atol=1e-2) for name, own in before.items())
    kept = load_model(open_model(saved(model, pretrained, tmp_path / "kept")))
    assert all(torch.equal(before[name], own) for name, own in logits(kept, pretrained).items())
    whole = merged(model, "adapter_0")
    again = load_model(open_model(saved(whole, pretrained, tmp_path / "merged")))
    assert not (tmp_path / "merged" / ADAPTERS).exists()
    for name, own in logits(again, pretrained).items():
        assert torch.equal(own, logits(whole, pretrained)[name])
        torch.testing.assert_close(own, before[name], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_with_adapters_of_their_own_tasks_answer_as_if_each_were_alone(
    family: str, pretrained_of: Callable[[str], Pretrained], tmp_path: Path
) -> None:
    pretrained = pretrained_of(family)
    model = adapted(pretrained, *OWN)
    found = logits(model, pretrained)
    for key, name in (("adapter_0", "intent"), ("adapter_1", "ner")):
        torch.testing.assert_close(found[name], logits(merged(model, key), pretrained)[name], rtol=1e-5, atol=1e-5)
    again = load_model(open_model(saved(model, pretrained, tmp_path / "own")))
    assert all(torch.equal(found[name], own) for name, own in logits(again, pretrained).items())
    branches = for_graph(again)
    assert len(branches.passes()) == 2
    for name, own in logits(branches, pretrained).items():
        torch.testing.assert_close(own, found[name], rtol=1e-5, atol=1e-5)


def test_what_is_saved_of_the_encoder_is_the_encoder(
    pretrained_of: Callable[[str], Pretrained], tmp_path: Path
) -> None:
    pretrained = pretrained_of("bert")
    model = adapted(pretrained, *OWN)
    folder = saved(model, pretrained, tmp_path / "own")
    own = {f"encoder.{name}": value for name, value in pretrained_of("bert").encoder.state_dict().items()}
    weights = load_file(folder / "model.safetensors")
    assert {name for name in weights if name.startswith("encoder.")} == own.keys()
    assert all(torch.equal(weights[name], value) for name, value in own.items())
    adapters = load_file(folder / ADAPTERS)
    assert {key_of(name) for name in adapters} == {"adapter_0", "adapter_1"}
    assert sum(value.numel() for value in adapters.values()) == 2 * 2 * 2 * (32 * 2 + 2 * 32)


def test_a_single_file_holds_adapters_too(pretrained_of: Callable[[str], Pretrained], tmp_path: Path) -> None:
    pretrained = pretrained_of("bert")
    model = adapted(pretrained, *OWN)
    bundle = open_model(saved(model, pretrained, tmp_path / "own"))
    texts = {"config_json": bundle.config_json, "tokenizer_json": bundle.tokenizer_json}
    write_single_file(tmp_path / "model.pt", about=bundle.about, model=model, **texts)
    again = load_model(read_single_file(tmp_path / "model.pt"))
    before = logits(model, pretrained)
    assert all(torch.equal(before[name], own) for name, own in logits(again, pretrained).items())


def test_what_is_to_be_merged_is_saved_merged(pretrained_of: Callable[[str], Pretrained]) -> None:
    pretrained = pretrained_of("bert")
    kept = adapted(pretrained, *SHARED)
    assert as_saved(kept) is kept
    model = adapted(pretrained_of("bert"), *SHARED, merge=True)
    assert as_saved(model).adapters is None
    assert (
        as_saved(model).state_dict().keys()
        == MultiTaskModel(encoder=pretrained_of("bert").encoder, heads=HEADS).state_dict().keys()
    )


def test_what_learns_is_no_matter_of_the_pass(pretrained_of: Callable[[str], Pretrained]) -> None:
    pretrained = pretrained_of("bert")
    model = adapted(pretrained, *OWN)
    first, *rest = model.adapters.weights()
    first.requires_grad_(False)
    logits(model, pretrained)
    assert not first.requires_grad
    assert all(weight.requires_grad for weight in rest)


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (("qery",), "the encoder's layers have no linear layer 'qery'; known: dense, key, query, value"),
        (("LayerNorm",), "the encoder's layers have no linear layer 'LayerNorm'"),
    ],
)
def test_targets_that_are_none_are_refused(
    wanted: tuple[str, ...], said: str, pretrained_of: Callable[[str], Pretrained]
) -> None:
    with pytest.raises(SettingsError, match=f"^adapters.targets: {said}"):
        choose_targets(pretrained_of("bert").encoder, wanted)


def test_an_encoder_whose_attention_is_not_known_is_refused_with_the_layers_it_has() -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.config = type("Config", (), {"model_type": "odd", "num_hidden_layers": 1})()
            self.mixing = nn.Linear(4, 4)

    with pytest.raises(SettingsError, match=r"type 'odd' are those of attention; name them.* of: mixing$"):
        choose_targets(Odd(), "attention")
    assert choose_targets(Odd(), ("mixing",)) == ("mixing",)


def test_without_peft_its_name_is_named(
    pretrained_of: Callable[[str], Pretrained], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretrained = pretrained_of("bert")
    folder = saved(adapted(pretrained, *OWN), pretrained, tmp_path / "own")
    monkeypatch.setitem(__import__("sys").modules, "peft", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'polyhead\[adapters\]'"):
        load_model(open_model(folder))


def _signed(folder: Path) -> Path:
    (folder / MANIFEST).write_text(manifest_of(folder))
    return folder


def _described(folder: Path, **changes: Any) -> None:
    described = json.loads((folder / "polyhead.json").read_text())
    for own in described["adapters"]:
        own.update(changes)
    (folder / "polyhead.json").write_text(json.dumps(described))


def _change_rank(folder: Path) -> None:
    _described(folder, rank=64)


def _change_target(folder: Path) -> None:
    _described(folder, targets=["LayerNorm"])


def _unknown_target(folder: Path) -> None:
    _described(folder, targets=["nothing"])


def _more(folder: Path) -> None:
    described = json.loads((folder / "polyhead.json").read_text())
    first, second = described["adapters"]
    described["adapters"] = [first, {**second, "key": "adapter_9"}]
    (folder / "polyhead.json").write_text(json.dumps(described))


def _lack_one(folder: Path) -> None:
    tensors = load_file(folder / ADAPTERS)
    tensors.pop(max(tensors))
    save_file(tensors, folder / ADAPTERS)


def _no_number(folder: Path) -> None:
    tensors = load_file(folder / ADAPTERS)
    tensors[max(tensors)][0, 0] = torch.nan
    save_file(tensors, folder / ADAPTERS)


def _overwrite_encoder(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    name = next(name for name in weights if name.startswith("encoder."))
    save_file({**load_file(folder / ADAPTERS), name: weights[name] + 1}, folder / ADAPTERS)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (_change_rank, r"the weight '.*lora_A.*' has shape \(2, 32\), the model's has \(64, 32\)"),
        (_change_target, r"polyhead.json: its adapters do not fit the encoder: .*'LayerNorm' is no linear layer"),
        (_unknown_target, r"polyhead.json: its adapters do not fit the encoder: .*'nothing' is no linear layer"),
        (_more, r"the weights lack those of adapter_9, of which polyhead.json speaks"),
        (_lack_one, r"the weights lack 1 tensors that the model has, first '.*lora_B"),
        (_no_number, r"holds values that are no numbers"),
        (_overwrite_encoder, r"adapters.safetensors: holds 'encoder\..*', which is in model.safetensors, too"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_adapters_that_do_not_fit_are_refused(
    damage: Callable[[Path], None], said: str, pretrained_of: Callable[[str], Pretrained], tmp_path: Path
) -> None:
    pretrained = pretrained_of("bert")
    folder = saved(adapted(pretrained, *OWN), pretrained, tmp_path / "own")
    load_model(open_model(folder))
    damage(folder)
    _signed(folder)
    with pytest.raises(BundleError, match=said):
        load_model(open_model(folder))


def test_a_file_that_is_altered_or_lacking_is_refused(
    pretrained_of: Callable[[str], Pretrained], tmp_path: Path
) -> None:
    pretrained = pretrained_of("bert")
    folder = saved(adapted(pretrained, *OWN), pretrained, tmp_path / "own")
    altered = Path(shutil.copytree(folder, tmp_path / "altered"))
    content = bytearray((altered / ADAPTERS).read_bytes())
    content[-1] ^= 1
    (altered / ADAPTERS).write_bytes(content)
    with pytest.raises(BundleError, match=r"adapters\.safetensors: altered: its SHA-256"):
        open_model(altered)
    (altered / ADAPTERS).unlink()
    with pytest.raises(BundleError, match=r"adapters\.safetensors: missing"):
        open_model(altered)


def test_threads_do_not_run_with_each_others_adapter(pretrained_of: Callable[[str], Pretrained]) -> None:
    pretrained = pretrained_of("bert")
    model = adapted(pretrained, *OWN)
    ids, mask = (own.numpy() for own in batch(pretrained))
    runtime = TorchRuntime(model)
    wanted = runtime.run(Batch(ids, mask))
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: runtime.run(Batch(ids, mask)), range(60)))
    assert all(np.array_equal(answer[name], own) for answer in answers for name, own in wanted.items())
