"""The configuration of a search for a best response: a checkpoint's own, with one team frozen."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from trainer.commands.players.game import level_of
from trainer.config.loading import apply_overrides
from trainer.config.schema import Config
from trainer.run.saved_run import SavedRun, refuse_own_game

NEVER = 10**9  # iterations of a turn: no search is as long
MAX_TRAIN_SEED = 2**31


def probe_config(checkpoint: Path, responder: str, seed: int, overrides: Sequence[str]) -> Config:
    """The training of `responder` alone, at the level that the checkpoint had come to.

    Args:
        checkpoint: verified; its settings are taken.
        responder: the team that learns.
        seed: of the training.
        overrides: `KEY=VALUE`, changes of the game or the training.

    Raises:
        ConfigError: this version cannot use the settings, or not with these changes.
        IncompatibleCheckpoint: another game than hide and seek.
    """
    instead = "Train against it in your own program"
    refuse_own_game(checkpoint, "python -m trainer.evaluate plays", instead)
    config = SavedRun.open(checkpoint, verified=True).config
    values = config.to_dict()
    if config.env.curriculum is not None:
        level = level_of(checkpoint, config.env)
        values["env"] = config.env.at_level(level).model_dump(mode="json")
    values["schedules"] = {}
    changed = apply_overrides(values, overrides)
    values = changed.to_dict()
    _merge(values, _fixed(responder, seed, changed.ray.num_envs))
    return Config.from_dict(values)


def _fixed(responder: str, seed: int, worlds: int) -> dict[str, Any]:
    """What makes a training a search: whose turn it is, all in this process, no files."""
    return {
        "train": {
            "seed": seed % MAX_TRAIN_SEED,
            "alternate": {"every": NEVER, "first": responder},
        },
        "ray": {
            "address": None,
            "num_env_runners": 0,
            "num_learners": 0,
            "num_envs_per_env_runner": worlds,
        },
        # The frozen policy has to see what it saw in training.
        "initialization": {"mode": "fresh", "warmstart": {"normalizer": True}},
        "tracking": {"tensorboard_dir": None, "mlflow": False},
        # The other side of a search is the frozen policy, in every world.
        "opponents": {"share": 0.0},
        "evaluation": {"every": None, "past": 0},
    }


def _merge(values: dict[str, Any], changes: dict[str, Any]) -> None:
    for key, change in changes.items():
        if isinstance(change, dict):
            _merge(values[key], change)
        else:
            values[key] = change
