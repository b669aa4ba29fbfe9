import io
import os
import pickle
import zipfile

import pytest
import torch

from polyhead.bundle.archive import read_archive
from polyhead.bundle.header import TensorInfo
from polyhead.bundle.pickled import Call, Global, PickleError, imports_of, read_pickle
from polyhead.errors import BundleError

VALUE = {"text": "é", "numbers": [0, 1, 255, 2**31 - 1, -5, 1.5], "none": None, "truth": [True, False], "pair": (1, ())}


@pytest.mark.parametrize("value", [VALUE, [], {}, "x", 7])
def test_plain_values_come_back(value):
    assert read_pickle(pickle.dumps(value, protocol=2)).value == value


def test_a_call_is_a_note():
    content = b"\x80\x02cposix\nsystem\nX\x02\x00\x00\x00ls\x85R."
    found = read_pickle(content)
    assert found.value == Call(Global("posix.system"), ("ls",))
    assert found.imports == imports_of(content) == ("posix.system",)


@pytest.mark.parametrize("protocol", range(6))
def test_imports_are_named_in_every_dialect(protocol):
    assert "posix.getcwd" in imports_of(pickle.dumps(os.getcwd, protocol=protocol))


@pytest.mark.parametrize(
    "content", [b"", b".", b"\x80\x02.", b"\x80\x02}}.", b"\x80\x02h\x05.", b"\x80\x02(", b"0", b"\x80\x02)u."]
)
def test_nonsense(content):
    with pytest.raises(PickleError):
        read_pickle(content)


def test_tensors_are_described(tmp_path):
    path = tmp_path / "x.pt"
    torch.save({"a": torch.zeros(2, 3), "b": [torch.ones(4, dtype=torch.bfloat16)], "c": torch.tensor(5)}, path)
    archive = read_archive(path)
    assert archive.value == {
        "a": TensorInfo("F32", (2, 3)),
        "b": [TensorInfo("BF16", (4,))],
        "c": TensorInfo("I64", ()),
    }
    assert "torch.FloatStorage" in archive.imports


def test_a_state_dict_of_torch_is_described(tmp_path):
    torch.save(torch.nn.Linear(3, 2).state_dict(), tmp_path / "x.pt")
    assert read_archive(tmp_path / "x.pt").value["weight"].shape == (2, 3)


def test_a_view_that_is_not_in_a_row_is_refused(tmp_path):
    torch.save({"a": torch.zeros(3, 2).T}, tmp_path / "x.pt")
    with pytest.raises(BundleError, match="not laid out in a row"):
        read_archive(tmp_path / "x.pt")


def test_every_byte_of_a_file_counts(tmp_path):
    """What stands in front, between or behind is no part of a file of torch."""
    buffer = io.BytesIO()
    torch.save({"a": torch.zeros(2)}, buffer)
    path = tmp_path / "x.pt"
    path.write_bytes(buffer.getvalue() + b"x" * 100_000)
    with pytest.raises(BundleError):
        read_archive(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x/data.pkl", pickle.dumps({}, protocol=2) + b" " * 10_000)
    with pytest.raises(BundleError, match="compressed"):
        read_archive(path)
