"""The one-step game with long observations: few steps fill an object store."""

from collections.abc import Mapping

from envs.batch_env import ObsBuffers, TeamSpec
from tests.ppo.one_step_env import CHOICES, OneStepEnv

WIDTH = 4096
"""Numbers in an observation; all but the first four are 0."""


class WideEnv(OneStepEnv):
    """32 KB for each step of a world."""

    def __init__(self, num_envs: int) -> None:
        super().__init__(num_envs)
        self.teams = tuple(
            TeamSpec(team.name, team.agents, WIDTH, team.nvec) for team in self.teams
        )

    def observe(self, out: Mapping[str, ObsBuffers]) -> None:
        for buffers in out.values():
            buffers.obs[:] = 0.0
            buffers.obs[range(self.num_envs), 0, self.shown()] = 1.0
            buffers.action_mask[:] = True
            buffers.action_mask[..., CHOICES + 2] = False
            buffers.valid[:] = True
