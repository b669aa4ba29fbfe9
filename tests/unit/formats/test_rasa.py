import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyhead.formats import Annotated, Loss, fitted
from polyhead.formats.at import At
from polyhead.formats.rasa import Rasa
from polyhead.formats.rasa_examples import read_example
from polyhead.records import Source, Span, Spans
from tests.unit.formats.reads import complaint, entities, put, read

VALUE, ROLE = "the value of an entity", "the role of an entity"


def example(text):
    lost: list[Loss] = []
    found = read_example(text, At(Source("a.yml", 1), lost.append))
    marked = [(found["text"][own["start"] : own["end"]], own["label"]) for own in found["entities"]]
    return found["text"], marked, [loss.reason for loss in lost]


@pytest.mark.parametrize(
    ("marked", "text", "entities", "lost"),
    [
        ("to [New York](city) now", "to New York now", [("New York", "city")], []),
        ("[NYC](city:New York)", "NYC", [("NYC", "city")], [VALUE]),
        ("[NYC](city:NYC)", "NYC", [("NYC", "city")], []),
        ('[NYC]{"entity": "city", "role": "to", "value": "NYC"}!', "NYC!", [("NYC", "city")], [ROLE]),
        ('[a]{"entity": "x", "group": "1"}', "a", [("a", "x")], ["the group of an entity"]),
        ('[a b][{"entity": "x"}, {"entity": "y", "role": "r"}] c', "a b c", [("a b", "x"), ("a b", "y")], [ROLE]),
        ("[a](x)[b](y)", "ab", [("a", "x"), ("b", "y")], []),
        ("see [1] and (2) and {3}", "see [1] and (2) and {3}", [], []),
        ("[a] (x)", "[a] (x)", [], []),
        ("[](x)", "[](x)", [], []),
        ("[a](", "[a](", [], []),
        ("[a [b](x)", "a [b", [("a [b", "x")], []),
        ("[a][b]", "[a][b]", [], []),
        ('[a]{"entity": "two\\u007d"}', "a", [("a", "two}")], []),
    ],
)
def test_entities_are_marked_as_rasa_has_it(marked, text, entities, lost):
    assert example(marked) == (text, entities, lost)


@pytest.mark.parametrize("piece", ["[", "[a](", "[a]{", "[a][{", "[a](b:", "](", "[["])
def test_no_text_takes_for_ever(piece):
    began = time.perf_counter()
    example(piece * 20_000)
    assert time.perf_counter() - began < 10


FILE = """# comment
version: "3.1"

nlu:
- intent: greet   # another
  examples: |

    - hey
      - not one

    no dash
    - hello [Ann](name)
- intent: "faq/ask: name"
  metadata: {a: 1}
  examples:
  - text: |

      who are you
    metadata: x
  - text: what are you
- intent: a+b
  examples: "- one\\n- two"
- synonym: credit
  examples: |
    - credit card
- lookup: city
  examples: |
    - Rome
- regex: zip
  examples: |
    - [0-9]{5}
- story: what
rules: []
"""


def test_every_part_of_a_file_is_read_or_told_with_its_line(tmp_path):
    records, lost = read(put(tmp_path, "a.yml", FILE))
    assert [(record.text, record.label, record.source.line) for record in records] == [
        ("hey", "greet", 8),
        ("hello Ann", "greet", 12),
        ("who are you", "faq/ask: name", 18),
        ("what are you", "faq/ask: name", 20),
        ("one", "a+b", 22),
        ("two", "a+b", 22),
    ]
    assert entities(records[0]) == []
    assert entities(records[1]) == [("Ann", "name")]
    assert [(what, reason) for _, what, reason in lost] == [
        ("  - not one", "a line of examples that does not begin with '-'"),
        ("no dash", "a line of examples that does not begin with '-'"),
        ("faq/ask: name: metadata", "the metadata of an intent"),
        ("metadata", "the metadata of an example"),
        ("credit", "a synonym"),
        ("city", "a lookup"),
        ("zip", "a regex"),
        ("story", "an item of 'nlu' without an intent"),
        ("rules", "the part 'rules' of a Rasa file"),
    ]


@pytest.mark.parametrize("intent", ["yes", "null", "1.5", "~", "'off'", '"#a"'])
def test_an_intent_is_called_as_it_is_written(intent, tmp_path):
    path = put(tmp_path, "a.yml", f"nlu:\n- intent: {intent}\n  examples: |\n    - a\n")
    assert read(path)[0][0].label == intent.strip("'\"")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("nlu:\n- intent: a\n  examples: >\n    - b\n", "a.yml:3: '>' joins the lines; begin the block with '|'"),
        ("nlu:\n- &a\n  intent: b\n", "a.yml:2: anchors and aliases"),
        ("nlu:\n- intent: b\n  examples: *a\n", "a.yml:3: anchors and aliases"),
        ("nlu:\n- intent: !!python/name:os.system b\n", "a.yml:2: tags (tag:yaml.org,2002:python/name:os.system)"),
        ("nlu:\n- intent: a\n  intent: b\n", "a.yml:3: the field 'intent' stands there twice"),
        ("nlu:\n- intent: a\nnlu:\n- intent: b\n", "a.yml:3: the field 'nlu' stands there twice"),
        ("nlu:\n- intent: ''\n  examples: |\n    - a\n", "a.yml:2: an intent without a name"),
        ("nlu:\n- intent: a\n  examples: |\n    - [b]{c}\n", "a.yml:4: what is said of the entity [b] is not usable"),
        ('nlu:\n- intent: a\n  examples: |\n    - [b]{"c": 1}\n', 'a.yml:4: the field "entity" of an entity must be'),
        ("nlu:\n- intent: a\n  examples:\n  - b\n", "a.yml:4: must be fields with values"),
        ("nlu:\n- intent: a\n  examples:\n  - b: c\n", "a.yml:4: an example must have the field 'text'"),
        ("nlu:\n- hello\n", "a.yml:2: must be fields with values"),
        ("nlu: {a: b}\n", "a.yml:1: must be a list: lines that begin with '- '"),
        ("nlu:\n- intent: a\n  examples: |\n    - b\n   - c\n", "a.yml:5: not valid YAML"),
        ("nlu:\n- intent: a\n  examples: |\n    - b\x07\n", "a.yml:4: not valid YAML: the character '\\x07'"),
        ("nlu:\n- intent: " + "[" * 100_000, "a.yml:2: not valid YAML: nested too deeply"),
        ("nlu:\n" + "".join(" " * at + "-\n" for at in range(60)), "nested too deeply"),
        ("nlu:\n- intent: a\n  examples: |\n    - b\n---\nnlu: []\n", "a.yml:5: a second document"),
        ("version: '3.1'\nnlu:\n", "a.yml: no record in it"),
    ],
)
def test_what_cannot_be_read_is_said_with_its_line(text, wanted, tmp_path):
    assert wanted in complaint(put(tmp_path, "a.yml", text))


def test_a_file_streams_intent_by_intent():
    import io

    block = "- intent: a\n  examples: |\n" + "    - one more example\n" * 50
    stream = io.StringIO("nlu:\n" + block * 200)
    next(Rasa().read(stream, "a.yml"))
    assert stream.tell() <= 3 * 4096


@given(st.text("[](){}:ab\"'", min_size=1, max_size=14))
def test_a_text_with_brackets_comes_back_as_it_is_or_with_round_ones(text):
    lost: list[Loss] = []
    record = Annotated(text, label="x", spans=Spans((Span(0, 1, "a:)} b"),)))
    once = fitted(record, Rasa.holds, lost.append)
    assert once.text in (text, text.replace("[", "(").replace("]", ")"))
    assert once.spans == record.spans
    assert [loss.how for loss in lost] == ["changed"] * (once.text != text)


def test_white_space_at_the_ends_is_told_and_entities_stay_on_their_words():
    lost: list[Loss] = []
    once = fitted(Annotated(" a b\t", label="x", spans=Spans((Span(3, 4, "y"),))), Rasa.holds, lost.append)
    assert (once.text, once.spans) == ("a b", Spans((Span(2, 3, "y"),)))
    assert [loss.reason for loss in lost] == ["white space at the ends of a text"]


def test_intents_stand_together_and_odd_characters_are_quoted(tmp_path):
    records = [
        Annotated(text, label=label) for text, label in (("a", "x"), ("b", "yes: #"), ("c\x07", "x"), ("yes", "x"))
    ]
    lost: list[Loss] = []
    fitting = [fitted(record, Rasa.holds, lost.append) for record in records]
    Rasa().write(fitting, tmp_path / "a.yml", lost.append)
    assert (tmp_path / "a.yml").read_text() == (
        'version: "3.1"\nnlu:\n- intent: x\n  examples:\n  - text: a\n  - text: "c\\u0007"\n  - text: "yes"\n'
        '- intent: "yes: #"\n  examples: |\n    - b\n'
    )
    assert [loss.reason for loss in lost][-1] == "the order of the records (they stand by their class)"
    assert [record.text for record in read(tmp_path / "a.yml")[0]] == ["a", "c\x07", "yes", "b"]


MARKDOWN = """# Title
<!-- a comment
- not one -->
## intent:greet
- hey <!-- x --> [Ann](name)
* hi
+ [NYC](city:New York)
text
-
## synonym: savings
- pink pig
## lookup:city
data/city.txt
##intent: bye
- bye
"""


def test_markdown(tmp_path):
    records, lost = read(put(tmp_path, "a.md", MARKDOWN))
    assert [(record.text, record.label, record.source.line) for record in records] == [
        ("hey  Ann", "greet", 5),
        ("hi", "greet", 6),
        ("NYC", "greet", 7),
        ("bye", "bye", 15),
    ]
    assert [(what, reason) for _, what, reason in lost] == [
        ("[NYC]city value='New York'", VALUE),
        ("text", "a line that is no example of an intent"),
        ("savings", "a synonym"),
        ("city", "a lookup"),
    ]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("- a\n## intent:b\n", "a.md:1: an item before the first section"),
        ("## intent:b\n- a\n## story:x\n", "a.md:3: a section must be '## story:name', with one of intent"),
        ("## intent: \n- a\n", "a.md:1: a section must be"),
    ],
)
def test_markdown_that_is_not_rasas_is_refused(text, wanted, tmp_path):
    assert wanted in complaint(put(tmp_path, "a.md", text), "rasa-md")


def test_json(tmp_path):
    path = put(
        tmp_path,
        "a.json",
        '{"rasa_nlu_data": {"regex_features": [{"name": "zip"}],\n"common_examples": [\n'
        '{"text": "to NYC", "intent": "go", "entities": [{"start": 3, "end": 6, "value": "New York", '
        '"entity": "city"}]},\n{"text": "hm", "intent": ""}], "lookup_tables": []}, "more": 1}',
    )
    records, lost = read(path)
    assert [(own.text, own.label, entities(own), own.source.line) for own in records] == [
        ("to NYC", "go", [("NYC", "city")], 3),
        ("hm", None, None, 4),
    ]
    assert [reason for _, _, reason in lost] == [
        "an entry of 'regex_features'",
        VALUE,
        "the part 'more' of a Rasa file",
    ]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('{"rasa_nlu_data": {"common_examples": [\n{"intent": "a"}]}}', "a.json:2: the text of an example must be a"),
        ('{"rasa_nlu_data": {"common_examples": [\n1]}}', "a.json:2: an example must be an object, found a number"),
        ('{"rasa_nlu_data": {"common_examples": [], "common_examples": []}}', "stands twice in one object"),
        ('{"rasa_nlu_data": []}', "a.json:1: not valid JSON: expected '{' in an object, found '['"),
        ('{"rasa_nlu_data": {"common_examples": [{"text": "a"}]}} x', "after the end of the object"),
        ('{"rasa_nlu_data": {"common_examples": [{"text": "a"}],}}', "expected '\"' in an object, found '}'"),
        ('{"rasa_nlu_data": {"common_examples": [{"text": "a", "entities": [{"start": "0"}]}]}}', "whole number"),
    ],
)
def test_json_that_is_not_rasas_is_refused(text, wanted, tmp_path):
    assert wanted in complaint(put(tmp_path, "a.json", text))
