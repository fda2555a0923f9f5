"""What of the code travels to a cluster."""

from __future__ import annotations

import importlib
import json
import logging
import zipfile
from pathlib import Path
from typing import Any

import pytest
from ray._private.runtime_env import packaging

import envs
import trainer
from envs.hide_and_seek.batch_env import HideAndSeekBatchEnv
from tests.ppo.one_step_env import OneStepEnv
from trainer.cluster.shipped_code import (
    actor_python_path,
    cluster_runtime_env,
    local_runtime_env,
    shipped,
)
from trainer.project import PROJECT_ROOT

OURS = [Path(package.__path__[0]) for package in (envs, trainer)]
GAME = "import {helper}\n\ndef make_env(num_envs):\n    return {helper}.World(num_envs)\n"


def test_hide_and_seek_needs_two_packages() -> None:
    assert shipped(HideAndSeekBatchEnv) == OURS


def test_the_package_of_a_game_of_ones_own_travels_too() -> None:
    assert PROJECT_ROOT / "tests" in shipped(OneStepEnv)


def test_a_game_in_a_file_brings_what_it_imports_from_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "their_helper.py").write_text("def World(num_envs): return num_envs\n")
    (tmp_path / "their_game.py").write_text(GAME.format(helper="their_helper"))
    (tmp_path / "unused.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    game = importlib.import_module("their_game")
    expected = [*OURS, tmp_path / "their_game.py", tmp_path / "their_helper.py"]
    assert shipped(game.make_env) == expected


def test_neither_checkpoints_nor_what_python_compiles_is_packed(tmp_path: Path) -> None:
    package = tmp_path / "game"
    for file in ("a.py", "__pycache__/a.pyc", "checkpoint_000010/big", "runs/big", "m.jsonl"):
        (package / file).parent.mkdir(parents=True, exist_ok=True)
        (package / file).write_text("x")
    assert names_packed(package, tmp_path) == {"game/a.py"}


def test_the_checkpoint_library_is_packed_and_shipped_policies_are_not(tmp_path: Path) -> None:
    names = names_packed(OURS[1], tmp_path)
    assert "trainer/checkpoints/checkpoint_info.py" in names
    assert "trainer/ppo/env_runner.py" in names
    assert not [name for name in names if "/shipped/" in name or name.endswith(".pyc")]


def names_packed(folder: Path, to: Path) -> set[str]:
    """The files that Ray would send, by its own code."""
    excludes = cluster_runtime_env(HideAndSeekBatchEnv)["excludes"]
    packaging.create_package(
        str(folder), to / "sent.zip", False, True, excludes, logging.getLogger()
    )
    with zipfile.ZipFile(to / "sent.zip") as packed:
        return {name for name in packed.namelist() if not name.endswith("/")}


def test_the_users_own_python_path_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/mine:/too")
    assert actor_python_path() == f"{PROJECT_ROOT}:/mine:/too"
    assert local_runtime_env()["env_vars"]["PYTHONPATH"] == f"{PROJECT_ROOT}:/mine:/too"
    # On other machines there is no such project, and what is shipped goes before this by itself.
    assert cluster_runtime_env(OneStepEnv)["env_vars"]["PYTHONPATH"] == "/mine:/too"
    monkeypatch.delenv("PYTHONPATH")
    assert actor_python_path() == str(PROJECT_ROOT)
    assert "PYTHONPATH" not in cluster_runtime_env(OneStepEnv)["env_vars"]


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Puts this process into a Ray job that was submitted with such a runtime environment."""

    def enter(**runtime_env: Any) -> None:
        given = {"metadata": {"job_submission_id": "raysubmit_1"}, "runtime_env": runtime_env}
        monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", json.dumps(given))

    return enter


def test_a_job_whose_folder_is_the_project_ships_nothing_twice(
    job: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    job(working_dir="gcs://_ray_pkg_1.zip")
    monkeypatch.chdir(PROJECT_ROOT)
    assert "py_modules" not in cluster_runtime_env(HideAndSeekBatchEnv)
    monkeypatch.chdir(tmp_path)  # the job's folder is another one: the project came otherwise
    assert cluster_runtime_env(HideAndSeekBatchEnv)["py_modules"] == list(map(str, OURS))
    job(py_modules=["gcs://_ray_pkg_1.zip"])
    assert "py_modules" not in cluster_runtime_env(HideAndSeekBatchEnv)


def test_what_a_job_has_set_is_not_set_again(job: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/set/by/ray")
    job(env_vars={"OMP_WAIT_POLICY": "active"}, excludes=["big"])
    chosen = cluster_runtime_env(HideAndSeekBatchEnv)
    assert "excludes" not in chosen
    assert "RAY_AUTH_MODE" in chosen["env_vars"]
    assert not {"OMP_WAIT_POLICY", "PYTHONPATH"} & set(chosen["env_vars"])
