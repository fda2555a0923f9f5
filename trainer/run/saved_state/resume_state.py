"""Everything that a resume sets in a trainer, read from a checkpoint and checked before use.

Stock RLlib unpickles whatever a checkpoint holds and loads one with missing weights. Here every
file is read once, as plain values, and refused unless a training can have written it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from envs.game import Game, GameSettings
from envs.hide_and_seek.config import HideAndSeekConfig, ResolvedConfig
from trainer.checkpoints import layout, metadata
from trainer.checkpoints.safe_io import safe_json
from trainer.checkpoints.safe_io.plain_values import mapping, whole
from trainer.config.explain import explain
from trainer.config.schema import Config
from trainer.errors import IncompatibleCheckpoint, InvalidState
from trainer.ppo.exact_resume import RLlibState
from trainer.ppo.networks import PolicySpec
from trainer.ppo.policy_files import read_spec, same_weights
from trainer.run.saved_run import SavedRun
from trainer.run.saved_state.read_opponents import read_opponents
from trainer.run.saved_state.rllib_files import NETWORK, read_rllib_state
from trainer.run.saved_state.training_state import TrainingState
from trainer.run.saved_state.training_state_checks import check_training_state


@dataclass(frozen=True)
class ResumeState:
    """The checked content of a checkpoint, as `restore` needs it.

    Attributes:
        path: the checkpoint folder.
        rllib: from RLlib's own files.
        training: from `training_state/`.
        rules: of the game it was trained on.
        seed: of the run.
    """

    path: Path
    rllib: RLlibState
    training: TrainingState
    rules: Mapping[str, Any]
    seed: int


def read_resume_state(saved: SavedRun, specs: dict[str, PolicySpec], config: Config) -> ResumeState:
    """Reads what a resume needs, and refuses what can be refused before anything is built.

    Args:
        saved: the verified checkpoint.
        specs: the networks that the configuration asks for, by policy.
        config: in force from now on.

    Raises:
        UnsafePickle: a state file asks for more than plain data.
        InvalidState: a file holds values that no training can have written.
        IncompatibleCheckpoint: another game, observation or action space, or network; or it holds
            policies alone.
    """
    path = saved.path
    saved.check_unchanged()
    saved.check_resumable()
    _check_game(saved, config.played)
    for policy_id, wanted in specs.items():
        changes = _read_spec(path / layout.POLICIES / policy_id).changes_to(wanted)
        if changes:
            raise IncompatibleCheckpoint(
                f"{path}: {policy_id} cannot resume with another network "
                f"(checkpoint -> configuration): {changes}"
            )
    rllib = read_rllib_state(path, specs)
    try:
        _check_policies(path / layout.POLICIES, rllib)
        values = saved.config_values
        env = mapping(values.get("env"), f"{layout.CONFIG}: env")
        train = mapping(values.get("train"), f"{layout.CONFIG}: train")
        seed = whole(train.get("seed"), "train.seed")
        game = _game_of(env) if saved.own_game is None else config.played
        training = TrainingState.read(path / layout.TRAINING_STATE, saved.state_values)
        check_training_state(training, game)
        networks = {team: specs[f"{team}_policy"] for team in config.played.team_sizes}
        opponents = read_opponents(path / layout.TRAINING_STATE, saved.state_values, networks)
        training = replace(training, opponents=opponents)
        _ = saved.history_record
        _check_agreement(saved, rllib, training)
    except (OSError, ValueError) as error:
        raise InvalidState(f"{path}: {safe_json.first_line(error)}") from None
    return ResumeState(path, rllib, training, env if saved.own_game else game.rules, seed)


def _read_spec(folder: Path) -> PolicySpec:
    try:
        return read_spec(folder)
    except (OSError, ValueError, KeyError) as error:
        raise InvalidState(f"{folder}: no readable policy: {safe_json.first_line(error)}") from None


def _check_game(saved: SavedRun, played: GameSettings) -> None:
    """Checks that the checkpoint is of the game that is played (see `read_resume_state`)."""
    try:
        there = saved.own_game
    except (OSError, ValueError) as error:
        raise InvalidState(f"{saved.path}: {safe_json.first_line(error)}") from None
    here = played.name if isinstance(played, Game) else None
    if there != here:
        names = (safe_json.shown(name or "hide and seek") for name in (there, here))
        raise IncompatibleCheckpoint(f"{saved.path}: is of the game {', not of '.join(names)}")


def _game_of(env: Mapping[str, Any]) -> ResolvedConfig:
    """Hide and seek as it was saved (ValueError)."""
    try:
        return HideAndSeekConfig.model_validate(env).resolved()
    except ValidationError as error:
        problem = explain(error, HideAndSeekConfig.model_fields)
        raise ValueError(f"{layout.CONFIG}: env: {problem}") from None


def _check_policies(folder: Path, rllib: RLlibState) -> None:
    """Checks that the networks the demo plays are those that resume learning (ValueError)."""
    for policy_id, weights in rllib.weights.items():
        own = {name.removeprefix(NETWORK): value for name, value in weights.items()}
        if not same_weights(folder / policy_id, own):
            raise ValueError(
                f"{policy_id} has other weights in {folder.name}/ than in RLlib's files"
            )


def _check_agreement(saved: SavedRun, rllib: RLlibState, training: TrainingState) -> None:
    """Checks that all files are of the same iteration of the same run (ValueError)."""
    noted, progress = saved.metadata, training.progress
    if rllib.iteration != progress["iteration"]:
        raise ValueError(
            f"RLlib's state is of iteration {rllib.iteration}, the training state of "
            f"iteration {progress['iteration']}"
        )
    for name in ("iteration", *metadata.COUNT_KEYS):
        if noted.get(name) is not None and noted[name] != progress[name]:
            raise ValueError(
                f"{layout.METADATA} says {name} {safe_json.shown(noted[name])}, "
                f"the training state {progress[name]}"
            )
    taken = (training.schedules or {}).get("taken", {})
    for policy_id, buffers in rllib.optimizers.items():
        default = {"updates": int(progress["iteration"] > 0)}
        updates = taken.get(policy_id.removesuffix("_policy"), default)["updates"]
        if min((buffer["step"] for buffer in buffers.values()), default=0) < updates:
            raise ValueError(f"the optimizer of {policy_id} has not made its {updates} steps")
