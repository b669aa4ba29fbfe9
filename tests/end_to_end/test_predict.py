"""`polyhead predict`: where texts come from, what is written, in which order."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from polyhead import Predictor
from polyhead.training import TrainedRun
from tests.end_to_end.conftest import Cli, Outcome

TEXTS = ["John lives in New York.", "Anna  works\tin Berlin", "今日は \U0001f600", "play some music"]
TEXT = TEXTS[0]


def lines_of(done: Outcome) -> list[dict[str, object]]:
    assert done.status == 0, done.err
    return [json.loads(line) for line in done.out.splitlines()]


@pytest.fixture
def model(single_file_run: TrainedRun) -> Path:
    return single_file_run.folder


@pytest.fixture
def expected(model: Path) -> list[dict[str, object]]:
    return [result.to_json() for result in Predictor.load(model)(TEXTS)]


def test_json_has_the_promised_shape(cli: Cli, model: Path) -> None:
    (answer,) = lines_of(cli("predict", model, TEXT, "--json"))
    assert list(answer) == ["text", "classification", "ner"]
    assert list(answer["classification"]) == ["label", "score"]
    assert isinstance(answer["classification"]["label"], int)
    assert list(answer["ner"]) == ["entities", "words", "tags"]
    assert answer["ner"]["words"] == ["John", "lives", "in", "New", "York."]
    assert answer["ner"]["tags"] == ["B-PER", "O", "O", "B-LOC", "I-LOC"]
    first, second = answer["ner"]["entities"]
    assert list(first) == ["start", "end", "label", "text", "score"]
    assert {**first, "score": 0} == {"start": 0, "end": 4, "label": "PER", "text": "John", "score": 0}
    assert {**second, "score": 0} == {"start": 14, "end": 23, "label": "LOC", "text": "New York.", "score": 0}
    assert all(0.3 < entity["score"] <= 1 for entity in (first, second))


def test_texts_on_the_command_line(cli: Cli, model: Path, expected: list[dict[str, object]]) -> None:
    assert lines_of(cli("predict", model, *TEXTS, "--json")) == expected


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("texts.json", json.dumps([{"sentence": text} for text in TEXTS])),
        ("texts.json", json.dumps([{"text": text, "label": 1} for text in TEXTS], indent=2, ensure_ascii=False)),
        ("texts.jsonl", "".join(json.dumps({"sentence": text}) + "\n" for text in TEXTS)),
        ("texts.data", "".join(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in TEXTS)),
        ("texts.txt", "\n".join(TEXTS)),
        ("texts", "\r\n".join(TEXTS) + "\r\n"),
        ("bom.txt", "\ufeff" + "\n".join(TEXTS)),
    ],
)
def test_input_files(
    name: str, content: str, cli: Cli, model: Path, tmp_path: Path, expected: list[dict[str, object]]
) -> None:
    (tmp_path / name).write_bytes(content.encode())
    assert lines_of(cli("predict", model, "--input", tmp_path / name, "--json")) == expected


def test_input_is_read_as_training_data_were(
    cli: Cli, encoder: str, write: Callable[..., Path], tmp_path: Path, small_data: Path
) -> None:
    records = [json.loads(line) for line in small_data.read_text(encoding="utf-8").splitlines()]
    data = write([{"id": "x", "utterance": record.pop("sentence"), **record} for record in records])
    settings = ("--set", "data.text_field=utterance", "--set", "data.max_characters=30", "--epochs", 1)
    done = cli("train", data, "--dev", data, "--encoder", encoder, "--output", tmp_path / "out", *settings)
    assert done.status == 0, done.err
    texts = write([{"utterance": "Book a flight", "sentence": "not this"}, {"sentence": "this"}], "texts.jsonl")
    answers = lines_of(cli("predict", tmp_path / "out", "--input", texts, "--json"))
    assert [answer["text"] for answer in answers] == ["Book a flight", "this"]
    done = cli("predict", tmp_path / "out", "x" * 31)
    assert done.status == 2
    assert "has 31 characters, the limit is 30" in done.err


def test_standard_input(process: Callable[..., Outcome], model: Path, expected: list[dict[str, object]]) -> None:
    done = process("-m", "polyhead", "predict", model, "--input", "-", "--json", stdin="\n".join(TEXTS))
    assert lines_of(done) == expected
    assert done.err == ""


def test_output_file(cli: Cli, model: Path, tmp_path: Path, expected: list[dict[str, object]]) -> None:
    target = tmp_path / "answers.jsonl"
    target.write_text("old")
    done = cli("predict", model, *TEXTS, "--output", target)
    assert (done.status, done.out) == (0, "")
    assert [json.loads(line) for line in target.read_text("utf-8").splitlines()] == expected
    assert "今日は" in target.read_text("utf-8"), "written as it is, not as escapes"
    assert [path.name for path in tmp_path.iterdir()] == ["answers.jsonl"]


def test_one_task(cli: Cli, model: Path) -> None:
    (ner,) = lines_of(cli("predict", model, TEXT, "--task", "ner", "--json"))
    assert list(ner) == ["text", "ner"]
    (both,) = lines_of(cli("predict", model, TEXT, "--task", "ner", "--task", "classification", "--json"))
    assert list(both) == ["text", "ner", "classification"]


def test_best_classes_beside_an_answer(cli: Cli, model: Path, tmp_path: Path) -> None:
    bare = lines_of(cli("predict", model, *TEXTS, "--json"))
    answers = lines_of(cli("predict", model, *TEXTS, "--json", "--top-k", 2))
    wanted = [result.to_json() for result in Predictor.load(model)(TEXTS, top_k=2)]
    assert answers == wanted
    for answer, own in zip(answers, bare, strict=True):
        classes = answer["classification"].pop("classes")
        assert answer == own
        assert classes[0] == own["classification"]
        assert len(classes) == 2
    assert list(lines_of(cli("predict", model, TEXT, "--json", "--top-k", 99))[0]["ner"]) == [
        "entities",
        "words",
        "tags",
    ]
    (tmp_path / "texts.txt").write_text("\n".join(TEXTS), "utf-8")
    target = tmp_path / "answers.jsonl"
    given = ("--input", tmp_path / "texts.txt", "--output", target, "--top-k", 2)
    for more in ((), ("--workers", 2)):
        assert cli("predict", model, *given, *more).status == 0
        assert [json.loads(line) for line in target.read_text("utf-8").splitlines()] == wanted
    assert cli("predict", model, TEXT, "--top-k", 0).status == 2


def test_best_classes_for_people(cli: Cli, model: Path) -> None:
    (result,) = Predictor.load(model)([TEXT], top_k=2)
    (best, score), (other, less) = result.predictions["classification"].classes
    shown = cli("predict", model, TEXT, "--top-k", 2).out
    assert f"classification  {best}  {score:.2f}  then {other} {less:.2f}" in shown
    assert "then" not in cli("predict", model, TEXT, "--top-k", 1).out
    assert "not sure" in cli("predict", model, TEXT, "--top-k", 2, "--min-confidence", 1).out


def test_for_people(cli: Cli, model: Path) -> None:
    done = cli("predict", model, TEXT)
    assert done.status == 0
    assert "[John]PER lives in [New York.]LOC" in done.out
    assert "classification  " in done.out
    assert "2 found" in done.out
    assert "{" not in done.out
    assert "[John]" not in cli("predict", model, TEXT, "--task", "classification").out


def test_markup_and_control_characters_are_text(cli: Cli, model: Path) -> None:
    done = cli("predict", model, "[bold]hello[/bold] \x1b[31mred\x07", "--task", "classification")
    assert "[bold]hello[/bold]" in done.out
    assert "\x1b" not in done.out
    assert "\x07" not in done.out


def test_a_text_that_begins_with_a_dash(cli: Cli, model: Path) -> None:
    (answer,) = lines_of(cli("predict", model, "--json", "--", "--debug is a flag"))
    assert answer["text"] == "--debug is a flag"


def test_blank_lines_keep_answers_and_lines_side_by_side(cli: Cli, model: Path, tmp_path: Path) -> None:
    (tmp_path / "texts.txt").write_text("a b\n\n  \nc\n")
    answers = lines_of(cli("predict", model, "--input", tmp_path / "texts.txt", "--json"))
    assert [answer["text"] for answer in answers] == ["a b", "", "  ", "c"]
    assert answers[1]["ner"] == {"entities": [], "words": [], "tags": []}


def test_thousands_of_lines_keep_their_order(cli: Cli, model: Path, tmp_path: Path) -> None:
    texts = [f"{number} " + "Anna lives in Berlin " * (number * 7 % 12) for number in range(3000)]
    (tmp_path / "texts.txt").write_text("".join(text + "\n" for text in texts))
    done = cli("predict", model, "--input", tmp_path / "texts.txt", "--output", tmp_path / "out.jsonl")
    assert done.status == 0
    answers = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [answer["text"] for answer in answers] == texts
    assert all(answer["ner"]["words"] == answer["text"].split() for answer in answers)


def test_a_stream_is_read_as_it_is_answered(model: Path) -> None:
    taken = 0

    def endless() -> Iterator[str]:
        nonlocal taken
        while True:
            taken += 1
            yield f"text {taken}"

    stream = Predictor.load(model).stream(endless())
    first = [next(stream).text for _ in range(1500)]
    assert first == [f"text {number}" for number in range(1, 1501)]
    assert taken <= 3000


def test_answers_before_a_bad_line_are_printed(cli: Cli, model: Path, tmp_path: Path) -> None:
    path = tmp_path / "texts.jsonl"
    path.write_text('{"text": "fine"}\n' * 1500 + "broken\n")
    done = cli("predict", model, "--input", path, "--json")
    assert done.status == 2
    assert f"{path}:1501: not valid JSON" in done.err
    assert done.out.count("\n") >= 1024


def test_one_string_is_not_a_list_of_texts(model: Path) -> None:
    with pytest.raises(TypeError, match=r"write predictor\(\[text\]\)"):
        Predictor.load(model)("John")


def test_a_reader_that_stops_early(process: Callable[..., Outcome], model: Path, tmp_path: Path) -> None:
    (tmp_path / "texts.txt").write_text("Anna lives in Berlin\n" * 3000)
    code = (
        "import subprocess, sys\n"
        "p = subprocess.Popen([sys.executable, '-m', 'polyhead', 'predict', *sys.argv[1:], '--json'],"
        " stdout=subprocess.PIPE, stderr=subprocess.PIPE)\n"
        "p.stdout.readline(); p.stdout.close()\n"
        "print(p.stderr.read().decode(), p.wait())\n"
    )
    done = process("-c", code, model, "--input", tmp_path / "texts.txt")
    assert done.out.split() == ["0"], done.out
