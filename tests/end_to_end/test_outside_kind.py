"""A kind of task in one file of another package: what it takes, and what is said where it is not there or wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from polyhead.training import TrainedRun
from tests.conftest import RECORDS
from tests.end_to_end.conftest import Outcome, run_python, write_records, write_settings

STARS = '''
"""`stars`: a rating from one to five, by a yes or a no for each star beyond the first."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from pydantic import Field

from polyhead.errors import AnnotationError
from polyhead.tasks import HeadSpec, Prediction, Task, TaskOptions

STARS = range(1, 6)


@dataclass(frozen=True)
class StarsColumn:
    field: str

    def read(self, value, text, source, notices):
        if isinstance(value, bool) or value not in STARS:
            raise AnnotationError(f"a rating must be a whole number from 1 to 5, found {value!r}")
        return value

    def finish(self, notices):
        pass


@dataclass(frozen=True)
class StarsPrediction(Prediction):
    stars: int

    def to_json(self):
        return {"stars": self.stars}

    def plain(self):
        return f"Stars: {self.stars}"

    def summary(self):
        return "*" * self.stars


class StarsOptions(TaskOptions):
    within: int = Field(default=1, ge=0)
    """How far off an answer may be to count as near."""


@dataclass(frozen=True)
class Stars(Task):
    typical: int

    kind: ClassVar[str] = "stars"
    Options: ClassVar[type[TaskOptions]] = StarsOptions
    metrics: ClassVar[tuple[str, ...]] = ("near", "exact")

    @classmethod
    def column(cls, field, options):
        return StarsColumn(field)

    @classmethod
    def learn(cls, *, name, field, weight, options, annotations):
        return cls(name, field, weight, options, round(sum(annotations) / len(annotations)))

    def head(self):
        return HeadSpec(
            reads="sentence", width=4, objective="binary_cross_entropy", target=(4,), pooling="mean", layers="mix"
        )

    def outputs(self):
        return [f"more than {stars}" for stars in STARS[:-1]]

    def encode(self, annotation, encoded):
        return np.array([annotation > stars for stars in STARS[:-1]], dtype=np.int64)

    def decode(self, logits, encoded):
        return StarsPrediction(1 + int((self.soften(logits, encoded) > 0.5).sum()))

    def soften(self, logits, encoded):
        return (1 / (1 + np.exp(-logits))).mean(axis=0).astype(np.float32)

    def score(self, golds, predictions):
        if not golds:
            return {"near": None, "exact": None}
        apart = [abs(gold - prediction.stars) for gold, prediction in zip(golds, predictions, strict=True)]
        near, exact = sum(own <= self.options.within for own in apart), apart.count(0)
        return {"near": near / len(apart), "exact": exact / len(apart), "amounts": {"mae": float(np.mean(apart))}}

    def is_right(self, gold, prediction):
        return gold == prediction.stars

    def labels_in(self, annotation):
        return frozenset({annotation})

    def state(self):
        return {"typical": self.typical}

    @classmethod
    def restore(cls, *, name, field, weight, options, state):
        return cls(name, field, weight, options, state["typical"])

    def describe(self):
        return f"one to five stars, about {self.typical}"

    def label_names(self):
        return []
'''

RATED = [{**record, "rating": 1 + at % 5} for at, record in enumerate(RECORDS)]
TEXT = str(RATED[3]["sentence"])


def install(folder: Path, entry_points: str, **modules: str) -> str:
    """Lay a package down as an installer does; return what PYTHONPATH must be to have it."""
    about = folder / "ordinal_stars-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: ordinal-stars\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[polyhead.kinds]\n{entry_points}\n")
    for name, code in modules.items():
        (folder / f"{name}.py").write_text(code)
    return str(folder)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Where the package is installed."""
    return install(tmp_path_factory.mktemp("site"), "stars = ordinal_stars:Stars", ordinal_stars=STARS)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, encoder_folders: dict[str, Path]) -> Path:
    """A folder with data and a settings file."""
    folder = tmp_path_factory.mktemp("project")
    data = write_records(folder / "train.jsonl", RATED * 24)
    write_settings(
        folder / "run.toml",
        {
            "encoder": encoder_folders["distilbert"],
            "output": "run",
            "data": {"train": data, "dev": data},
            "tasks": {
                "rating": {"kind": "stars", "field": "rating", "within": 0, "metric": "exact"},
                "ner": {"kind": "tagging", "field": "ner_tags"},
            },
            "training": {"epochs": 4, "lr": 3e-3, "head_lr": 1e-2, "batch_size": 8, "precision": "fp32"},
        },
    )
    return folder


@pytest.fixture(scope="module")
def trained_with_it(project: Path, site: str) -> Outcome:
    return run_python("-m", "polyhead", "train", "--config", project / "run.toml", PYTHONPATH=site)


@pytest.fixture(scope="module")
def model(project: Path, trained_with_it: Outcome) -> Path:
    assert trained_with_it.status == 0, trained_with_it.err
    return project / "run"


def test_it_trains(trained_with_it: Outcome) -> None:
    assert trained_with_it.status == 0, trained_with_it.err
    assert "rating: stars from 'rating', one to five stars, about 3, 192 records" in trained_with_it.err
    assert "rating exact" in trained_with_it.err


def test_it_learns_and_is_scored(model: Path, project: Path, site: str) -> None:
    done = run_python("-m", "polyhead", "evaluate", model, project / "train.jsonl", "--json", PYTHONPATH=site)
    assert done.status == 0, done.err
    scores = json.loads(done.out)
    rating = scores["tasks"]["rating"]
    assert rating["exact"] > 0.7
    assert rating["near"] == rating["exact"], "of its own option 'within'"
    assert rating["amounts"]["mae"] < 0.5
    assert scores["frame_accuracy"] is not None


def test_it_predicts(model: Path, site: str) -> None:
    done = run_python("-m", "polyhead", "predict", model, TEXT, "--json", PYTHONPATH=site)
    assert done.status == 0, done.err
    answer = json.loads(done.out)
    assert list(answer) == ["text", "rating", "ner"]
    assert answer["rating"]["stars"] in range(1, 6)
    drawn = run_python("-m", "polyhead", "predict", model, TEXT, PYTHONPATH=site)
    assert f"rating  {'*' * answer['rating']['stars']}\n" in drawn.out


def test_info_shows_it(model: Path, site: str) -> None:
    done = run_python("-m", "polyhead", "info", model, "--json", PYTHONPATH=site)
    assert done.status == 0, done.err
    (rating, _) = json.loads(done.out)["tasks"]
    assert (rating["kind"], rating["options"], rating["typical"]) == ("stars", {"within": 0}, 3)


@pytest.mark.parametrize("command", ["predict", "info", "evaluate"])
def test_a_model_whose_kind_is_not_installed(command: str, model: Path, project: Path) -> None:
    more = {"predict": [TEXT], "evaluate": [project / "train.jsonl"], "info": []}[command]
    done = run_python("-m", "polyhead", command, model, *more)
    assert done.status == 2
    assert done.out == ""
    assert "the model has a task of the kind 'stars', which is not known here" in done.err
    assert "known: single_label, multi_label, tagging, token_label, spans, regression" in done.err
    assert "Traceback" not in done.err


def test_settings_whose_kind_is_not_installed(project: Path, tmp_path: Path) -> None:
    output = ("--output", tmp_path / "run")
    done = run_python("-m", "polyhead", "train", "--config", project / "run.toml", *output)
    assert done.status == 2
    assert "tasks.rating.kind: no kind of task is called 'stars'; known: single_label, multi_label," in done.err
    assert not (tmp_path / "run").exists()


def test_a_wrong_value_and_a_wrong_option(project: Path, tmp_path: Path, site: str) -> None:
    bad = write_records(tmp_path / "bad.jsonl", [*RATED, {"sentence": "x", "rating": 6}])
    train = ("-m", "polyhead", "train", "--config", project / "run.toml", "--output", tmp_path / "run")
    done = run_python(*train, bad, PYTHONPATH=site)
    assert done.status == 2
    assert f"{bad}:9: field 'rating': a rating must be a whole number from 1 to 5, found 6" in done.err
    done = run_python(*train, "--set", "tasks.rating.withn=2", PYTHONPATH=site)
    assert done.status == 2
    assert "tasks.rating.withn: no such setting" in done.err
    assert "did you mean 'within'?" in done.err
    done = run_python(*train, "--set", "tasks.rating.metric=f1", PYTHONPATH=site)
    assert done.status == 2
    assert "tasks.rating.metric: stars has no metric 'f1'; known: near, exact" in done.err


KINDS = "of 'polyhead.kinds'"
WRONG = {
    "names no task": ("stars = json:dumps", "", ("'stars'", KINDS, "must name a subclass of polyhead.tasks.Task")),
    "names nothing": ("stars = json:absent", "", ("'stars'", KINDS, "cannot be loaded", "absent")),
    "names no module": ("stars = no_such_module:Stars", "", ("'stars'", KINDS, "cannot be loaded", "no_such_module")),
    "its module breaks": ("stars = broken:Stars", "1 / 0", ("'stars'", KINDS, "cannot be loaded", "division by zero")),
    "has another name": ("rating = broken:Stars", STARS, ("'rating'", KINDS, "whose kind is 'rating'")),
    "has the name of ours": (
        "tagging = broken:Stars",
        STARS.replace('= "stars"', '= "tagging"'),
        ("two packages have a kind of task called 'tagging'", "remove one of them"),
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_an_entry_point_that_is_wrong(case: str, tmp_path: Path, project: Path) -> None:
    """Nothing is trained: which of two kinds is meant, or whether the one that is broken is, cannot be known."""
    entry_points, code, fragments = WRONG[case]
    path = install(tmp_path / "site", entry_points, broken=code)
    train = ("train", project / "train.jsonl", "--encoder", "no-such/encoder", "--output", tmp_path / "run")
    done = run_python("-m", "polyhead", *train, PYTHONPATH=path)
    assert done.status == 2
    assert done.err.startswith("error: ")
    for fragment in fragments:
        assert fragment in done.err
    assert "Traceback" not in done.err
    assert "This is a fault of polyhead" not in done.err
    assert not (tmp_path / "run").exists()


def test_models_of_our_kinds_open_beside_it(trained: TrainedRun, site: str) -> None:
    done = run_python("-m", "polyhead", "predict", trained.folder, TEXT, "--json", PYTHONPATH=site)
    assert done.status == 0, done.err
    assert list(json.loads(done.out)) == ["text", "classification", "ner"]


def test_its_data_are_kept_between_runs(project: Path, tmp_path: Path, site: str) -> None:
    train = ("-m", "polyhead", "train", "--config", project / "run.toml", "--output", tmp_path / "run")
    train = (*train, "--epochs", "1", "--set", f"data.cache={tmp_path / 'cache'}")
    first, second = (run_python(*train, PYTHONPATH=site) for _ in range(2))
    assert (first.status, second.status) == (0, 0), (first.err, second.err)
    assert "384 records read in" in first.err
    assert "384 records found in" in second.err
    assert "192 rows found, nothing tokenised again" in second.err
