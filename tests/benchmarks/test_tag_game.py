"""The game of tag that the benchmark trains on."""

from __future__ import annotations

import numpy as np

from benchmarks.tag_game import CHOICES, LENGTH, OBS_SIZE, TagEnv, tag_game
from benchmarks.workload import tag_config
from envs.batch_env import ObsBuffers

WORLDS = 6


def test_it_keeps_the_rules_of_a_game() -> None:
    assert tag_game().team_sizes == {"chaser": 2, "runner": 2}
    config = tag_config("train.engine=fused")
    agents = sum(config.played.team_sizes.values())
    assert config.ppo.rollout_length * config.ray.num_envs * agents == 65_536


class Played:
    """Worlds with their buffers."""

    def __init__(self) -> None:
        self.env = TagEnv(WORLDS)
        self.out = {spec.name: ObsBuffers.allocate(spec, WORLDS) for spec in self.env.teams}
        self.rewards = {name: np.zeros((WORLDS, 2), np.float32) for name in self.out}
        self.ends = np.zeros((2, WORLDS), np.bool_)
        self.env.reset(np.arange(WORLDS, dtype=np.uint64), self.out)

    def step(self, actions: dict[str, np.ndarray], worlds: slice = slice(None)) -> None:
        out = {
            name: ObsBuffers(all_.obs[worlds], all_.action_mask[worlds], all_.valid[worlds])
            for name, all_ in self.out.items()
        }
        rewards = {name: array[worlds] for name, array in self.rewards.items()}
        given = {name: array[worlds] for name, array in actions.items()}
        self.env.part(worlds).step(given, out, rewards, *self.ends[:, worlds])


def test_parts_play_like_the_whole_and_everything_seen_is_alive() -> None:
    whole, parts, draw = Played(), Played(), np.random.default_rng(0)
    alive, tags = np.zeros(OBS_SIZE, np.bool_), 0.0
    for step in range(2 * LENGTH):
        actions = {name: draw.integers(0, CHOICES, (WORLDS, 2, 1)) for name in whole.out}
        whole.step(actions)
        parts.step(actions, slice(0, 2))
        parts.step(actions, slice(2, WORLDS))
        for name in whole.out:
            seen = whole.out[name].obs
            np.testing.assert_array_equal(seen, parts.out[name].obs)
            np.testing.assert_array_equal(whole.rewards[name], parts.rewards[name])
            assert np.abs(seen[..., np.arange(OBS_SIZE) != 5]).max() < 3.0
            alive |= (seen != 0).any(axis=(0, 1))
        assert whole.rewards["chaser"].sum() == -whole.rewards["runner"].sum()
        tags += whole.rewards["chaser"].sum()
        assert whole.ends[0].all() == ((step + 1) % LENGTH == 0)
    assert alive.all()
    assert tags > 0
    np.testing.assert_array_equal(whole.env.episode_stats, parts.env.episode_stats)
    np.testing.assert_array_equal(whole.env.episode_stats[:, 1], -whole.env.episode_stats[:, 2])
