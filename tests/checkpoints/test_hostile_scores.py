"""`best` among checkpoints whose score is nothing that a training has written."""

from __future__ import annotations

from typing import Any

import pytest

from tests.checkpoints.fakes import info
from trainer.checkpoints import ranking

BY_SCORE = {"metric": "evaluation/score", "mode": "max"}


@pytest.mark.parametrize("value", ["0.9", None, float("nan"), float("inf"), 10**400, True, [1], {}])
def test_a_score_that_is_no_number_is_unknown(value: Any) -> None:
    scores: tuple[dict[str, Any], ...] = ({"evaluation/score": 0.2}, {"evaluation/score": value})
    good, other = (info(k, best_by=BY_SCORE, **own) for k, own in enumerate(scores, start=1))
    found = ranking.best([good, other])
    assert found is not None
    assert found.iteration == 1
    alone = ranking.best([other])  # the newest, as where nothing was evaluated
    assert alone is not None
    assert alone.iteration == 2
