"""Warnings before a run starts: options without effect, and risks."""

from __future__ import annotations

import argparse

from trainer.checkpoints import metadata
from trainer.commands.train.plan import RunPlan


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
    then = metadata.as_count(plan.metadata.get("torch_threads"))
    train = plan.config.train
    if then is not None and train.torch_threads is None and then != train.threads:
        found.append(
            f"the checkpoint was saved with {then} threads, here are {train.threads}: results may "
            f"differ in the last bits; --set train.torch_threads={then} resumes exactly"
        )
    return found
