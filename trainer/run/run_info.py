"""What a run is, in a few lines for its start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from trainer.checkpoints.manager import CheckpointManager
from trainer.checkpoints.open_store import shown_place
from trainer.checkpoints.safe_io.redaction import redacted
from trainer.config.device import device_of, missing_cuda, why_cpu
from trainer.config.engine import engine_of, why_torch
from trainer.config.schema import Config
from trainer.reporting.formatting import percent, plural
from trainer.run.identity import RunIdentity, RunOrigin
from trainer.schedules.alternation import Alternation
from trainer.shown_commands import shown_path


def start_info(
    config: Config,
    manager: CheckpointManager,
    identity: RunIdentity,
    origin: RunOrigin,
    restored: Sequence[str],
    alternation: Alternation,
) -> dict[str, object]:
    """What the console shows; `restored` are the notes of a restore or a warm start."""
    ppo, ray = config.ppo, config.ray
    where = "this process"
    if not ray.is_local:
        runners = plural(ray.num_env_runners, "env runner") if ray.num_env_runners else where
        learners = plural(ray.num_learners, "learner") if ray.num_learners else where
        where = runners if runners == learners else f"{runners}, learning in {learners}"
    every = "iteration" if ppo.checkpoint_freq == 1 else f"{ppo.checkpoint_freq} iterations"
    place = shown_path(manager.address(manager.directory))
    info: dict[str, object] = {
        "run": identity.name,
        "game": config.played.title,
        "sampling": f"{ray.num_envs} worlds x {ppo.rollout_length} steps in {where}",
        "device": f"{_device(config)}, {plural(config.train.threads, 'thread')}, {_engine(config)}",
        "checkpoints": f"{place}, every {every}, {config.retention.told}",
    }
    if config.evaluation.every is not None and not config.opponents_met:
        info["evaluation"] = "none: only hide and seek has players to be evaluated against"
    if config.opponents.share > 0:
        info["opponents"] = _opponents(config)
    if alternation.every is not None:
        info["alternating"] = _turns(alternation, alternation.every)
    if config.tracking.tensorboard_dir is not None:
        info["tensorboard"] = f"tensorboard --logdir {config.tracking.tensorboard_dir}"
    if config.tracking.mlflow:
        run = "a new run" if identity.mlflow_run_id is None else f"run {identity.mlflow_run_id}"
        info["mlflow"] = f"{run} in {redacted(config.tracking.mlflow_uri)}"
    if (sampled := config.tracking.sessions.every) is not None:
        often = "iteration" if sampled == 1 else f"{sampled} iterations"
        info["sessions"] = f"{shown_place(config.tracking.sessions.uri)}, every {often}"
    if origin.restore_path is not None:
        info["resumed from"] = _shown(origin.restore_path, manager)
    if origin.warmstart:
        sources = {name: _shown(path, manager) for name, path in origin.warmstart.items()}
        info["warm start"] = "; ".join([_warm_start(sources), *restored])
    elif restored:
        info["restored"] = "; ".join(restored)
    return info


def _turns(alternation: Alternation, every: int) -> str:
    """Who learns first, and how long; of a turn that has begun, how long it still takes."""
    left = f" for {plural(every - alternation.done, 'iteration')}" if alternation.done else ""
    first = alternation.teams[alternation.turn]
    return f"{first} first{left}, turns of {plural(every, 'iteration')}"


def _opponents(config: Config) -> str:
    """How many games are against the past."""
    kept = config.opponents
    every = "iteration" if kept.every == 1 else f"{kept.every} iterations"
    return (
        f"earlier policies in {percent(kept.share)} of the worlds, one more of each team every "
        f"{every}, {kept.pool} kept"
    )


def _device(config: Config) -> str:
    """Where it learns, and why not on the GPU that there is."""
    left_alone = config.train.device == "auto" and why_cpu(config)
    because = f" because of {left_alone}" if left_alone and not missing_cuda() else ""
    return f"{device_of(config)}{because}"


def _engine(config: Config) -> str:
    engine, why = engine_of(config), why_torch(config)
    because = f" because of {why}" if config.train.engine == "auto" and why else ""
    return f"{engine} engine{because}"


def _warm_start(sources: Mapping[str, str]) -> str:
    """Where the networks come from; one source is named once."""
    if len(sources) > 1 and len(set(sources.values())) == 1:
        return f"both teams from {next(iter(sources.values()))}"
    told = (f"{name.removesuffix('_policy')}s from {path}" for name, path in sources.items())
    return ", ".join(told) + ("; the others new" if len(sources) == 1 else "")


def _shown(path: Path, manager: CheckpointManager) -> str:
    return path.name if path.parent == manager.directory else shown_path(manager.address(path))
