"""`polyhead find-issues`: wrong labels that are planted come first, with file and line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import polyhead
from polyhead.errors import DataError, SettingsError
from polyhead.studies import StudyReporter
from tests.conftest import RECORDS
from tests.end_to_end.conftest import Cli, Configure, write_records
from tests.end_to_end.many_kinds import PARTS, TASKS

WORDS = [
    *("so", "now", "well", "then", "yes", "no", "okay", "right"),
    *("hey", "hi", "oh", "and", "but", "still", "today", "again"),
]
WRONG_CLASS, WRONG_TYPE, UNTAGGED, UNKNOWN, TWICE = 10, 26, 51, 63, 129
FAST: dict[str, Any] = {"epochs": 6, "lr": 3e-3, "head_lr": 5e-3, "batch_size": 8, "precision": "fp32"}


def variants() -> list[dict[str, Any]]:
    """Sixteen different texts of each record."""
    return [
        {**record, "sentence": f"{word} {record['sentence']}", "ner_tags": ["O", *record["ner_tags"]]}
        for word in WORDS
        for record in RECORDS
    ]


@pytest.fixture(scope="module")
def spoilt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    records = variants()
    records[WRONG_CLASS - 1]["label"] = 2
    records[WRONG_TYPE - 1]["ner_tags"] = ["O", "B-PER", "O", "O", "B-PER"]
    records[UNTAGGED - 1]["ner_tags"] = ["O"] * 6
    records[UNKNOWN - 1]["label"] = 7
    records.append({"sentence": records[0]["sentence"].upper(), "label": 0})
    return write_records(tmp_path_factory.mktemp("spoilt") / "spoilt.jsonl", records)


@pytest.fixture(scope="module")
def found(spoilt: Path, encoder_folders: dict[str, Path]) -> dict[str, Any]:
    return polyhead.find_issues(
        data=spoilt, encoder=str(encoder_folders["distilbert"]), folds=4, **FAST | {"epochs": 14}
    )


def issues_at(found: dict[str, Any], line: int, task: str) -> list[dict[str, Any]]:
    return [issue for issue in found["issues"] if (issue["line"], issue["task"]) == (line, task)]


def reasons_of(issue: dict[str, Any]) -> list[str]:
    return [own["reason"] for own in issue["reasons"]]


def test_planted_errors_stand_before_all_others(found: dict[str, Any], spoilt: Path) -> None:
    planted = {(line, "classification") for line in (WRONG_CLASS, UNKNOWN, TWICE, 1)}
    planted |= {(line, "ner") for line in (WRONG_TYPE, UNTAGGED)}
    first = {(issue["line"], issue["task"]) for issue in found["issues"][:15]}
    assert planted - {(1, "classification")} <= first
    scores = [issue["score"] for issue in found["issues"]]
    assert scores == sorted(scores, reverse=True)
    assert all(0 < score <= 1 for score in scores)
    assert {issue["file"] for issue in found["issues"]} == {str(spoilt)}


def test_each_says_why_and_what_might_be_right(found: dict[str, Any]) -> None:
    (wrong,) = issues_at(found, WRONG_CLASS, "classification")
    assert (wrong["given"], wrong["suggested"], reasons_of(wrong)) == ("2", "1", ["disagreement"])
    assert wrong["text"] == "now Anna lives in Berlin."
    (unknown,) = issues_at(found, UNKNOWN, "classification")
    assert (unknown["given"], reasons_of(unknown)) == ("7", ["unknown label"])
    typed = next(issue for issue in issues_at(found, WRONG_TYPE, "ner") if issue["start"] > 8)
    assert typed["text"][typed["start"] : typed["end"]] == "Berlin."
    assert (typed["given"], typed["suggested"]) == ("[Berlin.]PER", "[Berlin.]LOC")
    assert "other type" in reasons_of(typed)
    missing = next(issue for issue in issues_at(found, UNTAGGED, "ner") if "untagged" in reasons_of(issue))
    assert missing["given"] == "none"
    twice = issues_at(found, TWICE, "classification") + issues_at(found, 1, "classification")
    assert all("same text" in reasons_of(issue) for issue in twice)
    assert twice[0]["score"] > twice[1]["score"]  # the model sides with one of them


def test_the_summary_counts_records_and_reasons(found: dict[str, Any]) -> None:
    assert (found["records"], found["folds"]) == (129, 4)
    assert {name: task["records"] for name, task in found["tasks"].items()} == {"classification": 129, "ner": 128}
    for name, task in found["tasks"].items():
        own = [issue for issue in found["issues"] if issue["task"] == name]
        for reason, count in task["issues"].items():
            assert count == sum(reason in reasons_of(issue) for issue in own)
    assert found["tasks"]["classification"]["issues"]["unknown label"] == 1


OTHERWISE: dict[str, Any] = {
    "topic": "topic-9",
    "themes": ["weather", "people"],
    "tags": [],
    "pos": ["X"],
    "places": [],
    "stars": 50.0,
}
"""A value of each field that no record of `many_kinds` has."""


def test_every_kind_can_be_searched(cli: Cli, configure: Configure, tmp_path: Path) -> None:
    records = [dict(record) for record in PARTS]
    planted = {}
    for task, settings in TASKS.items():
        line = next(
            at for at, own in enumerate(records, start=1) if own.get(settings["field"]) and at not in planted.values()
        )
        records[line - 1][settings["field"]] = OTHERWISE[settings["field"]]
        planted[task] = line
    config = configure(data={"train": write_records(tmp_path / "parts.jsonl", records)}, tasks=TASKS, training=FAST)
    done = cli("find-issues", config, "--folds", 2, "--epochs", 1, "--json")
    assert done.status == 0, done.err
    found = json.loads(done.out)
    assert found["tasks"].keys() == TASKS.keys()
    for task, line in planted.items():
        assert any("same text" in reasons_of(issue) for issue in issues_at(found, line, task)), task


def test_the_command_prints_the_first_and_writes_all(
    cli: Cli, configure: Configure, spoilt: Path, tmp_path: Path
) -> None:
    config = configure(data={"train": spoilt}, training=FAST)
    output = tmp_path / "all" / "issues.jsonl"
    done = cli("find-issues", config, "--folds", 2, "--top", 2, "--epochs", 3, "--output", output)
    assert done.status == 0, done.err
    issues = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
    assert len(issues) > 2
    assert f"... and {len(issues) - 2:,} more, less likely" in done.out
    for issue in issues[:2]:
        assert f"{issue['score']:.3f}  {issue['file']}:{issue['line']}  {issue['task']}" in done.out
        assert issue["text"] in done.out
        assert issue["given"] in done.out
    assert done.out.count("because") == 2
    assert f"all {len(issues):,} issues are in {output}" in done.err
    assert "2/2  fold 2" in done.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["all", "run.toml"]  # no model is left


def test_one_task_alone(cli: Cli, configure: Configure, spoilt: Path) -> None:
    config = configure(data={"train": spoilt}, training={**FAST, "epochs": 1})
    done = cli("find-issues", config, "--folds", 2, "--task", "ner", "--json")
    found = json.loads(done.out)
    assert list(found["tasks"]) == ["ner"]
    assert {issue["task"] for issue in found["issues"]} == {"ner"}


def test_several_sets_with_dev_files(configure: Configure, tmp_path: Path) -> None:
    records = variants()
    topics = [{"sentence": own["sentence"], "label": own["label"]} for own in records]
    topics[17]["label"] = 2
    tags = [{"sentence": own["sentence"], "ner_tags": own["ner_tags"]} for own in records]
    tags[29]["ner_tags"] = ["O"] * 6
    sets = {
        "topics": {"train": write_records(tmp_path / "topics.jsonl", topics)},
        "tags": {
            "train": write_records(tmp_path / "tags.jsonl", tags),
            "dev": write_records(tmp_path / "dev.jsonl", tags[:40]),
        },
    }
    tasks = {"topic": {"kind": "single_label", "field": "label"}, "ner": {"kind": "tagging", "field": "ner_tags"}}
    config = configure(data={"sets": sets}, tasks=tasks, training={**FAST, "strategy": "proportional", "epochs": 14})
    found = polyhead.find_issues(config, folds=2)
    assert found["records"] == 256
    places = [(Path(issue["file"]).name, issue["line"], issue["task"]) for issue in found["issues"][:20]]
    assert ("topics.jsonl", 18, "topic") in places
    assert ("tags.jsonl", 30, "ner") in places


class Heard(StudyReporter):
    def __init__(self) -> None:
        self.warnings: list[str] = []
        self.begun: list[tuple[str, int, int]] = []

    def warn(self, line: str) -> None:
        self.warnings.append(line)

    def begin(self, name: str, *, number: int, of: int) -> None:
        self.begun.append((name, number, of))


def test_teachers_who_have_seen_the_labels_are_left_out(
    trained: polyhead.TrainedRun, configure: Configure, spoilt: Path
) -> None:
    config = configure(data={"train": spoilt}, training={**FAST, "epochs": 1}, teacher={"models": trained.folder})
    heard = Heard()
    polyhead.find_issues(config, folds=2, reporter=heard)
    assert any("teachers have seen" in line for line in heard.warnings)
    assert heard.begun == [("fold 1", 1, 2), ("fold 2", 2, 2)]


def test_what_cannot_be_searched_is_refused(
    fails: Callable[..., str], configure: Configure, spoilt: Path, tmp_path: Path
) -> None:
    config = configure(data={"train": spoilt}, training=FAST)
    assert "--folds: must be 2 or more, found 1" in fails("find-issues", config, "--folds", 1)
    assert "no task 'nr'; known: classification, ner (did you mean 'ner'?)" in fails(
        "find-issues", config, "--task", "nr"
    )
    assert "--folds: 1000 folds of 129 records" in fails("find-issues", config, "--folds", 1000)
    assert "no such file" in fails("find-issues", tmp_path / "other.toml")
    with pytest.raises(SettingsError, match=r"there is no setting 'epoch'.*did you mean 'epochs'"):
        polyhead.find_issues(config, epoch=3)


def test_a_task_that_a_part_does_not_show_is_named(configure: Configure, tmp_path: Path) -> None:
    records = [{key: own[key] for key in ("sentence", "label")} for own in variants()]
    records[0]["ner_tags"] = variants()[0]["ner_tags"]
    config = configure(data={"train": write_records(tmp_path / "data.jsonl", records)}, training={**FAST, "epochs": 1})
    with pytest.raises(DataError, match=r"task 'ner': none of the \d+ records of this part .* 'ner_tags'"):
        polyhead.find_issues(config, folds=2)
