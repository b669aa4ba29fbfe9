from polyhead import errors
from polyhead.errors import MissingExtraError, PolyheadError, name_the_known


def test_every_error_is_a_polyhead_error():
    classes = [item for item in vars(errors).values() if isinstance(item, type) and issubclass(item, Exception)]
    assert len(classes) >= 8
    assert all(issubclass(item, PolyheadError) for item in classes)


def test_an_annotation_error_is_a_data_error():
    assert issubclass(errors.AnnotationError, errors.DataError)


def test_a_missing_extra_names_the_cure():
    assert str(MissingExtraError("scoring", "train")) == (
        "scoring needs the extra 'train': pip install 'polyhead[train]'"
    )


def test_the_known_are_named_with_what_was_probably_meant():
    assert name_the_known("jiont", ["joint", "alternating"]) == "known: joint, alternating (did you mean 'joint'?)"


def test_nothing_is_guessed_for_what_is_far_off():
    assert name_the_known("zzz", ["joint", "alternating"]) == "known: joint, alternating"


def test_no_known_at_all():
    assert name_the_known("x", []) == "known: none"


def test_options_need_not_be_strings():
    assert name_the_known(99, [1, 2]) == "known: 1, 2"
