import hmac

import pytest

from polyhead.errors import SettingsError
from polyhead.serving import keys as module
from polyhead.serving.keys import Keys

KEY, OTHER = "0123456789abcdef", "fedcba9876543210-"


def opens(keys, **headers):
    return keys.open([(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()])


def test_a_key_opens_in_either_field():
    keys = Keys([KEY, OTHER])
    assert opens(keys, authorization=f"Bearer {KEY}")
    assert opens(keys, authorization=f"bearer  {OTHER} ")
    assert opens(keys, x_api_key=OTHER)
    for wrong in ("", KEY, f"Basic {KEY}", f"Bearer {KEY}x", f"Bearer {KEY[:-1]}", "Bearer", "Bearer \u00fc"):
        assert not opens(keys, authorization=wrong)
    assert not opens(keys, x_api_key="")
    assert not keys.open([])
    assert not Keys()


def test_all_keys_are_compared_in_constant_time(monkeypatch):
    compared = []
    monkeypatch.setattr(
        module.hmac, "compare_digest", lambda one, other: compared.append(other) or hmac.new(b"", one, "md5") is None
    )
    opens(Keys([KEY, OTHER]), x_api_key=KEY)
    assert compared == [KEY.encode(), OTHER.encode()]


def test_a_file_of_keys(tmp_path):
    path = tmp_path / "keys"
    path.write_bytes(f"# ours\r\n\r\n  {KEY}\r\n{OTHER}\n#{OTHER}x\n".encode())
    keys = Keys.read(path)
    assert opens(keys, x_api_key=KEY)
    assert opens(keys, x_api_key=OTHER)
    assert not opens(keys, x_api_key=f"#{OTHER}x")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "holds no key"),
        (b"# none\n", "holds no key"),
        (f"{KEY}\nshort\n".encode(), "line 2: a key has 16 characters or more"),
        (f"{KEY}\n\n{KEY} {KEY}\n".encode(), "line 3: a key has 16 characters or more, none of them blank"),
        (f"{KEY}\t{KEY}\n".encode(), "line 1"),
        ("schlüsselschlüssel\n".encode(), "letters, digits and signs of ASCII"),
        (f"{KEY}\n".encode() * 10_000, "more than 65,536 bytes"),
    ],
)
def test_a_file_that_is_none_is_refused_with_its_line(content, said, tmp_path):
    path = tmp_path / "keys"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=f"--api-key-file: {path}") as caught:
        Keys.read(path)
    assert said in str(caught.value)
    assert KEY not in str(caught.value), "an error goes into logs"


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(SettingsError, match="cannot be read: No such file"):
        Keys.read(tmp_path / "none")
    with pytest.raises(SettingsError, match="cannot be read: Is a directory"):
        Keys.read(tmp_path)
