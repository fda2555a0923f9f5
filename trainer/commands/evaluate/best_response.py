"""Saves a best response as a checkpoint that can be played."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from trainer.checkpoints import atomic, layout, manifest, metadata
from trainer.checkpoints.safe_io import safe_yaml
from trainer.config.schema import Config
from trainer.ppo.networks import ActorCritic
from trainer.ppo.policy_files import save_policy
from trainer.shown_commands import shown_path


def save_best_response(
    target: Path,
    config: Config,
    pair: Mapping[str, ActorCritic],
    iteration: int,
    result: Mapping[str, Any],
) -> str:
    """Writes both policies into a new checkpoint in `target`; after an error there is nothing.

    Args:
        target: a folder that does not exist, or is empty.
        config: of the search.
        pair: the best response and the policy it was found against, by team.
        iteration: of the search at which it was found.
        result: of the search; it goes into the metadata.

    Returns:
        The checkpoint's path, as a user would type it.
    """
    name = layout.checkpoint_name(iteration)
    staged = atomic.temporary_sibling(target)
    try:
        folder = staged / name
        for team, network in pair.items():
            save_policy(network, folder / layout.POLICIES / f"{team}_policy")
        (folder / layout.CONFIG).write_text(safe_yaml.dump(config.to_dict()), encoding="utf-8")
        about = metadata.complete(
            {"seed": config.train.seed, "exploit": result},
            iteration=iteration,
            path=target / name,
            tags=(),
            when=datetime.now(),
        )
        (folder / layout.METADATA).write_text(metadata.encode(about), encoding="utf-8")
        manifest.write(folder)
        if target.is_dir():
            target.rmdir()
        staged.rename(target)
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    return shown_path(target / name)
