import json

import pytest

from polyhead.bundle import FORMAT_VERSION, About
from polyhead.errors import BundleError
from tests.unit.bundle.abouts import TASKS, about


def test_it_comes_back_as_it_was():
    again = About.parse(about().dump())
    assert again == about()
    assert again.restore_tasks() == TASKS


def test_the_text_is_for_people():
    assert about().dump().startswith(f'{{\n  "format_version": {FORMAT_VERSION},\n')
    assert "été" in about().dump()


@pytest.mark.parametrize("version", [FORMAT_VERSION + 1, 0, None, "1"])
def test_another_version_is_refused(version):
    state = {**json.loads(about().dump()), "format_version": version}
    with pytest.raises(BundleError) as caught:
        About.parse(json.dumps(state))
    assert str(caught.value) == (
        f"polyhead.json has format_version {version!r}, this version of polyhead reads {FORMAT_VERSION}"
    )


def test_another_version_is_said_even_where_its_fields_are_others():
    with pytest.raises(BundleError, match="has format_version 99"):
        About.parse('{"format_version": 99, "heads": []}')


@pytest.mark.parametrize("text", ["[]", '"x"', "null", "{}"])
def test_what_has_no_version_is_refused(text):
    with pytest.raises(BundleError, match="format_version None"):
        About.parse(text)


@pytest.mark.parametrize("text", ["", "{", "no json"])
def test_what_is_no_json_is_refused(text):
    with pytest.raises(BundleError, match=r"^polyhead\.json cannot be read: "):
        About.parse(text)


@pytest.mark.parametrize("change", [{"epoch": "two"}, {"encoding": {}}, {"surprise": 1}, {"tasks": {}}])
def test_what_was_never_written_is_refused(change):
    (key,) = change
    with pytest.raises(BundleError, match=rf"(?s)^polyhead\.json cannot be read: .*{key}"):
        About.parse(json.dumps({**json.loads(about().dump()), **change}))


@pytest.mark.parametrize(
    "task",
    [
        {**json.loads(about().dump())["tasks"][0], "options": {"x" * 100_000: 1}},
        {**json.loads(about().dump())["tasks"][0], "kind": "x" * 100_000},
        {**json.loads(about().dump())["tasks"][0], "labels": ["x"] * 100_000},
        {"name": "x" * 100_000},
    ],
    ids=["option", "kind", "labels", "name"],
)
def test_a_complaint_stays_short(task):
    with pytest.raises(BundleError) as caught:
        About.parse(json.dumps({**json.loads(about().dump()), "tasks": [task]})).restore_tasks()
    assert len(str(caught.value)) < 2000
