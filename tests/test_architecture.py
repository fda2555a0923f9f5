"""The direction of the imports, read from the source: scripts -> trainer -> envs, never back."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = ("main", "continue_training", "list_checkpoints", "demo_model", "ppo_trainer")


def imports(path: Path) -> set[str]:
    """Every module that a file imports anywhere in it, by full name."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.add(node.module or "")
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def offenders(folder: str, *forbidden: str) -> list[str]:
    paths = sorted((ROOT / folder).rglob("*.py")) if "." not in folder else [ROOT / folder]
    assert paths
    return [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in paths
        for name in sorted(imports(path))
        if any(name == word or name.startswith(f"{word}.") for word in forbidden)
    ]


def test_the_game_knows_nothing_of_training() -> None:
    assert offenders("envs", "trainer", "torch", *SCRIPTS) == []
    only = {"envs/adapters/rllib.py"}
    assert {line.split()[0] for line in offenders("envs", "ray")} <= only


def test_the_trainer_does_not_import_scripts() -> None:
    assert offenders("trainer", *SCRIPTS) == []


def test_checkpoints_are_a_library_of_their_own() -> None:
    assert offenders("trainer/checkpoints", "ray", "torch", "numpy", "envs") == []
    outside = {
        line
        for line in offenders("trainer/checkpoints", "trainer")
        if not line.split()[-1].startswith("trainer.checkpoints") and line.split()[-1] != "trainer"
    }
    # The program is above the library, and a command like the others.
    assert outside <= {
        "trainer/checkpoints/__main__.py imports trainer.checkpoint_list",
        "trainer/checkpoints/__main__.py imports trainer.command",
        "trainer/checkpoints/__main__.py imports trainer.command.run_command",
        "trainer/checkpoints/__main__.py imports trainer.command_line",
        "trainer/checkpoints/__main__.py imports trainer.command_line.CommandParser",
    }


@pytest.mark.parametrize(
    "file",
    [
        *("losses", "advantages", "action_dist", "normalization", "alternation"),
        *("schedules", "schedule_course", "run_schedules", "schedule_continuation"),
    ],
)
def test_the_mathematics_knows_neither_ray_nor_the_configuration(file: str) -> None:
    assert offenders(f"trainer/{file}.py", "ray", "envs", "trainer.config") == []


@pytest.mark.parametrize("file", ["networks", "matches"])
def test_what_the_demo_uses_knows_no_ray(file: str) -> None:
    assert offenders(f"trainer/{file}.py", "ray") == []


@pytest.mark.parametrize("option", ["--help", "--version"])
@pytest.mark.parametrize("script", SCRIPTS[:4])
def test_help_and_version_import_nothing_heavy(script: str, option: str) -> None:
    code = (
        "import runpy, sys\n"
        "try: runpy.run_path(sys.argv[1], run_name='__main__')\n"
        "except SystemExit as left: assert left.code == 0, left.code\n"
        "heavy = {'ray', 'torch', 'numpy', 'pydantic', 'matplotlib', 'rich', 'numba', 'yaml'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    path = str(ROOT / f"{script}.py")
    command = [sys.executable, "-c", code.replace("sys.argv[1]", repr(path)), option]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    if option == "--help":
        assert "usage:" in done.stdout
        assert "exit codes" in done.stdout


def test_no_file_is_called_utils() -> None:
    assert not [p for p in ROOT.glob("**/util*.py") if ".venv" not in p.parts]
