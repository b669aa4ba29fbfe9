"""Ranges in settings: only `polyhead tune` takes them, and what is nearly one is told from what is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from polyhead.errors import SettingsError
from polyhead.settings import load_settings, merged_settings
from polyhead.settings.ranges import is_range, ranges_in, refuse_other_tables, without_ranges


def test_a_range_is_refused_by_all_but_tune(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text('[training]\nlr = { range = [1e-5, 1e-3] }\nstrategy = { choices = ["joint", "uniform"] }\n')
    with pytest.raises(SettingsError, match=r"^training\.lr: a range \(and 1 more\), in which `polyhead tune .*run.t"):
        load_settings(path)
    assert load_settings(path, ["training.lr=1e-4", "training.strategy=joint"]).training.lr == 1e-4


def test_ranges_come_from_the_file_and_from_set(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text("[training]\nlr = { range = [1e-5, 1e-3] }\nepochs = 3\n[tasks.slots]\nweight = 2.0\n")
    merged = merged_settings(path, ["tasks.slots.weight={range=[1, 4]}"])
    assert [place for place, _ in ranges_in(merged)] == [("training", "lr"), ("tasks", "slots", "weight")]
    assert without_ranges(merged) == {"training": {"epochs": 3}, "tasks": {"slots": {}}}


def test_paths_among_choices_start_at_the_file(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text('encoder = { choices = ["minilm", "./own"] }\n')
    assert merged_settings(path)["encoder"] == {"choices": ["minilm", str(tmp_path / "own")]}


def test_the_name_of_a_data_set_on_the_hub_is_no_path(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text('[data]\ntrain = ["hf:owner/name:train", "own.json"]\n')
    assert merged_settings(path)["data"]["train"] == ["hf:owner/name:train", str(tmp_path / "own.json")]


@pytest.mark.parametrize(
    "table", [{"low": 1.0, "high": 2.0}, {"range": 1.0}, {"choices": 0.5, "range": 2.0}, {"label": None}, {}]
)
def test_a_table_of_a_setting_is_no_range(table: dict[str, object]) -> None:
    """A class may be called ``range``: its weight is a number, where a range has a list."""
    assert not is_range(table)
    refuse_other_tables({"tasks": {"intent": {"class_weights": table}}, "data": {"sets": {"a": {"tasks": table}}}})


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            {"training": {"lr": {"rang": [1e-5, 1e-3]}}},
            r"training\.lr: a table that is no .*did you mean 'range'",
        ),
        (
            {"training": {"lr": {"low": 1e-5, "high": 1e-3}}},
            r"training\.lr: .*found the key 'low'; known: range, ",
        ),
        ({"training": {"epochs": {"range": 3}}}, r"training\.epochs: a table that is no range; wanted \{ range"),
        ({"encoder": {"choice": ["minilm"]}}, r"encoder: .*did you mean 'choices'"),
        ({"tasks": {"slots": {"weight": {"choises": [1, 2]}}}}, r"tasks\.slots\.weight: .*did you mean 'choices'"),
        ({"data": {"sets": {"a": {"weight": {"values": [1]}}}}}, r"data\.sets\.a\.weight: a table that is no range"),
    ],
)
def test_what_is_nearly_a_range_is_named(settings: dict[str, object], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        refuse_other_tables(settings)
