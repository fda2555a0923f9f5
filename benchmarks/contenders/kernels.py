"""The fused engine's kernels alone: sampling, values, GAE and update, no RLlib, no game.

They work on a rollout that the game has played once, so rows, masks and frozen agents are the
game's own.
"""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor

import trainer.cluster.environment  # noqa: F401 - first: Ray reads it at import
from benchmarks.arithmetic import TeamWork
from benchmarks.workload import Measurement, timed
from trainer.config.schema import Config


def kernels(config: Config, seconds: float) -> Measurement:
    import numpy as np

    from trainer.errors import TrainingDiverged
    from trainer.ppo.actors import Rows
    from trainer.ppo.engines import make_actor
    from trainer.ppo_trainer import create_ppo_trainer

    trainer, _ = create_ppo_trainer(config)
    trainer.train()
    learner, batch = trainer.learner, trainer.env_runner.batch
    teams, steps = config.played.spec.teams, config.ppo.rollout_length
    # The learner's own networks act, so that no weights have to be handed over.
    specs = {spec.name: spec for spec in teams}
    networks = {spec.name: learner.network(spec.name) for spec in teams}
    actor = make_actor("fused", networks, specs, config.train.threads)
    draw = np.random.default_rng(0)

    def rows(team: str, step: int, worlds: slice) -> Rows:
        """What some worlds' agents of a team see in a step, as views of the rollout."""
        part = batch.part(worlds).teams[team]
        heads = part.actions.shape[-1]
        count = part.actions[step].size // heads
        return Rows(
            obs=part.obs[step].reshape(count, -1),
            action_mask=part.action_mask[step].reshape(count, -1),
            uniforms=draw.random((count, heads), np.float32),
            logits=part.logits[step].reshape(count, -1),
            actions=part.actions[step].reshape(count, -1),
            logp=part.logp[step].reshape(count),
        )

    edges = np.linspace(0, config.ray.num_envs, actor.threads + 1).astype(int).tolist()
    shares = [
        [(s.name, rows(s.name, step, slice(*ends))) for step in range(steps) for s in teams]
        for ends in itertools.pairwise(edges)
    ]
    pool = ThreadPoolExecutor(actor.threads)

    def act(share: list[tuple[str, Rows]]) -> None:
        for team, seen in share:
            actor.act(team, seen, None)

    def iteration() -> int:
        with actor.ready():
            list(pool.map(act, shares))
        plans = trainer._plans()
        updates = [learner.team_update(spec.name, plans[spec.name], batch) for spec in teams]
        TrainingDiverged.raise_all(
            [e for e in learner.engine.train(updates) if isinstance(e, TrainingDiverged)]
        )
        return batch.agent_steps

    work = [
        TeamWork(
            columns=spec.obs_size if spec.live_columns is None else len(spec.live_columns),
            hiddens=config.ppo.hiddens,
            logits=spec.num_logits,
            acted=batch.teams[spec.name].logp.size,
            valued=batch.teams[spec.name].valid.size,
            learned=int(batch.teams[spec.name].valid[:steps].sum()),
            epochs=config.ppo.num_epochs,
        )
        for spec in teams
    ]
    return timed(iteration, seconds, sum(team.multiply_adds for team in work))
