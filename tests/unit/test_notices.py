import pytest

from polyhead.errors import DataError
from polyhead.notices import Notices
from polyhead.records import Source


def test_a_rule_is_told_once_with_count_and_first_case():
    notices = Notices()
    notices.add("{records are|record is} odd", Source("a.json", 3), "an odd one")
    notices.add("{records are|record is} odd", Source("a.json", 9), "another one", 4)
    assert notices.lines() == ["5 records are odd; first: a.json:3: an odd one"]


def test_one_is_told_as_one():
    notices = Notices()
    notices.add("{records are|record is} odd in {a|b}", None, "x")
    assert notices.lines() == ["1 record is odd in {a|b}; first: x"]


def test_rules_keep_their_order():
    notices = Notices()
    notices.add("second-rate", None, "x")
    notices.add("alphabetically first", None, "y")
    assert notices.lines() == ["1 second-rate; first: x", "1 alphabetically first; first: y"]


def test_strict_raises_the_first():
    with pytest.raises(DataError) as caught:
        Notices(strict=True).add("{records are|record is} odd", Source("a.json", 3), "an odd one")
    assert str(caught.value) == "a.json:3: an odd one (--strict: records are odd)"


def test_nothing_to_tell():
    assert Notices().lines() == []


def test_what_was_heard_can_be_heard_again():
    first, again = Notices(), Notices()
    first.add("{records are|record is} odd", Source("a.json", 3), "an odd one", 2)
    first.add("{texts are|text is} long", None, "this")
    again.add("{texts are|text is} long", None, "that")
    again.repeat(first.state())
    assert again.lines() == ["2 texts are long; first: that", "2 records are odd; first: a.json:3: an odd one"]
    with pytest.raises(DataError, match=r"^a\.json:3: an odd one \(--strict: records are odd\)$"):
        Notices(strict=True).repeat(first.state())
