"""Text to pieces, offsets, units and windows. No torch, no transformers: the `tokenizers` library alone."""

from polyhead.encoding.encoded import Encoded
from polyhead.encoding.encoder import TextEncoder
from polyhead.encoding.units import UNIT_KINDS, UnitKind, Units
from polyhead.encoding.windows import Window, cut_windows

__all__ = ["UNIT_KINDS", "Encoded", "TextEncoder", "UnitKind", "Units", "Window", "cut_windows"]
