from hypothesis import given
from hypothesis import strategies as st

from polyhead.batching import token_budget_batches

lengths = st.lists(st.integers(1, 40), max_size=60)


@given(lengths, st.integers(1, 500))
def test_padded_batches_stay_in_the_budget(sizes, budget):
    batches = token_budget_batches(sizes, budget=budget)
    assert sorted(row for batch in batches for row in batch) == list(range(len(sizes)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(sizes[row] for row in batch) <= budget


@given(lengths)
def test_the_longest_come_first(sizes):
    order = [sizes[row] for batch in token_budget_batches(sizes, budget=64) for row in batch]
    assert order == sorted(sizes, reverse=True)


def test_budgets_by_hand():
    assert [batch.tolist() for batch in token_budget_batches([10, 3, 12, 3, 4], budget=12)] == [[2], [0], [4, 3, 1]]


def cost(batches, sizes):
    """Slots, and what a batch costs beside them."""
    return sum(len(batch) * max(sizes[row] for row in batch) + 100 for batch in batches)


def best(sizes, budget):
    """The least that any way costs to cut rows that are sorted, found by trying all."""
    least = [0] + [10**9] * len(sizes)
    for stop in range(1, len(sizes) + 1):
        for start in range(stop):
            if stop - start == 1 or (stop - start) * sizes[start] <= budget:
                least[stop] = min(least[stop], least[start] + (stop - start) * sizes[start] + 100)
    return least[-1]


@given(lengths, st.integers(200, 500))
def test_no_way_to_cut_costs_much_less(sizes, budget):
    found = cost(token_budget_batches(sizes, budget=budget), sizes)
    assert found <= 1.1 * best(sorted(sizes, reverse=True), budget)


def test_rows_of_other_lengths_do_not_share_a_batch_where_padding_would_cost_more():
    batches = token_budget_batches([10] * 40 + [20] * 40, budget=2000)
    assert [len(batch) for batch in batches] == [40, 40]


def test_few_rows_of_other_lengths_share_a_batch():
    assert [len(batch) for batch in token_budget_batches([10, 11, 12], budget=2000)] == [3]
