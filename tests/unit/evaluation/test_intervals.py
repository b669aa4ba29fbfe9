import numpy as np
import pytest
from scipy.stats import bootstrap

from polyhead.evaluation import intervals
from polyhead.evaluation.intervals import interval_of_difference
from polyhead.evaluation.scoring import FRAME, Scoring
from polyhead.metrics import EntityScorer, ListScorer, NumberScorer, ShareScorer
from polyhead.records import Span
from polyhead.tasks import SingleLabel
from polyhead.tasks.single_label import LabelPrediction


def shares(right) -> ShareScorer:
    scorer = ShareScorer("share")
    for own in right:
        scorer.add(True, bool(own))
    return scorer


@pytest.mark.parametrize("records", [300, 2500])
def test_the_interval_is_scipys(records):
    right = np.random.default_rng(1).random(records) < 0.9
    method = "BCa" if records <= 2000 else "percentile"
    wanted = bootstrap(
        (right,), np.mean, n_resamples=500, batch=500, method=method, rng=np.random.default_rng(3)
    ).confidence_interval
    found = intervals(shares(right), resamples=500, seed=3)["share"]
    assert found == pytest.approx([wanted.low, wanted.high], abs=0.006)  # other samples


def test_the_seed_decides():
    scorer = shares([True, False, True, True] * 20)
    assert intervals(scorer, seed=1) == intervals(scorer, seed=1)
    assert intervals(scorer, seed=1) != intervals(scorer, seed=2)


@pytest.mark.parametrize("right", [[], [True], [True] * 50, [False] * 50])
def test_samples_that_do_not_differ_tell_nothing(right):
    assert intervals(shares(right)) == {"share": None}


def test_a_figure_that_some_samples_leave_undefined_has_no_interval():
    scorer = NumberScorer(float)
    scorer.over([1.0, 1.0, 2.0], [0.5, 1.0, 2.5])
    found = intervals(scorer)
    assert found["pearson"] is None
    assert found["mae"] is not None


def test_any_function_of_lists_has_intervals():
    scorer = ListScorer(lambda golds, found: {"share": np.mean([a == b for a, b in zip(golds, found, strict=True)])})
    right = [True, False, True, True] * 20
    for own in right:
        scorer.add(True, own)
    assert intervals(scorer)["share"] == pytest.approx(intervals(shares(right))["share"])


def coverage(draw, truth: float, figure: str, *, runs: int) -> float:
    found = [intervals(draw(), resamples=1000, seed=run)[figure] for run in range(runs)]
    return sum(own is not None and own[0] <= truth <= own[1] for own in found) / runs


PLACES = [Span(start, start + 1, label) for start in range(8) for label in "AB"]


def entities(chance: np.random.Generator, records: int) -> EntityScorer:
    """Records of up to four entities; some records are hard."""
    scorer = EntityScorer(lambda gold, found: (gold, found))
    for hard in chance.random(records) < 0.2:
        golds = [PLACES[2 * place] for place in range(chance.integers(0, 5))]
        kept = [span for span in golds if chance.random() < (0.5 if hard else 0.95)]
        scorer.add(golds, kept + ([PLACES[-1]] if chance.random() < 0.1 else []))
    return scorer


F1 = 2 * (0.8 * 0.95 + 0.2 * 0.5) * 2 / (2 + 2 * (0.8 * 0.95 + 0.2 * 0.5) + 0.1)
"""Of entities, of which a record has two on average."""


@pytest.mark.slow
@pytest.mark.parametrize(("records", "right"), [(300, 0.9), (700, 0.985)])
def test_intervals_of_shares_cover(records, right):
    chance = np.random.default_rng(5)
    found = coverage(lambda: shares(chance.random(records) < right), right, "share", runs=1000)
    assert found == pytest.approx(0.95, abs=0.02)


@pytest.mark.slow
def test_intervals_of_entity_f1_cover():
    chance = np.random.default_rng(6)
    assert coverage(lambda: entities(chance, 250), F1, "f1", runs=1000) == pytest.approx(0.95, abs=0.02)


TASKS = [
    SingleLabel.learn(name="intent", field="a", weight=1.0, options=SingleLabel.Options(), annotations=["x", "y"]),
    SingleLabel.learn(name="topic", field="b", weight=1.0, options=SingleLabel.Options(), annotations=["x", "y"]),
]


def frames(chance: np.random.Generator, records: int) -> ShareScorer:
    """Two tasks on records of which a fifth are hard for both; a tenth lack an annotation, and are in no frame."""
    scoring = Scoring(TASKS)
    for hard in chance.random(records) < 0.2:
        right = chance.random(2) < (0.6 if hard else 0.97)
        golds = {"intent": "x", "topic": "x"} if chance.random() < 0.9 else {"intent": "x"}
        names = ("intent", "topic")
        answers = {
            name: LabelPrediction("x" if own else "y", 0.5, np.array([0.5, 0.5], dtype=np.float32))
            for name, own in zip(names, right, strict=True)
        }
        scoring.add(golds, answers)
    return scoring.frames


@pytest.mark.slow
def test_intervals_of_frame_accuracy_cover():
    chance = np.random.default_rng(4)
    truth = 0.8 * 0.97**2 + 0.2 * 0.6**2
    assert coverage(lambda: frames(chance, 400), truth, FRAME, runs=3000) == pytest.approx(0.95, abs=0.02)


def test_intervals_cover_in_a_hundred_runs():
    chance = np.random.default_rng(7)
    assert 0.88 <= coverage(lambda: shares(chance.random(200) < 0.9), 0.9, "share", runs=100) <= 1.0


def pair(chance: np.random.Generator, records: int, *, gain: float) -> tuple[ShareScorer, ShareScorer]:
    """Two models on the same records, a fifth of which are hard for both."""
    easy = np.where(chance.random(records) < 0.2, 0.4, 0.95)
    luck = chance.random(records)  # which both share in part
    other = np.where(chance.random(records) < 0.7, luck, chance.random(records))
    return shares(luck < easy), shares(other < easy + gain * (easy < 0.9))


@pytest.mark.slow
@pytest.mark.parametrize("gain", [0.0, 0.3])
def test_intervals_of_a_paired_difference_cover(gain):
    chance = np.random.default_rng(8)
    truth = 0.2 * gain
    found = [
        interval_of_difference(*pair(chance, 400, gain=gain), resamples=1000, seed=run)["share"] for run in range(1000)
    ]
    covered = sum(own is not None and own[0] <= truth <= own[1] for own in found) / 1000
    assert covered == pytest.approx(0.95, abs=0.02)


def test_a_paired_difference_is_surer_than_two_intervals():
    one, other = pair(np.random.default_rng(9), 600, gain=0.3)
    low, high = interval_of_difference(one, other)["share"]
    alone = [intervals(scorer)["share"] for scorer in (one, other)]
    assert high - low < max(own[1] - own[0] for own in alone)
    assert low > 0


def test_a_difference_that_is_the_same_in_all_samples():
    all_right, all_wrong = shares([True] * 30), shares([False] * 30)
    assert interval_of_difference(all_wrong, all_right)["share"] == [1.0, 1.0]
    assert interval_of_difference(all_right, all_right)["share"] == [0.0, 0.0]
    assert interval_of_difference(shares([]), shares([]))["share"] is None
