"""Restoring a trainer from a checkpoint: verify, refuse, load, push weights, prove.

Stock RLlib loads a checkpoint with missing weights, leaves runners on old ones and forgets the KL
coefficient, the random streams and the worlds. Here the order is: manifest, pickles, spaces and
network, then RLlib's own `restore_from_path`, a blocking weight push, our training state, and a
hash comparison.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from envs.hide_and_seek.config import HideAndSeekConfig
from trainer.checkpoints import manifest
from trainer.errors import IncompatibleCheckpoint, RestoreFailed
from trainer.networks import SPEC_FILE, PolicySpec
from trainer.project import CONFIG_NAME
from trainer.safe_pickle import check_pickles
from trainer.training_state import TrainingState

if TYPE_CHECKING:
    from trainer.algorithm import HideAndSeekPPO
    from trainer.progress import Progress


_NO_RULES = {"shaping_beta", "shaping_gamma"}


def check_checkpoint(path: Path, specs: dict[str, PolicySpec]) -> None:
    """Everything that can be refused before anything is loaded.

    Args:
        path: the checkpoint folder.
        specs: the networks that the configuration asks for, by policy.

    Raises:
        CheckpointCorrupted: a file is missing or is not what the manifest says.
        UnsafePickle: a state file asks for more than plain data.
        IncompatibleCheckpoint: another observation or action space or network.
    """
    manifest.verify(path)
    check_pickles(path)
    for policy_id, wanted in specs.items():
        file = path / "policies" / policy_id / SPEC_FILE
        saved = PolicySpec.from_dict(json.loads(file.read_text(encoding="utf-8")))
        if saved == wanted:
            continue
        old, new = asdict(saved), asdict(wanted)
        changes = ", ".join(
            f"{name} {old[name]} -> {new[name]}" for name in old if old[name] != new[name]
        )
        raise IncompatibleCheckpoint(
            f"{path}: {policy_id} cannot go on with another network (checkpoint -> configuration): "
            f"{changes}"
        )


def restore(
    trainer: HideAndSeekPPO, progress: Progress, path: Path, game: HideAndSeekConfig
) -> list[str]:
    """Bring a freshly built trainer to the state of a checkpoint that was checked.

    Args:
        trainer: just built, from today's configuration.
        progress: counters to restore.
        path: a checkpoint that `check_checkpoint` has passed.
        game: today's game; where it is another one than the checkpoint's, worlds start fresh.

    Returns:
        A line for each thing that could not be carried over, the last one naming the weights' hash.

    Raises:
        RestoreFailed: the state does not load, or learner and runners end up with different
        weights.
    """
    try:
        state = TrainingState.read(path / "training_state")
        changed = _game_changes(path, game)
        if changed:
            state.drop_worlds()
        trainer.restore_from_path(str(path))
        trainer.push_weights()
        progress.restore(state.progress, state.episodes)
        # Random streams last: whatever happens above may draw from them.
        notes = trainer.set_training_state(state.worlds, state.values)
        digest = trainer.check_weights()
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise RestoreFailed(f"{path}: could not be restored: {error}") from error
    if changed:
        notes.insert(0, f"worlds start fresh, the game has changed: {', '.join(changed)}")
    return [*notes, f"learner and runners hold the same weights ({digest[:12]})"]


def training_state(trainer: HideAndSeekPPO, progress: Progress) -> TrainingState:
    """What `restore` will need beside RLlib's own files."""
    worlds, values = trainer.get_training_state()
    return TrainingState(worlds, values, progress.counters(), progress.window.get_state())


def _game_changes(path: Path, game: HideAndSeekConfig) -> list[str]:
    """Settings of the game that differ from the checkpoint's, as "name old -> new".

    The states of worlds only make sense in the arenas and under the rules they come from; the
    weight of the shaping is no rule.
    """
    values = yaml.safe_load((path / CONFIG_NAME).read_text(encoding="utf-8"))
    old = HideAndSeekConfig(**values["env"]).resolved().model_dump(exclude=_NO_RULES)
    new = game.resolved().model_dump(exclude=_NO_RULES)
    return [f"env.{name} {old[name]} -> {new[name]}" for name in new if old[name] != new[name]]
