"""Restoring a trainer from a checkpoint: set the state, push the weights, compare them.

Stock RLlib leaves runners on old weights and forgets the KL coefficient, the random streams and the
worlds. Here what `read_resume_state` has checked is set, the weights are pushed to the runners with
a blocking call, and the hashes of all copies compared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainer.checkpoints.safe_io import safe_json
from trainer.config.build_scheduler import resume_scheduler
from trainer.config.schema import Config
from trainer.errors import RestoreFailed
from trainer.ppo import opponent_play
from trainer.run.saved_state.opponents_state import OpponentsState
from trainer.run.saved_state.resume_state import ResumeState
from trainer.run.saved_state.training_state import TrainingState

if TYPE_CHECKING:
    from trainer.ppo.algorithm import TeamPPO


def restore(
    trainer: TeamPPO,
    saved: ResumeState,
    config: Config,
    until: int,
    *,
    carry: bool = True,
) -> list[str]:
    """Brings a freshly built trainer to the state of a checkpoint.

    Args:
        trainer: just built from `config`.
        saved: the state of the checkpoint.
        config: the current one; another game starts fresh worlds, another seed fresh streams.
        until: the iteration to train up to, which the schedules depend on.
        carry: whether schedules of the checkpoint that `config` does not mention are continued.

    Returns:
        A line for each thing that could not be carried over, the last one naming the weights' hash.

    Raises:
        RestoreFailed: the state does not load, or learner and runners end up with different
        weights.
    """
    try:
        state, changes = _usable_state(saved, config)
        trainer.restore_state(saved.rllib)
        trainer.push_weights()
        trainer.progress.restore(state.progress, state.episodes)
        trainer.ratings = {team: (mu, sigma) for team, (mu, sigma) in state.ratings.items()}
        # Random streams last: the calls above may draw from them.
        notes = trainer.set_training_state(state.worlds, state.values)
        notes += _restore_opponents(trainer, state.opponents)
        trainer.schedules, _ = resume_scheduler(
            config, until, state.schedules, trainer.progress.iteration, carry=carry
        )
        digest = trainer.check_weights()
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        reason = safe_json.first_line(error)
        raise RestoreFailed(f"{saved.path}: could not be restored: {reason}") from error
    return [*changes, *notes, f"learner and runners hold the same weights ({digest[:12]})"]


def training_state(trainer: TeamPPO) -> TrainingState:
    """The state of a trainer that `restore` needs and RLlib's own files lack."""
    worlds, values = trainer.get_training_state()
    return TrainingState(
        worlds,
        values,
        trainer.progress.counters(),
        trainer.progress.window.get_state(),
        trainer.schedules.state(),
        {team: list(rating) for team, rating in trainer.ratings.items()},
        _opponents_of(trainer),
    )


def _opponents_of(trainer: TeamPPO) -> OpponentsState | None:
    if not trainer.opponents:
        return None
    matches = None if trainer.matchmaker is None else trainer.matchmaker.state()
    return OpponentsState({team: p.state() for team, p in trainer.opponents.items()}, matches)


def _restore_opponents(trainer: TeamPPO, saved: OpponentsState | None) -> list[str]:
    """Gives a trainer the opponents of a checkpoint; a line if they are left behind."""
    if saved is None:
        return []
    if not trainer.opponents and saved.matches is None:
        return []  # nobody played them before either
    if not trainer.opponents:
        return ["the earlier policies are left behind: nobody plays them (opponents.share = 0)"]
    opponent_play.fill_pools(trainer, saved.pools)
    if trainer.matchmaker is not None and saved.matches is not None:
        trainer.matchmaker.restore(saved.matches)
    return []


def _usable_state(saved: ResumeState, config: Config) -> tuple[TrainingState, list[str]]:
    """The state without what belongs to another game or seed, and a line for each.

    The states of worlds only make sense in their own arenas and under their own rules; rewards are
    no rules.
    """
    old, new = saved.rules, config.played.rules
    names = dict.fromkeys([*new, *old])
    changed = [
        f"env.{name} {old.get(name)} -> {new.get(name)}"
        for name in names
        if old.get(name) != new.get(name)
    ]
    state, notes = saved.training, []
    if changed:
        state = state.without_worlds()
        notes.append(f"worlds start fresh, the game has changed: {', '.join(changed)}")
    if saved.seed != config.train.seed:
        state = state.without_streams()
        notes.append(f"random streams start anew from seed {config.train.seed}")
    return state, notes
