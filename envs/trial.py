"""The trial of a new game: a few steps that find the mistakes which training would not show.

It is played once, on private copies, before anything is trained.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from envs.batch_env import BatchEnv, ObsBuffers, TeamSpec
from envs.game_shape import (
    WORLDS,
    GameMistake,
    build,
    check_arrays,
    check_ends,
    described,
    head_without_choice,
    is_float,
)

STEPS = 37
_SEEDS = np.array([1, 2**63 + 1], np.uint64)
_MOST = 64  # arrays of a state
_TAKEN = ("file", "allow_pickle")  # keywords of numpy.savez

Actions = dict[str, np.ndarray]
Arrays = dict[str, np.ndarray]


def try_game(
    game: str,
    make_env: Callable[[int], BatchEnv],
    env: BatchEnv,
    parameters: Mapping[str, float],
) -> None:
    """Plays worlds twice from the same seeds, and from their saved state in new worlds.

    Args:
        game: its name, for messages.
        make_env: makes the new worlds.
        env: what `build` made.
        parameters: numbers of the game that may be scheduled, with the values that they have.

    Raises:
        GameMistake: the game does not keep a rule of `BatchEnv`. Its own errors pass, with a note.
    """
    try:
        check_arrays(game, env)
        _check_parameters(game, env, parameters)
        first = _Play(game, env, unwritten=False, state=True)
        actions, seen = first.play([first.reset()], np.random.default_rng(0))
        if env.repeats:
            again = _Play(game, env, unwritten=True, state=False)
            repeated = [again.reset(), *map(again.step, actions)]
            rule = "all randomness must come from the seeds that reset gets, wanted state or not"
            _compare(game, seen, repeated, f"differs when seeds and actions are the same; {rule}")
        _try_state(game, first, build(game, make_env))
    except GameMistake:
        raise
    except Exception as error:
        error.add_note(f"in the trial of the game {game!r}, before anything is trained")
        raise


def _check_parameters(game: str, env: BatchEnv, parameters: Mapping[str, float]) -> None:
    if not parameters:
        return
    try:
        before = env.set_parameters(dict(parameters))
    except ValueError as error:
        raise GameMistake(
            f"game {game!r}: set_parameters must take its parameters {[*parameters]}: {error}"
        ) from None
    for key, value in parameters.items():
        if key not in (before or {}) or not np.isclose(before[key], value, rtol=1e-6):
            raise GameMistake(
                f"game {game!r}: set_parameters must return what was in force before, {key!r}: "
                f"{value} in new worlds (as in parameters); got {before}"
            )
    env.set_parameters(before)


def _try_state(game: str, first: _Play, other: BatchEnv) -> None:
    """Continues new worlds from the state of `first`, and plays both."""
    state = _plain_state(game, first.env)
    second = _Play(game, other, unwritten=True, state=other.repeats)
    try:
        other.set_state({key: array.copy() for key, array in state.items()})
    except ValueError:
        if other.repeats:
            raise
        return  # it need not; a resume then starts fresh worlds
    for key, array in _plain_state(game, other).items():
        if key not in state or not np.array_equal(array, state[key], equal_nan=is_float(array)):
            raise GameMistake(
                f"game {game!r}: get_state()[{key!r}] differs from what set_state has been given"
            )
    actions, seen = first.play([first.observe()], np.random.default_rng(1))
    continued = [second.observe(), *map(second.step, actions)]
    if other.repeats:
        rule = "get_state must hold all that the future depends on, random states too"
        _compare(game, seen, continued, f"differs after set_state; {rule}")


def _plain_state(game: str, env: BatchEnv) -> Arrays:
    """The state as it is read back from a checkpoint."""
    state: Any = env.get_state()
    if not isinstance(state, Mapping):
        raise GameMistake(
            f"game {game!r}: get_state must return arrays by name, got {type(state).__name__}"
        )
    if len(state) > _MOST:
        raise GameMistake(f"game {game!r}: get_state returns {len(state)} arrays; {_MOST} at most")
    arrays = {}
    for key, value in state.items():
        if not isinstance(key, str) or not key.isidentifier() or key in _TAKEN:
            raise GameMistake(f"game {game!r}: get_state: {key!r} is no name for an array")
        try:
            arrays[key] = np.array(value)
        except ValueError:  # lists of other lengths
            arrays[key] = np.array(None)
        dtype = arrays[key].dtype
        if not dtype.isnative or not np.can_cast(dtype, np.complex128):  # no plain number
            raise GameMistake(
                f"game {game!r}: get_state()[{key!r}] must be an array of numbers, as a checkpoint "
                f"holds nothing else; got {described(value)}. The states of numpy generators "
                "become one with envs.random_state.to_array(generators)"
            )
    lengths = {len(array) for array in arrays.values() if array.ndim}
    if len(lengths) == 1 and lengths != {WORLDS}:
        raise GameMistake(
            f"game {game!r}: get_state must return arrays [num_envs, ...]; with {WORLDS} worlds "
            f"all have the length {lengths.pop()}"
        )
    return arrays


class _Play:
    """Worlds with buffers, which are filled with NaN or `unwritten` before each call.

    `state`: whether the states that the game offers are wanted.
    """

    def __init__(self, game: str, env: BatchEnv, *, unwritten: bool, state: bool) -> None:
        self.game, self.env, self._unwritten, self._state = game, env, unwritten, state
        self.out = {t.name: ObsBuffers.allocate(t, WORLDS, state=state) for t in env.teams}
        self.rewards = {t.name: np.zeros((WORLDS, t.num_agents), np.float32) for t in env.teams}
        self.terminated, self.truncated = np.zeros((2, WORLDS), np.bool_)
        self._outs, self._all = self._seen(), self._seen() | self._paid()

    def play(
        self, seen: list[Arrays], random: np.random.Generator
    ) -> tuple[list[Actions], list[Arrays]]:
        """Plays `STEPS` allowed random steps; the actions, and all that was written, from `seen`
        on."""
        played = []
        for _ in range(STEPS):
            played.append({t.name: self._allowed(t, random) for t in self.env.teams})
            seen.append(self.step(played[-1]))
        return played, seen

    def reset(self) -> Arrays:
        """Copies of what a reset writes."""
        self._blank(self._outs)
        self.env.reset(_SEEDS.copy(), self.out)
        return self._checked("reset", self._outs, self._seen())

    def observe(self) -> Arrays:
        """Copies of what `observe` writes."""
        self._blank(self._outs)
        self.env.observe(self.out)
        return self._checked("observe", self._outs, self._seen())

    def step(self, actions: Actions) -> Arrays:
        """Copies of what a step writes."""
        env = self.env
        self._blank(self._all | self._final())
        given = {team: array.copy() for team, array in actions.items()}
        env.step(given, self.out, self.rewards, self.terminated, self.truncated)
        now = self._seen() | self._paid()
        written = self._checked("step", self._all, now)
        for team, array in given.items():
            if not np.array_equal(array, actions[team]):
                raise self._mistake(f"step must not change actions[{team!r}]")
        return written | self._ended()

    def _ended(self) -> Arrays:
        """What a step has written of the episodes that ended with it."""
        env, cut = self.env, self.truncated
        check_ends(repr(self.game), env, self.terminated, cut)
        final = {name: array[cut] for name, array in self._final().items()}
        for name, array in final.items():
            if not np.isfinite(array).all():
                raise self._mistake(f"step must write {name} where it sets truncated; {_LEFT}")
        over = self.terminated | cut
        stats = dict(zip(env.stat_names, env.episode_stats[over].T, strict=True))
        needed = ("length", *(f"{team.name}_return" for team in env.teams))
        for stat, values in stats.items():
            unknown = np.isnan(values).any() and stat in needed
            if unknown or np.isinf(values).any() or (stat == "length" and (values < 1).any()):
                raise self._mistake(
                    f"step must write {stat!r} of episode_stats where an episode has ended; got "
                    f"{values.tolist()}"
                )
        return {**final, "episode_stats": env.episode_stats[over].copy()}

    def _allowed(self, team: TeamSpec, random: np.random.Generator) -> np.ndarray:
        mask = self.out[team.name].action_mask
        likes = np.where(mask, 1.0 + random.random(mask.shape), 0.0)
        choices = [head.argmax(axis=-1) for head in team.by_head(likes)]
        return np.stack(choices, axis=-1).astype(np.int64)

    def _blank(self, arrays: Arrays) -> None:
        for array in arrays.values():
            array.fill(np.nan if is_float(array) else self._unwritten)

    def _seen(self) -> Arrays:
        return {
            f"out[{team!r}].{name}": getattr(buffers, name)
            for team, buffers in self.out.items()
            for name in ("obs", "action_mask", "valid", "state")
            if getattr(buffers, name) is not None
        }

    def _paid(self) -> Arrays:
        rewards = {f"rewards[{team!r}]": array for team, array in self.rewards.items()}
        return {**rewards, "terminated": self.terminated, "truncated": self.truncated}

    def _final(self) -> Arrays:
        env = self.env
        if not env.truncates:
            return {}
        final = {f"final_obs[{team!r}]": env.final_obs[team] for team in env.final_obs}
        if self._state and any(team.state_size for team in env.teams):
            final |= {f"final_state[{team!r}]": env.final_state[team] for team in env.final_state}
        return final

    def _checked(self, method: str, given: Arrays, now: Arrays) -> Arrays:
        for name, array in given.items():
            if now.get(name) is not array:
                raise self._mistake(
                    f"{method} must write into {name} ({name}[:] = ...), not replace it"
                )
            if is_float(array) and not np.isfinite(array).all():
                raise self._mistake(f"{method} must write finite numbers to all of {name}; {_LEFT}")
        for team in self.env.teams:
            number = head_without_choice(team, self.out[team.name].action_mask)
            if number is not None:
                raise self._mistake(
                    f"{method} must allow at least one choice of each head; out[{team.name!r}]"
                    f".action_mask allows none of head {number}"
                )
        return {name: array.copy() for name, array in now.items()}

    def _mistake(self, text: str) -> GameMistake:
        return GameMistake(f"game {self.game!r}: {text}")


_LEFT = "it holds NaN or infinity (NaN is also what is left where nothing was written)"


def _compare(game: str, first: Sequence[Arrays], second: Sequence[Arrays], problem: str) -> None:
    """Checks that two plays have written the same; the first one's unwritten flags are False.

    What the second has not asked for is not compared.
    """
    for step, (one, other) in enumerate(zip(first, second, strict=True)):
        for name, array in one.items():
            if np.array_equal(array, other.get(name, array), equal_nan=is_float(array)):
                continue
            if array.dtype == np.bool_ and not (array & ~other[name]).any():
                problem = f"is not written everywhere, or {problem}"
            raise GameMistake(f"game {game!r}: step {step}: {name} {problem}")
