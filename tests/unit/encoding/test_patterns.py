import time

import pytest
from tokenizers import Regex, normalizers

from polyhead.encoding.patterns import PUBLISHED, cannot_hang

SIMPLE = [
    *(" ", "a", r"\s+", r"\d", r"\p{L}+", r"\p{N}{1,3}", " {2,}", "[a-z]+", r"[^\s\p{L}\p{N}]+", r"[\n\r\t]", "▁"),
    *(r"\.", "a{2,99}"),
]
HANGS = [
    *("(a+)+$", "(a|a)*b", "a*", "a?", r"(.*)\1", "a+a+a+a+$", r"\s*\s*x", "(?=a)", "[a&&b]", "[[:alpha:]]", "a{0,}"),
    *("a++", " +▁"),
]
"""The last is of a published tokenizer: each of a row of blanks looks through all those behind it."""
LENGTH = 80_000


@pytest.mark.parametrize("pattern", [*SIMPLE, *sorted(PUBLISHED)])
def test_patterns_of_published_tokenizers_and_plain_ones(pattern):
    assert cannot_hang(pattern)
    replace = normalizers.Replace(Regex(pattern), " ")
    for part in ("a", " ", "\n", "1", "'", "\u0301", " \t", "▁", " ▁", "aA", "   x", "1'"):
        text = (part * LENGTH)[:LENGTH]
        started = time.process_time()
        replace.normalize_str(text)
        assert time.process_time() - started < 1, (pattern, part)


@pytest.mark.parametrize("pattern", ["", "x" * 300, *HANGS])
def test_what_may_go_back_and_try_again(pattern):
    assert not cannot_hang(pattern)
