"""What messages, bytes, rollouts and updates cost: what a plan of a cluster is made of."""

from __future__ import annotations

import functools
import statistics
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import trainer.cluster.environment  # noqa: F401 - before Ray is imported
from trainer.config.loading import checked
from trainer.config.schema import Config

if TYPE_CHECKING:
    from trainer.ppo.algorithm import TeamPPO

_ACTORS = 8  # that a message goes to
_ROLLOUTS = 10  # of one runner, whose durations differ


def costs(config: Config, seconds: float) -> dict[str, Any]:
    """The fields of `benchmarks.scaling.Costs` by engine; one core for each process.

    Args:
        config: its engine and its numbers of runners, learners and threads are replaced.
        seconds: that each thing is done again and again.
    """
    from trainer.cluster.ray_session import start_ray, stop_ray

    start_ray(_with(config, 2, "torch").ray)
    try:
        found = {
            engine: _of_one_learner(_with(config, 1, engine), seconds)
            for engine in ("fused", "torch")
        }
        two, _ = _learning(_with(config, 2, "torch"), seconds)
        torch = found["torch"]
        # The fused engine has no second learner: nothing to add.
        found["fused"]["step_s"] = 0.0
        torch["step_s"] = max(two - torch["learn_s"], 0.0) / torch["gradient_steps"]
        message_s = _message_s(seconds)
    finally:
        stop_ray()
    return {engine: values | {"message_s": message_s} for engine, values in found.items()}


def _with(config: Config, processes: int, engine: str) -> Config:
    """As many runners as learners."""
    values = config.to_dict()
    values["ray"] |= {"num_env_runners": processes, "num_learners": processes}
    values["train"] |= {"torch_threads": 1, "engine": engine}
    return checked(type(config), values, [], "the benchmark")


def _of_one_learner(config: Config, seconds: float) -> dict[str, Any]:
    import ray

    from trainer.ppo import remote_runners
    from trainer.ppo.remote_rollouts import sample_and_store

    learn_s, trainer = _learning(config, seconds, stop=False)
    samples = [trainer.foreach_runner(_sampling)[0] for _ in range(_ROLLOUTS)]
    stored, _ = remote_runners.ask(trainer, sample_and_store)[1]
    batch = ray.get(stored.rollout)
    arrays = [batch.dones, *(a for team in batch.teams.values() for a in vars(team).values())]
    size = sum(array.nbytes for array in arrays)
    put_s = _median(functools.partial(ray.put, batch), seconds)
    join_s = _median(lambda: batch.sized(stored.num_envs).fill(slice(None), batch), seconds)
    weights = [p for net in trainer.networks().values() for p in net.state_dict().values()]
    found = {
        "sample_s": samples,
        "learn_s": learn_s,
        "gradient_steps": int(trainer.last.learned["seeker_policy"]["updates"]),
        "rollout_bytes": size,
        "weights_bytes": sum(p.numel() * p.element_size() for p in weights),
        "copy_s": (put_s + join_s) / 2 / size,
        "agent_steps": stored.agent_steps,
    }
    trainer.stop()
    return found


def _learning(config: Config, seconds: float, stop: bool = True) -> tuple[float, TeamPPO]:
    """Seconds of an update without the gathering, and the trainer."""
    from trainer.ppo_trainer import create_ppo_trainer

    trainer, _ = create_ppo_trainer(config)
    trainer.train()
    laps: list[float] = []
    while sum(laps) < seconds:
        trainer.train()
        laps.append(trainer.last.learn_s)
    if stop:
        trainer.stop()
    return statistics.median(laps), trainer


def _sampling(runner: Any) -> float:
    """Called on a runner: the seconds of a rollout."""
    started = time.perf_counter()
    runner.sample()
    return time.perf_counter() - started


def _message_s(seconds: float) -> float:
    """Of the process that calls, for one actor among several and its answer."""
    import ray

    class Nobody:
        def answer(self) -> None:
            return None

    kind = ray.remote(num_cpus=0)(Nobody)
    actors = [kind.remote() for _ in range(_ACTORS)]

    def ask() -> None:
        ray.get([actor.answer.remote() for actor in actors])

    ask()
    return _median(ask, seconds) / _ACTORS


def _median(action: Callable[[], Any], seconds: float) -> float:
    laps: list[float] = []
    while sum(laps) < seconds:
        started = time.perf_counter()
        action()
        laps.append(time.perf_counter() - started)
    return statistics.median(laps)
