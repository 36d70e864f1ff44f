"""The titles of a run's commits."""

from __future__ import annotations

from model.hub.names import MAIN, TRAINING, commit_title


def test_titles_of_published_runs():
    assert commit_title(TRAINING, 12_000, 1.5, 2.164) == "Step 12,000: val loss 1.5000 nats, 2.164 bpc"
    assert commit_title(MAIN, 12_000, 1.5, 2.164) == "Best so far: step 12,000: val loss 1.5000 nats, 2.164 bpc"
    assert commit_title(TRAINING, 7) == "Step 7"
