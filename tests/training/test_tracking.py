"""Trackers: what they hear of a run, where it lands, and that a run does not depend on them."""

from __future__ import annotations

import sqlite3
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
from accelerate.tracking import GeneralTracker

from polyhead.errors import SettingsError
from polyhead.settings.model import Tracker
from polyhead.training import tracking
from polyhead.training.tracking import check_trackers, flattened
from tests.training.conftest import Fit, Fitted, Listener, settings_with
from tests.training.test_repeatability import digests

NAMES = get_args(Tracker)


@pytest.fixture(scope="session")
def trackio_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where trackio writes, which it is told once a process."""
    return tmp_path_factory.mktemp("trackio")


@pytest.fixture(autouse=True)
def _at_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, trackio_folder: Path) -> None:
    """Whatever trackers write beside the run lands in a folder of the test's; none reaches the network."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.chdir(home)
    for variable in ("HOME", "WANDB_CACHE_DIR", "WANDB_CONFIG_DIR"):
        monkeypatch.setenv(variable, str(home / variable.lower()))
    monkeypatch.setenv("TRACKIO_DIR", str(trackio_folder))
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("WANDB_DIR", raising=False)


class Fake(GeneralTracker):
    """Keeps what it hears; fails at what it is told to."""

    name = "fake"
    requires_logging_directory = False
    tracker = None

    def __init__(self, fails_at: str = "") -> None:
        self.fails_at = fails_at
        self.heard: list[tuple[str, Any, Any]] = []

    def _hear(self, what: str, values: Any = None, step: int | None = None) -> None:
        if what == self.fails_at:
            raise OSError(f"no {what} today\nand more")
        self.heard.append((what, values, step))

    def start(self) -> None:
        print("a word of welcome")
        self._hear("start")

    def store_init_configuration(self, values: dict[str, Any]) -> None:
        self._hear("config", values)

    def log(self, values: dict[str, Any], step: int | None = None, **_: Any) -> None:
        self._hear("log", values, step)

    def finish(self) -> None:
        self._hear("finish")


@pytest.fixture
def instead(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, GeneralTracker], None]:
    """Put a tracker in the place of one of the four."""

    def _instead(name: str, tracker: GeneralTracker) -> None:
        monkeypatch.setattr(tracking, "check_trackers", lambda _: None)
        monkeypatch.setattr("polyhead.training.run.check_trackers", lambda _: None)
        monkeypatch.setitem(tracking._OPENERS, name, lambda *_: (tracker, "nowhere"))

    return _instead


def scalars_of(fitted: Fitted) -> dict[str, list[tuple[int, float]]]:
    """What tensorboard has, read back by itself."""
    accumulators = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    (folder,) = (fitted.run.folder / "tracking" / "tensorboard").iterdir()
    events = accumulators.EventAccumulator(str(folder))
    events.Reload()
    return {tag: [(event.step, event.value) for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def test_tensorboard_has_what_the_log_has(fit: Fit) -> None:
    pytest.importorskip("tensorboard")
    fitted = fit(tracking={"trackers": "tensorboard"})
    scalars = scalars_of(fitted)
    for task in ("classification", "ner"):
        wanted = [(step["step"], pytest.approx(step["losses"][task])) for step in fitted.steps]
        assert scalars[f"train/loss/{task}"] == wanted
    assert scalars["train/lr"] == [(step["step"], pytest.approx(step["lr"])) for step in fitted.steps]
    assert scalars["train/tokens"] == [(step["step"], step["tokens"]) for step in fitted.steps]
    ends = [len(fitted.steps) // 2, len(fitted.steps)]
    for name, key in (("dev/score", "score"), ("train/tokens_per_second", "tokens_per_second")):
        values = [epoch[key] for epoch in fitted.account["epochs"]]
        assert scalars[name] == list(zip(ends, map(pytest.approx, values), strict=True))
    dev = [epoch["dev"] for epoch in fitted.account["epochs"]]
    assert scalars["dev/ner/f1"] == [
        (end, pytest.approx(own["tasks"]["ner"]["f1"])) for end, own in zip(ends, dev, strict=True)
    ]
    assert [value for _, value in scalars["dev/frame_accuracy"]] == [
        pytest.approx(own["frame_accuracy"]) for own in dev
    ]
    assert not any("records" in name or "per_type" in name for name in scalars)


@pytest.mark.parametrize("name", NAMES)
def test_each_tracker_writes_into_the_run_and_changes_nothing_of_it(
    name: str, fit: Fit, tmp_path: Path, trackio_folder: Path
) -> None:
    pytest.importorskip(name)
    listener = Listener()
    with_tracker = fit(epochs=1, tracking={"trackers": name}, reporter=listener)
    assert listener.warnings == []
    assert [line.split(":")[0] for topic, line in listener.lines if topic == "tracker"] == [name]
    place = trackio_folder if name == "trackio" else with_tracker.run.folder / "tracking"
    assert any(path.is_file() for path in place.rglob("*"))
    assert digests(with_tracker.run.folder) == digests(fit(epochs=1).run.folder)
    assert not (tmp_path / "home" / "mlruns").exists()
    assert not (tmp_path / "home" / "wandb").exists()


def test_mlflow_keeps_each_run_to_its_folder(fit: Fit) -> None:
    pytest.importorskip("mlflow")
    listener = Listener()
    for lr in (1e-3, 1e-4):
        fitted = fit(epochs=1, lr=lr, tracking={"trackers": "mlflow", "project": "mine"}, reporter=listener)
        with sqlite3.connect(fitted.run.folder / "tracking" / "mlflow" / "mlflow.db") as store:
            assert store.execute("select value from params where key = 'training.lr'").fetchall() == [(str(lr),)]
            assert ("mine",) in store.execute("select name from experiments").fetchall()
            (count,) = store.execute("select count(*) from metrics where key = 'train/loss/ner'").fetchone()
            assert count == len(fitted.steps)
    assert listener.warnings == []


@pytest.mark.parametrize("name", NAMES)
def test_of_runs_in_one_folder_each_is_kept_by_itself(
    name: str, fit: Fit, tmp_path: Path, trackio_folder: Path
) -> None:
    pytest.importorskip(name)
    listener = Listener()
    options = {"output": tmp_path / "out", "epochs": 1, "batch_size": 64, "reporter": listener}
    fit(tracking={"trackers": name}, **options)
    time.sleep(1)  # a run's name has the second in it
    fit(tracking={"trackers": name}, **options)
    assert [line for line in listener.warnings if "earlier run" not in line] == []
    assert len(runs_of(name, tmp_path / "out" / "tracking", trackio_folder)) == 2


def runs_of(name: str, folder: Path, trackio: Path) -> set[str]:
    """Names of the runs that a tracker has."""
    if name == "mlflow":
        with sqlite3.connect(folder / "mlflow" / "mlflow.db") as store:
            return {run for (run,) in store.execute("select name from runs")}
    if name == "trackio":
        (database,) = trackio.glob("*.db")
        with sqlite3.connect(database) as store:
            return {run for (run,) in store.execute("select distinct run_name from metrics") if run.startswith("out-")}
    return {path.name for path in (folder / name).iterdir() if path.is_dir() and not path.is_symlink()}


def test_what_trackers_hear(
    fit: Fit, instead: Callable[..., None], capsys: pytest.CaptureFixture[str], small_data: Path
) -> None:
    fake = Fake()
    instead("wandb", fake)
    fitted = fit(tracking={"trackers": ["wandb"]})
    (_, config, _), *logged, _ = fake.heard[1:]
    assert [what for what, *_ in fake.heard] == ["start", "config", *["log"] * (len(fitted.steps) + 2), "finish"]
    assert config["training.batch_size"] == fitted.account["plan"]["batch_size"], "settings as worked out"
    assert config["data.train"] == str(small_data)
    assert config["tracking.trackers"] == "wandb"
    steps = [step for _, _, step in logged]
    assert steps == sorted(steps), "trackers want steps in order"
    assert capsys.readouterr().out == "", "standard output is for answers"


def test_settings_are_told_as_single_values() -> None:
    nested = {"a": {"b": 1, "c": {"d": 0.5}}, "e": None, "f": [], "g": ["x", 2], "h": True, "i": "text"}
    assert dict(flattened(nested)) == {"a.b": 1, "a.c.d": 0.5, "g": "x, 2", "h": True, "i": "text"}


@pytest.mark.parametrize("moment", ["start", "config", "log", "finish"])
def test_a_tracker_that_fails_is_left_out_and_the_others_go_on(
    moment: str, fit: Fit, instead: Callable[..., None]
) -> None:
    failing, sound, listener = Fake(moment), Fake(), Listener()
    instead("wandb", failing)
    instead("mlflow", sound)
    fitted = fit(tracking={"trackers": ["wandb", "mlflow"]}, reporter=listener)
    assert listener.warnings == [
        f"the tracker 'wandb' failed, and the run goes on without it: OSError: no {moment} today"
    ]
    assert len(fitted.account["epochs"]) == 2
    assert len(sound.heard) == 2 + len(fitted.steps) + 2 + 1
    assert sound.heard[-1][0] == "finish"


def test_trackers_are_told_of_the_end_of_a_run_that_fails(fit: Fit, instead: Callable[..., None]) -> None:
    class Interrupts(Listener):
        def step(self, report: object) -> None:
            raise KeyboardInterrupt

    fake = Fake()
    instead("wandb", fake)
    with pytest.raises(KeyboardInterrupt):
        fit(tracking={"trackers": ["wandb"]}, reporter=Interrupts())
    assert fake.heard[-1][0] == "finish"


@pytest.mark.parametrize("name", NAMES)
def test_a_package_that_is_not_installed_is_named_before_anything_is_written(
    name: str, fit: Fit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracking, "find_spec", lambda _: None)
    with pytest.raises(SettingsError, match=rf"tracking.trackers: '{name}' is not installed: pip install {name}"):
        fit(output=tmp_path / "out", tracking={"trackers": name})
    assert not (tmp_path / "out").exists()


def test_a_folder_of_that_name_is_no_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "wandb").mkdir()
    monkeypatch.setattr("sys.path", [str(tmp_path)])
    monkeypatch.delitem(sys.modules, "wandb", raising=False)
    with pytest.raises(SettingsError, match="'wandb' is not installed"):
        check_trackers(settings_with(tracking={"trackers": "wandb"}).tracking)


def test_trackers_may_be_one_or_several() -> None:
    assert settings_with().tracking.trackers == ()
    assert settings_with(tracking={"trackers": "mlflow"}).tracking.trackers == ("mlflow",)
    several = ["wandb", "mlflow", "wandb"]
    assert settings_with(tracking={"trackers": several}).tracking.trackers == ("wandb", "mlflow")


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"trackers": "tensorbord"}, r"'tensorboard', 'mlflow', 'wandb' or 'trackio'.*did you mean 'tensorboard'"),
        ({"tracker": "wandb"}, r"tracking.tracker: no such setting; known: trackers, project.*did you mean 'trackers'"),
        ({"project": "a/b"}, r"tracking.project: a project's name has letters, digits, '_' and '-', found 'a/b'"),
    ],
)
def test_settings_that_cannot_be(section: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        settings_with(tracking=section)
