"""The policies of a checkpoint, checked to be of this game."""

from __future__ import annotations

from pathlib import Path

from envs.hide_and_seek.spaces import NVEC, OBS_SIZE
from trainer.checkpoints import layout
from trainer.checkpoints.errors import NoUsableCheckpoint
from trainer.errors import IncompatibleCheckpoint
from trainer.ppo.networks import ActorCritic
from trainer.ppo.policy_files import PolicyFileError, load_policy


def policy_of(checkpoint: Path, team: str) -> ActorCritic:
    """The policy of a team, checked to fit the game's spaces."""
    folder = checkpoint / layout.POLICIES / f"{team}_policy"
    try:
        network = load_policy(folder)
    except PolicyFileError as error:
        raise NoUsableCheckpoint(str(error)) from None
    spec = network.spec
    if (spec.obs_size, spec.nvec) != (OBS_SIZE, NVEC):
        raise IncompatibleCheckpoint(
            f"{folder} is for {spec.obs_size} observations and actions {list(spec.nvec)}; "
            f"this game has {OBS_SIZE} and {list(NVEC)}"
        )
    return network
