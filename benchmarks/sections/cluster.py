"""env runners and learners in processes of their own, and a plan of a cluster on paper"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from benchmarks.rounds import Contender, Runs, rates, take_turns
from benchmarks.scaling import Costs, Plan, rate, simulate
from benchmarks.sections.training import contender
from benchmarks.session import Session
from benchmarks.table import Row, grid, table

PROCESSES = ((0, 0), (1, 0), (2, 0), (1, 1), (2, 1), (2, 2))
"""(runners, learners) that are measured."""
RUNNERS = (8, 16, 32, 64, 128, 256)
_LINK = 1.25e9  # bytes per second: 10 Gbit/s
_GPU = 10.0  # a learner that is so many times as fast as a core
_LONGER = 4


def measure(results: dict[str, Any], session: Session) -> None:
    """Fills results with the answers of all rounds."""
    runs: Runs = results.setdefault("runs", {})
    seconds = "1" if session.quick else "5"
    words = ("-m", "benchmarks.contenders", "costs", "--seconds", "1")
    take_turns([Contender("costs", "the costs of a cluster", words)], 1, runs)
    contenders = [_point(*point, seconds) for point in PROCESSES]
    take_turns(contenders, 1 if session.quick else 3, runs)


def _point(runners: int, learners: int, seconds: str) -> Contender:
    """The same worlds in all, whoever samples them."""
    settings = {
        "num_env_runners": runners,
        "num_learners": learners,
        "num_envs_per_env_runner": 512 // max(runners, 1),
    }
    words = [word for key, value in settings.items() for word in ("--set", f"ray.{key}={value}")]
    name = _name(runners, learners)
    return contender(name, name, "ours", *words, "--seconds", seconds)


def _name(runners: int, learners: int) -> str:
    return f"{runners} runners, {learners} learners"


def report(results: dict[str, Any]) -> str:
    """The tables; adds the plan to the results."""
    runs: Runs = results["runs"]
    rows = [Row(_name(*point), rates(runs, _name(*point))) for point in PROCESSES]
    parts = [table("512 worlds, agent-steps/s", rows)]
    for answer in runs.get("costs", []):
        if answer is not None:
            costs = {engine: Costs(**values) for engine, values in answer.items()}
            kinds = _kinds(costs)
            results["plan"] = planned(kinds)
            parts += [*(_costs(f"{name} engine", each) for name, each in costs.items())]
            parts.append(_plan(kinds))
    return "\n\n".join(parts)


Kinds = Mapping[str, tuple[Costs, Callable[[int], Plan]]]
"""The kinds of clusters: costs, and the plan for a number of runners."""


def _kinds(costs: Mapping[str, Costs]) -> Kinds:
    """Only a single learner on a CPU has the fused engine, and its runners with it."""
    fused, torch = costs["fused"], costs["torch"]
    return {
        "1 learner, a core": (fused, lambda n: Plan(n, 1, _LINK)),
        "a learner for 8 runners, a core each": (torch, lambda n: Plan(n, n // 8, _LINK)),
        "1 learner, a GPU": (torch, lambda n: Plan(n, 1, _LINK, _GPU)),
        "a learner for 32 runners, a GPU each": (
            torch,
            lambda n: Plan(n, max(n // 32, 1), _LINK, _GPU),
        ),
        f"the same, rollouts {_LONGER} times as long": (
            torch.longer(_LONGER),
            lambda n: Plan(n, max(n // 32, 1), _LINK, _GPU),
        ),
    }


def planned(kinds: Kinds) -> dict[str, dict[int, float]]:
    """agent-steps per second by kind of cluster and number of runners."""
    return {
        name: {runners: rate(each, plan(runners)) for runners in RUNNERS}
        for name, (each, plan) in kinds.items()
    }


def _plan(kinds: Kinds) -> str:
    """The rates, and what most of the time goes into."""
    rows: dict[str, list[float | None]] = {
        name: [value / 1000 for value in values.values()] for name, values in planned(kinds).items()
    }
    title = "On paper, 10 Gbit/s, 1000 agent-steps/s by runners"
    most = [f"What most of the time goes into at {RUNNERS[-1]} runners:"]
    for name, (each, plan) in kinds.items():
        parts = vars(simulate(each, plan(RUNNERS[-1])))
        largest = max(parts, key=lambda part: parts[part])
        most.append(f"  {name}: {largest}, {parts[largest] / sum(parts.values()):.0%}")
    return "\n".join([grid(title, [str(runners) for runners in RUNNERS], rows), *most])


def _costs(title: str, costs: Costs) -> str:
    rows = [
        Row("sampling a rollout, ms", [1e3 * s for s in costs.sample_s], 1),
        Row("learning from it, ms", [1e3 * costs.learn_s], 1),
        Row("one more learner, for each gradient step, ms", [1e3 * costs.step_s], 2),
        Row("a message and its answer, ms", [1e3 * costs.message_s], 3),
        Row("a rollout, MB", [costs.rollout_bytes / 1e6], 1),
        Row("storing or joining it, ms", [1e3 * costs.copy_s * costs.rollout_bytes], 1),
        Row("the weights, KB", [costs.weights_bytes / 1e3], 1),
    ]
    return table(f"Costs, one core per process, {title}", rows)
