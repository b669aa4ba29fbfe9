"""What goes between processes."""

from __future__ import annotations

import io
from typing import Any

import pytest

from polyhead import errors
from polyhead.errors import PolyheadError
from polyhead.processes import read_header, write_error

_KINDS = [item for item in vars(errors).values() if isinstance(item, type) and issubclass(item, Exception)]
_MADE_OF: dict[type[PolyheadError], tuple[Any, ...]] = {
    errors.MissingExtraError: ("the runtime 'openvino'", "openvino"),
    errors.TrainingStoppedError: (15, "stopped by SIGTERM"),
}


@pytest.mark.parametrize("kind", _KINDS)
def test_an_error_is_raised_again_as_it_was(kind: type[PolyheadError]) -> None:
    error = kind(*_MADE_OF.get(kind, ("model.onnx: what is wrong, and what to do",)))
    line = io.BytesIO()
    write_error(line, error)
    with pytest.raises(kind) as raised:
        read_header(io.BytesIO(line.getvalue()))
    assert type(raised.value) is kind
    assert str(raised.value) == str(error)


def test_an_error_of_another_kind_is_one_of_ours_all_the_same() -> None:
    with pytest.raises(PolyheadError, match="odd"):
        read_header(io.BytesIO(b'{"error": "OddError", "message": "odd"}\n'))


def test_a_process_that_ended_has_no_header() -> None:
    with pytest.raises(EOFError):
        read_header(io.BytesIO(b'{"half": '))
