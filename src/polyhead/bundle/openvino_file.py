"""An OpenVINO model from strangers (`model.xml` with weights in `model.bin`), looked through before it is opened."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError, fromstring

from polyhead.bundle.reading import MIB, plain_file, read_text
from polyhead.errors import BundleError

_CURE = "take the model from whoever exported it once more"
_OPSET = re.compile(r"opset[0-9]{1,2}")
_WITH_GRAPHS = frozenset({"TensorIterator", "Loop", "If"})
_MOST_BYTES = 64 * MIB


def check_openvino(path: Path) -> str:
    """See that a file is an OpenVINO graph whose weights all lie in the file beside it.

    Returns:
        What was found, in words.

    Raises:
        BundleError: If it is damaged, cut short, of another format, or holds what no exported model has.
    """
    weights = path.with_suffix(".bin")
    with plain_file(weights, cure=_CURE) as (_, size):
        pass
    text = read_text(path, cure=_CURE, limit=_MOST_BYTES)
    # A document type brings entities, which can be made to grow without end.
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise BundleError(f"{path}: refused: it declares a document type, which no exported model does; {_CURE}")
    layers = constants = 0
    try:
        for element in _elements(text):
            if element.tag == "layer":
                layers += 1
                constants += _check_layer(element, size)
    except (ParseError, ValueError) as error:
        raise BundleError(f"{path}: cannot be read as an OpenVINO model: {error}; {_CURE}") from error
    except _RefusedError as error:
        raise BundleError(f"{path}: refused: {error}; {_CURE}") from error
    if not layers:
        raise BundleError(f"{path}: cannot be read as an OpenVINO model: it has no layers; {_CURE}")
    return f"{layers:,} operators, {constants:,} constants, all of them in {weights.name}"


class _RefusedError(Exception):
    """The file holds what is not taken."""


def _elements(text: str) -> list[Element]:
    """Return the elements, each whole; a text that ends in the middle of one is none."""
    return list(fromstring(text).iter())  # noqa: S314 (no entities: there is no document type)


def _check_layer(layer: Element, size: int) -> bool:
    """Check one operator, and return whether it is a constant."""
    kind, version = layer.get("type", ""), layer.get("version", "")
    if not _OPSET.fullmatch(version):
        raise _RefusedError(f"it uses an operator {kind[:40]!r} of {version[:40]!r}, which comes with other packages")
    if kind in _WITH_GRAPHS:
        raise _RefusedError(f"it holds a graph inside its graph ({kind}), which no exported model has")
    data = layer.find("data")
    if kind != "Const" or data is None:
        return False
    offset, length = int(data.get("offset", "-1")), int(data.get("size", "-1"))
    if offset < 0 or length < 0 or offset + length > size:
        raise ValueError(f"a constant takes bytes {offset:,} to {offset + length:,} of weights that have {size:,}")
    return True
