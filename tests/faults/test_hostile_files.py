"""A zoo of hostile models: each is refused within a second, nothing of it is run, nothing is written outside."""

from __future__ import annotations

import base64
import json
import os
import pickle
import shutil
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from polyhead import Predictor
from polyhead.bundle.inspection import inspect_path
from tests.faults.conftest import Refusal
from tests.faults.pickles import (
    old_inst,
    ours,
    payload,
    root_of,
    shared_lists,
    stack_global,
    torch_zip,
    with_tensor,
)
from tests.faults.signing import change_json, put, safetensors, sign

Refused = Callable[..., Refusal]
Build = Callable[[Path, Path], Path]
"""Makes a hostile file of a whole model and the file that it would leave behind."""


def _legacy(path: Path, marker: Path) -> Path:
    torch.save({"format": "polyhead", "x": payload(marker)}, path, _use_new_zipfile_serialization=False)
    return path


def _script(path: Path, _: Path) -> Path:
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), str(path))
    return path


def _entry(name: str) -> Build:
    def build(path: Path, _: Path) -> Path:
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr(name.replace("ROOT", root_of(path)), b"evil")
        return path

    return build


def _link_entry(path: Path, _: Path) -> Path:
    with zipfile.ZipFile(path, "a") as archive:
        info = zipfile.ZipInfo(f"{root_of(path)}/data/99")
        info.external_attr = 0o120777 << 16
        archive.writestr(info, "/etc/passwd")
    return path


def _bomb(path: Path, _: Path) -> Path:
    pickled = pickle.dumps({"format": "polyhead"}, protocol=2)
    return torch_zip(path, pickled, {"model/data/0": b"\0" * 200_000_000}, compression=zipfile.ZIP_DEFLATED)


def _many_entries(path: Path, _: Path) -> Path:
    entries = {f"model/data/{number}": b"" for number in range(25_000)}
    return torch_zip(path, pickle.dumps({"format": "polyhead"}, protocol=2), entries)


def _twice(path: Path, _: Path) -> Path:
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr(f"{root_of(path)}/data.pkl", b"evil")
    return path


def _behind_something(path: Path, _: Path) -> Path:
    path.write_bytes(b"#!/bin/sh\n" * 10_000 + path.read_bytes())
    return path


def _short_storage(path: Path, _: Path) -> Path:
    """A storage said to be longer than what lies in the file: whoever believes it reads beyond its memory."""
    pickle_name = f"{root_of(path)}/data.pkl"
    with zipfile.ZipFile(path) as archive:
        pickled = archive.read(pickle_name)
        others = {name: archive.read(name) for name in archive.namelist() if not name.endswith("data.pkl")}
    larger = pickled.replace(b"K\x05t", b"K\xfft", 1)
    assert larger != pickled
    with zipfile.ZipFile(path, "w") as archive:
        for name, inner in {pickle_name: larger, **others}.items():
            archive.writestr(name, inner)
    return path


def _pickled(data: Callable[[Path], bytes]) -> Build:
    return lambda path, marker: torch_zip(path, data(marker))


def _bare(data: Callable[[Path], bytes]) -> Build:
    def build(path: Path, marker: Path) -> Path:
        path.write_bytes(data(marker))
        return path

    return build


def _hash_bomb(_: Path) -> bytes:
    return b"\x80\x02}(" + b")" + b"2\x86" * 60 + b"K\x01u."


SINGLE_FILES: dict[str, tuple[Build, str]] = {
    "a_command": (lambda path, marker: ours(path, x=payload(marker)), "imports posix.system"),
    "a_command_among_weights": (
        lambda path, marker: ours(path, model_state_dict={"w": payload(marker)}),
        "imports posix.system",
    ),
    "protocol_4": (
        _pickled(lambda marker: stack_global("os", "system", f"touch {marker}")),
        "imports os.system",
    ),
    "eval": (_pickled(lambda marker: stack_global("builtins", "eval", f"open({str(marker)!r}, 'w')")), "builtins.eval"),
    "instruction_of_old": (_pickled(lambda marker: old_inst("os", "system", f"touch {marker}")), "imports os.system"),
    **{
        f"bare_pickle_{protocol}": (
            _bare(lambda marker, protocol=protocol: pickle.dumps(payload(marker), protocol=protocol)),
            "a bare pickle",
        )
        for protocol in range(6)
    },
    "legacy_torch": (_legacy, "a bare pickle"),
    "torchscript": (_script, "refused"),
    "entry_above": (_entry("../evil.txt"), "lies outside its folder"),
    "entry_above_inside": (_entry("ROOT/../../evil.txt"), "lies outside its folder"),
    "entry_absolute": (_entry("/tmp/evil.txt"), "lies outside its folder"),
    "entry_with_backslash": (_entry("ROOT/..\\evil.txt"), "lies outside its folder"),
    "entry_of_code": (_entry("ROOT/code/evil.py"), "TorchScript"),
    "entry_link": (_link_entry, "is a link"),
    "entry_twice": (_twice, "two entries of one name"),
    "zip_bomb": (_bomb, "is compressed"),
    "entries_without_end": (_many_entries, "entries, more than"),
    "behind_a_script": (_behind_something, "refused"),
    "storage_too_short": (_short_storage, "has not the size that is said of it"),
    "stride_zero": (lambda path, _: with_tensor(path, torch.zeros(1).expand(5)), "reaches beyond its storage"),
    "sparse": (lambda path, _: with_tensor(path, torch.zeros(5).to_sparse()), "refused"),
    "quantised": (
        lambda path, _: with_tensor(path, torch.quantize_per_tensor(torch.zeros(5), 0.1, 0, torch.qint8)),
        "refused",
    ),
    "parameter": (lambda path, _: with_tensor(path, torch.nn.Parameter(torch.zeros(5))), "_rebuild_parameter"),
    "no_numbers": (lambda path, _: with_tensor(path, torch.full((5,), torch.nan)), "are no numbers"),
    "doubles": (lambda path, _: with_tensor(path, torch.zeros(5, dtype=torch.float64)), "is of type F64"),
    "memory_by_a_memo": (_pickled(lambda _: b"\x80\x02}r\xff\xff\xff\x7f."), "for which a file"),
    "tuples_as_a_key": (_pickled(_hash_bomb), "for which a file of tensors and texts has no use"),
    "lists_in_lists": (_pickled(lambda _: shared_lists(12, 200)), "places"),
    "a_million_instructions": (_pickled(lambda _: b"\x80\x02" + b"}0" * 1_000_000 + b"}."), "refused"),
    "a_huge_text": (_pickled(lambda _: b"\x80\x02X\xff\xff\xff\x7fabc."), "make no sense"),
    "deep": (_pickled(lambda _: b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b"."), "refused|cannot be read|not one"),
    "auto_map": (
        lambda path, _: ours(path, **{"config.json": '{"model_type": "bert", "auto_map": {"AutoModel": "x.Y"}}'}),
        "auto_map",
    ),
}


@pytest.mark.parametrize("name", SINGLE_FILES)
def test_single_files(name: str, single: Path, refused: Refused, tmp_path: Path) -> None:
    build, said = SINGLE_FILES[name]
    marker = tmp_path / "marker"
    refusal = refused(build(single, marker), inspect=name not in {"no_numbers", "doubles"})
    assert any(part in refusal.said for part in said.split("|")), refusal.said
    assert not marker.exists()


def test_the_payloads_are_real(tmp_path: Path) -> None:
    """What the zoo holds would leave its mark where it is let."""
    for number, data in enumerate(
        (
            pickle.dumps(payload(tmp_path / "0")),
            stack_global("os", "system", f"touch {tmp_path / '1'}"),
            old_inst("os", "system", f"touch {tmp_path / '2'}"),
        )
    ):
        pickle.loads(data)
        assert (tmp_path / str(number)).exists()


@pytest.mark.parametrize("name", ["optimizer.pt", "optimizer.bin", "scheduler.pt", "pytorch_model.bin", "rng.pkl"])
def test_pickles_beside_a_model_are_never_opened(name: str, bundle: Path, tmp_path: Path) -> None:
    """They lie there, say, because a folder was copied whole: the model is opened without them."""
    marker = tmp_path / "marker"
    (bundle / name).write_bytes(pickle.dumps(payload(marker)))
    Predictor.load(bundle)
    found = inspect_path(bundle / name)
    assert (found.what, found.safe) == ("a bare pickle", False)
    assert "imports posix.system" in found.checks[0].said
    assert not marker.exists()


def test_a_training_state_that_is_a_pickle(tmp_path: Path) -> None:
    folder = tmp_path / "states" / "step-10"
    folder.mkdir(parents=True)
    (folder / "state.json").write_text("{}")
    (folder / "tensors.safetensors").write_bytes(pickle.dumps(payload(tmp_path / "marker")))
    found = inspect_path(sign(folder))
    assert found.what.startswith("a training state")
    assert [check.passed for check in found.checks] == [True, True, True, False]
    (folder / "tensors.safetensors").write_bytes(safetensors({}))
    assert inspect_path(sign(folder)).safe
    (folder / "tensors.safetensors").unlink()
    (folder / "tensors.safetensors").symlink_to("/etc/passwd")
    assert [check.passed for check in inspect_path(folder).checks] == [False, False, True, False]


def _config(**settings: Any) -> Build:
    return lambda folder, _: change_json(folder, "config.json", **settings)


def _put(name: str, content: bytes | str) -> Build:
    return lambda folder, _: put(folder, name, content)


def _about(**changes: Any) -> Build:
    return lambda folder, _: change_json(folder, "polyhead.json", **changes)


def _tokenizer(**changes: Any) -> Build:
    return lambda folder, _: change_json(folder, "tokenizer.json", **changes)


def _model(**changes: Any) -> Build:
    def build(folder: Path, _: Path) -> Path:
        model = json.loads((folder / "tokenizer.json").read_text())["model"]
        return change_json(folder, "tokenizer.json", model={**model, **changes})

    return build


def _split(pattern: str) -> Build:
    return _tokenizer(
        pre_tokenizer={"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}
    )


def _replace(pattern: str, content: str) -> dict[str, Any]:
    return {"type": "Replace", "pattern": {"String": pattern}, "content": content}


def _nested(depth: int) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "NFC"}
    for _ in range(depth):
        found = {"type": "Sequence", "normalizers": [found]}
    return found


def _surplus(folder: Path, _: Path) -> Path:
    model = json.loads((folder / "tokenizer.json").read_text())["model"]
    return change_json(folder, "tokenizer.json", model={**model, "vocab": {**model["vocab"], "surplus": 5000}})


def _link(name: str) -> Build:
    def build(folder: Path, _: Path) -> Path:
        elsewhere = folder.parent / "elsewhere"
        shutil.copy(folder / name, elsewhere)
        (folder / name).unlink()
        (folder / name).symlink_to(elsewhere)
        return folder

    return build


def _pipe(name: str) -> Build:
    def build(folder: Path, _: Path) -> Path:
        (folder / name).unlink()
        os.mkfifo(folder / name)
        return folder

    return build


def _device(folder: Path, _: Path) -> Path:
    (folder / "polyhead.json").unlink()
    (folder / "polyhead.json").symlink_to("/dev/zero")
    return folder


def _manifest(content: str) -> Build:
    def build(folder: Path, _: Path) -> Path:
        (folder / "manifest.json").write_text(content)
        return folder

    return build


def _manifest_with(name: str, entry: Any) -> Build:
    def build(folder: Path, _: Path) -> Path:
        listed = json.loads((folder / "manifest.json").read_text())
        listed["files"][name] = entry
        (folder / "manifest.json").write_text(json.dumps(listed))
        return folder

    return build


def _holes(folder: Path, _: Path) -> Path:
    """A terabyte of nothing, behind a header that says so, in a manifest that says so."""
    header = safetensors({"w": {"dtype": "U8", "shape": [2**40], "data_offsets": [0, 2**40]}})
    with (folder / "model.safetensors").open("wb") as file:
        file.write(header)
        file.truncate(len(header) + 2**40)
    return _manifest_with("model.safetensors", {"bytes": len(header) + 2**40, "sha256": "0" * 64})(folder, folder)


def _tensor(shape: list[Any], offsets: list[Any], data: bytes = b"", **more: Any) -> Build:
    entry = {"dtype": "F32", "shape": shape, "data_offsets": offsets, **more}
    return _put("model.safetensors", safetensors({"w": entry}, data))


def _million(folder: Path, _: Path) -> Path:
    entry = '"t%d":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}'
    header = ("{" + ",".join(entry % number for number in range(1_000_000)) + "}").encode()
    return put(folder, "model.safetensors", safetensors(header))


def _many(folder: Path, _: Path) -> Path:
    entry = '"t%d":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}'
    header = ("{" + ",".join(entry % number for number in range(15_000)) + "}").encode()
    return put(folder, "model.safetensors", safetensors(header))


def _pickle_as_weights(folder: Path, marker: Path) -> Path:
    return put(folder, "model.safetensors", pickle.dumps(payload(marker)))


DEEP = "[" * 200_000
BUNDLES: dict[str, tuple[Build, str]] = {
    # the encoder's settings
    "auto_map": (_config(auto_map={"AutoModel": "evil.Model"}), "code of its own"),
    "auto_map_inside": (_config(x={"y": [{"auto_map": {"AutoModel": "evil.Model"}}]}), "code of its own"),
    "quantised": (_config(quantization_config={"quant_method": "gptq"}), "quantised"),
    "kernels": (_config(attn_implementation="evil/kernels"), "code from the Hub"),
    "kernels_inside": (_config(x={"_attn_implementation": "evil/kernels@main:f"}), "code from the Hub"),
    "kernels_private": (_config(_attn_implementation_internal="evil/kernels"), "code from the Hub"),
    "experts": (_config(experts_implementation="evil/kernels"), "code from the Hub"),
    "use_kernels": (_config(use_kernels=True), "code from the Hub"),
    "another_network": (_config(model_type="timm_wrapper"), "encoder of texts"),
    "a_network_inside": (_config(model_type="clip"), "describes a network of several|lack"),
    "no_such_network": (_config(model_type="../../evil"), "does not describe an encoder"),
    "layers": (_config(n_layers=10**9), "n_layers may be"),
    "more_layers_than_weights": (_config(n_layers=600), "n_layers may be"),
    "vocabulary": (_config(vocab_size=2**21), "has shape"),
    "vocabulary_endless": (_config(vocab_size=10**15), "vocab_size may be"),
    "width": (_config(dim=2**15), "has shape"),
    "positions": (_config(max_position_embeddings=2**20), "has shape"),
    "labels": (_config(num_labels=10**9), "num_labels may be"),
    "negative": (_config(dim=-4), "does not describe|cannot run|has shape"),
    "heads_that_do_not_divide": (_config(n_heads=5), "does not describe|cannot run"),
    "no_number": (_put("config.json", '{"model_type": "distilbert", "dim": NaN}'), "NaN is not a JSON value"),
    "key_twice": (_put("config.json", '{"model_type": "bert", "model_type": "distilbert"}'), "stands twice"),
    "config_deep": (_put("config.json", DEEP), "nests too deep"),
    "config_large": (_put("config.json", " " * 2_000_000), "too large"),
    # the manifest, links and what is no file
    "manifest_deep": (_manifest(DEEP), "nests too deep"),
    "manifest_large": (_manifest(" " * 2_000_000 + "{}"), "too large"),
    "manifest_number": (_manifest('{"files": {"polyhead.json": {"bytes": 1' + "0" * 5000 + "}}}"), "manifest"),
    "manifest_names_above": (_manifest_with("../../etc/passwd", {"bytes": 1, "sha256": "0" * 64}), "no name of a file"),
    "manifest_names_root": (_manifest_with("/etc/passwd", {"bytes": 1, "sha256": "0" * 64}), "no name of a file"),
    "manifest_types": (_manifest_with("config.json", {"bytes": True, "sha256": "0" * 64}), "cannot be read"),
    "manifest_digest": (_manifest_with("config.json", {"bytes": 3, "sha256": 7}), "cannot be read"),
    **{f"link_{name}": (_link(name), "a link") for name in ("polyhead.json", "tokenizer.json", "model.safetensors")},
    "link_manifest": (_link("manifest.json"), "a link"),
    "link_to_a_device": (_device, "a link"),
    "pipe": (_pipe("config.json"), "no plain file"),
    "pipe_manifest": (_pipe("manifest.json"), "no plain file"),
    "holes": (_holes, "mostly holes"),
    # the weights
    "weights_are_a_pickle": (_pickle_as_weights, "cannot be read as safetensors"),
    "million_tensors": (_million, "its header may have"),
    "many_tensors": (_many, "it may hold"),
    "header_length": (_put("model.safetensors", struct.pack("<Q", 2**63) + b"{}"), "says that its header has"),
    "header_is_no_json": (_put("model.safetensors", safetensors(b"\xff\xfe{}")), "cannot be read as safetensors"),
    "header_deep": (_put("model.safetensors", safetensors(DEEP.encode())), "nests too deep"),
    "header_list": (_put("model.safetensors", safetensors([])), "no JSON object"),
    "name_twice": (_put("model.safetensors", safetensors(b'{"w": {}, "w": {}}')), "stands twice"),
    "long_name": (_put("model.safetensors", safetensors({"w" * 10_000: {}})), "must say|1 to 512 characters"),
    "giant": (_tensor([2**40, 2**40], [0, 4]), "values"),
    "giant_of_none": (_tensor([0, 2**62], [0, 0]), "not all are sizes"),
    "overflow": (_tensor([2**31, 2**31, 4], [0, 0]), "values"),
    "negative_shape": (_tensor([-1], [0, 4], b"1234"), "not all are sizes"),
    "fraction": (_tensor([1.5], [0, 6], b"123456"), "not all are sizes"),
    "truth": (_tensor([True], [0, 4], b"1234"), "not all are sizes"),
    "beyond_the_file": (_tensor([1000], [0, 4000], b"1234"), "the file has 4 for them"),
    "behind_the_tensors": (_tensor([1], [0, 4], b"1234" * 100), "the file has 400 for them"),
    "gap": (_tensor([1], [4, 8], b"12345678"), "gap or overlap"),
    "type": (_tensor([1], [0, 4], b"1234", dtype="F4"), "known: BOOL"),
    "more_fields": (_tensor([1], [0, 4], b"1234", device="cuda"), "no more"),
    "backwards": (_tensor([1], [4, 0], b"1234"), "takes 4 bytes"),
    # the tokenizer
    "regex": (_split("(a+)+$"), "may hang"),
    "regex_alternatives": (_split("(a|aa)+$"), "may hang"),
    "regex_backreference": (_split(r"(.*)\1\1$"), "may hang"),
    "regex_lookbehind": (_split(r"(?<=a{1,1000})b"), "may hang"),
    "regex_empty": (_split("a*"), "may hang"),
    "regex_in_replace": (
        _tokenizer(normalizer={"type": "Replace", "pattern": {"Regex": r"(\s*\s*)*x"}, "content": ""}),
        "may hang",
    ),
    "replacements": (
        _tokenizer(normalizer={"type": "Sequence", "normalizers": [_replace(" ", "  ")] * 16}),
        "may make 16",
    ),
    "long_replacement": (_tokenizer(normalizer=_replace("a", "b" * 900)), "may make 16"),
    "prepend": (_tokenizer(normalizer={"type": "Prepend", "prepend": "x" * 100_000}), "refused"),
    "components": (_tokenizer(normalizer={"type": "Sequence", "normalizers": [{"type": "NFC"}] * 1000}), "components"),
    "components_inside": (_tokenizer(normalizer=_nested(100)), "components"),
    "unknown_component": (_tokenizer(pre_tokenizer={"type": "Evil"}), "'Evil' is not taken"),
    "unknown_model": (_model(type="Evil"), "'Evil' is not taken"),
    "charsmap": (
        _tokenizer(normalizer={"type": "Precompiled", "precompiled_charsmap": "QUJDRA=="}),
        "precompiled_charsmap",
    ),
    "charsmap_long": (
        _tokenizer(
            normalizer={
                "type": "Precompiled",
                "precompiled_charsmap": base64.b64encode(struct.pack("<II", 4, 0) + b"a" * 100_000 + b"\0").decode(),
            }
        ),
        "makes more than 64 bytes of one",
    ),
    "long_words": (_model(max_input_chars_per_word=10**9), "max_input_chars_per_word"),
    "dropout": (_model(type="BPE", merges=[], dropout=0.5), "at random"),
    "ids": (_model(vocab={"[UNK]": 2**31}), "ids are whole numbers"),
    "ids_beyond_the_table": (_surplus, "ids up to 5,000"),
    "no_unknown": (_model(vocab={"a": 0}), "is not in its vocab"),
    "template": (
        _tokenizer(
            post_processor={
                "type": "TemplateProcessing",
                "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}] * 100_000,
                "pair": [],
                "special_tokens": {},
            }
        ),
        "a template is a list",
    ),
    "template_ids": (
        _tokenizer(
            post_processor={
                "type": "TemplateProcessing",
                "single": [{"SpecialToken": {"id": "x", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
                "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
                "special_tokens": {"x": {"id": "x", "ids": [0] * 1_000_000, "tokens": ["x"] * 1_000_000}},
            }
        ),
        "1 to 32 ids",
    ),
    "tokenizer_deep": (_put("tokenizer.json", DEEP), "nests too deep"),
    # what polyhead itself keeps
    "no_tasks": (_about(tasks=[]), "at least one task"),
    "task_of_no_kind": (_about(tasks=[{"name": "a", "kind": "evil", "field": "x", "weight": 1}]), "not known here"),
    "task_of_odd_name": (_about(tasks=[{"name": "../a", "kind": "tagging", "field": "x", "weight": 1}]), "no name"),
    "rows": (_about(encoding={"max_pieces": 10**9, "pad_id": 0, "overlap": None}), "max_pieces"),
    "rows_beyond_the_table": (_about(encoding={"max_pieces": 65, "pad_id": 0, "overlap": None}), "takes 64"),
    "pad": (_about(encoding={"max_pieces": 64, "pad_id": 5000, "overlap": None}), "ids up to 5,000"),
    "no_room": (_about(encoding={"max_pieces": 64, "pad_id": 0, "overlap": 62}), "an overlap of 62"),
    "temperature": (_about(temperatures={"ner": 0.0}), "temperatures"),
    "about_deep": (_put("polyhead.json", DEEP), "nests too deep"),
    "about_large": (_put("polyhead.json", " " * 17_000_000), "too large"),
    "about_endless": (_put("polyhead.json", '{"a": 1' + "0" * 100_000 + "}"), "cannot be read"),
}
ONLY_WHEN_LOADED = {
    *("vocabulary", "width", "positions", "negative", "heads_that_do_not_divide", "a_network_inside"),
    *("no_such_network", "more_layers_than_weights", "rows_beyond_the_table", "pad", "no_room", "ids_beyond_the_table"),
}
"""What takes a network to be seen: whether parts fit each other."""


@pytest.mark.parametrize("name", BUNDLES)
def test_bundles(name: str, bundle: Path, refused: Refused, tmp_path: Path) -> None:
    build, said = BUNDLES[name]
    marker = tmp_path / "marker"
    refusal = refused(build(bundle, marker), inspect=name not in ONLY_WHEN_LOADED)
    assert any(part in refusal.said for part in said.split("|")), refusal.said
    assert not marker.exists()


@pytest.mark.parametrize(
    "padding",
    [
        {"padding": {"strategy": {"Fixed": 10**12}, "direction": "Right", "pad_to_multiple_of": None, "pad_id": 0,
                     "pad_type_id": 0, "pad_token": "[PAD]"}},
        {"truncation": {"direction": "Right", "max_length": 1, "strategy": "LongestFirst", "stride": 0}},
        {"decoder": {"type": "Replace", "pattern": {"Regex": "(a+)+$"}, "content": ""}},
    ],
)  # fmt: skip
def test_what_is_never_used_does_nothing(padding: dict[str, Any], bundle: Path) -> None:
    (wanted,) = Predictor.load(bundle)(["John lives in New York ."])
    (found,) = Predictor.load(change_json(bundle, "tokenizer.json", **padding))(["John lives in New York ."])
    assert found.to_json() == wanted.to_json()


RUNS = {
    "above": '{"best": "../elsewhere", "epochs": []}',
    "root": '{"best": "/etc", "epochs": []}',
    "nothing": '{"best": "a\\u0000b", "epochs": []}',
    "link": '{"best": "link", "epochs": []}',
    "deep": DEEP,
    "twice": '{"best": "epoch-1", "best": "../elsewhere", "epochs": []}',
    "number": '{"best": 1e999, "epochs": []}',
    "long": json.dumps({"best": "x" * 100_000, "epochs": []}),
}


@pytest.mark.parametrize("name", RUNS)
def test_runs(name: str, bundle: Path, refused: Refused, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "link").symlink_to(bundle)
    (folder / "run.json").write_text(RUNS[name])
    refused(folder)


def test_a_run_whose_account_is_a_link(bundle: Path, refused: Refused, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (tmp_path / "account.json").write_text('{"best": "epoch-1", "epochs": []}')
    (folder / "run.json").symlink_to(tmp_path / "account.json")
    assert "a link" in refused(folder).said
