"""Plots of a search say what there is, also where that is little."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

pytest.importorskip("matplotlib")

from polyhead.evaluation.report.canvas import as_file
from polyhead.evaluation.report.search_plots import Mattered, Scored, history_plot, importance_plot


def texts_of(svg: str) -> list[str]:
    return [text.text or "" for text in ET.fromstring(as_file(svg)).iter("{http://www.w3.org/2000/svg}text")]


def test_a_search_that_gained_names_both_lines() -> None:
    trials = [Scored(0, 93.0, True), Scored(1, 94.5, True), Scored(2, 90.0, False), Scored(3, 94.0, True)]
    assert {"best 94.50", "default settings 93.00"} <= set(texts_of(history_plot(trials, title="search")))


def test_a_search_that_gained_nothing_names_the_default_only() -> None:
    texts = texts_of(history_plot([Scored(0, 93.0, True), Scored(1, 92.0, True)], title="search"))
    assert "default settings 93.00" in texts
    assert not any(text.startswith("best") for text in texts)


def test_where_the_default_failed_the_first_complete_trial_is_named() -> None:
    assert "trial 2 80.00" in texts_of(history_plot([Scored(2, 80.0, True), Scored(3, 70.0, True)], title="search"))


def test_trials_of_which_none_is_complete_are_drawn() -> None:
    assert "score on dev, %" in texts_of(history_plot([Scored(0, 0.0, False)], title="search"))


def test_a_trial_far_below_does_not_flatten_the_others() -> None:
    """Its score is not on the axis: the ticks are those of the others."""
    trials = [Scored(at, 93.0 + at / 10, True) for at in range(9)] + [Scored(9, 3.0, True)]
    ticks = [
        float(text) for text in texts_of(history_plot(trials, title="search")) if text.startswith("9") and "." in text
    ]
    assert ticks
    assert all(tick > 90 for tick in ticks)


def test_what_mattered_is_named_with_its_share() -> None:
    rows = [Mattered("training.lr", 61.0, 40.0), Mattered("tasks.<b>.weight", 39.0, 40.0)]
    texts = texts_of(importance_plot(rows, title="what mattered"))
    assert {"training.lr", "tasks.<b>.weight", "61", "39"} <= set(texts)
