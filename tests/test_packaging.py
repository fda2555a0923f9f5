"""What `pip install .` makes of the project: programs, requirements, and a home for caches."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from trainer import project, shown_commands
from trainer.checkpoints.remote import location

ROOT = project.PROJECT_ROOT
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROGRAMS: dict[str, str] = PYPROJECT["project"]["scripts"]


def requirements(name: str) -> list[str]:
    lines = (ROOT / name).read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_program_tells_its_version(
    program: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module, function = PROGRAMS[program].split(":")
    monkeypatch.setattr(sys, "argv", [program, "--version"])
    with pytest.raises(SystemExit) as left:
        getattr(import_module(module), function)()
    assert left.value.code == 0
    assert capsys.readouterr().out == f"{project.NAME} {project.VERSION}\n"


def test_the_commands_that_are_printed_are_those_that_are_installed() -> None:
    for script, program in shown_commands.ENTRY_POINTS.items():
        module, function = PROGRAMS[program].split(":")
        assert f"from {module} import {function}\n" in (ROOT / script).read_text()
    assert {*shown_commands.ENTRY_POINTS.values(), *shown_commands.MODULES.values()} == {*PROGRAMS}
    assert PYPROJECT["project"]["name"] == project.NAME


def test_the_requirements_are_those_of_the_files() -> None:
    dynamic = PYPROJECT["tool"]["setuptools"]["dynamic"]
    extras = dynamic["optional-dependencies"]
    assert dynamic["dependencies"] == {"file": ["requirements.txt"]}
    read = [*dynamic["dependencies"]["file"], *extras["dev"]["file"]]
    assert not [line for name in read for line in requirements(name) if line.startswith("-")]
    assert requirements("requirements-dev.txt") == [f"-r {name}" for name in read]
    assert {*extras["mlflow"]["file"], *extras["onnx"]["file"]} < {*extras["dev"]["file"]}


def test_every_module_belongs_to_a_package_that_is_installed() -> None:
    folders = {path.parent for top in ("envs", "trainer") for path in (ROOT / top).rglob("*.py")}
    assert not [folder for folder in folders if not (folder / "__init__.py").is_file()]


def test_every_file_that_is_no_code_is_installed_too() -> None:
    patterns = PYPROJECT["tool"]["setuptools"]["package-data"]["trainer"]
    installed = {path for pattern in patterns for path in (ROOT / "trainer").glob(pattern)}
    others = {
        path
        for path in (ROOT / "trainer").rglob("[!.]*")  # a lock may be left beside a checkpoint
        if path.is_file() and path.suffix != ".py" and "__pycache__" not in path.parts
    }
    assert others == {path for path in installed if path.is_file() and path.name[0] != "."}
    assert others >= set(project.profiles().values())
    assert any(path.is_relative_to(project.SHIPPED) for path in others)


def test_caches_of_an_installed_package_are_the_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert location.cache_home() == ROOT / ".cache"
    monkeypatch.setattr(location, "_PROJECT", tmp_path / "site-packages")
    monkeypatch.delenv(location.CACHE_VARIABLE, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for given in ("", "relative"):
        monkeypatch.setenv("XDG_CACHE_HOME", given)
        assert location.cache_home() == tmp_path / "home" / ".cache" / project.NAME
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert location.cache_root() == tmp_path / "xdg" / project.NAME / "checkpoints"
    project.cache_dir.cache_clear()
    try:
        assert project.cache_dir() == tmp_path / "xdg" / project.NAME
        assert project.cache_dir().is_dir()
    finally:
        project.cache_dir.cache_clear()


def test_an_installed_package_names_its_own_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(project, "PROJECT_ROOT", tmp_path)
    command = shown_commands.script_command("demo_model.py", ["--checkpoint", "a b"])
    name = Path(sys.executable).with_name("hide-and-seek-demo")
    assert command == f"{name} --checkpoint 'a b'"
    hint = "start one with: python main.py --checkpoint-dir x"
    assert shown_commands.with_installed_names(hint).endswith(
        ": hide-and-seek-train --checkpoint-dir x"
    )
    assert shown_commands.with_commands(hint).endswith("/hide-and-seek-train --checkpoint-dir x")
    (tmp_path / "bin").mkdir()
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python"))
    program = tmp_path / "bin" / "hide-and-seek-list"
    program.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    assert shown_commands.script_command("list_checkpoints.py", []) == "hide-and-seek-list"


@pytest.mark.slow
def test_a_wheel_runs_where_there_is_no_checkout(tmp_path: Path) -> None:
    sources = tmp_path / "sources"
    for folder in ("envs", "trainer"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / folder, sources / folder, ignore=ignored)
    for path in (p for p in ROOT.iterdir() if p.is_file()):
        shutil.copy(path, sources)
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*build, "-w", str(tmp_path), str(sources)], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    installed = tmp_path / "site-packages"
    zipfile.ZipFile(wheel).extractall(installed)
    (tmp_path / "work").mkdir()

    def run(command: str, *words: str) -> str:
        code = (
            f"import sys; sys.path.insert(0, {str(installed)!r})\n"
            f"from trainer.commands.{command}.main import main; sys.exit(main())"
        )
        done = subprocess.run(
            [sys.executable, "-P", "-c", code, *words],
            cwd=tmp_path / "work",
            env={**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache"), "PYTHONPATH": ""},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    options = ("ray.num_envs_per_env_runner=16", "ppo.rollout_length=32", "ppo.minibatch_size=256")
    trained = run("train", "--config=quick", "--iterations=1", *(f"--set={o}" for o in options))
    assert "hide-and-seek-continue ./checkpoints_quick/checkpoint_000001" in trained
    shown = run("demo", "--shipped", "--episodes=1", "--render=none")
    assert f"checkpoint  {installed / 'trainer' / 'shipped'}" in shown
    assert (tmp_path / "cache" / project.NAME).is_dir()
    assert not (installed / ".cache").exists()
