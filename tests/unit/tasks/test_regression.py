import numpy as np
import pytest
from pydantic import ValidationError

from polyhead.errors import AnnotationError, DataError
from polyhead.notices import Notices
from polyhead.tasks import Regression


def learnt(*values, **options):
    return Regression.learn(
        name="stars", field="stars", weight=1.0, options=Regression.Options(**options), annotations=values
    )


TASK = learnt(1.0, 3.0, 5.0)


def read(value):
    return Regression.column("stars", TASK.options).read(value, "a", None, Notices())


def message(value):
    with pytest.raises(AnnotationError) as caught:
        read(value)
    return str(caught.value)


def test_whole_numbers_and_others_are_read():
    assert (read(3), read(-2.5)) == (3.0, -2.5)
    assert type(read(3)) is float


def test_nothing_else_is_a_number():
    assert message("3.5") == "must be a number, found '3.5'"
    assert message(True) == "must be a number, found True"
    assert message(float("nan")) == "must be a number between -1e100 and 1e100, found nan"
    assert message(float("inf")) == "must be a number between -1e100 and 1e100, found inf"
    assert message(-(10**400)).startswith("must be a number between -1e100 and 1e100")


def test_data_with_one_number_give_nothing_to_learn():
    with pytest.raises(DataError) as caught:
        learnt(2.5, 2.5)
    assert str(caught.value) == (
        "task 'stars': 'stars' is 2.5 in all of the 2 records that carry it, so there is nothing to learn"
    )


def test_the_head_learns_numbers_without_mean_and_scale():
    targets = [float(TASK.encode(value, None)) for value in (1.0, 3.0, 5.0)]
    assert targets == pytest.approx([-(1.5**0.5), 0.0, 1.5**0.5])
    head = TASK.head()
    assert (head.width, head.target, head.is_number, head.objective) == (1, (), True, "squared_error")


def test_windows_are_averaged():
    encoded = [TASK.encode(value, None) for value in (2.0, 5.0)]
    answer = TASK.decode(np.array(encoded).reshape(2, 1), None)
    assert answer.value == pytest.approx(3.5)
    assert TASK.soften(np.array([[0.5], [1.5]], dtype=np.float32), None).tolist() == [1.0]


def test_the_answer_is_on_the_scale_of_the_data():
    answer = TASK.decode(TASK.encode(3.5, None).reshape(1, 1), None)
    assert answer.to_json() == {"value": 3.5}
    assert answer.plain() == "Prediction: 3.5"
    assert answer.summary() == "3.5"


def test_a_number_that_is_nearly_0_has_no_sign():
    answer = TASK.decode(np.array([[(-1e-9 - TASK.mean) / TASK.deviation]]), None)
    assert str(answer.to_json()["value"]) == "0.0"
    assert answer.plain() == "Prediction: 0.0"


def test_near_enough_is_right():
    answer = TASK.decode(TASK.encode(3.0, None).reshape(1, 1), None)
    assert TASK.tolerance == pytest.approx((8 / 3) ** 0.5 / 10)
    assert TASK.is_right(3.16, answer)
    assert not TASK.is_right(3.17, answer)
    assert not TASK.is_right(2.83, answer)
    strict = learnt(1.0, 3.0, 5.0, tolerance=0.05)
    assert strict.is_right(3.04, answer)
    assert not strict.is_right(3.16, answer)


@pytest.mark.parametrize("tolerance", [0, -1.0, float("inf"), float("nan")])
def test_a_tolerance_is_a_distance(tolerance):
    with pytest.raises(ValidationError, match="tolerance"):
        Regression.Options(tolerance=tolerance)


def test_errors_are_on_the_scale_of_the_data():
    answers = [TASK.decode(TASK.encode(value, None).reshape(1, 1), None) for value in (1.0, 4.0, 5.0)]
    amounts = TASK.score([1.0, 3.0, 5.0], answers)["amounts"]
    assert amounts == {"mae": pytest.approx(1 / 3), "rmse": pytest.approx((1 / 3) ** 0.5)}


def test_the_numbers_are_described():
    assert learnt(-1.5, 0.0, 1000.0).describe() == "numbers from -1.5 to 1000"


def test_large_and_small_numbers_keep_their_scale():
    for size in (1e99, 1e-99):
        task = learnt(size, -size)
        assert task.encode(size, None) == pytest.approx(1.0)
        assert task.decode(np.array([[0.5]], dtype=np.float32), None).value == pytest.approx(size / 2)


def test_the_scale_does_not_hang_on_the_order_of_the_data():
    values = [0.1, 1e9, 0.7, -1e9, 0.3, 0.2, 1e5, -0.6]
    assert learnt(*values) == learnt(*sorted(values)) == learnt(*values * 3)
