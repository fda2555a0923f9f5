"""Checks a training state from a checkpoint before it is used."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import torch

from envs.game import GameSettings
from envs.hide_and_seek.checks import check_foreign_state
from envs.hide_and_seek.config import HideAndSeekConfig
from envs.hide_and_seek.spaces import OLDER_STATS
from trainer.checkpoints.safe_io.plain_values import COUNT, finite, flag, mapping, whole
from trainer.checkpoints.safe_io.safe_json import first_line, shown
from trainer.opponents.meetings import MEETINGS, check_meetings
from trainer.run.saved_state.random_checks import check_random
from trainer.run.saved_state.training_state import TrainingState

_MAX_GENERATOR = 100_000  # hexadecimal digits; torch's has some ten thousand
_LARGEST_COEFFICIENT = 1e12


def check_training_state(state: TrainingState, game: GameSettings) -> None:
    """Checks that a state belongs to a training of this game.

    `read_values` has checked the counters and schedules. The worlds of another game than hide and
    seek are plain arrays, which that game checks itself.

    Raises:
        ValueError: names the place and the value that does not.
    """
    for index, runner in state.values["runners"].items():
        _check_runner(runner, f"runner {index}", game)
        worlds = dict(state.worlds.get(index, {}))
        _check_met(worlds.pop(MEETINGS, None), worlds, index)
        if isinstance(game, HideAndSeekConfig) and (worlds or runner["started"]):
            try:
                check_foreign_state(worlds, game, len(game.spec.stat_names))
            except ValueError as error:
                raise ValueError(f"worlds of runner {index}: {error}") from None
    for index, learner in enumerate(state.values["learners"]):
        _check_learner(learner, f"learner {index}", tuple(game.team_sizes))
    older = (OLDER_STATS,) if isinstance(game, HideAndSeekConfig) else ()
    _check_episodes(state.episodes, (len(game.spec.stat_names), *older))


def _check_met(met: np.ndarray | None, worlds: Mapping[str, np.ndarray], index: str) -> None:
    """Checks whom a runner's episodes have been played against, if it is noted."""
    if met is None:
        return
    try:
        check_meetings(met, max((len(a) for a in worlds.values() if a.ndim), default=0))
    except ValueError as error:
        raise ValueError(f"worlds of runner {index}: {MEETINGS}: {error}") from None


def _check_runner(runner: Any, name: str, game: GameSettings) -> None:
    mapping(runner, name)
    flag(runner.get("started"), f"{name}: started")
    check_random(runner.get("random"), f"{name}: random")
    # A checkpoint from before curricula has none.
    parameters = mapping(runner.get("env_parameters", {}), f"{name}: env_parameters")
    for key, value in parameters.items():
        finite(value, f"{name}: {shown(key)}")
    game.with_parameters(parameters)


def _check_learner(learner: Any, name: str, teams: tuple[str, ...]) -> None:
    mapping(learner, name, ("kl_coeffs", "first_kl_coeffs", "generators"))
    for key in ("kl_coeffs", "first_kl_coeffs"):
        for team, value in mapping(learner[key], f"{name}: {key}", teams).items():
            finite(value, f"{name}: {key}.{team}", 0.0, _LARGEST_COEFFICIENT)
    for team, text in mapping(learner["generators"], f"{name}: generators", teams).items():
        where = f"{name}: generator of the {team}s"
        if type(text) is not str or len(text) > _MAX_GENERATOR:
            raise ValueError(f"{where} is no state of a generator")
        try:
            raw = torch.tensor(list(bytes.fromhex(text)), dtype=torch.uint8)
            torch.Generator().set_state(raw)
        except (ValueError, RuntimeError) as error:
            raise ValueError(f"{where}: {first_line(error)}") from None


def _check_episodes(episodes: Mapping[str, np.ndarray], stats: Collection[int]) -> None:
    """The window of episodes: metrics that may be unknown (nan), but not infinite.

    stats: how many metrics there may be.
    """
    mapping(episodes, "episodes", ("episodes", "episodes_completed"))
    rows, count = episodes["episodes"], episodes["episodes_completed"]
    if rows.dtype != np.float64 or rows.ndim != 2 or rows.shape[1] not in stats:
        raise ValueError(f"episodes: {rows.shape} of {rows.dtype} are no metrics of episodes")
    if np.any(np.isinf(rows)):
        raise ValueError("episodes hold an infinite number")
    if count.dtype != np.int64 or count.shape != ():
        raise ValueError("episodes_completed is no whole number")
    whole(int(count), "episodes_completed", len(rows), COUNT)
