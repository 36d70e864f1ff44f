"""Titles of a run's commits are written and parsed by one module."""

from __future__ import annotations

import pytest

from model.hub.names import MAIN, TRAINING, commit_title, parse_title


@pytest.mark.parametrize(("step", "val_loss"), [(1, 3.25), (12_000, 1.315), (1_234_567, None)])
def test_a_title_is_parsed_as_it_was_written(step, val_loss):
    title = commit_title(TRAINING, step, val_loss, None if val_loss is None else 1.9)
    assert parse_title(title) == (step, val_loss)


def test_titles_of_published_runs():
    assert commit_title(TRAINING, 12_000, 1.5, 2.164) == "Step 12,000: val loss 1.5000 nats, 2.164 bpc"
    assert commit_title(MAIN, 12_000, 1.5, 2.164) == "Best so far: step 12,000: val loss 1.5000 nats, 2.164 bpc"
    assert commit_title(TRAINING, 7) == "Step 7"


@pytest.mark.parametrize("title", ["initial commit", "Best so far: step 7", "Step seven", "Step 7: lower", ""])
def test_other_titles_are_not_parsed(title):
    assert parse_title(title) is None
