"""Matches between players, many worlds at a time, without Ray.

    config = HideAndSeekConfig(level="L0")
    seeker = PolicyPlayer(load_policy("checkpoints/checkpoint_000050/policies/seeker_policy"))
    stats = play_matches(config, seeker, RandomPlayer(NVEC), episodes=1000, seed=0)
    stats["seen_fraction"].mean()

Episode k of a seed is one and the same game, actions included, whether it is watched alone or
played among a thousand. For that, each episode draws its world and its actions from streams of its
own, and the networks always see full blocks of `BLOCK` worlds: a matrix product rounds differently
for another number of rows.

`MatchBlock` can also be as wide as one likes, with several players beside each other (`Segments`),
so that many pairings are played at once; a close decision of a network may then fall otherwise.

Letters: N worlds (BLOCK in a match), A agents of a team, D observation size, H action heads,
L logits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from envs.batch_env import ObsBuffers
from envs.hide_and_seek.batch_env import HideAndSeekBatchEnv
from envs.hide_and_seek.config import HideAndSeekConfig
from envs.hide_and_seek.players.player import ScriptedPlayer
from trainer.ppo.distributions import mask_logits
from trainer.ppo.networks import ActorCritic

BLOCK = 128

Stats = dict[str, np.ndarray]  # a figure's name -> [E] float32, one value per episode


class Turn(NamedTuple):
    """What a team may go by in a step of N worlds: B = N * A agents, world after world."""

    env: HideAndSeekBatchEnv  # all there is to know; for scripted players
    obs: Tensor  # [B, D] float32
    action_mask: Tensor  # [B, L] bool, True = allowed
    noise: Tensor  # [B, L] float32, standard Gumbel: randomness that is the same in every replay
    worlds: slice = slice(None)  # those that somebody looks at; in others anything may be done
    rows: slice = slice(None)  # which of all agents of the team these B are


class Player(Protocol):
    """Whoever chooses the actions of a team."""

    def act(self, turn: Turn) -> Tensor:
        """Chooses actions [B, H] int64, a function of the turns of this match so far."""


@dataclass(frozen=True)
class PolicyPlayer:
    """A trained policy: samples its actions (`explore`), or takes the most likely ones."""

    network: ActorCritic
    explore: bool = True

    def act(self, turn: Turn) -> Tensor:
        """See `Player.act`."""
        logits = self.network.logits(turn.obs)
        scores = logits + turn.noise if self.explore else logits
        return _best_allowed(scores, turn.action_mask, self.network.spec.nvec)


@dataclass(frozen=True)
class RandomPlayer:
    """Plays every allowed choice of a head equally often."""

    nvec: Sequence[int]

    def act(self, turn: Turn) -> Tensor:
        """See `Player.act`."""
        return _best_allowed(turn.noise, turn.action_mask, self.nvec)


@dataclass(frozen=True)
class RulePlayer:
    """A scripted player of the game."""

    script: ScriptedPlayer

    def act(self, turn: Turn) -> Tensor:
        """See `Player.act`."""
        return torch.from_numpy(self.script.act(turn.env, turn.worlds)).flatten(0, 1)[turn.rows]


@dataclass(frozen=True)
class Segments:
    """Several players beside each other, each in its own worlds.

    Attributes:
        parts: the worlds [start, stop) of each, ascending and without gaps.
    """

    parts: Sequence[tuple[slice, Player]]

    def act(self, turn: Turn) -> Tensor:
        """See `Player.act`."""
        agents = len(turn.obs) // turn.env.num_envs
        acted = []
        for worlds, player in self.parts:
            rows = slice(worlds.start * agents, worlds.stop * agents)
            seen = (turn.obs[rows], turn.action_mask[rows], turn.noise[rows])
            acted.append(player.act(Turn(turn.env, *seen, worlds, rows)))
        return torch.cat(acted)


class MatchBlock:
    """N worlds side by side, of which world i plays an episode of a seed.

    Attributes:
        env: the worlds; finished ones stay at their end, to be looked at.
        finished: [N] bool.
    """

    def __init__(
        self,
        config: HideAndSeekConfig,
        players: Mapping[str, Player],
        seed: int,
        episodes: Sequence[int] = range(BLOCK),
    ) -> None:
        """Builds the worlds; `start` must follow.

        Args:
            config: the game.
            players: by team name.
            seed: which games.
            episodes: [N], the episode that each world plays in block 0; several may play the same.

        Raises:
            ValueError: the seed is negative.
        """
        if seed < 0:
            raise ValueError(f"seed must be at least 0, got {seed}")
        # Shaping changes only the training reward, which nobody looks at here, and its distance
        # tables take seconds to build.
        config = config.model_copy(
            update={"shaping_beta": 0.0, "shaping_cover": 0.0, "restart_share": 0.0}
        )
        self._episodes, width = tuple(episodes), len(episodes)
        self.env = HideAndSeekBatchEnv(config, width, autoreset=False)
        self.finished = np.zeros(width, np.bool_)
        self._players = players
        self._seed = seed
        self._time = 0
        self._noise: dict[str, Tensor] = {}
        self._drawn: int | None = None  # the block that the noise is of
        self._dones = np.zeros(width, np.bool_)
        self._stats = np.zeros_like(self.env.episode_stats)
        self._buffers = {spec.name: ObsBuffers.allocate(spec, width) for spec in self.env.teams}
        self._rewards = {
            spec.name: np.zeros((width, spec.num_agents), np.float32) for spec in self.env.teams
        }
        # The same memory as rows of agents, as the networks take them.
        self._rows = {
            name: (
                torch.from_numpy(team.obs).flatten(0, 1),
                torch.from_numpy(team.action_mask).flatten(0, 1),
            )
            for name, team in self._buffers.items()
        }

    def start(self, block: int) -> None:
        """Puts every world at the beginning of its episode, `block` blocks after the first one."""
        first = block * BLOCK
        streams = {
            episode: np.random.SeedSequence(
                self._seed, spawn_key=(first + episode,)
            ).generate_state(2, np.uint64)
            for episode in set(self._episodes)
        }
        worlds = np.array([streams[episode][0] for episode in self._episodes])
        self.env.reset(worlds, self._buffers)
        if self._drawn != block:  # the same games again have the same noise
            self._draw_noise({episode: int(actions) for episode, (_, actions) in streams.items()})
            self._drawn = block
        self.finished[:] = False
        self._time = 0

    def step(self, worlds: slice = slice(None)) -> None:
        """Plays one step in every world; `worlds`: those that count, see `Turn`."""
        actions = {}
        with torch.inference_mode():
            for spec in self.env.teams:
                noise = self._noise[spec.name][self._time].flatten(0, 1)
                turn = Turn(self.env, *self._rows[spec.name], noise, worlds)
                rows = self._players[spec.name].act(turn)
                actions[spec.name] = rows.numpy().reshape(-1, spec.num_agents, rows.shape[-1])
        self.env.step(actions, self._buffers, self._rewards, self._dones)
        ended = self._dones & ~self.finished
        self._stats[ended] = self.env.episode_stats[ended]
        self.finished |= self._dones
        self._time += 1

    def stats(self) -> Stats:
        """The figures of the episodes, [N] each; only those of `finished` worlds mean anything."""
        return {name: self._stats[:, k].copy() for k, name in enumerate(self.env.stat_names)}

    def _draw_noise(self, seeds: Mapping[int, int]) -> None:
        """Fills the noise of a whole episode by team, [T, N, A, L], from one seed per episode.

        Both teams always draw, so that a team's luck does not depend on who it plays against.
        """
        steps = int(self.env.rules.episode_steps.max())
        for spec in self.env.teams:
            shape = (steps, len(self._episodes), spec.num_agents, spec.num_logits)
            self._noise[spec.name] = torch.empty(shape)
        for episode, seed in seeds.items():
            generator = torch.Generator().manual_seed(seed)
            worlds = [i for i, played in enumerate(self._episodes) if played == episode]
            for spec in self.env.teams:
                drawn = torch.empty((steps, spec.num_agents, spec.num_logits))
                drawn.exponential_(generator=generator).log_().neg_()
                self._noise[spec.name][:, worlds] = drawn[:, None]


def play_matches(
    config: HideAndSeekConfig, seeker: Player, hider: Player, episodes: int, seed: int
) -> Stats:
    """Plays episodes 0 to `episodes` - 1 of a seed to their end.

    Returns:
        The figures of `HideAndSeekBatchEnv.stat_names`, [episodes] float32 each.

    Raises:
        ValueError: there is no episode to play, or the seed is negative.
    """
    block = MatchBlock(config, {"seeker": seeker, "hider": hider}, seed)
    parts = list(play_blocks(block, episodes))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def play_blocks(
    block: MatchBlock, episodes: int, stopped: Callable[[], bool] = lambda: False
) -> Iterator[Stats]:
    """`play_matches` in parts of up to `BLOCK` episodes, each yielded as soon as it is played.

    Leaves within a part as soon as `stopped` says so.
    """
    if episodes < 1:
        raise ValueError(f"episodes must be at least 1, got {episodes}")
    for first in range(0, episodes, BLOCK):
        block.start(first // BLOCK)
        asked = slice(0, min(episodes - first, BLOCK))  # scripts take their time for each world
        while not block.finished[asked].all():
            if stopped():
                return
            block.step(asked)
        yield {name: values[asked] for name, values in block.stats().items()}


def _best_allowed(scores: Tensor, action_mask: Tensor, nvec: Sequence[int]) -> Tensor:
    """The allowed choice with the highest score of each head, [B, H] int64."""
    heads = mask_logits(scores, action_mask).split(list(nvec), dim=-1)
    return torch.stack([head.argmax(-1) for head in heads], dim=-1)
