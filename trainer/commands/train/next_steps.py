"""What to type after a run has ended, was left or has failed."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from trainer.checkpoints import layout
from trainer.checkpoints.open_store import is_url
from trainer.checkpoints.safe_io.plain_values import flatten
from trainer.checkpoints.safe_io.redaction import has_credentials
from trainer.commands.train.checkpoint_folder import open_folder
from trainer.commands.train.divergence import lower_lr
from trainer.commands.train.plan import RunPlan
from trainer.errors import TrainingDiverged, TrainingFailed
from trainer.project import script_command


def after_end(plan: RunPlan, checkpoint: Path, *, finished: bool = False) -> list[str]:
    """The commands that fit after a run whose last checkpoint is this one."""
    path = plan.shown(checkpoint)
    further = resume_options(plan, checkpoint)
    if finished:
        done, planned = layout.iteration_of(checkpoint.name) or 0, plan.config.ppo.num_iterations
        within_plan = plan.budget is None and done < planned
        further = [] if within_plan else ["--iterations", "100"]
    return [
        script_command("continue_training.py", [path, *further]),
        script_command("demo_model.py", ["--checkpoint", path]),
        script_command("list_checkpoints.py", [path.rpartition("/")[0]]),
        *_left_out(plan),
    ]


def after_failure(plan: RunPlan, failed: TrainingFailed) -> str:
    """The last checkpoint and what to type.

    After a divergence the last one whose policies were well, and with a lower learning rate.
    """
    manager = open_folder(plan.config.ppo.checkpoint_dir)
    last, flags = manager.get_latest_checkpoint(), []
    if isinstance(failed, TrainingDiverged):
        last = manager.get_best_checkpoint("iteration", "max")  # of those that are well
        flags = lower_lr(plan.config, failed.policies)
    if last is None and plan.restore_path is not None:  # in a folder of its own
        last = str(plan.restore_path)
    if last is None:
        return "nothing was saved" + (f"; start again with {shlex.join(flags)}" * bool(flags))
    return way_on(plan, Path(last), flags)


def way_on(plan: RunPlan, checkpoint: Path | None, flags: Sequence[str] = ()) -> str:
    """The last checkpoint and what to type, for the line of an error; with `flags`, a good one."""
    if checkpoint is None:
        return "nothing was saved"
    path = plan.shown(checkpoint)
    words = [path, *resume_options(plan, checkpoint), *flags]
    command = script_command("continue_training.py", words)
    return f"the last {'good ' * bool(flags)}checkpoint is {path}; go on with: {command}"


def resume_options(plan: RunPlan, checkpoint: Path) -> list[str]:
    """The options that go on from a checkpoint to the end of this plan.

    A checkpoint of this run holds what the command has said; one from before does not.
    """
    how_far = ["--until", str(plan.until)] if plan.budget is None else []
    iteration = layout.iteration_of(checkpoint.name) or 0
    if checkpoint != plan.restore_path and iteration > plan.first_iteration:
        return how_far
    turns = f"train.alternate.every={plan.config.train.alternate.every}"
    return [*plan.flags, *(["--set", turns] if plan.turned_on else []), *how_far]


def _left_out(plan: RunPlan) -> list[str]:
    """What the commands lack, as a comment: what a URL held besides the place, if no file has
    it."""
    in_file = flatten(plan.origin.config_file.values)
    given = {
        key: value
        for key, value in flatten(plan.config.to_dict()).items()
        if isinstance(value, str) and in_file.get(key) != value
    }
    keys = [key for key, value in given.items() if has_credentials(value)]
    place = "ppo.checkpoint_dir"
    if is_url(given.get(place)) and "?" in given[place] and place not in keys:
        keys.append(place)
    return [
        f"# {key} held more than is shown: give it again, in the configuration, by --set"
        + (" or in the AWS_* variables" if key == place else "")
        for key in keys
    ]
