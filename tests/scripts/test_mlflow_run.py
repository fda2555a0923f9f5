"""A run kept in a real MLflow store, and continued from there by its id."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.scripts.conftest import SMALL, Desk, copy_of
from trainer.checkpoints.errors import NoUsableCheckpoint
from trainer.commands.train import main
from trainer.commands.train.plan import RunPlan, plan_run
from trainer.commands.train.start import Start
from trainer.errors import UsageError

pytestmark = pytest.mark.skipif(
    find_spec("mlflow") is None,
    reason="MLflow is not installed: pip install -r requirements-mlflow.txt",
)
STORE = "sqlite:///runs/mlflow.db"


def test_a_run_is_continued_under_its_id(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow.tracking import MlflowClient

    kept = (*SMALL, "--set", "tracking.mlflow=true", "--set", "tracking.tensorboard_dir=null")
    done = desk.run("main.py", "--until", "2", *kept)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    store = f"sqlite:///{desk.work}/runs/mlflow.db"
    client: Any = MlflowClient(store, store)
    experiment = client.get_experiment_by_name("hide_and_seek")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED"
    assert run.data.params["schedule_env_vision_angle_start"] == "300.0"
    assert run.data.params["schedule_total_planned_timesteps"] == str(300 * 64 * 32)
    assert run.data.tags["checkpoint_path"] == str(desk.work / "checkpoints/checkpoint_000002")
    assert "null" not in run.data.params.values()
    assert run.data.params["env.num_seekers"] == "1"
    assert run.data.params["ppo.seeker.lr_schedule_type"] == "cosine"
    assert run.data.params["ppo.hider.lr"] == "0.001"
    assert run.data.params["version.ray"]
    assert run.data.params["schedule_current_iterations"] == "2"
    assert len(run.data.tags["mlflow.source.git.commit"]) == 40
    assert [file.path for file in client.list_artifacts(run.info.run_id)] == [
        "training_metrics.png"
    ]

    run_id = run.info.run_id
    assert f"main.py --continue-run-id {run_id}" in done.stdout
    done = desk.run("main.py", "--continue-run-id", run_id, "--iterations", "1", *SMALL)
    assert done.returncode == 0, done.stderr
    assert "Previous current iterations: 2" in done.stdout
    assert f"run {run_id} in {STORE}" in done.stdout
    assert "--continue-run-id" not in done.stdout
    (run,) = client.search_runs([experiment.experiment_id])
    angles = client.get_metric_history(run_id, "env/vision_angle")
    expected = [((i + 1) * 64 * 32, pytest.approx(300 - 200 * i / 300)) for i in range(3)]
    assert [(point.step, point.value) for point in angles] == expected
    assert run.data.tags["schedule_current_timesteps"] == str(3 * 64 * 32)
    assert run.data.tags["schedule_current_iterations"] == "3"
    assert run.data.tags["checkpoint_iteration"] == "3"
    assert run.data.tags["best_checkpoint_iteration"]

    monkeypatch.chdir(desk.work)

    def planned(run_id: str) -> RunPlan:
        return plan_run(main.build_parser().parse_args([]), Start(mlflow_run_id=run_id))

    assert planned(run_id).config.tracking.mlflow
    with pytest.raises(UsageError, match=f"did you mean {run_id}"):
        planned(run_id[:8])
    metadata = desk.work / "checkpoints/checkpoint_000003/manifest.json"
    metadata.write_text(metadata.read_text() + " ")
    with pytest.raises(NoUsableCheckpoint, match="is not the checkpoint that the run has saved"):
        planned(run_id)
    (desk.work / "checkpoints").rename(desk.work / "moved")
    with pytest.raises(NoUsableCheckpoint, match="checkpoint_000003 is gone"):
        planned(run_id)


def test_a_store_that_refuses_leaves_no_curves_behind(
    trained: tuple[Desk, str], tmp_path: Path
) -> None:
    desk = copy_of(trained[0], tmp_path / "copy")
    before = sorted((desk.work / "runs").rglob("*"))
    store = ("--set", "tracking.mlflow=true", "--set", "tracking.mlflow_uri=sqlite:////dev/null/x")
    done = desk.run("main.py", "--resume", "latest", "--iterations", "1", *SMALL, *store)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "/dev/null/x" in done.stderr
    assert sorted((desk.work / "runs").rglob("*")) == before
