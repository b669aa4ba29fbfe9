"""`polyhead split`: on the command line, and on real data."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from polyhead.splitting import split
from polyhead.splitting.account import worst_labels
from tests.end_to_end.conftest import Cli, Configure, write_records


@pytest.fixture
def data(tmp_path: Path) -> Path:
    tags = (["B-PER", "O"], ["O", "B-LOC"], [])
    rows = [{"sentence": f"word{at} is", "label": at % 4, "ner_tags": tags[at % 3]} for at in range(200)]
    return write_records(tmp_path / "all.jsonl", rows)


def test_the_table_has_tasks_and_parts(cli: Cli, data: Path, tmp_path: Path) -> None:
    done = cli("split", data, "--output", tmp_path / "parts")
    assert done.status == 0, done.err
    assert "200 records in 200 groups that stay together" in done.out
    assert [line.split() for line in done.out.splitlines()[1:4]] == [
        ["task", "train", "%", "dev", "%", "test", "%"],
        ["all", "160", "80.0", "20", "10.0", "20", "10.0"],
        ["classification", "160", "80.0", "20", "10.0", "20", "10.0"],
    ]
    assert sorted(path.name for path in (tmp_path / "parts").iterdir()) == [
        "dev.jsonl", "split.json", "test.jsonl", "train.jsonl",
    ]  # fmt: skip


def test_json_is_the_manifest_without_the_list_of_records(cli: Cli, data: Path, tmp_path: Path) -> None:
    done = cli("split", data, "--output", tmp_path / "parts", "--shares", "3/1", "--names", "one,two", "--json")
    found = json.loads(done.out)
    manifest = json.loads((tmp_path / "parts" / "split.json").read_text())
    assert found["outputs"] == manifest["outputs"]
    assert found["counts"]["records"]["got"] == [150, 50]
    assert found["inputs"] == [{"path": str(data), "sha256": manifest["inputs"][0]["sha256"]}]
    assert manifest["options"]["names"] == ["one", "two"]


def test_nothing_is_overwritten_unless_forced(cli: Cli, fails: Callable[..., str], data: Path, tmp_path: Path) -> None:
    parts = tmp_path / "parts"
    assert cli("split", data, "--output", parts).status == 0
    before = (parts / "train.jsonl").read_bytes()
    said = fails("split", data, "--output", parts, "--seed", 7)
    assert "has split.json, train.jsonl, dev.jsonl, test.jsonl already" in said
    assert "--force" in said
    assert (parts / "train.jsonl").read_bytes() == before
    assert cli("split", data, "--output", parts, "--seed", 7, "--force").status == 0
    assert (parts / "train.jsonl").read_bytes() != before


def test_verify_tells_what_was_changed(cli: Cli, data: Path, tmp_path: Path) -> None:
    parts = tmp_path / "parts"
    cli("split", data, "--output", parts)
    done = cli("split", "--verify", parts)
    assert done.status == 0
    assert done.out.endswith("the parts are what they were\n")
    data.unlink()  # the parts are what counts
    assert json.loads(cli("split", "--verify", parts, "--json").out)["inputs"] == {str(data): "missing"}
    with (parts / "dev.jsonl").open("a") as file:
        file.write("\n")
    (parts / "test.jsonl").unlink()
    done = cli("split", "--verify", parts)
    assert done.status == 1
    assert "changed" in done.out
    assert "missing" in done.out
    assert done.out.endswith("the parts are not what they were\n")


def test_what_cannot_be_split_is_refused(fails: Callable[..., str], data: Path, tmp_path: Path) -> None:
    assert "name one or several" in fails("split", "--output", tmp_path / "parts")
    assert "--output: name the folder" in fails("split", data)
    assert "is a file; name a folder" in fails("split", data, "--output", data)
    assert "named twice" in fails("split", data, data, "--output", tmp_path / "parts")
    assert "found standard input" in fails("split", "-", "--output", tmp_path / "parts")
    assert "takes no FILE" in fails("split", data, "--verify", tmp_path)
    assert "no such file; --verify takes the folder" in fails("split", "--verify", tmp_path)


def test_too_few_texts_are_refused(fails: Callable[..., str], tmp_path: Path) -> None:
    data = write_records(
        tmp_path / "two.jsonl", [{"sentence": "A text", "label": 1}, {"sentence": "a  text", "label": 1}] * 5
    )
    assert "1 groups of records that stay together" in fails("split", data, "--output", tmp_path / "parts")


def test_settings_say_what_the_tasks_are(cli: Cli, configure: Configure, tmp_path: Path) -> None:
    rows = [{"text": f"text {at}", "topics": "#".join("abc"[: 1 + at % 3])} for at in range(90)]
    config = configure(tasks={"topics": {"kind": "multi_label", "field": "topics", "separator": "#"}})
    data = write_records(tmp_path / "all.jsonl", rows)
    done = cli("split", data, "--output", tmp_path / "parts", "--config", config, "--json")
    labels = {own["label"]: own["got"] for own in json.loads(done.out)["counts"]["tasks"]["topics"]["labels"]}
    assert labels == {"a": [72, 9, 9], "b": [48, 6, 6], "c": [24, 3, 3]}


CONLL = "".join(f"word{at} X {'B-PER' if at % 2 else 'B-LOC'}\nis Y O\n\n" for at in range(40))
IN_PROPORTION = {"LOC": [16, 2, 2], "PER": [16, 2, 2]}


def labels_of(found: dict[str, Any], task: str) -> dict[str, list[int]]:
    return {str(own["label"]): own["got"] for own in found["counts"]["tasks"][task]["labels"]}


def records_in(folder: Path) -> list[dict[str, Any]]:
    lines = [line for name in ("train", "dev", "test") for line in (folder / f"{name}.jsonl").open(encoding="utf-8")]
    return [json.loads(line) for line in lines]


def test_a_csv_of_other_columns_is_split_as_the_settings_read_it(
    cli: Cli, configure: Configure, tmp_path: Path
) -> None:
    data = tmp_path / "all.csv"
    data.write_text("utterance;topic\n" + "".join(f"text {at};{'ab'[at % 2]}\n" for at in range(40)))
    config = configure(data={"text_field": "utterance"}, tasks={"topic": {"kind": "single_label", "field": "topic"}})
    done = cli("split", data, "--output", tmp_path / "parts", "--config", config, "--json")
    assert done.status == 0, done.err
    assert labels_of(json.loads(done.out), "topic") == {"a": [16, 2, 2], "b": [16, 2, 2]}
    assert sorted(records_in(tmp_path / "parts"), key=str) == sorted(
        [{"utterance": f"text {at}", "topic": "ab"[at % 2]} for at in range(40)], key=str
    )


def test_a_csv_without_names_takes_those_of_columns(cli: Cli, fails: Callable[..., str], tmp_path: Path) -> None:
    data, parts = tmp_path / "all.csv", tmp_path / "parts"
    data.write_text("".join(f'{"ab"[at % 2]},{at},"text, {at}"\n' for at in range(40)))
    assert "no field 'label'" in fails("split", data, "--output", parts)
    done = cli("split", data, "--output", parts, "--columns", "label,_,text", "--json")
    assert labels_of(json.loads(done.out), "classification") == {"a": [16, 2, 2], "b": [16, 2, 2]}
    assert sorted(record["text"] for record in records_in(parts)) == sorted(f"text, {at}" for at in range(40))
    manifest = json.loads((parts / "split.json").read_text())
    assert [own["columns"] for own in manifest["inputs"]] == [["label", "_", "text"]]
    assert "the row has 3 cells, --columns names 2" in fails(
        "split", data, "--output", parts, "--columns", "label,text", "--force"
    )


def test_a_table_without_an_ending_is_split_as_its_format_is_named(
    cli: Cli, fails: Callable[..., str], configure: Configure, tmp_path: Path
) -> None:
    data, parts = tmp_path / "table", tmp_path / "parts"
    rows = [(f"text; {at} | x", "ab"[at % 2]) for at in range(40)]
    data.write_text("utterance\tlabel\n" + "".join(f"{text}\t{label}\n" for text, label in rows))
    named = configure(data={"format": "tsv", "text_field": "utterance"})
    assert "in no known format" in fails("split", data, "--output", parts)
    done = cli("split", data, "--output", parts, "--config", named, "--json")
    assert done.status == 0, done.err
    assert labels_of(json.loads(done.out), "classification") == {"a": [16, 2, 2], "b": [16, 2, 2]}
    wanted = [{"utterance": text, "label": label} for text, label in rows]
    assert sorted(records_in(parts), key=str) == sorted(wanted, key=str)
    assert "--set data.format=jsonl" in done.err
    said = fails("split", data, "--output", tmp_path / "other", "--config", named, "--from", "tvs")
    assert "format 'tvs': there is none" in said
    assert "did you mean 'tsv'?" in said


def test_words_and_tags_in_a_txt_are_split_as_their_format_is_named(
    cli: Cli, fails: Callable[..., str], tmp_path: Path
) -> None:
    data, parts = tmp_path / "words.txt", tmp_path / "parts"
    data.write_text("".join(f"word{at} {'B-PER' if at % 2 else 'B-LOC'} X\nis O Y\n\n" for at in range(40)))
    assert "in no known format" in fails("split", data, "--output", parts)
    done = cli("split", data, "--output", parts, "--from", "conll", "--columns", "text,ner_tags,pos", "--json")
    assert done.status == 0, done.err
    assert labels_of(json.loads(done.out), "ner") == IN_PROPORTION
    assert all(record["pos"] == ["X", "Y"] for record in records_in(parts))


def test_json_lines_by_another_name_are_copied_byte_by_byte(cli: Cli, tmp_path: Path) -> None:
    data, lines = tmp_path / "all.csv", [f'{{ "text":"t {at}",  "label": {at % 2}}}' for at in range(40)]
    data.write_text("\n".join(lines))
    assert cli("split", data, "--output", tmp_path / "parts", "--from", "jsonl").status == 0
    written = [line for path in (tmp_path / "parts").glob("*.jsonl") for line in path.read_text().splitlines()]
    assert sorted(written) == sorted(lines)


def test_each_file_is_read_as_the_data_set_that_names_it(
    cli: Cli, fails: Callable[..., str], configure: Configure, tmp_path: Path
) -> None:
    words, table = tmp_path / "words.txt", tmp_path / "table.txt"
    words.write_text(CONLL)
    table.write_text("".join(f"text {at},{'ab'[at % 2]}\n" for at in range(40)))
    config = configure(
        data={
            "sets": {
                "one": {"train": str(words), "format": "conll", "tasks": ["ner"]},
                "two": {"test": str(table), "format": "csv", "columns": ["text", "topic"], "tasks": ["topic"]},
            }
        },
        tasks={
            "ner": {"kind": "tagging", "field": "ner_tags"},
            "topic": {"kind": "single_label", "field": "topic"},
        },
    )
    done = cli("split", words, table, "--output", tmp_path / "parts", "--config", config, "--json")
    assert done.status == 0, done.err
    found = json.loads(done.out)
    assert labels_of(found, "ner") == IN_PROPORTION
    assert labels_of(found, "topic") == {"a": [16, 2, 2], "b": [16, 2, 2]}
    said = fails("split", words, "--output", tmp_path / "other", "--config", config, "--from", "conll")
    assert "with several sets each has its own" in said


def test_several_labels_a_record_stay_in_proportion_on_real_data(
    real_data: Path, configure: Configure, tmp_path: Path
) -> None:
    config = configure(
        tasks={
            "intents": {"kind": "multi_label", "field": "label", "separator": "#"},
            "slots": {"kind": "tagging", "field": "ner_tags"},
        }
    )
    found = split(real_data / "nlupp_hotels" / "train.jsonl", output=tmp_path / "parts", config=config)
    assert found["counts"]["records"]["got"] == [731, 92, 91]
    off = sum(own["off"] for own in worst_labels(found["counts"], most=1000, least=0))
    random = np.random.default_rng(0)
    by_chance = []
    for _ in range(10):
        largest = [
            max(abs(random.multinomial(sum(own["got"]), [0.8, 0.1, 0.1]) - np.array(own["wanted"])))
            for task in found["counts"]["tasks"].values()
            for own in task["labels"]
        ]
        by_chance.append(sum(largest))
    assert off < min(by_chance) / 2


def test_entities_of_the_test_part_are_unseen_on_real_data(real_data: Path, tmp_path: Path) -> None:
    path = real_data / "restaurant8k" / "train.jsonl"
    found = split(path, output=tmp_path / "parts", unseen_entities=True)
    plain = split(path, output=tmp_path / "plain")
    entities = found["entities"]
    assert entities["unseen"] == entities["values"] > 500
    assert "entities" not in plain
    assert max((own["off"] for own in worst_labels(found["counts"], least=0)), default=0) < 3

    def surfaces(name: str) -> set[tuple[str, str]]:
        return {own for line in (tmp_path / "parts" / name).read_text("utf-8").splitlines() for own in _entities(line)}

    assert not surfaces("test.jsonl") & (surfaces("train.jsonl") | surfaces("dev.jsonl"))


def _entities(line: str) -> set[tuple[str, str]]:
    """Read the entities of a record with BIO tags, plainly."""
    record = json.loads(line)
    found, words, label = set(), list[str](), ""
    for word, tag in [*zip(record["sentence"].split(), record["ner_tags"], strict=False), ("", "O")]:
        if words and not (tag.startswith("I-") and tag[2:] == label):
            found.add((" ".join(words).casefold(), label))
            words = []
        if tag != "O":
            words, label = [*words, word], tag[2:]
    return found
