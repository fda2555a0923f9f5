"""Checkpoints written by earlier versions are still listed, verified, played and resumed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.reporting.rows import read_export
from trainer.checkpoints.manager import CheckpointManager
from trainer.config.loading import load_config
from trainer.ppo.networks import weights_hash
from trainer.ppo.policy_files import load_policy
from trainer.ppo_trainer import create_ppo_trainer

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
POLICIES = ("hider_policy", "seeker_policy")
# Of both policies: that what is read is also what was written.
HASHES = {"format_1": "cd517fb381e88a7d398ba92355a19ad928f047da271054065e3e9cea9f242d39"}


@pytest.mark.parametrize("form", HASHES)
def test_an_old_checkpoint_is_still_read(form: str, tmp_path: Path) -> None:
    folder = tmp_path / form
    shutil.copytree(GOLDEN / form, folder)
    manager = CheckpointManager(folder)
    (listed,) = manager.list_checkpoints()
    assert (listed["iteration"], listed["reward_mean"], listed["tags"]) == (3, 42.0, ["final"])
    checkpoint, damaged = manager.open_or_older("latest")
    assert damaged == []
    networks = {name: load_policy(checkpoint / "policies" / name) for name in POLICIES}
    assert weights_hash(networks) == HASHES[form]
    assert [row["iteration"] for row in read_export(folder / "metrics_iter_3.json")] == [1, 2, 3]

    config = load_config(checkpoint / "config.yaml")
    trainer, _ = create_ppo_trainer(config, checkpoint)
    (told,) = trainer.restore_notes  # nothing had to be left behind
    assert HASHES[form][:12] in told
    assert trainer.progress.iteration == trainer.schedules.iteration == 3
    assert trainer.schedules.values()["env/vision_angle"] == pytest.approx(298.0)
    assert trainer.schedules.alternation.since_switch == 1
    assert trainer.learner.kl_coeffs["seeker"] != 0.2
    trainer.train()
    trainer.stop()
