"""Runs that train adapters beside an encoder which stays as it is."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import polyhead
from polyhead import Predictor
from polyhead.batching import SubBatch
from polyhead.bundle.adapters import ADAPTERS
from polyhead.errors import MissingExtraError, SettingsError
from polyhead.inference import open_model
from polyhead.model.adapters import key_of
from polyhead.model.fast.layer import FastLayer
from polyhead.model.weights import load_model
from polyhead.settings import RunSettings
from polyhead.training import TrainedRun, run_training
from polyhead.training.extending import remove_head, settings_of_head
from polyhead.training.forecast import forecast
from polyhead.training.forecast.advice import memory_advice
from polyhead.training.forecast.memory import Line
from polyhead.training.passes import Pass
from polyhead.training.plan import make_plan
from tests.conftest import RECORDS
from tests.end_to_end.many_kinds import PARTS
from tests.end_to_end.many_kinds import TASKS as EVERY_KIND
from tests.training.conftest import Listener, settings_with
from tests.training.driving import Drive, same_bits
from tests.training.test_resume import Breaker

Write = Callable[..., Path]
Train = Callable[..., TrainedRun]

OWN = {"rank": 2, "share": "own", "targets": "attention"}
TEXTS = [str(record["sentence"]) for record in RECORDS] + ["", "Anna lives in New York. " * 30]


@pytest.fixture
def data(write: Write) -> Path:
    return write(RECORDS * 3, "train.jsonl")


@pytest.fixture
def train(data: Path, encoder_folders: dict[str, Path], tmp_path: Path) -> Train:
    """Three epochs of four steps, into a folder of the name that is given."""

    def _train(name: str, encoder: str = "distilbert", **settings: Any) -> TrainedRun:
        wanted = {"dev": data, "encoder": str(encoder_folders[encoder]), "precision": "fp32", "epochs": 3}
        wanted |= {"batch_size": 6, "output": tmp_path / name, **settings}
        return polyhead.train(data, **wanted)

    return _train


@pytest.fixture
def settings(data: Path, encoder_folders: dict[str, Path]) -> Callable[..., RunSettings]:
    def _settings(adapters: dict[str, Any], *, encoder: str = "distilbert", **training: Any) -> RunSettings:
        flags = {f"training.{name}": own for name, own in {"precision": "fp32", "batch_size": 6, **training}.items()}
        files = {"data.train": data, "data.dev": data, "encoder": str(encoder_folders[encoder])}
        return settings_with(**files, **flags, **{f"adapters.{name}": own for name, own in adapters.items()})

    return _settings


def files_of(run: TrainedRun) -> dict[str, bytes]:
    return {f"{path.parent.name}/{path.name}": path.read_bytes() for path in run.folder.glob("epoch-*/*.safetensors")}


def logits(model: Path) -> list[dict[str, Any]]:
    return [dict(reading.logits) for reading in Predictor.load(model, runtime="torch").read(TEXTS)]


def farthest(one: Path, other: Path) -> float:
    pairs = zip(logits(one), logits(other), strict=True)
    return max(float(np.abs(mine[name] - theirs[name]).max(initial=0.0)) for mine, theirs in pairs for name in mine)


def test_the_encoder_stays_as_it_was_and_adapters_and_heads_learn(settings: Callable[..., RunSettings]) -> None:
    drive = Drive.of(settings(OWN))
    before = drive.weights()
    list(drive.steps())
    for name, after in drive.weights().items():
        learns = name.startswith("heads.") or key_of(name) is not None
        assert torch.equal(before[name], after) != learns, name


def test_kept_or_merged_the_run_is_the_same_and_answers_are(train: Train) -> None:
    kept = train("kept", adapters={"rank": 2, "merge": False}, lr=1e-2)
    merged = train("merged", adapters={"rank": 2}, lr=1e-2)
    assert farthest(kept.best.parent / "epoch-3", merged.best.parent / "epoch-3") <= 1e-5
    assert {path.name for path in kept.best.iterdir()} - {path.name for path in merged.best.iterdir()} == {ADAPTERS}
    plain = train("plain")
    names = load_file(plain.best / "model.safetensors").keys()
    assert load_file(kept.best / "model.safetensors").keys() == names
    assert load_file(merged.best / "model.safetensors").keys() == names
    assert not torch.equal(
        load_file(merged.best / "model.safetensors")["encoder.transformer.layer.1.attention.q_lin.weight"],
        load_file(kept.best / "model.safetensors")["encoder.transformer.layer.1.attention.q_lin.weight"],
    )


@pytest.mark.parametrize("adapters", [{"rank": 2}, {"rank": 2, "merge": False}, OWN], ids=["merged", "kept", "own"])
def test_evaluate_gives_the_very_dev_figures_of_the_run(train: Train, data: Path, adapters: dict[str, Any]) -> None:
    run = train("run", adapters=adapters, lr=1e-2, average=2)
    scores = polyhead.evaluate(run.best, data)
    dev = run.best_epoch.dev
    assert dev is not None
    assert scores["tasks"]["ner"]["f1"] == dev["tasks"]["ner"]["f1"]
    assert scores["frame_accuracy"] == dev["frame_accuracy"]


@pytest.mark.parametrize("at", [3, 4, 7])
@pytest.mark.parametrize("adapters", [{"rank": 2}, {**OWN, "dropout": 0.1}], ids=["merged", "own"])
def test_a_run_that_was_broken_off_comes_to_the_same_bits(train: Train, at: int, adapters: dict[str, Any]) -> None:
    whole = train("whole", adapters=adapters, average=2)
    with pytest.raises(polyhead.errors.TrainingStoppedError):
        train("broken", adapters=adapters, average=2, reporter=Breaker(step=at))
    assert files_of(train("broken", adapters=adapters, average=2, resume=True)) == files_of(whole)


def test_another_adapter_is_another_run(train: Train) -> None:
    with pytest.raises(polyhead.errors.TrainingStoppedError):
        train("broken", adapters=OWN, reporter=Breaker(step=3))
    with pytest.raises(SettingsError, match=r"adapters\.rank: 2 before, 4 now"):
        train("broken", adapters={**OWN, "rank": 4}, resume=True)


@pytest.mark.parametrize("encoder", ["distilbert", "roberta", "deberta"])
@pytest.mark.parametrize(
    "training", [{}, {"precision": "bf16"}, {"token_budget": 40}, {"strategy": "alternating"}], ids=str
)
def test_layers_that_run_twice_give_the_same_bits(
    settings: Callable[..., RunSettings], encoder: str, training: dict[str, Any]
) -> None:
    """Each runs with the adapter of its own pass, whichever was the last."""
    found = []
    for twice in (False, True):
        drive = Drive.of(settings(OWN, encoder=encoder, checkpoint_activations=twice, **training))
        losses = [report.losses for report in drive.steps()]
        found.append((losses, drive.weights()))
    assert found[0][0] == found[1][0]
    assert same_bits(found[0][1], found[1][1])


@pytest.mark.parametrize("share", ["shared", "own"])
def test_a_step_in_parts_has_the_gradient_of_the_whole(settings: Callable[..., RunSettings], share: str) -> None:
    drive = Drive.of(settings({"rank": 2, "share": share}))
    list(drive.steps())  # an adapter that adds nothing has no gradient in its first matrix
    model, ((_, step), *_) = drive.prepared.model, drive.order()
    model.eval()
    found = []
    for budget in (None, 16):
        model.zero_grad(set_to_none=True)
        losses = drive.passes().backward(step, budget=budget)
        found.append((losses, {name: own.grad for name, own in model.named_parameters() if own.grad is not None}))
    (losses, grads), (in_parts, grads_in_parts) = found
    assert losses == pytest.approx(in_parts, rel=1e-4)
    assert grads.keys() == grads_in_parts.keys()
    for name, grad in grads.items():
        torch.testing.assert_close(grads_in_parts[name], grad, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("strategy", ["joint", "alternating", "proportional", "round_robin"])
def test_tasks_of_every_kind_with_partial_labels_train_with_adapters_of_their_own(
    strategy: str, encoder_folders: dict[str, Path], write: Write, tmp_path: Path
) -> None:
    data = write(PARTS[:64], "parts.jsonl")
    names = list(EVERY_KIND)
    groups = [names[:2], *([name] for name in names[2:])]
    flags = {"data.train": data, "data.dev": data, "training.precision": "fp32", "training.strategy": strategy}
    run = run_training(
        settings_with(
            encoder=str(encoder_folders["roberta"]),
            output=tmp_path / "run",
            tasks=EVERY_KIND,
            **flags,
            **{"training.epochs": 1, "adapters.rank": 2, "adapters.groups": groups, "training.mix_by": "task"},
        )
    )
    about = open_model(run.best).about
    assert [list(own.tasks) for own in about.adapters] == groups
    assert len(about.passes()) == len(groups)
    adapters = load_file(run.best / ADAPTERS)
    learnt = {key_of(name) for name, own in adapters.items() if ".lora_B." in name and bool(own.abs().sum() > 0)}
    assert learnt == {own.key for own in about.adapters}


def test_only_the_passes_that_a_batch_needs_are_run(settings: Callable[..., RunSettings]) -> None:
    drive = Drive.of(settings(OWN, strategy="alternating"))
    used: list[str | None] = []
    use = drive.prepared.model.adapters.use
    drive.prepared.model.adapters.use = lambda key: used.append(key) or use(key)
    (_, step) = drive.order()[0]
    for sub_batch in step:
        drive.passes().losses(Pass(sub_batch))
    assert used == ["adapter_0", "adapter_1"]


def test_adapters_train_in_the_layers_that_are_run_by_hand(settings: Callable[..., RunSettings]) -> None:
    def by_hand(**adapters: Any) -> bool:
        model = Drive.of(settings({"rank": 2, **adapters})).prepared.model
        return isinstance(model.encoder.get_submodule("transformer.layer.0").forward, FastLayer)

    assert by_hand()
    assert not by_hand(dropout=0.1)


def test_own_adapters_share_no_weight(settings: Callable[..., RunSettings]) -> None:
    drive = Drive.of(settings(OWN))
    list(drive.steps())
    (_, step) = drive.order()[0]
    losses = drive.passes().losses(Pass(step[0]))
    learning = {name: own for name, own in drive.prepared.model.named_parameters() if own.requires_grad}
    of_tasks = []
    for name in losses:
        grads = torch.autograd.grad(losses[name], list(learning.values()), retain_graph=True, allow_unused=True)
        of_tasks.append({own for own, grad in zip(learning, grads, strict=True) if grad is not None})
    assert all(of_tasks)
    assert not of_tasks[0] & of_tasks[1]


def test_a_run_of_before_there_were_adapters_is_gone_on_with(train: Train, tmp_path: Path) -> None:
    whole = train("whole")
    with pytest.raises(polyhead.errors.TrainingStoppedError):
        train("broken", reporter=Breaker(step=3))
    path = tmp_path / "broken" / "run.json"
    account = json.loads(path.read_text())
    del account["settings"]["adapters"]
    path.write_text(json.dumps(account))
    assert files_of(train("broken", resume=True)) == files_of(whole)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_adapters_learn_in_other_precisions(settings: Callable[..., RunSettings], precision: str) -> None:
    drive = Drive.of(settings(OWN, precision=precision, lr=1e-2))
    before = drive.weights()
    losses = [sum(report.losses.values()) for report in drive.steps()]
    assert len(losses) == 8
    after = drive.weights()
    assert all(bool(own.isfinite().all()) for own in after.values())
    assert all(not torch.equal(before[name], own) for name, own in after.items() if key_of(name))


# --- a conflict ---------------------------------------------------------------------------------------------------

YES_NO = [
    {"text": f"{verb} {what}", "wants": int(verb == "play"), "refuses": int(verb != "play")}
    for verb in ("play", "book")
    for what in ("some music", "a flight to Berlin", "a room in New York", "the weather", "a song", "spotify")
]


def accuracies(
    encoder: Path, data: Path, tasks: tuple[str, ...], adapters: dict[str, Any]
) -> tuple[dict[str, float], float | None]:
    """Train tasks with opposite labels whose heads are one and the same and do not learn, so that the encoder must.

    Returns:
        By task, its accuracy on the training data; and the cosine of the tasks' gradients on a record, over the weights
        that both reach.
    """
    described = {name: {"kind": "single_label", "field": name} for name in tasks}
    flags = {f"adapters.{name}": value for name, value in adapters.items()}
    flags |= {"training.epochs": 60, "training.batch_size": 12, "training.lr": 1e-2, "training.precision": "fp32"}
    files = {"data.train": data, "data.dev": data, "data.text_field": "text", "encoder": str(encoder)}
    drive = Drive.of(settings_with(tasks=described, **files, **flags))
    model, first = drive.prepared.model, tasks[0]
    torch.nn.init.normal_(model.head(first).linear.weight, std=0.5)
    for name in tasks:
        model.head(name).load_state_dict(model.head(first).state_dict())
        model.head(name).requires_grad_(False)
    ((_, step), *_) = drive.order()
    list(drive.steps())
    model.eval()
    one = Pass(SubBatch(step[0].rows[:1], step[0].tasks))
    fight = _cosine(model, drive.passes().losses(one))
    found = dict.fromkeys(tasks, 0.0)
    rows = drive.prepared.examples
    for name in tasks:
        predictor = Predictor(
            tasks=[task for task in drive.prepared.tasks if task.name == name],
            text_encoder=drive.prepared.text_encoder,
            runtime=polyhead.model.TorchRuntime(model),
        )
        answers = predictor([record["text"] for record in YES_NO])
        right = [
            int(answer.predictions[name].label == record[name]) for answer, record in zip(answers, YES_NO, strict=True)
        ]
        found[name] = sum(right) / len(right)
    assert len(rows) == len(YES_NO)
    return found, fight


def _cosine(model: Any, losses: dict[str, torch.Tensor]) -> float | None:
    learning = [own for own in model.parameters() if own.requires_grad]
    grads = [torch.autograd.grad(own, learning, retain_graph=True, allow_unused=True) for own in losses.values()]
    if len(grads) < 2:
        return None
    shared = [pair for pair in zip(*grads, strict=True) if pair[0] is not None and pair[1] is not None]
    if not shared:
        return None
    one, other = (torch.cat([pair[at].flatten() for pair in shared]) for at in (0, 1))
    return float(torch.nn.functional.cosine_similarity(one, other, dim=0))


def test_adapters_of_their_own_end_a_conflict(encoder_folders: dict[str, Path], write: Write) -> None:
    """Two tasks with opposite labels: a shared adapter serves one at the other's cost, own ones serve both."""
    data, both = write(YES_NO, "conflict.jsonl"), ("wants", "refuses")
    of = {"rank": 8, "targets": "all"}
    encoder = encoder_folders["roberta"]
    shared, fight = accuracies(encoder, data, both, of)
    assert shared["wants"] + shared["refuses"] == pytest.approx(1.0)  # whatever is right for one is wrong for the other
    assert fight == pytest.approx(-1.0, abs=1e-3)
    alone = {name: accuracies(encoder, data, (name,), of)[0][name] for name in both}
    own, left = accuracies(encoder, data, both, {**of, "share": "own"})
    assert alone == {"wants": 1.0, "refuses": 1.0}
    assert own == alone
    assert left is None


# --- what does not go together ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("adapters", "training", "said"),
    [
        ({"rank": 2}, {"freeze": 1}, r"training\.freeze: with adapters the encoder's own weights stay as they are"),
        ({"rank": 2}, {"freeze": "encoder"}, r"training\.freeze: with adapters"),
        ({"rank": 2}, {"unfreeze": 1}, r"training\.unfreeze: with adapters"),
        ({"alpha": 2.0}, {}, r"adapters\.alpha: does nothing without adapters\.rank \(--lora\)"),
        ({"share": "own"}, {}, r"adapters\.share: does nothing without adapters\.rank"),
        ({"rank": 2, "groups": [["ner"]]}, {}, r"adapters\.groups: 'classification' is in none; name each task once"),
        ({"rank": 2, "groups": [["ner", "clas"]]}, {}, r"adapters\.groups: there is no task 'clas'; known: "),
        (
            {"rank": 2, "groups": [["ner", "classification"], ["ner"]]},
            {},
            r"adapters\.groups: 'ner' stands there twice",
        ),
        ({"rank": 2, "groups": [["ner", "classification"], []]}, {}, r"adapters\.groups: a group has no task"),
        (
            {"rank": 2, "targets": ["q_lim"]},
            {},
            r"adapters\.targets: the encoder's layers have no linear layer 'q_lim'",
        ),
    ],
    ids=str,
)
def test_what_does_not_go_together_is_refused(
    adapters: dict[str, Any], training: dict[str, Any], said: str, settings: Callable[..., RunSettings]
) -> None:
    with pytest.raises(SettingsError, match=f"^{said}"):
        Drive.of(settings(adapters, **training))


def test_without_peft_it_says_what_to_install(
    settings: Callable[..., RunSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "peft", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'polyhead\[adapters\]'"):
        Drive.of(settings({"rank": 2}))


# --- what a person is told ----------------------------------------------------------------------------------------


def test_it_is_told_what_learns(settings: Callable[..., RunSettings]) -> None:
    prepared = Drive.of(settings({**OWN, "dropout": 0.1})).prepared
    learning = sum(own.numel() for own in prepared.model.parameters() if own.requires_grad)
    whole = sum(own.numel() for own in prepared.model.parameters())
    adapters = 2 * 2 * 2 * (32 * 2 + 2 * 32)  # of two tasks, in two layers of two, two matrices of rank 2
    assert [line for topic, line in prepared.facts() if topic == "adapters"] == [
        "rank 2 (alpha 4) on q_lin, v_lin, kept beside the encoder when it is saved",
        "2 passes of the encoder, one a group of tasks: classification; ner",
        "with adapters.dropout the encoder's layers run by their own code, which on a processor is slower",
        f"{learning:,} of {whole:,} parameters learn ({100 * learning / whole:.2f} %), {adapters:,} are the adapters'",
    ]
    resolved = prepared.resolved_settings()["adapters"]
    assert (resolved["alpha"], resolved["targets"], resolved["merge"]) == (4.0, ["q_lin", "v_lin"], False)


@pytest.mark.parametrize(("hidden", "lr"), [(768, 5e-4), (384, 2e-3), (1024, 2.8125e-4), (128, 2e-3)])
def test_adapters_learn_at_ten_times_the_usual_rate_up_to_a_limit(hidden: int, lr: float) -> None:
    training = settings_with().training
    plan = make_plan(training, hidden=hidden, batch_size=8, steps_per_epoch=10, adapted=True)
    assert plan.lr == pytest.approx(lr)
    assert plan.head_lr >= plan.lr


def test_plan_tries_steps_with_adapters(settings: Callable[..., RunSettings]) -> None:
    found = forecast(settings(OWN), steps=2)
    assert found["fits"]
    drive = Drive.of(settings(OWN))
    advice = memory_advice(drive.prepared, Line(0.0, 1e6), largest=100.0, room=10**12)
    assert all("freeze" not in own["setting"] for own in advice)


# --- heads that come and go ---------------------------------------------------------------------------------------

TOPIC = {"kind": "single_label", "field": "topic"}
TOPICS = [{"text": record["sentence"], "topic": "people" if record["label"] == 1 else "other"} for record in RECORDS]


def add_topic(model: Path, output: Path, data: Path, listener: Any = None, **flags: Any) -> TrainedRun:
    bundle = open_model(model)
    wanted = {"data.train": data, "data.dev": data, "output": output, "training.precision": "fp32"}
    wanted |= {"training.epochs": 3, "training.lr": 1e-2, "training.head_lr": 3e-2, **flags}
    described = settings_of_head(settings_with(tasks={"topic": TOPIC}, **wanted), "topic", bundle)
    return run_training(described, base=bundle, reporter=listener)


@pytest.mark.parametrize(
    ("adapters", "added", "passes"),
    [
        ({"rank": 2, "merge": False}, {}, [("adapter_0", ["classification", "ner", "topic"])]),
        (OWN, {}, [(None, ["topic"]), ("adapter_0", ["classification"]), ("adapter_1", ["ner"])]),
        (
            OWN,
            {"adapters.rank": 3},
            [("adapter_0", ["classification"]), ("adapter_1", ["ner"]), ("adapter_2", ["topic"])],
        ),
        ({}, {"adapters.rank": 3}, [(None, ["classification", "ner"]), ("adapter_0", ["topic"])]),
    ],
    ids=["shared", "own", "own and one more", "none, and one for the new head"],
)
def test_a_head_is_added_and_the_others_answer_bit_for_bit_as_before(
    train: Train, write: Write, tmp_path: Path, adapters: dict[str, Any], added: dict[str, Any], passes: Any
) -> None:
    base = train("base", adapters=adapters, lr=1e-2)
    listener = Listener()
    more = add_topic(base.folder, tmp_path / "more", write(TOPICS * 10, "topics.jsonl"), listener, **added)
    about = open_model(more.best).about
    assert about.passes() == passes
    for before, after in zip(logits(base.best), logits(more.best), strict=True):
        assert all(np.array_equal(after[name], before[name]) for name in before)
    kept = any("states" in line for topic, line in listener.lines if topic == "cache")
    assert kept == (not added)  # where an adapter learns the encoder runs in every epoch
    assert more.best_epoch.dev is not None
    assert more.best_epoch.dev["tasks"]["topic"]["accuracy"] > 0.6
    if added:
        assert about.adapters[-1].rank == 3


def test_an_added_heads_adapter_cannot_be_merged(train: Train, write: Write, tmp_path: Path) -> None:
    base = train("base", epochs=1)
    with pytest.raises(SettingsError, match=r"^adapters\.merge: an added head's adapter is kept"):
        add_topic(
            base.folder, tmp_path / "more", write(TOPICS, "t.jsonl"), **{"adapters.rank": 2, "adapters.merge": True}
        )


def test_a_head_is_removed_with_its_adapter(train: Train, tmp_path: Path) -> None:
    base = train("base", adapters=OWN, lr=1e-2)
    folder = remove_head(base.folder, "classification", tmp_path / "less")
    about = open_model(folder).about
    assert about.passes() == [("adapter_1", ["ner"])]
    assert {key_of(name) for name in load_file(folder / ADAPTERS)} == {"adapter_1"}
    for before, after in zip(logits(base.best), logits(folder), strict=True):
        assert np.array_equal(before["ner"], after["ner"])


def test_a_calibrated_bundle_keeps_its_adapters(train: Train, data: Path, tmp_path: Path) -> None:
    base = train("base", adapters=OWN, lr=1e-2)
    polyhead.calibrate(base.best, data, tmp_path / "warm")
    assert (tmp_path / "warm" / ADAPTERS).read_bytes() == (base.best / ADAPTERS).read_bytes()
    load_model(open_model(tmp_path / "warm"))


def test_the_account_of_a_run_says_what_its_adapters_are(train: Train) -> None:
    run = train("run", adapters=OWN)
    account = json.loads((run.folder / "run.json").read_text())
    assert account["settings"]["adapters"]["rank"] == 2
    assert account["settings"]["adapters"]["targets"] == ["q_lin", "v_lin"]
