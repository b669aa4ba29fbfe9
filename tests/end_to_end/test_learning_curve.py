"""`polyhead learning-curve`: figures by size, on the same dev data, and a plot."""

from __future__ import annotations

import json
import math
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import polyhead
from polyhead.cli.arguments import name_each_number
from polyhead.errors import DataError, MissingExtraError
from polyhead.evaluation.report import canvas, plots
from tests.conftest import RECORDS
from tests.end_to_end.conftest import Cli, Configure, write_records
from tests.end_to_end.test_find_issues import FAST, Heard, variants


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_records(tmp_path_factory.mktemp("curve") / "train.jsonl", variants())


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Path:
    records = [{**own, "sentence": f"maybe {own['sentence']}", "ner_tags": ["O", *own["ner_tags"]]} for own in RECORDS]
    return write_records(tmp_path_factory.mktemp("curve") / "dev.jsonl", records)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("curve") / "out" / "curve"


@pytest.fixture(scope="module")
def curve(data: Path, dev: Path, folder: Path, encoder_folders: dict[str, Path]) -> dict[str, Any]:
    encoder = str(encoder_folders["distilbert"])
    return polyhead.learning_curve(
        data=data, dev=dev, encoder=encoder, fractions=[1.0, 0.125, 0.5], runs=2, output=folder, **FAST
    )


def test_more_data_give_better_figures_on_the_same_dev_data(curve: dict[str, Any]) -> None:
    assert curve["dev_records"] == 8
    assert [(row["fraction"], row["records"]) for row in curve["curve"]] == [(0.125, 16), (0.5, 64), (1.0, 128)]
    for name in ("classification accuracy", "ner f1", "frame_accuracy"):
        means = [row["figures"][name]["mean"] for row in curve["curve"]]
        assert means[0] < means[-1], name


def test_means_and_intervals_are_of_the_trainings(curve: dict[str, Any]) -> None:
    assert [(own["fraction"], own["seed"]) for own in curve["trainings"]] == [
        (fraction, seed) for seed in (42, 43) for fraction in (0.125, 0.5, 1.0)
    ]
    for row in curve["curve"]:
        for name, figure in row["figures"].items():
            own = [run["figures"][name] for run in curve["trainings"] if run["fraction"] == row["fraction"]]
            assert figure["values"] == own
            assert figure["mean"] == pytest.approx(sum(own) / 2)
            half = 12.7062 * abs(own[0] - own[1]) / 2  # Student's t with one degree of freedom, 97.5 %
            wanted = [max(0, figure["mean"] - half), min(1, figure["mean"] + half)]
            assert figure["interval"] == pytest.approx(wanted, abs=1e-4)


def test_what_twice_the_data_would_gain_goes_on_with_the_last_slope(curve: dict[str, Any]) -> None:
    half, full = ({run["seed"]: run for run in curve["trainings"] if run["fraction"] == own} for own in (0.5, 1.0))
    for name, twice in curve["twice_as_much"].items():
        gains = []
        for seed, run in full.items():
            before, after = 1 - half[seed]["figures"][name], 1 - run["figures"][name]
            gains.append(after - after * (after / before))  # from half to full the records double: so once more
        assert twice["gain"] == pytest.approx(sum(gains) / len(gains))
    perfect = {name for name in curve["curve"][-1]["figures"] if 1.0 in curve["curve"][-1]["figures"][name]["values"]}
    assert curve["twice_as_much"].keys() == curve["curve"][-1]["figures"].keys() - perfect


def test_figures_and_plot_are_all_that_is_left(curve: dict[str, Any], folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == ["learning_curve.json", "learning_curve.svg"]
    assert json.loads((folder / "learning_curve.json").read_text(encoding="utf-8")) == curve


def test_the_plot_names_its_lines_and_follows_the_reader(curve: dict[str, Any], folder: Path) -> None:
    svg = (folder / "learning_curve.svg").read_text(encoding="utf-8")
    root = ET.fromstring(svg)
    texts = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
    for name, figure in curve["curve"][-1]["figures"].items():
        assert f"{name.replace('_', ' ')} {100 * figure['mean']:.2f}" in texts
    assert {"16", "64", "128", "records trained on"} <= set(texts)
    assert "prefers-color-scheme: dark" in svg
    for variable in ("--line0:", "--line2:", "--ink:", "--paper:"):
        assert svg.count(variable) == 2
    assert "#0102" not in svg  # a colour that was to be replaced


def test_names_are_escaped_and_many_lines_have_colours() -> None:
    curves = [plots.Curve(f"<b>&$x_{at}$", (10, 100), ((1.0,), (50.0 + at,))) for at in range(8)]
    svg = canvas.as_file(plots.curve_plot(curves, title="<script>"))
    assert ET.fromstring(svg).tag.endswith("svg")
    assert "<b>" not in svg
    assert "<script" not in svg
    assert "#0102" not in svg


def test_a_figure_that_nothing_defines_leaves_a_gap() -> None:
    curves = [plots.Curve("pearson", (10, 100), ((), (50.0,))), plots.Curve("none", (10, 100), ((), ()))]
    assert "pearson 50.00" in plots.curve_plot(curves, title="gap")


def test_the_command(cli: Cli, configure: Configure, data: Path, dev: Path, tmp_path: Path) -> None:
    config = configure(data={"train": data, "dev": dev}, training={**FAST, "epochs": 2})
    arguments = ["learning-curve", config, "--fractions", 0.25, 1, "--runs", 2, "--output", tmp_path / "curve"]
    done = cli(*arguments)
    assert done.status == 0, done.err
    lines = done.out.splitlines()
    assert lines[0].startswith("on 8 dev records, %")
    assert [line.split()[:3] for line in lines[2:4]] == [["25", "%", "32"], ["100", "%", "128"]]
    assert "twice the data would add" in done.out
    assert "4/4  1 of the data, run 2  128 records" in done.err
    assert f"plot  {tmp_path / 'curve' / 'learning_curve.svg'}" in done.err
    again = cli(*arguments, "--json", "--set", "training.epochs=1")
    assert "holds an earlier learning curve; it is replaced" in again.err
    assert json.loads(again.out) == json.loads((tmp_path / "curve" / "learning_curve.json").read_text())


def test_one_run_of_one_share_has_no_interval(configure: Configure, data: Path, dev: Path, tmp_path: Path) -> None:
    config = configure(data={"train": data, "dev": dev}, training={**FAST, "epochs": 1})
    curve = polyhead.learning_curve(config, fractions=[0.5], runs=1, output=tmp_path / "curve")
    assert curve["twice_as_much"] == {}
    assert all(figure["interval"] is None for figure in curve["curve"][0]["figures"].values())


def test_dev_data_are_held_out_once(configure: Configure, data: Path, tmp_path: Path) -> None:
    config = configure(data={"train": data}, training={**FAST, "epochs": 1})
    curve = polyhead.learning_curve(config, fractions=[0.25, 1.0], runs=2, output=tmp_path / "curve")
    assert curve["dev_records"] == 128 - curve["curve"][-1]["records"] == 13
    assert math.isclose(curve["curve"][0]["records"], 0.25 * 115, abs_tol=1)


def test_what_cannot_be_drawn_is_refused(
    fails: Callable[..., str], configure: Configure, data: Path, tmp_path: Path
) -> None:
    config = configure(data={"train": data})
    output = ("--output", tmp_path / "curve")
    for fraction in ("0", "1.5", "-1", "nan"):
        assert "--fractions: each must be above 0, and 1 at most" in fails(
            "learning-curve", config, "--fractions", fraction, *output
        )
    assert "--runs: must be 1 or more, found 0" in fails("learning-curve", config, "--runs", 0, *output)
    assert "is a file; name a folder" in fails("learning-curve", config, "--output", config)
    few = configure(name="few.toml", data={"train": write_records(tmp_path / "few.jsonl", RECORDS)})
    assert "no dev data, and too few texts" in fails("learning-curve", few, *output)


def test_a_share_that_does_not_show_a_task_is_named(configure: Configure, data: Path, tmp_path: Path) -> None:
    records = [{key: own[key] for key in ("sentence", "label")} for own in variants()]
    records += [{"sentence": "a b", "ner_tags": ["O", "B-LOC"]}, {"sentence": "c d", "ner_tags": ["B-LOC", "O"]}]
    train = write_records(tmp_path / "data.jsonl", records)
    config = configure(data={"train": train, "dev": data}, training={**FAST, "epochs": 1})
    with pytest.raises(DataError, match=r"task 'ner': none of the 1 records of this part"):
        polyhead.learning_curve(config, fractions=[0.001], runs=1, output=tmp_path / "curve")


def test_without_what_draws_nothing_is_trained(
    configure: Configure, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(canvas, "find_spec", lambda name: None)
    heard = Heard()
    with pytest.raises(MissingExtraError, match=r"polyhead\[report\]"):
        polyhead.learning_curve(configure(data={"train": data}), output=tmp_path / "curve", reporter=heard)
    assert heard.begun == []


@pytest.mark.parametrize(
    ("typed", "parsed"),
    [
        ("a --fractions 0.1 0.3 1 --runs 3", "a --fractions 0.1 --fractions 0.3 --fractions 1 --runs 3"),
        ("--fractions 0.1 1 a.toml 7", "--fractions 0.1 --fractions 1 a.toml 7"),
        ("--fractions 0.1 --fractions 1", "--fractions 0.1 --fractions 1"),
        ("--fractions=0.1 5", "--fractions=0.1 5"),
        ("--runs 3 4", "--runs 3 4"),
        ("--fractions", "--fractions"),
        ("--fractions -1 1e-1", "--fractions -1 --fractions 1e-1"),
    ],
)
def test_numbers_behind_one_option(typed: str, parsed: str) -> None:
    assert list(name_each_number(typed.split())) == parsed.split()
