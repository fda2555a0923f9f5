"""What a game must not write, at any step of a rollout."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from envs.game_shape import GameMistake, check_ends
from tests.envs.hidden_env import DEAD, HiddenEnv
from tests.run.count_env import CountEnv
from trainer.ppo.rollout import RolloutBatch
from trainer.ppo.rollout_check import check_rollout
from trainer.ppo.sampling import sample_actions

STEPS, WORLDS = 3, 2
Change = Callable[[RolloutBatch], object]


def checked(
    change: Change = lambda batch: None,
    *,
    truncates: bool = True,
    truncated: bool = False,
    stat: float = 1.0,
) -> None:
    """Checks a rollout of the counting game in which all is 0 but for a change."""
    env = CountEnv({"red": 1}, WORLDS)
    env.truncates = truncates
    batch = RolloutBatch.allocate(env.teams, STEPS, WORLDS)
    batch.teams["red"].action_mask[:] = True
    change(batch)
    stats = np.full((4, len(env.stat_names)), stat, np.float32)
    check_rollout(env, batch, np.full((STEPS, WORLDS), truncated), stats)


def drawn_from_nothing(batch: RolloutBatch) -> None:
    """What sampling makes of a step in which a head has no allowed choice."""
    team = batch.teams["red"]
    team.action_mask[1] = False
    sample_actions(
        team.logits[1].reshape(WORLDS, 5),
        team.action_mask[1].reshape(WORLDS, 5),
        np.array([3, 2]),
        np.zeros((WORLDS, 2), np.float32),
        team.actions[1].reshape(WORLDS, 2),
        team.logp[1].reshape(WORLDS),
    )


def unknown_obs(batch: RolloutBatch) -> None:
    """NaN that is seen makes the probabilities of the actions NaN."""
    batch.teams["red"].obs[1] = np.nan
    batch.teams["red"].logp[1] = np.nan


def test_a_rollout_without_mistakes_passes() -> None:
    checked(truncated=True)
    checked(stat=np.nan)  # a statistic may be unknown


def test_rewards_may_be_large() -> None:
    checked(lambda batch: batch.teams["red"].rewards.fill(3e38))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda batch: batch.teams["red"].rewards[1].fill(np.nan), r"into rewards\['red'\]"),
        (lambda batch: batch.teams["red"].rewards[1].fill(np.inf), r"into rewards\['red'\]"),
        (unknown_obs, r"into out\['red'\]\.obs"),
        (drawn_from_nothing, r"allows no choice of a head in out\['red'\]"),
    ],
)
def test_mistakes_in_a_rollout(change: Change, message: str) -> None:
    with pytest.raises(GameMistake, match=message):
        checked(change)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_policy_that_diverged_is_not_the_games_mistake(value: float) -> None:
    checked(lambda batch: batch.teams["red"].logp.fill(value))


def test_flags_and_statistics() -> None:
    with pytest.raises(GameMistake, match="sets truncated, but truncates is False"):
        checked(truncates=False, truncated=True)
    with pytest.raises(GameMistake, match="infinity as 'length' of episode_stats"):
        checked(stat=np.inf)
    env = CountEnv({"red": 1}, WORLDS)
    env.truncates = True
    check_ends("counting", env, np.array([True, False]), np.array([False, True]))
    with pytest.raises(GameMistake, match="sets terminated and truncated for the same world"):
        check_ends("counting", env, np.array([True, False]), np.array([True, True]))


def check_states(batch: RolloutBatch, env: HiddenEnv) -> None:
    for team in batch.teams.values():
        team.action_mask[:] = True
    stats = np.zeros((0, len(env.stat_names)), np.float32)
    check_rollout(env, batch, np.zeros((STEPS, WORLDS), np.bool_), stats)


def test_a_state_is_finite_and_written_where_it_is_said_to_be() -> None:
    env = HiddenEnv(WORLDS)
    batch = RolloutBatch.allocate(env.teams, STEPS, WORLDS, states=["hider"])
    state = batch.teams["hider"].state
    state[..., :DEAD] = 3e38
    check_states(batch, env)
    state[2, 1, 0, 1] = np.nan
    with pytest.raises(GameMistake, match=r"writes NaN or infinity into out\['hider'\]\.state"):
        check_states(batch, env)
    state[2, 1, 0, 1] = 0.0
    state[1, 0, 0, DEAD] = 1.0
    with pytest.raises(GameMistake, match=r"column 4 of out\['hider'\]\.state, .*'s live_state"):
        check_states(batch, env)


def test_a_column_that_is_not_among_the_live_ones() -> None:
    env = CountEnv({"red": 1}, WORLDS)
    env.teams = (replace(env.teams[0], live_columns=(0,)),)
    batch = RolloutBatch.allocate(env.teams, STEPS, WORLDS)
    batch.teams["red"].action_mask[:] = True
    truncated, stats = np.zeros((STEPS, WORLDS), np.bool_), np.zeros((0, 3), np.float32)
    batch.teams["red"].obs[1, 1, 0, 0] = 0.5
    check_rollout(env, batch, truncated, stats)
    batch.teams["red"].obs[2, 1, 0, 1] = np.nan
    with pytest.raises(GameMistake, match=r"writes column 1 of out\['red'\]\.obs, which is not"):
        check_rollout(env, batch, truncated, stats)
