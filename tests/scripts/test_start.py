"""The ways to start: from the command line, and from `initialization` in the configuration."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from envs.hide_and_seek import batch_env
from envs.hide_and_seek.kernels.state import Layouts
from envs.hide_and_seek.layouts import build_layouts
from tests.scripts.conftest import SMALL, Desk, copy_of
from trainer.checkpoints.errors import NoUsableCheckpoint
from trainer.checkpoints.layout import iteration_of
from trainer.config.loading import load_config
from trainer.errors import IncompatibleCheckpoint
from trainer.ppo.policy_files import load_policy
from trainer.ppo_trainer import create_ppo_trainer
from trainer.project import SHIPPED

Trained = tuple[Desk, str]
MINE = "./checkpoints/checkpoint_000004"


def test_a_warm_start_is_a_new_run_with_trained_networks(trained: Trained, tmp_path: Path) -> None:
    desk = copy_of(trained[0], tmp_path / "copy")
    words = ("--warmstart", "best", "--checkpoint-dir", "second", "--iterations", "1")
    done = desk.run("main.py", *words, *SMALL, "--set", "env.level=L1")
    assert done.returncode == 0, done.stderr
    assert re.search(
        r"warm start .*trained at L0, this run is at \w+; weights \w{12}\n", done.stdout
    )
    assert "both teams from " in done.stdout
    assert [row["iteration"] for row in desk.history("second")] == [1]
    parent = json.loads((desk.work / "second/checkpoint_000001/metadata.json").read_text())[
        "parent"
    ]
    assert parent["mode"] == "warmstart"
    for source in parent["policies"].values():
        manifest = (Path(source["path"]) / "manifest.json").read_bytes()
        assert source["sha256"] == hashlib.sha256(manifest).hexdigest()
    assert desk.checkpoints() == ["checkpoint_000002", "checkpoint_000004"]


@pytest.mark.parametrize("normalizer", [True, False])
def test_only_the_chosen_weights_come_along(trained: Trained, normalizer: bool) -> None:
    saved = trained[0].work / "checkpoints" / "checkpoint_000004"
    switch = f"initialization.warmstart.normalizer={str(normalizer).lower()}"
    config = load_config(saved / "config.yaml", ["train.seed=5", switch])
    fresh, _ = create_ppo_trainer(config)
    warm, _ = create_ppo_trainer(config, warmstart={"hider_policy": saved})
    old = load_policy(saved / "policies" / "hider_policy").state_dict()
    for name, value in warm.networks()["hider_policy"].state_dict().items():
        taken = normalizer or not name.startswith("normalizer.")
        expected = old[name] if taken else fresh.networks()["hider_policy"].state_dict()[name]
        assert value.equal(expected), name
    for name, value in warm.networks()["seeker_policy"].state_dict().items():
        assert value.equal(fresh.networks()["seeker_policy"].state_dict()[name]), name
    learner = warm.learner
    assert not learner.get_optimizer("hider_policy").state  # Adam begins anew
    assert warm.progress.iteration == 0
    warm.stop()
    fresh.stop()


def test_the_configuration_can_say_how_to_start(trained: Trained, tmp_path: Path) -> None:
    desk = copy_of(trained[0], tmp_path / "copy")
    values = yaml.safe_load((desk.work / MINE / "config.yaml").read_text())
    values["initialization"]["mode"] = "resume"
    values["initialization"]["resume"] = {"checkpoint": "latest", "additional": 2}
    (desk.work / "config.yaml").write_text(yaml.safe_dump(values))
    done = desk.run("main.py")
    assert done.returncode == 0, done.stderr
    assert desk.checkpoints()[-1] == "checkpoint_000006"
    parent = json.loads((desk.work / "checkpoints/checkpoint_000006/metadata.json").read_text())
    assert parent["parent"]["mode"] == "resume"
    assert parent["parent"]["iteration"] == 4


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--warmstart", MINE), 2, "already holds 2 checkpoint(s)"),
        (("--warmstart", "9", "--checkpoint-dir", "x"), 3, "--warmstart: no checkpoint for"),
        (("--warmstart", "9", "--checkpoint-dir", "x"), 3, "--checkpoint-dir x is for the new run"),
        (("--warmstart", "", "--checkpoint-dir", "x"), 2, "--warmstart is empty"),
        (("--warmstart", MINE, "--resume", "4"), 2, "not allowed with"),
        (
            ("--warmstart", MINE, "--checkpoint-dir", "x", "--set", "ppo.hiddens=[8]"),
            2,
            "hiddens (64, 64) -> (8,)",
        ),
    ],
)
def test_a_warm_start_that_cannot_be_is_refused(
    trained: Trained, words: tuple[str, ...], code: int, message: str
) -> None:
    desk, _ = trained
    done = desk.run("main.py", *words)
    assert done.returncode == code, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not (desk.work / "x").exists()


def test_a_path_that_is_not_there_is_called_so(tmp_path: Path) -> None:
    missing = tmp_path / "checkpoint_000009"
    with pytest.raises(NoUsableCheckpoint, match="Checkpoint path does not exist: "):
        create_ppo_trainer({}, restore_path=missing)


def test_a_folder_that_only_seems_writable_is_named(desk: Desk) -> None:
    """/proc says that it can be written; that it takes no folders shows when one is made."""
    done = desk.run("main.py", "--checkpoint-dir", "/proc/x", "--iterations", "1", *SMALL)
    assert done.returncode == 2
    assert "error: ppo.checkpoint_dir: cannot write into /proc/x: No such file" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Training" not in done.stdout


@pytest.mark.parametrize("engine", ["torch", "fused"])
def test_no_start_loads_torchs_compiler(desk: Desk, engine: str) -> None:
    (desk.work / "start.py").write_text(
        "import sys\n"
        "from trainer.commands.train.main import main\n"
        "assert main(sys.argv[1:]) == 0\n"
        "print(*(name for name in sys.modules if name in ('torch._dynamo', 'torch._inductor')))\n"
    )
    words = ("--iterations", "1", *SMALL, "--set", f"train.engine={engine}")
    done = desk.run("start.py", *words)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == ""


def test_a_start_builds_the_game_once(monkeypatch: pytest.MonkeyPatch) -> None:
    built = []

    def build(*what: Any) -> Layouts:
        built.append(what)
        return build_layouts(*what)

    monkeypatch.setattr(batch_env, "build_layouts", build)
    small = {"env": {"num_layouts": 1}, "ray": {"num_envs_per_env_runner": 32}}
    trainer, _ = create_ppo_trainer(small)
    trainer.stop()
    assert built == [(("L0",), 1, 0, None, None)]


def test_shipped_policies_cannot_be_resumed_but_start_a_new_run(desk: Desk) -> None:
    (ours,) = SHIPPED.glob("checkpoint_*")
    for script in ("main.py", "continue_training.py"):
        done = desk.run(script, str(ours), "--iterations", "1")
        assert done.returncode == 2, done.stderr
        assert "cannot be resumed: it holds policies alone" in done.stderr
        assert f"main.py --warmstart {ours}\n" in done.stderr
    with pytest.raises(IncompatibleCheckpoint, match="holds policies alone"):
        create_ppo_trainer(load_config(ours / "config.yaml"), ours)
    assert list(desk.work.iterdir()) == []
    ppo = load_config(ours / "config.yaml").ppo
    network = ("hiddens", "activation", "critic", "normalize_obs", "vf_share_layers")
    same = {
        team: {key: getattr(ppo.team(team), key) for key in network} for team in ("seeker", "hider")
    }
    small = {"rollout_length": 16, "minibatch_size": 64}
    (desk.work / "mine.yaml").write_text(json.dumps({"ppo": {**same, **small}}))
    done = desk.run(
        *("main.py", "--warmstart", str(ours), "--config", "mine.yaml", "--iterations", "1"),
        *("--set", "env.num_layouts=4", "--set", "ray.num_envs_per_env_runner=8"),
    )
    assert done.returncode == 0, done.stderr
    assert f"both teams from {ours}; trained at L1, this run is at L0; " in done.stdout
    parent = json.loads((desk.work / "checkpoints/checkpoint_000001/metadata.json").read_text())
    assert parent["parent"]["policies"]["hider_policy"]["iteration"] == iteration_of(ours.name)
