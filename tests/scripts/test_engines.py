"""Runs under the fused engine: an exact resume, and one that changes the engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scripts.conftest import SMALL, Desk, copy_of

FUSED = (*SMALL, "--set", "train.engine=fused")


def test_a_fused_run_is_resumed_to_the_same_bits_or_under_the_other_engine(
    desk: Desk, tmp_path: Path
) -> None:
    begun = desk.run("main.py", "--until", "2", *FUSED)
    assert begun.returncode == 0, begun.stderr
    assert "fused engine" in begun.stdout
    changed = copy_of(desk, tmp_path / "changed")
    # Any number of threads gives the same bits.
    own = ("--set", "train.torch_threads=3")
    resumed = desk.run("continue_training.py", "--yes", "--iterations", "2", *own)
    assert resumed.returncode == 0, resumed.stderr
    assert "engine" not in resumed.stderr
    straight = Desk(tmp_path / "straight")
    assert straight.run("main.py", "--until", "4", *FUSED).returncode == 0
    last = "checkpoints/checkpoint_000004"
    assert straight.weights(last) == desk.weights(last)
    assert straight.history() == desk.history()
    for part in ("training_state/worlds_0.npz", "training_state/episodes.npz"):
        assert (straight.work / last / part).read_bytes() == (desk.work / last / part).read_bytes()

    other = ("--set", "train.engine=torch")
    done = changed.run("main.py", "--resume", "latest", "--iterations", "2", *other)
    assert done.returncode == 0, done.stderr
    assert "saved by the fused engine, here is the torch one" in done.stderr + done.stdout
    rows = zip(changed.history(), desk.history(), strict=True)
    for mine, exact in rows:  # the same shuffles, uniforms and worlds: equal but for rounding
        for key in ("seeker/entropy", "hider/entropy", "hider_reward"):
            assert mine[key] == pytest.approx(exact[key], abs=1e-3, nan_ok=True)


def test_an_engine_that_cannot_do_what_is_configured_says_so(desk: Desk) -> None:
    shared = ("--set", "ppo.vf_share_layers=true")
    refused = desk.run("main.py", *FUSED, *shared)
    assert refused.returncode == 2
    assert "train.engine = 'fused' does not support ppo.vf_share_layers" in refused.stderr
    both = desk.run("main.py", *FUSED, "--set", "train.device=cuda")
    assert both.returncode == 2
    assert "train.engine = 'fused' does not support train.device = cuda" in both.stderr
    auto = ("--set", "train.engine=auto")
    done = desk.run("main.py", "--until", "1", *FUSED, *shared, *auto)
    assert done.returncode == 0, done.stderr
    assert "torch engine because of ppo.vf_share_layers" in done.stdout
