"""Options and settings that cannot be: each a clear message that names the setting, the rule and what was found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from polyhead.tasks import KINDS
from polyhead.training import TrainedRun

TASK = ["--set", "tasks.x.field=label"]
BAD_OPTIONS: dict[str, tuple[list[str], tuple[str, ...]]] = {
    "--freeze": (["--freeze", "nonsense"], ("training.freeze", "'encoder'", "'embeddings'", "found 'nonsense'")),
    "--freeze 0": (["--freeze", "0"], ("training.freeze", "found 0")),
    "--freeze 99": (["--freeze", "99"], ("training.freeze: the encoder has 2 layers, found 99",)),
    "--set without =": (["--set", "training.lr"], ("--set training.lr: wanted KEY=VALUE",)),
    "--set nothing": (["--set", "=3"], ("--set =3: wanted KEY=VALUE",)),
    "--set of an unknown key": (
        ["--set", "training.lrr=3"],
        ("training.lrr: no such setting", "did you mean 'lr'?", "epochs"),
    ),
    "--set of an unknown section": (
        ["--set", "trainin.lr=3"],
        ("trainin: no such setting", "did you mean 'training'?"),
    ),
    "--set inside a setting": (["--set", "training.clip.x=3"], ("training.clip", "found {'x': 3}")),
    "--set of a wrong type": (["--set", "training.epochs=many"], ("training.epochs", "found 'many'")),
    "--set of a list": (["--set", "training.lr=[1]"], ("training.lr", "found [1]")),
    "unknown kind": (
        [*TASK, "--set", "tasks.x.kind=singel_label"],
        ("tasks.x.kind", "'singel_label'", "did you mean 'single_label'?"),
    ),
    "kind missing": (TASK, ("tasks.x.kind: must be given",)),
    "unknown option of a task": (
        [*TASK, "--set", "tasks.x.kind=tagging", "--set", "tasks.x.units=x"],
        ("tasks.x.units: no such setting", "'unit'"),
    ),
    "wrong option of a task": (
        [*TASK, "--set", "tasks.x.kind=tagging", "--set", "tasks.x.unit=letters"],
        ("tasks.x.unit", "whitespace", "found 'letters'"),
    ),
    "a field that is nowhere": (
        ["--set", "tasks.x.kind=single_label", "--set", "tasks.x.field=labell"],
        ("tasks.x.field", "'labell'", "did you mean 'label'?"),
    ),
    "reserved name": (
        ["--set", "tasks.text.kind=single_label", "--set", "tasks.text.field=label"],
        ("tasks", "'text' cannot be a task's name"),
    ),
    "negative weight": (
        [*TASK, "--set", "tasks.x.kind=single_label", "--set", "tasks.x.weight=-1"],
        ("tasks.x.weight", "found -1"),
    ),
    "--epochs 0": (["--epochs", "0"], ("training.epochs", "found 0")),
    "--batch-size 0": (["--batch-size", "0"], ("training.batch_size", "found 0")),
    "--lr 0": (["--lr", "0"], ("training.lr", "found 0")),
    "--lr nan": (["--lr", "nan"], ("training.lr", "found nan")),
    "--seed -1": (["--seed", "-1"], ("training.seed", "found -1")),
    "max_length over the encoder's": (["--set", "encoding.max_length=1000"], ("encoding.max_length", "64", "1000")),
    "overlap of a whole row": (["--set", "encoding.overlap=62"], ("64 pieces", "an overlap of 62")),
    "--config absent": (["--config", "absent.toml"], ("--config absent.toml: no such file",)),
    "--epochs many": (["--epochs", "many"], ("--epochs", "valid integer")),
    "--strategy other": (["--strategy", "other"], ("--strategy", "joint", "alternating")),
    "--precision fp8": (["--precision", "fp8"], ("--precision", "bf16")),
    "unknown option": (["--epoch", "2"], ("--epoch",)),
    "freeze and unfreeze": (
        ["--freeze", "encoder", "--set", "training.unfreeze=1"],
        ("'freeze' and 'unfreeze' cannot both be given",),
    ),
}

LABEL = ["--set", "tasks.x.kind=single_label", *TASK]
TAGS = ["--set", "tasks.x.kind=tagging", "--set", "tasks.x.field=ner_tags"]
BEFORE_ANY_DOWNLOAD: dict[str, tuple[list[str], tuple[str, ...]]] = {
    "kind": (
        [*TASK, "--set", "tasks.x.kind=multilabel"],
        ("tasks.x.kind: no kind of task is called 'multilabel'", "did you mean 'multi_label'?", ", ".join(KINDS)),
    ),
    "metric": (
        [*LABEL, "--set", "tasks.x.metric=acuracy"],
        ("tasks.x.metric: single_label has no metric 'acuracy'; known: accuracy, macro_f1 (did you mean 'accuracy'?)",),
    ),
    "metric of another kind": ([*TAGS, "--set", "tasks.x.metric=accuracy"], ("known: f1, precision, recall",)),
    "option": (
        [*LABEL, "--set", "tasks.x.poolin=mean"],
        ("tasks.x.poolin: no such setting", "did you mean 'pooling'?", "class_weights"),
    ),
    "option of another kind": ([*LABEL, "--set", "tasks.x.decoder=crf"], ("tasks.x.decoder: no such setting",)),
    "pooling": (
        [*LABEL, "--set", "tasks.x.pooling=max"],
        ("tasks.x.pooling", "'cls', 'mean' or 'attention'", "found 'max'"),
    ),
    "decoder": ([*TAGS, "--set", "tasks.x.decoder=crff"], ("tasks.x.decoder", "'viterbi' or 'crf'", "found 'crff'")),
    "what a CRF does not take": (
        [*TAGS, "--set", "tasks.x.decoder=crf", "--set", "tasks.x.label_smoothing=0.1"],
        ("tasks.x", "takes no label_smoothing; leave it out"),
    ),
    "a class that is nowhere": (
        [*TAGS, "--set", "tasks.x.class_weights={PRE=2.0}"],
        ("tasks.x.class_weights.PRE: the data show no such label", "did you mean 'PER'?"),
    ),
    "field": ([*LABEL, "--set", "tasks.x.field=labels"], ("tasks.x.field", "'labels'", "did you mean 'label'?")),
    "score weight": ([*LABEL, "--set", "tasks.x.score_weight=-1"], ("tasks.x.score_weight", "found -1")),
    "thresholds": (
        [*TASK, "--set", "tasks.x.kind=multi_label", "--set", "tasks.x.thresholds=2"],
        ("tasks.x.thresholds", "'tuned' or a number between 0 and 1", "found 2"),
    ),
    "teacher": (["--set", "teacher.model=x"], ("teacher.model: no such setting", "did you mean 'models'?")),
    "tracker": (
        ["--tracker", "tensorbord"],
        ("tracking.trackers", "'mlflow', 'wandb' or 'trackio'", "found 'tensorbord' (did you mean 'tensorboard'?)"),
    ),
    "project": (["--set", "tracking.project=a/b"], ("tracking.project", "letters, digits, '_' and '-'", "found 'a/b'")),
    "strategy": (
        ["--set", "training.strategy=roundrobin"],
        ("training.strategy", "found 'roundrobin' (did you mean 'round_robin'?)"),
    ),
}


@pytest.mark.parametrize("case", BEFORE_ANY_DOWNLOAD)
def test_settings_are_checked_before_an_encoder_is_fetched(
    case: str, fails: Callable[..., str], tmp_path: Path, data: Path
) -> None:
    options, fragments = BEFORE_ANY_DOWNLOAD[case]
    message = fails("train", data, "--encoder", "no-such/encoder", "--output", tmp_path / "run", *options)
    for fragment in fragments:
        assert fragment in message
    assert "no-such" not in message


@pytest.mark.parametrize("case", BAD_OPTIONS)
def test_options(case: str, fails: Callable[..., str], tmp_path: Path, data: Path, encoder: str) -> None:
    options, fragments = BAD_OPTIONS[case]
    message = fails("train", data, "--encoder", encoder, "--output", tmp_path / "run", *options)
    for fragment in fragments:
        assert fragment in message


BAD_SETTINGS = {
    "encodr = 'x'": ("encodr: no such setting", "did you mean 'encoder'?"),
    "[training]\nepoch = 3": ("training.epoch: no such setting", "did you mean 'epochs'?"),
    "[training\nepochs = 3": ("not valid TOML",),
    "[training]\nepochs = 3\nepochs = 4": ("not valid TOML",),
    "training = 3": ("training",),
    "[data]\ndev = 3": ("data.dev",),
    "[tasks]\nx = 3": ("tasks.x",),
    "[tasks.x]\nkind = 'crf'\nfield = 'label'": ("tasks.x.kind", "'crf'", f"known: {', '.join(KINDS)}"),
    "[training]\nlr = inf": ("training.lr",),
}


@pytest.mark.parametrize("content", BAD_SETTINGS)
def test_settings_files(content: str, fails: Callable[..., str], tmp_path: Path, data: Path, encoder: str) -> None:
    (tmp_path / "run.toml").write_text(content)
    options = ("--encoder", encoder, "--output", tmp_path / "run", "--config", tmp_path / "run.toml")
    message = fails("train", data, *options)
    for fragment in BAD_SETTINGS[content]:
        assert fragment in message


def test_no_data(fails: Callable[..., str], encoder: str, tmp_path: Path) -> None:
    message = fails("train", "--encoder", encoder, "--output", tmp_path / "run")
    assert "no training data: give DATA, or data.train in a settings file" in message


def test_output_is_a_file(fails: Callable[..., str], encoder: str, tmp_path: Path, data: Path) -> None:
    (tmp_path / "taken").write_text("mine")
    for output in (tmp_path / "taken", tmp_path / "taken" / "inside"):
        assert f"output: {tmp_path / 'taken'} is a file; name a folder" in fails(
            "train", data, "--encoder", encoder, "--output", output
        )
    assert (tmp_path / "taken").read_text() == "mine"


def test_what_predict_is_not_asked(fails: Callable[..., str], trained: TrainedRun, tmp_path: Path, data: Path) -> None:
    folder = trained.folder
    assert "no task 'nre'; known: classification, ner (did you mean 'ner'?)" in fails(
        "predict", folder, "x", "--task", "nre", "--output", tmp_path / "out.jsonl"
    )
    assert "nothing to predict: give a TEXT, or --input FILE" in fails("predict", folder)
    assert "give texts or --input, not both" in fails("predict", folder, "x", "--input", data)
    assert "absent.txt: no such file" in fails("predict", folder, "--input", tmp_path / "absent.txt")
    (tmp_path / "a file").touch()
    assert f"{tmp_path / 'a file'}: " in fails("predict", folder, "x", "--output", tmp_path / "a file" / "out.jsonl")
    assert f"{tmp_path}: Is a directory" in fails("predict", folder, "x", "--output", tmp_path)


def test_evaluation_data_without_the_fields(fails: Callable[..., str], trained: TrainedRun, tmp_path: Path) -> None:
    path = tmp_path / "other.jsonl"
    path.write_text('{"sentence": "a b", "intent": "x"}\n' * 3)
    message = fails("evaluate", trained.folder, path)
    assert f"{path}: none of the 3 records has a field that the tasks read" in message
    assert "label" in message
    assert "ner_tags" in message
