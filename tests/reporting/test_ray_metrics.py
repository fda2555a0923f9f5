"""The gauges of a run: what is set, and that nothing of it can end a training."""

from __future__ import annotations

from typing import Any

import pytest

from tests.reporting.rows import make_row
from trainer.reporting import ray_metrics
from trainer.reporting.ray_metrics import RayMetrics


class Gauge:
    """Stands for Ray's, which would need a Ray that runs to be read."""

    all: dict[str, Gauge] = {}  # noqa: RUF012
    fails = False

    def __init__(self, name: str, description: str, tag_keys: tuple[str, ...]) -> None:
        assert description
        assert tag_keys == ("run",)
        self.values: list[float] = []
        self.all[name] = self

    def set(self, value: float, tags: dict[str, str]) -> None:
        if self.fails:
            raise ValueError("no agent\nand more")
        assert tags == {"run": "mine"}
        self.values.append(value)


@pytest.fixture
def gauges(monkeypatch: pytest.MonkeyPatch) -> dict[str, Gauge]:
    import ray.util.metrics

    monkeypatch.setattr(ray.util.metrics, "Gauge", Gauge)
    monkeypatch.setattr(Gauge, "all", {})
    return Gauge.all


def test_the_age_of_a_checkpoint_grows_until_the_next(gauges: dict[str, Any]) -> None:
    now = [100.0]
    metrics = RayMetrics("mine", clock=lambda: now[0])
    row = make_row(7) | {"seen_fraction": 0.25, "evaluation/score": 0.5}
    for seconds, saved in ((105.0, False), (107.0, True), (110.0, False)):
        now[0] = seconds
        if saved:
            metrics.saved()
        metrics.write(row)
        row |= {"evaluation/score": float("nan")}
    found = {name.removeprefix("hide_and_seek_"): gauge.values for name, gauge in gauges.items()}
    assert found["checkpoint_age_s"] == [5.0, 0.0, 3.0]
    assert found["iteration"] == [7.0] * 3
    assert found["seen_fraction"] == [0.25] * 3
    assert found["agent_steps_per_s"] == [2000.0] * 3
    assert found["evaluation_score"] == [0.5]  # it remains until the next evaluation


def test_a_failure_is_told_once(gauges: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    metrics = RayMetrics("mine", on_problem=told.append)
    monkeypatch.setattr(Gauge, "fails", True)
    for iteration in (1, 2):
        metrics.write(make_row(iteration))
    assert told == ["Ray's metrics are left out: no agent; training continues"]


def test_a_process_that_has_not_joined_ray_sets_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(ray_metrics.sys.modules, "ray", raising=False)
    assert not ray_metrics.is_joined()
