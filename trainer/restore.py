"""Restoring a trainer from a checkpoint: verify, refuse, load, push weights, prove.

Stock RLlib loads a checkpoint with missing weights, leaves runners on old ones and forgets the KL
coefficient, the random streams and the worlds. Here the order is: manifest, pickles, spaces and
network, then RLlib's own `restore_from_path`, a blocking weight push, our training state, and a
hash comparison.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from envs.hide_and_seek.config import HideAndSeekConfig
from trainer.checkpoints import layout, manifest
from trainer.config import Config
from trainer.configured_schedules import continued_schedules
from trainer.errors import IncompatibleCheckpoint, RestoreFailed
from trainer.networks import PolicySpec, read_spec
from trainer.safe_pickle import check_pickles
from trainer.training_state import TRAINING_STATE, TrainingState

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
        changes = read_spec(path / layout.POLICIES / policy_id).changes_to(wanted)
        if changes:
            raise IncompatibleCheckpoint(
                f"{path}: {policy_id} cannot go on with another network "
                f"(checkpoint -> configuration): {changes}"
            )


def restore(
    trainer: HideAndSeekPPO, progress: Progress, path: Path, config: Config, until: int
) -> list[str]:
    """Bring a freshly built trainer to the state of a checkpoint that was checked.

    Args:
        trainer: just built, from today's configuration.
        progress: counters to restore.
        path: a checkpoint that `check_checkpoint` has passed.
        config: today's; with another game worlds start fresh, with another seed the streams do.
        until: the iteration that the run is to go on to, which its schedules depend on.

    Returns:
        A line for each thing that could not be carried over, the last one naming the weights' hash.

    Raises:
        RestoreFailed: the state does not load, or learner and runners end up with different
        weights.
    """
    try:
        state = TrainingState.read(path / TRAINING_STATE)
        changes = _forget_what_has_changed(state, path, config)
        trainer.restore_from_path(str(path))
        trainer.push_weights()
        progress.restore(state.progress, state.episodes)
        # Random streams last: whatever happens above may draw from them.
        notes = trainer.set_training_state(state.worlds, state.values)
        trainer.schedules, _ = continued_schedules(
            config, until, state.schedules, progress.iteration
        )
        digest = trainer.check_weights()
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise RestoreFailed(f"{path}: could not be restored: {error}") from error
    return [*changes, *notes, f"learner and runners hold the same weights ({digest[:12]})"]


def training_state(trainer: HideAndSeekPPO, progress: Progress) -> TrainingState:
    """What `restore` will need beside RLlib's own files."""
    worlds, values = trainer.get_training_state()
    return TrainingState(
        worlds,
        values,
        progress.counters(),
        progress.window.get_state(),
        trainer.schedules.state(),
    )


def _forget_what_has_changed(state: TrainingState, path: Path, config: Config) -> list[str]:
    """Drop what belongs to another game or seed; returns a line for each.

    The states of worlds only make sense in the arenas and under the rules they come from; the
    weight of the shaping is no rule.
    """
    saved = yaml.safe_load((path / layout.CONFIG).read_text(encoding="utf-8"))
    old = HideAndSeekConfig(**saved["env"]).resolved().model_dump(exclude=_NO_RULES)
    new = config.env.resolved().model_dump(exclude=_NO_RULES)
    changed = [f"env.{name} {old[name]} -> {new[name]}" for name in new if old[name] != new[name]]
    notes = []
    if changed:
        state.drop_worlds()
        notes.append(f"worlds start fresh, the game has changed: {', '.join(changed)}")
    if saved["train"]["seed"] != config.train.seed:
        state.drop_streams()
        notes.append(f"random streams start anew from seed {config.train.seed}")
    return notes
