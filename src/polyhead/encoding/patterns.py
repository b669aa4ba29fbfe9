"""Regular expressions in a tokenizer's file: those that cannot hang, and no others.

The engine that tokenizers use goes back and tries again; ``(a+)+$`` keeps it busy for years. Whether any pattern can
do that is hard to tell, so only two sorts are taken: those of published tokenizers, known one by one, and patterns so
simple that there is nothing to go back to.
"""

from __future__ import annotations

import re

PUBLISHED = frozenset(
    {
        # GPT-2, RoBERTa, BART, ModernBERT
        r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
        r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
        # CLIP
        r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+",
        # cl100k, Llama 3
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
        r"|\s+(?!\S)|\s+",
        # Qwen 2 and 3
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
        r"|\s+(?!\S)|\s+",
        # Qwen 3.5
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*"
        r"|\s*[\r\n]+|\s+(?!\S)|\s+",
        # o200k
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
        r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
        r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        # T5, mBART, MarianMT and others that were sentencepiece models
        r"^▁+$",
        r"\s{2,}|[\n\r\t]",
    }
)
"""Patterns of published tokenizers, each seen to take time in proportion to the text."""

_ESCAPE = r"\\(?:[dDsSwWnrtfv.^$*+?()\[\]{}|\\/-]|[pP]\{[A-Za-z_]{1,20}\}|u[0-9A-Fa-f]{4})"
_PLAIN = r"[^\\\[\](){}.*+?^$|\x00-\x1f]"
_CLASS = rf"\[\^?(?:{_ESCAPE}|[^\\\[\]&^\x00-\x08])(?:{_ESCAPE}|[^\\\[\]&\x00-\x08]){{0,63}}\]"
_SIMPLE = re.compile(rf"(?:{_ESCAPE}|{_PLAIN}|{_CLASS})(?:\+|\{{[1-9]\d?(?:,(?:\d{{1,2}})?)?\}})?")


def cannot_hang(pattern: str) -> bool:
    """Whether a pattern takes time in proportion to the text, as far as we know.

    That is so of the published ones, and of one character or class with at most one quantifier, which matches at
    least one character.
    """
    return pattern in PUBLISHED or (len(pattern) <= 200 and _SIMPLE.fullmatch(pattern) is not None)
