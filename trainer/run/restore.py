"""Restoring a trainer from a checkpoint: verify, read, refuse, set, push weights, prove.

Stock RLlib unpickles whatever a checkpoint holds, loads one with missing weights, leaves runners on
old ones and forgets the KL coefficient, the random streams and the worlds. Here the order is:
manifest, spaces and network, then every file is read once as plain values and looked through; what
was read is set, weights are pushed to the runners and waited for, and hashes compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from envs.hide_and_seek.config import REWARD_SETTINGS, HideAndSeekConfig
from trainer.checkpoints import layout, manifest, metadata, selectors
from trainer.checkpoints.safe_io import safe_json, safe_yaml
from trainer.checkpoints.safe_io.plain_values import mapping, whole
from trainer.config.build_scheduler import resume_scheduler
from trainer.config.keys import explain
from trainer.config.schema import Config
from trainer.errors import IncompatibleCheckpoint, InvalidState, RestoreFailed
from trainer.ppo.networks import PolicySpec, read_spec, same_weights
from trainer.ppo.rllib_state import RLlibState
from trainer.reporting.history.record import HistoryRecord
from trainer.run.saved_state.rllib_files import NETWORK, read_rllib_state
from trainer.run.saved_state.training_state import TrainingState
from trainer.run.saved_state.training_state_checks import check_training_state

if TYPE_CHECKING:
    from trainer.ppo.algorithm import TeamPPO
    from trainer.run.progress import Progress


_NO_RULES = set(REWARD_SETTINGS)


@dataclass(frozen=True)
class SavedRun:
    """All that a resume takes from a checkpoint, read once and looked through.

    Attributes:
        path: the checkpoint folder.
        rllib: from RLlib's own files.
        training: from `training_state/`.
        env: the game it was trained on.
        seed: of the run.
    """

    path: Path
    rllib: RLlibState
    training: TrainingState
    env: HideAndSeekConfig
    seed: int


def check_checkpoint(path: Path, specs: dict[str, PolicySpec]) -> SavedRun:
    """Read a checkpoint, and refuse what can be refused before anything is built or moved.

    Args:
        path: the checkpoint folder.
        specs: the networks that the configuration asks for, by policy.

    Raises:
        NoUsableCheckpoint: there is nothing at `path`.
        CheckpointCorrupted: a file is missing or is not what the manifest says.
        UnsafePickle: a state file asks for more than plain data.
        InvalidState: a file holds what no training has written.
        IncompatibleCheckpoint: another observation or action space or network.
    """
    if not path.exists():
        raise selectors.no_such_path(path)
    manifest.verify(path)
    for policy_id, wanted in specs.items():
        changes = _read_spec(path / layout.POLICIES / policy_id).changes_to(wanted)
        if changes:
            raise IncompatibleCheckpoint(
                f"{path}: {policy_id} cannot go on with another network "
                f"(checkpoint -> configuration): {changes}"
            )
    rllib = read_rllib_state(path, specs)
    try:
        _check_policies(path / layout.POLICIES, rllib)
        env, seed = _read_game(path)
        training = TrainingState.read(path / layout.TRAINING_STATE)
        check_training_state(training, env)
        HistoryRecord.of(path)
        _check_agreement(path, rllib, training)
    except (OSError, ValueError) as error:
        raise InvalidState(f"{path}: {safe_json.first_line(error)}") from None
    return SavedRun(path, rllib, training, env, seed)


def _read_spec(folder: Path) -> PolicySpec:
    try:
        return read_spec(folder)
    except (OSError, ValueError, KeyError) as error:
        raise InvalidState(f"{folder}: no readable policy: {safe_json.first_line(error)}") from None


def _read_game(path: Path) -> tuple[HideAndSeekConfig, int]:
    saved = mapping(safe_yaml.read(path / layout.CONFIG), layout.CONFIG)
    env = mapping(saved.get("env"), f"{layout.CONFIG}: env")
    train = mapping(saved.get("train"), f"{layout.CONFIG}: train")
    try:
        game = HideAndSeekConfig.model_validate(env)
    except ValidationError as error:
        problem = explain(error, HideAndSeekConfig.model_fields)
        raise ValueError(f"{layout.CONFIG}: env: {problem}") from None
    return game, whole(train.get("seed"), "train.seed")


def _check_policies(folder: Path, rllib: RLlibState) -> None:
    """See that what the demo plays is what goes on to learn (ValueError)."""
    for policy_id, weights in rllib.weights.items():
        own = {name.removeprefix(NETWORK): value for name, value in weights.items()}
        if not same_weights(folder / policy_id, own):
            raise ValueError(
                f"{policy_id} has other weights in {folder.name}/ than in RLlib's files"
            )


def _check_agreement(path: Path, rllib: RLlibState, training: TrainingState) -> None:
    """See that all files are of the same moment of the same run (ValueError)."""
    told, progress = metadata.read(path), training.progress
    if rllib.iteration != progress["iteration"]:
        raise ValueError(
            f"RLlib's state is of iteration {rllib.iteration}, the training state of "
            f"iteration {progress['iteration']}"
        )
    for name in ("iteration", *metadata.COUNT_KEYS):
        if told.get(name) is not None and told[name] != progress[name]:
            raise ValueError(
                f"{layout.METADATA} says {name} {safe_json.shown(told[name])}, "
                f"the training state {progress[name]}"
            )
    taken = (training.schedules or {}).get("taken", {})
    for policy_id, buffers in rllib.optimizers.items():
        default = {"updates": int(progress["iteration"] > 0)}
        updates = taken.get(policy_id.removesuffix("_policy"), default)["updates"]
        if min((buffer["step"] for buffer in buffers.values()), default=0) < updates:
            raise ValueError(f"the optimizer of {policy_id} has not made its {updates} steps")


def restore(
    trainer: TeamPPO,
    progress: Progress,
    saved: SavedRun,
    config: Config,
    until: int,
    *,
    carry: bool = True,
) -> list[str]:
    """Bring a freshly built trainer to the state of a checkpoint.

    Args:
        trainer: just built, from today's configuration.
        progress: counters to restore.
        saved: what `check_checkpoint` has read.
        config: today's; with another game worlds start fresh, with another seed the streams do.
        until: the iteration that the run is to go on to, which its schedules depend on.
        carry: schedules of the checkpoint that `config` does not mention go on.

    Returns:
        A line for each thing that could not be carried over, the last one naming the weights' hash.

    Raises:
        RestoreFailed: the state does not load, or learner and runners end up with different
        weights.
    """
    try:
        state = saved.training
        changes = _forget_what_has_changed(saved, config)
        trainer.restore_state(saved.rllib)
        trainer.push_weights()
        progress.restore(state.progress, state.episodes)
        # Random streams last: whatever happens above may draw from them.
        notes = trainer.set_training_state(state.worlds, state.values)
        trainer.schedules, _ = resume_scheduler(
            config, until, state.schedules, progress.iteration, carry=carry
        )
        digest = trainer.check_weights()
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        reason = safe_json.first_line(error)
        raise RestoreFailed(f"{saved.path}: could not be restored: {reason}") from error
    return [*changes, *notes, f"learner and runners hold the same weights ({digest[:12]})"]


def training_state(trainer: TeamPPO, progress: Progress) -> TrainingState:
    """What `restore` will need beside RLlib's own files."""
    worlds, values = trainer.get_training_state()
    return TrainingState(
        worlds,
        values,
        progress.counters(),
        progress.window.get_state(),
        trainer.schedules.state(),
    )


def _forget_what_has_changed(saved: SavedRun, config: Config) -> list[str]:
    """Drop what belongs to another game or seed; returns a line for each.

    The states of worlds only make sense in the arenas and under the rules they come from; the
    rewards are no rules.
    """
    old = saved.env.resolved().model_dump(exclude=_NO_RULES)
    new = config.env.resolved().model_dump(exclude=_NO_RULES)
    changed = [f"env.{name} {old[name]} -> {new[name]}" for name in new if old[name] != new[name]]
    notes = []
    if changed:
        saved.training.drop_worlds()
        notes.append(f"worlds start fresh, the game has changed: {', '.join(changed)}")
    if saved.seed != config.train.seed:
        saved.training.drop_streams()
        notes.append(f"random streams start anew from seed {config.train.seed}")
    return notes
