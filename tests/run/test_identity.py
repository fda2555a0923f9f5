"""The name of a run, and where it says that it comes from."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.golden_checkpoint import golden_in, vouch_for
from trainer.checkpoints import manifest
from trainer.checkpoints.manager import CheckpointManager
from trainer.config.schema import Config
from trainer.run.identity import RunIdentity, RunOrigin
from trainer.run.saved_run import SavedRun

NAME = "20261120-111303_L0_seed0"


@pytest.fixture
def saved(tmp_path: Path) -> SavedRun:
    return SavedRun.open(golden_in(tmp_path / "checkpoints"))


def identity(folder: Path, origin: RunOrigin, **tracking: Any) -> RunIdentity:
    config = Config.from_dict({"tracking": tracking})
    return RunIdentity.of(config, CheckpointManager(folder), origin)


def test_a_new_run(tmp_path: Path) -> None:
    found = identity(tmp_path, RunOrigin())
    assert found.name.endswith("_L0_seed0")
    assert (found.parent, found.mlflow_run_id) == (None, None)
    assert found.segment != identity(tmp_path, RunOrigin()).segment
    about = found.metadata()
    assert json.loads(json.dumps(about)) == about
    assert set(about["versions"]) >= {"python", "ray", "torch", "numpy", "numba"}


def test_a_name_that_has_curves_gets_a_number(tmp_path: Path) -> None:
    for name in ("mine", "mine_2"):
        (tmp_path / "runs" / name).mkdir(parents=True)
    given = {"run_name": "mine", "tensorboard_dir": str(tmp_path / "runs")}
    assert identity(tmp_path, RunOrigin(), **given).name == "mine_3"
    assert identity(tmp_path, RunOrigin(), run_name="mine", tensorboard_dir=None).name == "mine"


def test_a_run_resumed_in_its_folder_keeps_its_name(saved: SavedRun) -> None:
    found = identity(saved.path.parent, RunOrigin(saved=saved))
    assert found.name == NAME
    assert found.parent == {
        "mode": "resume",
        "path": str(saved.path),
        "iteration": 3,
        "sha256": manifest.digest(saved.path),
    }


def test_elsewhere_or_under_another_name_it_is_another_run(saved: SavedRun, tmp_path: Path) -> None:
    origin = RunOrigin(saved=saved)
    assert identity(tmp_path / "new", origin).name != NAME
    other = identity(saved.path.parent, origin, run_name="other", tensorboard_dir=None)
    assert other.name == "other"
    assert other.parent == identity(tmp_path / "new", origin).parent


@pytest.mark.parametrize(
    ("name", "wanted", "kept"),
    [
        ("mine", None, True),
        ("mine", "mine", True),
        ("mine_2", "mine", True),
        ("mine_x", "mine", False),
        ("../mine", None, False),
        (".mine", None, False),
        (3, None, False),
        ("", None, False),
    ],
)
def test_which_saved_name_is_kept(
    saved: SavedRun, name: object, wanted: str | None, kept: bool
) -> None:
    named = replace(saved, metadata={**saved.metadata, "run_name": name})
    found = identity(
        saved.path.parent, RunOrigin(saved=named), run_name=wanted, tensorboard_dir=None
    )
    assert (found.name == name) is kept


def test_the_run_in_mlflow(saved: SavedRun, tmp_path: Path) -> None:
    here = saved.path.parent
    tracked = replace(saved, metadata={**saved.metadata, "mlflow_run_id": "m1"})
    assert identity(here, RunOrigin(saved=tracked)).mlflow_run_id == "m1"
    assert identity(here, RunOrigin(saved=tracked, mlflow_run_id="m2")).mlflow_run_id == "m2"
    assert identity(here, RunOrigin(saved=tracked), run_name="other").mlflow_run_id is None
    assert identity(tmp_path, RunOrigin(saved=tracked)).mlflow_run_id is None


def test_a_warm_start_names_each_source(saved: SavedRun, tmp_path: Path) -> None:
    other = golden_in(tmp_path / "other")
    (other / "note.txt").write_text("x")
    vouch_for(other)
    origin = RunOrigin(warmstart={"seeker_policy": saved.path, "hider_policy": other})
    assert (origin.restore_path, origin.sources) == (None, [saved.path, other])
    parent = identity(tmp_path / "new", origin).parent
    assert parent is not None
    assert parent["mode"] == "warmstart"
    assert parent["policies"]["hider_policy"] == {
        "path": str(other),
        "iteration": 3,
        "sha256": manifest.digest(other),
    }
    same = RunOrigin(warmstart=dict.fromkeys(("seeker_policy", "hider_policy"), other))
    assert same.sources == [other]
