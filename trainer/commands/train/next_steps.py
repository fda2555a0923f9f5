"""The commands to type after a run has ended, was interrupted or has failed."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path

from trainer.checkpoints import layout
from trainer.checkpoints.open_store import is_url
from trainer.checkpoints.safe_io.plain_values import flatten
from trainer.checkpoints.safe_io.redaction import has_credentials
from trainer.cluster.ray_job import in_ray_job
from trainer.commands.train.checkpoint_folder import open_folder
from trainer.commands.train.plan import RunPlan
from trainer.config.schema import Config, PPOGroup
from trainer.errors import TrainingDiverged, TrainingFailed
from trainer.shown_commands import script_command, shown_path

_MORE = 100  # iterations, beyond the end of a run
_BUDGETS = ("--until-episodes", "--until-steps")
_FACTOR = 0.1
_USUAL = PPOGroup.model_fields["lr"].default


def after_end(plan: RunPlan, checkpoint: Path, *, finished: bool = False) -> list[str]:
    """The commands that fit after a run whose last checkpoint is this one."""
    path = plan.shown(checkpoint)
    return [
        _continued(plan, checkpoint, finished=finished),
        script_command("demo_model.py", ["--checkpoint", path]),
        script_command("list_checkpoints.py", [path.rpartition("/")[0]]),
        *_missing_credentials(plan),
    ]


def after_failure(plan: RunPlan, failed: TrainingFailed) -> str:
    """The last checkpoint and the command that resumes it.

    After a divergence: the last one with healthy policies, and a lower learning rate.
    """
    manager = open_folder(plan.config.ppo.checkpoint_dir)
    last, flags = manager.get_latest_checkpoint(), []
    if isinstance(failed, TrainingDiverged):
        last = manager.get_best_checkpoint("iteration", "max")  # of those that are well
        flags = _lower_lr(plan.config, failed.policies)
    if last is None and plan.restore_path is not None:  # in a folder of its own
        last = str(plan.restore_path)
    if last is None:
        return "nothing was saved" + (f"; start again with {shlex.join(flags)}" * bool(flags))
    return how_to_resume(plan, Path(last), flags)


def how_to_resume(plan: RunPlan, checkpoint: Path | None, flags: Sequence[str] = ()) -> str:
    """The last checkpoint and the command that resumes it; `flags` are only for a good one."""
    if checkpoint is None:
        return "nothing was saved"
    path = plan.shown(checkpoint)
    if flags:
        words = [path, *resume_options(plan, checkpoint), *flags]
        command = script_command("continue_training.py", words)
    else:
        command = _continued(plan, checkpoint)
    return f"the last {'good ' * bool(flags)}checkpoint is {path}; resume with: {command}"


def resume_options(plan: RunPlan, checkpoint: Path) -> list[str]:
    """The options that resume a checkpoint to the end of this plan.

    A checkpoint of this run holds the values that the command gave; an earlier one does not.
    """
    how_far = ["--until", str(plan.until)] if plan.budget is None else []
    iteration = layout.iteration_of(checkpoint.name) or 0
    if checkpoint != plan.restore_path and iteration > plan.first_iteration:
        return how_far
    turns = f"train.alternate.every={plan.config.train.alternate.every}"
    return [*plan.flags, *(["--set", turns] if plan.turned_on else []), *how_far]


def _continued(plan: RunPlan, checkpoint: Path, *, finished: bool = False) -> str:
    """The command that goes on from the last checkpoint; of a `finished` run, beyond its end."""
    done, planned = layout.iteration_of(checkpoint.name) or 0, plan.config.ppo.num_iterations
    beyond = finished and not (plan.budget is None and done < planned)
    if in_ray_job() and _is_own(plan, checkpoint):
        until = done + _MORE if beyond else planned if finished else plan.until
        return _submitted_again(plan, until, counts=plan.budget is not None and not finished)
    further = resume_options(plan, checkpoint)
    if finished:
        further = ["--iterations", str(_MORE)] if beyond else []
    return script_command("continue_training.py", [plan.shown(checkpoint), *further])


def _submitted_again(plan: RunPlan, until: int, *, counts: bool) -> str:
    """The command for a job that goes on, and may itself be given again.

    It has all that was given to this one, for a checkpoint does not bring the places of another
    machine with it; the length is that of the whole run, in iterations unless its budget `counts`.
    """
    left_out = {"--checkpoint-dir"} if counts else {"--checkpoint-dir", *_BUDGETS}
    pairs = zip(plan.flags[::2], plan.flags[1::2], strict=True)
    given = [word for pair in pairs if pair[0] not in left_out for word in pair]
    length = [] if counts else ["--until", str(until)]
    place = ["--checkpoint-dir", shown_path(open_folder(plan.config.ppo.checkpoint_dir).shown)]
    return script_command("main.py", ["--resume", "auto", *given, *length, *place])


def _is_own(plan: RunPlan, checkpoint: Path) -> bool:
    """Whether a checkpoint lies in the folder that this run saves in."""
    return checkpoint.parent == open_folder(plan.config.ppo.checkpoint_dir).directory


def _lower_lr(config: Config, policies: Iterable[str]) -> list[str]:
    """Flags that lower the learning rate of these policies (none: of both teams).

    Schedules of it are turned off, as they could raise it again.
    """
    teams = [policy_id.removesuffix("_policy") for policy_id in policies]
    lr = min(config.ppo.team(team).lr for team in teams) if teams else config.ppo.lr
    lower = min(_FACTOR * lr, _USUAL)
    settings = [f"ppo.{team}.lr={lower:.3g}" for team in teams] or [f"ppo.lr={lower:.3g}"]
    own = {f"{team}.lr": getattr(config.schedules, team).lr for team in teams}
    for key, schedule in {"lr": config.schedules.lr, **own}.items():
        settings += [f"schedules.{key}=null"] if schedule is not None else []
    return [word for setting in settings for word in ("--set", setting)]


def _missing_credentials(plan: RunPlan) -> list[str]:
    """Comments on what the commands lack: the credentials and options of a URL not in a file."""
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
