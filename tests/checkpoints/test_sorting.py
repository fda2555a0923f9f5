import pytest

from tests.checkpoints.fakes import info
from trainer.checkpoints.index import Listing
from trainer.checkpoints.sorting import best, ordered

LISTING = Listing(
    (
        info(10, size_bytes=30, reward_mean=2.0, run_name="b", loss=1.0, odd=[1]),
        info(20, size_bytes=10, reward_mean=float("nan"), run_name="a", loss=3.0),
        info(30, size_bytes=20, reward_mean=1.0, run_name=7, loss=1.0),
    )
)


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("iteration", [10, 20, 30]),
        ("iteration:desc", [30, 20, 10]),
        ("size_bytes", [20, 30, 10]),
        ("reward_mean", [30, 10, 20]),  # the unknown one is last, whichever the direction
        ("reward_mean:desc", [10, 30, 20]),
        ("reward_mean:asc", [30, 10, 20]),
        ("run_name", [30, 20, 10]),  # numbers before texts
        ("loss", [10, 30, 20]),
        ("odd", [10, 20, 30]),
        ("seed", [10, 20, 30]),
    ],
)
def test_the_order(key, expected):
    assert [found.iteration for found in ordered(LISTING, key)] == expected


@pytest.mark.parametrize(
    ("metric", "expected"), [("reward_mean", 10), ("loss:min", 30), ("loss", 20), ("loss:max", 20)]
)
def test_the_best(metric, expected):
    found, by = best(LISTING, metric)
    assert found is not None
    assert (found.iteration, by.metric) == (expected, metric.split(":")[0])


@pytest.mark.parametrize("choose", [ordered, best])
def test_mistakes_name_the_way_on(choose):
    with pytest.raises(ValueError, match=r"'rewrd_mean'; did you mean 'reward_mean'?"):
        choose(LISTING, "rewrd_mean")
    with pytest.raises(ValueError, match=r"'loss:up' must end with :\w+, :\w+ or neither"):
        choose(LISTING, "loss:up")
