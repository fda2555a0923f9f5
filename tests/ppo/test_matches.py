"""Batched matches against one world stepped by hand, and what a seed promises."""

import numpy as np
import pytest
import torch
from torch import Tensor

from envs.batch_env import ObsBuffers
from envs.hide_and_seek.batch_env import HideAndSeekBatchEnv
from envs.hide_and_seek.config import HideAndSeekConfig
from envs.hide_and_seek.players.catalog import make_player
from envs.hide_and_seek.spaces import NVEC
from tests.commands.small_players import GAME, SPEC, make_network
from trainer.ppo.matches import (
    BLOCK,
    MatchBlock,
    Player,
    PolicyPlayer,
    RandomPlayer,
    RulePlayer,
    Segments,
    Stats,
    Turn,
    play_blocks,
    play_matches,
)

CONFIG = HideAndSeekConfig(**GAME)
RANDOM = RandomPlayer(NVEC)


def players(explore: bool) -> tuple[PolicyPlayer, PolicyPlayer]:
    return PolicyPlayer(make_network(1), explore), PolicyPlayer(make_network(2), explore)


def same(left: Stats, right: Stats) -> bool:
    return all(np.array_equal(left[name], right[name]) for name in left)


def play_by_hand(seed: int, episode: int) -> dict[str, float]:
    """One episode of the most likely actions in a world of its own."""
    env = HideAndSeekBatchEnv(CONFIG, 1)
    networks = {"seeker": make_network(1), "hider": make_network(2)}
    out = {spec.name: ObsBuffers.allocate(spec, 1) for spec in env.teams}
    rewards = {spec.name: np.zeros((1, spec.num_agents), np.float32) for spec in env.teams}
    dones = np.zeros(1, np.bool_)
    stream = np.random.SeedSequence(seed, spawn_key=(episode,))
    env.reset(stream.generate_state(1, np.uint64), out)
    while not dones[0]:
        actions = {}
        for name, network in networks.items():
            obs, mask = (
                torch.from_numpy(out[name].obs[0]),
                torch.from_numpy(out[name].action_mask[0]),
            )
            actions[name] = network.act(obs, mask, explore=False).numpy()[None]
        env.step(actions, out, rewards, dones)
    return dict(zip(env.stat_names, env.episode_stats[0], strict=True))


@pytest.mark.parametrize("episode", [0, 5, BLOCK + 1])
def test_an_episode_is_the_one_that_a_single_world_plays(episode: int) -> None:
    stats = play_matches(CONFIG, *players(explore=False), BLOCK + 2, 7)
    assert {name: values[episode] for name, values in stats.items()} == play_by_hand(7, episode)


@pytest.mark.parametrize("explore", [False, True])
def test_the_number_of_episodes_changes_no_episode(explore: bool) -> None:
    many = play_matches(CONFIG, *players(explore), BLOCK + 3, 3)
    few = play_matches(CONFIG, *players(explore), 4, 3)
    assert [len(values) for values in many.values()] == [BLOCK + 3] * len(many)
    assert same({name: values[:4] for name, values in many.items()}, few)


def test_the_seed_decides() -> None:
    seeker, hider = players(explore=True)
    first = play_matches(CONFIG, seeker, hider, episodes=20, seed=0)
    assert same(first, play_matches(CONFIG, seeker, hider, episodes=20, seed=0))
    assert not same(first, play_matches(CONFIG, seeker, hider, episodes=20, seed=1))


def test_blocks_of_one_seed_are_different_games() -> None:
    stats = play_matches(CONFIG, RANDOM, RANDOM, episodes=2 * BLOCK, seed=0)
    assert not np.array_equal(stats["seen_fraction"][:BLOCK], stats["seen_fraction"][BLOCK:])


def test_the_figures_fit_together() -> None:
    stats = play_matches(CONFIG, RANDOM, RANDOM, episodes=50, seed=0)
    assert (stats["length"] == 8).all()
    assert np.allclose(stats["seeker_return"], 6 * (2 * stats["seen_fraction"] - 1))
    assert np.array_equal(stats["hider_return"], -stats["seeker_return"])
    assert np.array_equal(stats["perfect_hide"] == 1, stats["seen_fraction"] == 0)
    assert 0 < stats["seen_fraction"].mean() < 1


def test_shaping_is_left_out() -> None:
    shaped = CONFIG.model_copy(update={"shaping_beta": 1.0})
    assert same(
        play_matches(CONFIG, RANDOM, RANDOM, episodes=5, seed=0),
        play_matches(shaped, RANDOM, RANDOM, episodes=5, seed=0),
    )


def one_turn(obs: Tensor, mask: Tensor) -> Turn:
    """One of as many agents as there are rows, in no world in particular."""
    torch.manual_seed(0)
    noise = torch.empty(mask.shape).exponential_().log_().neg_()
    return Turn(HideAndSeekBatchEnv(CONFIG, 1), obs, mask, noise)


def test_random_play_is_uniform_over_what_is_allowed() -> None:
    rows = 20_000
    mask = torch.ones(rows, SPEC.num_logits, dtype=torch.bool)
    mask[:, 7] = False  # the second of the five turns
    actions = RANDOM.act(one_turn(torch.zeros(rows, 158), mask))
    forward = torch.bincount(actions[:, 0], minlength=3) / rows
    turn = torch.bincount(actions[:, 2], minlength=5) / rows
    assert torch.allclose(forward, torch.full((3,), 1 / 3), atol=0.02)
    assert turn[1] == 0
    assert torch.allclose(turn[[0, 2, 3, 4]], torch.full((4,), 1 / 4), atol=0.02)


def test_exploring_follows_the_policys_probabilities() -> None:
    rows = 20_000
    network = make_network(0)
    obs = torch.ones(rows, 158)
    mask = torch.ones(rows, SPEC.num_logits, dtype=torch.bool)
    with torch.no_grad():
        expected = network.logits(obs[:1])[0, :3].softmax(0)
        actions = PolicyPlayer(network, explore=True).act(one_turn(obs, mask))
        best = PolicyPlayer(network, explore=False).act(one_turn(obs, mask))
    seen = torch.bincount(actions[:, 0], minlength=3) / rows
    assert torch.allclose(seen, expected, atol=0.02)
    assert expected.min() > 0.01  # otherwise this would say nothing
    assert (best[:, 0] == expected.argmax()).all()


class Listener:
    """Plays at random and keeps the noise it was given."""

    def __init__(self) -> None:
        self.heard: list[Tensor] = []

    def act(self, turn: Turn) -> Tensor:
        self.heard.append(turn.noise.clone())
        return RANDOM.act(turn)


def test_a_teams_luck_does_not_depend_on_its_opponent() -> None:
    heard = []
    for hider in (RANDOM, players(explore=True)[1]):
        listener = Listener()
        block = MatchBlock(CONFIG, {"seeker": listener, "hider": hider}, seed=0)
        block.start(0)
        for _ in range(3):
            block.step()
        heard.append(torch.stack(listener.heard))
    assert torch.equal(*heard)
    assert not torch.equal(heard[0][0], heard[0][1])


@pytest.mark.parametrize(("episodes", "seed", "words"), [(0, 0, "episodes"), (1, -1, "seed")])
def test_what_cannot_be_played_is_refused(episodes: int, seed: int, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        play_matches(CONFIG, RANDOM, RANDOM, episodes=episodes, seed=seed)


def test_pairings_beside_each_other_are_those_played_alone() -> None:
    seekers: list[Player] = [RulePlayer(make_player("searcher", "seeker")), RANDOM]
    hider = RulePlayer(make_player("runner", "hider"))
    parts = [(slice(0, 5), seekers[0]), (slice(5, 8), seekers[1])]
    block = MatchBlock(CONFIG, {"seeker": Segments(parts), "hider": hider}, 3, [*range(5), 0, 4, 2])
    (together,) = play_blocks(block, 8)
    for (worlds, seeker), episodes in zip(parts, ([*range(5)], [0, 4, 2]), strict=True):
        alone = play_matches(CONFIG, seeker, hider, 5, 3)
        assert same(
            {name: values[worlds] for name, values in together.items()},
            {name: values[episodes] for name, values in alone.items()},
        )


def test_the_same_games_can_be_played_again_and_others_after_them() -> None:
    block = MatchBlock(CONFIG, {"seeker": RANDOM, "hider": RANDOM}, 0)
    (first,) = play_blocks(block, 20)
    (again,) = play_blocks(block, 20)
    assert same(first, again)
    block.start(1)
    while not block.finished.all():
        block.step()
    later = play_matches(CONFIG, RANDOM, RANDOM, 2 * BLOCK, 0)
    assert same(block.stats(), {name: values[BLOCK:] for name, values in later.items()})
