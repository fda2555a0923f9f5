"""The one interface between a game and the trainer: N worlds stepped at once into given buffers.

Letters: N worlds, A agents of a team, D observation size, S state size, H action heads,
L = sum(nvec) logits.
A world is a pure function of its seed: world i started with seed s plays the same games, episode
after episode, whatever the number of worlds beside it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

from envs.rerun import Rerun


@dataclass(frozen=True)
class TeamSpec:
    """The agents of one team, all with the same observation and action space.

    Attributes:
        name: of the team.
        agents: their names.
        obs_size: D.
        nvec: the choices of each action head.
        live_columns: the columns of an observation that can be other than 0, in ascending order;
            learning skips the others. None: all can.
        state_size: S, the floats of the state that the game offers for each agent of the team:
            whatever tells how the game stands, unseen things too. Only a value function reads it
            (`ppo.critic`), so it must hold by itself all that the agent's return depends on. 0:
            the game offers none.
        live_state: the columns of a state that can be other than 0, as `live_columns`.

    Raises:
        ValueError: an attribute is not of that kind, or empty.
    """

    name: str
    agents: tuple[str, ...]
    obs_size: int
    nvec: tuple[int, ...]
    live_columns: tuple[int, ...] | None = None
    state_size: int = 0
    live_state: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        named = not isinstance(self.agents, str) and len(self.agents) > 0
        if not named or not all(isinstance(agent, str) for agent in self.agents):
            raise ValueError(
                f"team {self.name!r}: agents must be a tuple of names, got {self.agents!r}"
            )
        counts = tuple(self.nvec) if np.iterable(self.nvec) else ()
        if not counts or not all(_is_count(number) for number in (*counts, self.obs_size)):
            raise ValueError(
                f"team {self.name!r}: nvec must be the choices of each head, such as (5,), and "
                f"obs_size a whole number; got {self.nvec!r} and {self.obs_size!r}"
            )
        if self.state_size != 0 and not _is_count(self.state_size):
            raise ValueError(
                f"team {self.name!r}: state_size must be a whole number, got {self.state_size!r}"
            )
        object.__setattr__(self, "agents", tuple(self.agents))
        object.__setattr__(self, "obs_size", int(self.obs_size))
        object.__setattr__(self, "state_size", int(self.state_size))
        object.__setattr__(self, "nvec", tuple(int(number) for number in counts))
        for name, size in (("live_columns", "obs_size"), ("live_state", "state_size")):
            live, columns = getattr(self, name), getattr(self, size)
            if live is not None and list(live) != sorted({*live} & {*range(columns)}):
                raise ValueError(
                    f"team {self.name!r}: {name} must be ascending columns below {size} "
                    f"({columns}); got {live!r}"
                )

    @property
    def num_agents(self) -> int:
        """A: how many agents the team has."""
        return len(self.agents)

    @property
    def num_logits(self) -> int:
        """L: the number of action choices, all heads together."""
        return sum(self.nvec)

    @property
    def policy_id(self) -> str:
        """The policy that plays this team, for example "seeker_policy"."""
        return f"{self.name}_policy"

    def by_head(self, array: np.ndarray) -> list[np.ndarray]:
        """Views of an array [..., L], one [..., n] for each action head of n choices."""
        return np.split(array, np.cumsum(self.nvec)[:-1], axis=-1)


def _is_count(value: object) -> bool:
    return isinstance(value, int | np.integer) and int(value) >= 1


@dataclass(frozen=True)
class GameSpec:
    """What is known of a game without building it."""

    teams: tuple[TeamSpec, ...]
    stat_names: tuple[str, ...]


@dataclass
class ObsBuffers:
    """What one team sees and may do now. An environment writes every element, in place.

    The arrays may be views into larger ones (one time step of a rollout); they are C-contiguous.
    Where no value function reads the state there is none, and the environment spares itself the
    work; whether there is one must not change how it plays.
    """

    obs: np.ndarray  # [N, A, D] float32
    action_mask: np.ndarray  # [N, A, L] bool, True = allowed; each head allows at least one choice
    valid: np.ndarray  # [N, A] bool; False where the agent cannot act, so no loss is due there
    state: np.ndarray | None = None  # [N, A, S] float32; None: not wanted

    @classmethod
    def allocate(cls, spec: TeamSpec, num_envs: int, *, state: bool = False) -> ObsBuffers:
        """Zeroed buffers for `num_envs` worlds; with `state` for the state too, if there is one."""
        shape = (num_envs, spec.num_agents)
        wanted = state and spec.state_size > 0
        return cls(
            obs=np.zeros((*shape, spec.obs_size), np.float32),
            action_mask=np.zeros((*shape, spec.num_logits), np.bool_),
            valid=np.zeros(shape, np.bool_),
            state=np.zeros((*shape, spec.state_size), np.float32) if wanted else None,
        )


class TeamArrays(Protocol):
    """One team's arrays of a whole rollout of T steps in all worlds, C-contiguous."""

    obs: np.ndarray  # [T + 1, N, A, D], and so on as in `ObsBuffers`
    action_mask: np.ndarray
    valid: np.ndarray
    state: np.ndarray  # [T + 1, N, A, S] float32; [T + 1, N, A, 0]: not wanted
    actions: np.ndarray  # [T, N, A, H] int64
    rewards: np.ndarray  # [T, N, A] float32


class CompiledSteps(NamedTuple):
    """The steps of a rollout for compiled code, which no interpreter holds up.

    Attributes:
        step: a numba callback (state, t) -> int64 that plays step t as `BatchEnv.step` does, from
            and into the arrays of the rollout; -1, or what it could not do, as a number.
        state: the game's own arrays and numbers.
    """

    step: Any
    state: Any


class BatchEnv(ABC):
    """N independent worlds of one game, with an explicit random state.

    Attributes:
        num_envs: N.
        teams: who plays.
        stat_names: the columns of `episode_stats`.
        episode_stats: [N, len(stat_names)] float32; row n is fresh where an episode has ended.
        truncates: whether an episode can end otherwise than terminally.
        final_obs: by team [N, A, D] float32, what was seen last in an episode that was truncated;
            row n is fresh where `truncated[n]`. Only where the game truncates.
        final_state: the same of the state, by team [N, A, S] float32, for the teams that have one;
            fresh where `truncated[n]` and the state is wanted.
        repeats: whether a world repeats its games for a seed. Where that cannot be promised,
            `set_state` may refuse its state, and the worlds of a resumed run start fresh.
    """

    num_envs: int
    teams: tuple[TeamSpec, ...]
    stat_names: tuple[str, ...]
    episode_stats: np.ndarray
    truncates: bool = False
    repeats: bool = True
    final_obs: Mapping[str, np.ndarray]
    final_state: Mapping[str, np.ndarray]

    @abstractmethod
    def reset(self, seeds: np.ndarray, out: Mapping[str, ObsBuffers]) -> None:
        """Starts every world anew.

        Args:
            seeds: [N] uint64, the random stream of each world.
            out: buffers by team name, filled with the first observation.

        Raises:
            ValueError: the seeds or a buffer have a wrong shape or type.
        """

    @abstractmethod
    def step(
        self,
        actions: Mapping[str, np.ndarray],
        out: Mapping[str, ObsBuffers],
        rewards: Mapping[str, np.ndarray],
        terminated: np.ndarray,
        truncated: np.ndarray,
    ) -> None:
        """Plays one step in every world; a finished world starts its next episode at once.

        An episode terminates where the game is over, so that nothing more can be won. It is
        truncated where only the playing stops, as at a time limit that no agent can see: what
        would have followed still counts, and is estimated by the value of `final_obs` or
        `final_state` (Pardo et al. 2018, https://arxiv.org/abs/1712.00378). A time limit that the
        observation shows is part of the game: a termination.

        Args:
            actions: by team [N, A, H], any integer type. A masked choice counts as the no-op.
            out: by team, filled with what is seen after the step (where the episode has ended:
                the first observation of the next one).
            rewards: by team [N, A] float32, filled with the training reward (with shaping).
            terminated: [N] bool, filled with whether the episode ended terminally.
            truncated: [N] bool, filled with whether it was cut off; never both.

        Raises:
            ValueError: an array is missing or has a wrong shape, type or value. No world has
                moved then.
        """

    def set_parameters(self, values: Mapping[str, float]) -> dict[str, float]:
        """Changes numbers of the game while it is played, for a curriculum.

        Args:
            values: new value by name; what is not named stays as it is.

        Returns:
            What was in force before, to be set again.

        Raises:
            ValueError: the game has no such parameter, or refuses the value.
        """
        if values:
            raise ValueError(f"this game has no parameter {next(iter(values))!r} to change")
        return {}

    def part(self, worlds: slice) -> BatchEnv | None:
        """Some of the worlds as an environment on the same memory, for a thread of its own.

        Parts may be stepped at the same time as others. They live for one rollout: `reset`,
        `set_state` and `set_parameters` are called on the whole. None: the game has no parts.
        """
        return None

    def compiled(
        self, rollout: Mapping[str, TeamArrays], dones: np.ndarray, worlds: slice
    ) -> CompiledSteps | None:
        """The steps of the next rollout for compiled code. None: `step` has to be called.

        Args:
            rollout: by team, the arrays of all worlds.
            dones: [T, N] bool, filled with whether an episode ended with a step.
            worlds: those of this environment among them.
        """
        return None

    def rerun(self, world: int) -> Rerun | None:
        """A copy of one world, to be played again beside it. None: the game has no copies."""
        return None

    @abstractmethod
    def observe(self, out: Mapping[str, ObsBuffers]) -> None:
        """Writes the present observation again, for example after `set_state`."""

    @abstractmethod
    def get_state(self) -> dict[str, np.ndarray]:
        """Copies of all that the future depends on: worlds, streams, counters. [N, ...] each.

        They are arrays of numbers, as a checkpoint holds nothing else; `envs.random_state` makes
        one of numpy's generators.
        """

    @abstractmethod
    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Continues exactly from a `get_state` result.

        Raises:
            ValueError: an array is missing, unknown, or of another shape or type.
        """
