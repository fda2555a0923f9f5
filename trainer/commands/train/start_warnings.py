"""Warnings before a run starts: options without effect, and risks."""

from __future__ import annotations

import argparse
from pathlib import Path

from trainer.checkpoints import metadata
from trainer.cluster.ray_job import in_ray_job
from trainer.commands.train.plan import RunPlan
from trainer.config.device import device_of
from trainer.config.engine import engine_of
from trainer.schedules.scheduler import Scheduler
from trainer.shown_commands import shown_path


def warnings(plan: RunPlan, args: argparse.Namespace, *, asks: bool) -> list[str]:
    """Each in one line; `asks`: the command asks before it starts, unless --yes is given."""
    found = []
    if plan.restore_path is None:
        resuming = {"--schedule-mode": args.schedule_mode, "--config-from": args.config_from}
        found += [
            f"{flag} changes nothing in a new run; it is for resuming a checkpoint"
            for flag, value in resuming.items()
            if value is not None
        ]
    if args.yes and not asks:
        found.append("--yes changes nothing: main.py never asks")
    if plan.config.ppo.keep_last_n == 1:
        found.append(
            "ppo.keep_last_n = 1 keeps no older checkpoint to go back to if the newest is damaged"
        )
    return found + _lost_with_the_job(plan) + _stays_at_a_level(plan) + _not_to_the_last_bit(plan)


def _lost_with_the_job(plan: RunPlan) -> list[str]:
    """What a Ray job writes into its own copy of the project, though it is asked to keep it."""
    sessions = plan.config.tracking.sessions
    place = sessions.uri
    if not in_ray_job() or sessions.every is None or "://" in place or Path(place).is_absolute():
        return []
    again = ""
    if plan.restore_path is not None:
        again = "; a resumed run does not take the place of its records from the checkpoint"
    return [
        f"session records go to {shown_path(place)}, where this job runs, and may be deleted with "
        f"it{again}: give --set tracking.sessions.uri=s3://bucket/sessions"
    ]


def _stays_at_a_level(plan: RunPlan) -> list[str]:
    """The levels that a curriculum never leaves, as what it waits for is not measured there."""
    promotion = plan.schedules.promotion if isinstance(plan.schedules, Scheduler) else None
    if promotion is None or promotion.criterion is None or promotion.criterion.is_met(0.0):
        return []
    metric = promotion.criterion.metric
    return [
        f"env.curriculum.promote.metric = {metric} is always 0 at {level}, which has none of the "
        "boxes, ramps or doors that it tells of: training stays there; name another metric"
        for level in promotion.levels[promotion.stage : -1]
        if metric not in plan.config.env.at_level(level).metrics
    ]


def _not_to_the_last_bit(plan: RunPlan) -> list[str]:
    """Why a resumed run differs from one that was never interrupted; empty: it does not."""
    train, engine, device = plan.config.train, engine_of(plan.config), device_of(plan.config)
    learned_on = plan.metadata.get("device", "cpu")  # there was no other
    if plan.metadata and learned_on != device and learned_on in ("cpu", "cuda"):
        exactly = "; --set train.device=cpu resumes exactly" if learned_on == "cpu" else ""
        return [
            f"the checkpoint was saved by a run on {learned_on}, this one is on {device}: the run "
            "continues as well, but not to the same numbers, since differences in the last bits "
            f"grow{exactly}"
        ]
    before = plan.metadata.get("engine", "torch")  # there was no other
    if plan.metadata and before != engine and before in ("torch", "fused"):
        return [
            f"the checkpoint was saved by the {before} engine, here is the {engine} one: the run "
            "continues as well, but not to the same numbers, since differences in the last bits "
            f"grow; --set train.engine={before} resumes exactly"
        ]
    then = metadata.as_count(plan.metadata.get("torch_threads"))
    # The fused engine's results are the same on any number of cores.
    if then in (None, train.threads) or train.torch_threads is not None or engine == "fused":
        return []
    return [
        f"the checkpoint was saved with {then} threads, here are {train.threads}: the run "
        "continues, but perhaps not to the same numbers, since differences in the last bits grow; "
        f"--set train.torch_threads={then} resumes exactly"
    ]
