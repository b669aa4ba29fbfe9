"""`polyhead evaluate --report`: one page, complete, escaped, and opened in a browser where there is one."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

import polyhead
from polyhead.errors import MissingExtraError
from polyhead.evaluation.report import render
from polyhead.evaluation.report.page import segments
from polyhead.training import TrainedRun
from tests.conftest import RECORDS
from tests.end_to_end.conftest import Cli

Write = Callable[..., Path]
EVIL = """<script>document.title = 'owned'</script>"'&$x_1$"""


class Page(HTMLParser):
    """What a browser would make of a page: its tags, its text, and where it would fetch from."""

    VOID = frozenset({"meta", "br", "path", "use", "rect"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.fetched: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in self.VOID:
            self._open.append(tag)
        for name, value in attrs:
            assert not name.startswith("on"), "no handlers"
            if name in {"src", "href", "xlink:href", "data", "action"} and not (value or "").startswith("#"):
                self.fetched.append(str(value))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self._open or self._open[-1] != "style":
            self.text += data


@pytest.fixture(scope="module")
def crippled(tmp_path_factory: pytest.TempPathFactory, encoder_folders: dict[str, Path], evil_data: Path) -> Path:
    """A model that has hardly learnt, of labels that are HTML."""
    output = tmp_path_factory.mktemp("report") / "model <b>&"
    settings = {"epochs": 1, "lr": 1e-5, "precision": "fp32", "output": output}
    encoder = str(encoder_folders["distilbert"])
    return polyhead.train(evil_data, dev=evil_data, encoder=encoder, **settings).folder


@pytest.fixture(scope="module")
def evil_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Texts, labels and types that are HTML."""
    tags = {tag: tag if tag == "O" else f"{tag[:2]}{EVIL.replace(' ', '')}{tag[2:]}" for tag in TAGS}
    records = [
        {
            "sentence": record["sentence"] + (f" {EVIL.replace(' ', '')}" if at % 2 else ""),
            "label": f"{EVIL}{record['label']}",
            "ner_tags": [tags[tag] for tag in record["ner_tags"]] + ["O"] * (at % 2),
        }
        for at, record in enumerate(RECORDS * 4)
    ]
    path = tmp_path_factory.mktemp("evil") / "data.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


TAGS = {tag for record in RECORDS for tag in record["ner_tags"]}


@pytest.fixture
def page(cli: Cli, crippled: Path, evil_data: Path, tmp_path: Path) -> Path:
    path = tmp_path / "report.html"
    done = cli("evaluate", crippled, evil_data, "--train", evil_data, "--report", path)
    assert done.status == 0
    assert str(path) in done.err
    return path


def test_what_is_html_in_the_data_is_text_in_the_page(page: Path) -> None:
    found = Page(page.read_text(encoding="utf-8"))
    assert "script" not in found.tags
    assert found.text.count("document.title = 'owned'") > 5
    assert EVIL in found.text
    assert "model <b>&" in found.text


def test_the_page_needs_nothing_else(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert Page(text).fetched == []
    assert "@import" not in text
    assert not re.search(r"url\((?!#)", text)


def test_the_page_says_what_json_says(cli: Cli, crippled: Path, evil_data: Path, page: Path) -> None:
    scores = json.loads(cli("evaluate", crippled, evil_data, "--train", evil_data, "--json").out)
    text = Page(page.read_text(encoding="utf-8")).text
    figures = [task[name] for task in scores["tasks"].values() for name in task["intervals"]]
    assert figures
    for value in [*figures, scores["frame_accuracy"]]:
        assert f"{100 * value:.2f}" in text
    for row in scores["breakdown"]["worst"]:
        assert row["source"] in text


def test_a_report_without_intervals_or_wrong_records(
    cli: Cli, trained: TrainedRun, write: Write, tmp_path: Path
) -> None:
    path = tmp_path / "report.html"
    right = polyhead.Predictor.load(trained.folder)(["hello"])[0].predictions["classification"].label
    data = write([{"sentence": "hello", "label": right}])
    assert cli("evaluate", trained.folder, data, "--report", path, "--resamples", "0").status == 0
    text = Page(path.read_text(encoding="utf-8")).text
    assert "Every record is right." in text
    assert "0 of 1 records carry it" in text


def test_a_report_gets_its_folder(cli: Cli, trained: TrainedRun, small_data: Path, tmp_path: Path) -> None:
    path = tmp_path / "reports" / "report.html"
    assert cli("evaluate", trained.folder, small_data, "--report", path).status == 0
    assert path.is_file()


def test_a_report_that_cannot_be_written_is_an_error(
    cli: Cli, trained: TrainedRun, small_data: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    done = cli("evaluate", trained.folder, small_data, "--report", tmp_path / "file" / "report.html")
    assert (done.status, done.out) == (2, "")
    assert "error:" in done.err
    assert "Traceback" not in done.err


def test_the_missing_extra_is_named(trained: TrainedRun, small_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    predictor = polyhead.Predictor.load(trained.folder)
    scores = polyhead.evaluate(predictor, small_data)
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(MissingExtraError, match=r"a report needs the extra 'report'"):
        render(scores, predictor=predictor, model="m", data="d")


def test_a_text_is_cut_at_its_entities() -> None:
    one, inside = {"start": 0, "end": 5, "label": "A"}, {"start": 1, "end": 3, "label": "B"}
    other = {"start": 6, "end": 8, "label": "B"}
    parts = segments("abcde fg h", [other, inside, one], [other])
    assert [(part.text, part.label, part.wrong) for part in parts] == [
        ("abcde", "A", True),
        (" ", "", False),
        ("fg", "B", False),
        (" h", "", False),
    ]
    assert "".join(part.text for part in parts) == "abcde fg h"


def browser() -> str:
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next((path for name in names if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("no Chromium is installed")
    return found


def open_in_browser(page: Path, profile: Path, *options: str) -> str:
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    flags += ["--disable-component-update", "--disable-sync", "--disable-quic", f"--user-data-dir={profile}"]
    command = [browser(), *flags, *options, page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout


def test_a_browser_shows_the_page_and_runs_nothing_in_it(page: Path, tmp_path: Path) -> None:
    shown = open_in_browser(page, tmp_path / "profile", "--dump-dom")
    assert "<title>owned</title>" not in shown
    assert Page(shown).text.count("owned") > 5


@pytest.mark.parametrize("width", [400, 1200])
@pytest.mark.parametrize("dark", [False, True])
def test_a_browser_draws_the_page_light_and_dark_wide_and_narrow(
    page: Path, tmp_path: Path, width: int, dark: bool
) -> None:
    from PIL import Image

    picture = tmp_path / "page.png"
    mode = ["--force-dark-mode", "--blink-settings=preferredColorScheme=0"] if dark else []
    size = f"--window-size={width},900"
    open_in_browser(page, tmp_path / "profile", size, "--hide-scrollbars", *mode, f"--screenshot={picture}")
    with Image.open(picture) as image:
        corner = image.convert("L").getpixel((2, 2))
        colours = len(image.convert("RGB").getcolors(1 << 20) or ())
    assert isinstance(corner, int)
    assert (corner < 64) == dark
    assert colours > 50, "letters and plots are drawn"
