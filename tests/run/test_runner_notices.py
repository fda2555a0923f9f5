"""What is told of env runners that give no data, iteration by iteration."""

from collections.abc import Mapping, Sequence

import pytest

from trainer.run.runner_notices import RunnerNotices

LATE = "its rollout did not arrive"
Iteration = tuple[Sequence[int], Mapping[int, str]]


def told_of(runners: int, *iterations: Iteration) -> list[tuple[str, str]]:
    """What is told after each of some iterations."""
    notices = RunnerNotices(runners)
    return [notices.after_iteration(missing, undelivered) for missing, undelivered in iterations]


NONE: Iteration = ((), {})


@pytest.mark.parametrize(
    ("before", "now", "text"),
    [
        (NONE, NONE, ""),
        (NONE, ((1,), {}), "runner 1 of 2 died and is being restarted; this iteration has 50% of"),
        (((1,), {}), ((1,), {}), ""),
        (((1,), {}), NONE, "runner 1 of 2 is back, after 1 iteration"),
        (((1,), {}), ((2,), {}), "runner 2 of 2 died and is being restarted; this iteration has"),
        (((1, 2), {}), ((2,), {}), "runner 1 of 2 is back"),
        (NONE, ((1, 2), {}), "runners 1, 2 of 2 died and are being restarted; this iteration has"),
        (NONE, ((2,), {2: LATE}), f"runner 2 of 2 gave no data: {LATE}; this iteration has 50%"),
        (((2,), {2: LATE}), ((2,), {2: LATE}), ""),
        (((2,), {2: LATE}), ((2,), {}), "runner 2 of 2 died and is being restarted"),
        (
            *(NONE, ((1, 2), {2: LATE})),
            f"runner 1 of 2 died and is being restarted; runner 2 of 2 gave no data: {LATE}; this",
        ),
    ],
)
def test_runners_that_go_and_come_back_are_told_of(
    before: Iteration, now: Iteration, text: str
) -> None:
    said, level = told_of(2, before, now)[-1]
    assert said.startswith(text)
    assert bool(said) == bool(text)
    assert level == ("warning" if "this iteration has" in said else "info")


@pytest.mark.parametrize("undelivered", [{}, {2: LATE}])
def test_a_loss_that_lasts_is_told_of_again(undelivered: Mapping[int, str]) -> None:
    told = told_of(4, NONE, *[((2,), undelivered)] * 45, NONE)
    at = {place: text for place, (text, _) in enumerate(told) if text}
    assert list(at) == [1, 10, 20, 40, 46]
    assert at[10] == (
        "runner 2 of 4 is still missing after 10 iterations; this iteration has 75% of the data"
    )
    assert at[46] == "runner 2 of 4 is back, after 45 iterations"


def test_of_a_run_without_runners_nothing_is_told() -> None:
    assert told_of(0, NONE, NONE) == [("", "info")] * 2
