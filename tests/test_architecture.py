"""The floor plan of the project, read from the source: imports run one way."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MODULES = ("trainer.evaluate", "trainer.sessions", "trainer.submit", "trainer.sweep")
"""Commands that `python -m` runs."""
SCRIPTS = ("main", "continue_training", "list_checkpoints", "demo_model", "ppo_trainer")

LAYERS = (
    ("envs", "trainer.schedules", "trainer.opponents", "trainer.checkpoints"),
    ("trainer.errors", "trainer.project", "trainer.engine", "trainer.episodes"),
    ("trainer.shown_commands",),
    ("trainer.config",),
    ("trainer.cluster",),
    ("trainer.ppo", "trainer.reporting"),
    ("trainer.evaluation",),
    ("trainer.run",),
    ("trainer.ppo_trainer",),
    ("trainer.commands",),
    (*SCRIPTS, *MODULES),
)
"""From the ground up. A room imports from the layers below its own and from itself."""

EXCEPTION = ("trainer.checkpoints.__main__", "trainer.commands.checkpoint_tools.main")
"""`python -m trainer.checkpoints` starts a command: its entry point calls the one above it."""

IMPORTERS = ("import_module", "__import__")

FLOOR = {room: floor for floor, rooms in enumerate(LAYERS) for room in rooms}


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(
        [*ROOT.glob("*.py"), *ROOT.glob("envs/**/*.py"), *ROOT.glob("trainer/**/*.py")]
    ):
        parts = path.relative_to(ROOT).with_suffix("").parts
        yield ".".join(parts).removesuffix(".__init__"), path


def imports(path: Path) -> set[str]:
    """Every module that a file imports anywhere in it, by full name."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def room_of(module: str) -> str | None:
    """The room that a module or a name in it belongs to; None for other packages."""
    for room in FLOOR:
        if module == room or module.startswith(f"{room}."):
            return room
    return None


def offenders(folder: str, *forbidden: str) -> list[str]:
    """What imports one of the forbidden packages: `file imports name`."""
    found = [
        f"{path.relative_to(ROOT)} imports {name}"
        for module, path in modules()
        if module == folder or module.startswith(f"{folder}.")
        for name in sorted(imports(path))
        if any(name == word or name.startswith(f"{word}.") for word in forbidden)
    ]
    assert any(m == folder or m.startswith(f"{folder}.") for m, _ in modules()), folder
    return found


def test_imports_run_one_way() -> None:
    climbs = [
        f"{module} imports {name}"
        for module, path in modules()
        if (room := room_of(module)) is not None
        for name in sorted(imports(path))
        if (other := room_of(name)) is not None
        and other != room
        and FLOOR[other] >= FLOOR[room]
        and (module, ".".join(name.split(".")[:4])) != EXCEPTION
    ]
    assert climbs == []


def test_every_module_has_a_room() -> None:
    assert [m for m, _ in modules() if m != "trainer" and room_of(m) is None] == []


def test_nothing_is_imported_by_a_string_of_our_own() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for _, path in modules()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and getattr(node.func, "attr", getattr(node.func, "id", ""))
        in ("import_module", "__import__")
        and any(
            isinstance(part, ast.Constant) and str(part.value).startswith(("trainer", "envs"))
            for part in ast.walk(node)
        )
    ]
    assert found == []


def test_the_game_knows_nothing_of_learning() -> None:
    assert offenders("envs", "torch") == []
    only = {"envs/adapters/rllib.py"}
    assert {line.split()[0] for line in offenders("envs", "ray")} <= only


def test_the_engine_knows_only_arrays() -> None:
    assert offenders("trainer.engine", "ray", "torch") == []


def test_the_checkpoints_are_a_library_of_their_own() -> None:
    assert offenders("trainer.checkpoints", "ray", "torch", "numpy") == []


MATHEMATICS = (
    "ppo.losses",
    "ppo.advantages",
    "ppo.distributions",
    "ppo.normalization",
    "schedules",
)


@pytest.mark.parametrize("room", MATHEMATICS)
def test_the_mathematics_knows_neither_ray_nor_the_configuration(room: str) -> None:
    assert offenders(f"trainer.{room}", "ray", "envs", "trainer.config") == []


@pytest.mark.parametrize("module", ["networks", "policy_files", "matches"])
def test_what_the_demo_uses_knows_no_ray(module: str) -> None:
    assert offenders(f"trainer.ppo.{module}", "ray") == []


@pytest.mark.parametrize("option", ["--help", "--version"])
@pytest.mark.parametrize("script", [*SCRIPTS[:4], *MODULES])
def test_help_and_version_import_nothing_heavy(script: str, option: str) -> None:
    code = (
        "import runpy, sys\n"
        "try: runpy.run_path(sys.argv[1], run_name='__main__')\n"
        "except SystemExit as left: assert left.code == 0, left.code\n"
        "heavy = {'ray', 'torch', 'numpy', 'pydantic', 'matplotlib', 'rich', 'numba', 'yaml'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    path = str(ROOT / f"{script.replace('.', '/')}.py")
    command = [sys.executable, "-c", code.replace("sys.argv[1]", repr(path)), option]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    if option == "--help":
        assert "usage:" in done.stdout
        assert "exit codes" in done.stdout


def test_no_file_is_called_utils() -> None:
    assert not [p for p in ROOT.glob("**/util*.py") if ".venv" not in p.parts]
