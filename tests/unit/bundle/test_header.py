import json
import struct

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from polyhead.bundle.header import TensorInfo, read_header
from polyhead.errors import BundleError


def test_what_safetensors_writes_is_read(tmp_path):
    tensors = {
        "a.weight": torch.zeros(3, 4),
        "b": torch.zeros((), dtype=torch.int64),
        "c": torch.zeros(0, 5, dtype=torch.bool),
        "d": torch.zeros(7, dtype=torch.bfloat16),
    }
    save_file(tensors, tmp_path / "x.safetensors", metadata={"format": "pt"})
    assert read_header(tmp_path / "x.safetensors") == {
        "a.weight": TensorInfo("F32", (3, 4)),
        "b": TensorInfo("I64", ()),
        "c": TensorInfo("BOOL", (0, 5)),
        "d": TensorInfo("BF16", (7,)),
    }


def test_a_file_without_tensors(tmp_path):
    save_file({}, tmp_path / "x.safetensors")
    assert read_header(tmp_path / "x.safetensors") == {}


@pytest.mark.parametrize("notes", [7, {"a": 1}, [1]])
def test_notes_are_texts(tmp_path, notes):
    header = json.dumps({"__metadata__": notes}).encode()
    (tmp_path / "x.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)
    with pytest.raises(BundleError, match="no table of texts"):
        read_header(tmp_path / "x.safetensors")


def test_every_length_of_a_file_but_its_own_is_refused(tmp_path):
    path = tmp_path / "x.safetensors"
    save_file({"a": torch.arange(5)}, path)
    content = path.read_bytes()
    for length in np.unique(np.linspace(0, len(content) - 1, 60).astype(int)):
        path.write_bytes(content[:length])
        with pytest.raises(BundleError, match="cannot be read as safetensors"):
            read_header(path)
    path.write_bytes(content + b"\0")
    with pytest.raises(BundleError, match="for them"):
        read_header(path)
