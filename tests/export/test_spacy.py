"""An exported model in a spaCy pipeline."""

from __future__ import annotations

from pathlib import Path

import pytest

import polyhead
from polyhead.errors import SettingsError
from polyhead.export import export_spacy
from polyhead.training import TrainedRun
from tests.conftest import RECORDS

spacy = pytest.importorskip("spacy")

TEXTS = [str(record["sentence"]) for record in RECORDS]


@pytest.fixture(scope="module")
def pipeline(trained: TrainedRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("spacy") / "pipeline"
    export_spacy(trained.folder, folder)
    return folder


def test_a_document_has_the_answers_of_all_tasks(pipeline: Path, trained: TrainedRun) -> None:
    nlp = spacy.load(pipeline)
    for text, wanted in zip(TEXTS, polyhead.Predictor.load(trained.folder)(TEXTS), strict=True):
        doc = nlp(text)
        found = [(span.text, span.label_) for span in doc.spans.get("ner", [])]
        # spaCy's tokens leave the full stop alone, ours is of the word: it takes the whole token
        assert found == [(entity.text, entity.span.label) for entity in wanted.predictions["ner"].entities]
        assert [(span.text, span.label_) for span in doc.ents] == found
        probabilities = wanted.predictions["classification"].probabilities.tolist()
        assert list(doc.cats.values()) == pytest.approx(probabilities, abs=1e-4)
        assert list(doc.cats) == ["0", "1", "2"]
        assert doc._.polyhead["classification"]["label"] == wanted.predictions["classification"].label


def test_many_documents_at_once(pipeline: Path) -> None:
    nlp = spacy.load(pipeline)
    many = [doc._.polyhead for doc in nlp.pipe(TEXTS * 3, batch_size=5)]
    assert [answer["text"] for answer in many] == TEXTS * 3
    assert many[: len(TEXTS)] == many[len(TEXTS) : 2 * len(TEXTS)]


def test_a_pipeline_can_be_moved(pipeline: Path, tmp_path: Path) -> None:
    moved = pipeline.rename(tmp_path / "moved")
    try:
        assert "/" not in (moved / "config.cfg").read_text().split("[components.polyhead]")[1]
        assert spacy.load(moved)(TEXTS[0]).ents
        spacy.load(moved).to_disk(tmp_path / "again")
        assert [span.text for span in spacy.load(tmp_path / "again")(TEXTS[0]).ents] == ["John", "New York."]
    finally:
        moved.rename(pipeline)


def test_an_entity_inside_a_token_takes_all_of_it(pipeline: Path) -> None:
    nlp = spacy.load(pipeline)
    nlp.tokenizer = lambda text: spacy.tokens.Doc(nlp.vocab, words=[text], spaces=[False])
    doc = nlp("John lives in New York.")
    assert {span.text for span in doc.spans["ner"]} == {doc.text}
    assert len(doc.ents) == 1, "of those that share a token one stays"


def test_a_component_without_a_model_says_so() -> None:
    nlp = spacy.blank("xx")
    nlp.add_pipe("polyhead")
    with pytest.raises(SettingsError, match=r"has no model: add_pipe\('polyhead', config=\{'model': FOLDER\}\)"):
        nlp("a")


def test_a_language_that_is_none(trained: TrainedRun, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="spaCy has no language 'qq'"):
        export_spacy(trained.folder, tmp_path / "pipeline", language="qq")
    assert list(tmp_path.iterdir()) == []
