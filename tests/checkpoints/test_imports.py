"""What starting these programs costs, and what the package needs."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_whole_package_needs_only_the_standard_library() -> None:
    code = (
        "import sys, pkgutil, importlib, trainer.checkpoints as package\n"
        "import trainer.checkpoints.remote as remote, trainer.checkpoints.safe_io as safe\n"
        "for part in (package, remote, safe):\n"
        "    for found in pkgutil.iter_modules(part.__path__):\n"
        "        importlib.import_module(f'{part.__name__}.{found.name}')\n"
        "print(*(name for name in sys.modules if '.' not in name))"
    )
    result = subprocess.run(
        [sys.executable, "-S", "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(result.stdout.split()) - {"trainer", "__main__"}
    assert loaded <= set(sys.stdlib_module_names)


def test_the_program_starts_without_anything_heavy() -> None:
    code = (
        "import runpy, sys; sys.argv[1:] = ['--help']\n"
        "try: runpy.run_module('trainer.checkpoints', run_name='__main__')\n"
        "except SystemExit as left: assert left.code == 0\n"
        "heavy = {'ray', 'torch', 'numpy', 'rich', 'yaml', 'filelock'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "exit codes: 0 ok, 1 problems found or error, 2 usage, 3 no usable" in " ".join(
        done.stdout.split()
    )


def test_the_names_of_the_package_are_imported_when_they_are_asked_for() -> None:
    code = (
        "import sys, trainer.checkpoints as package\n"
        "assert 'trainer.checkpoints.manager' not in sys.modules\n"
        "from trainer.checkpoints import *\n"
        "assert CheckpointManager.__module__ == 'trainer.checkpoints.manager'\n"
        "assert all(name in dir(package) for name in package.__all__)\n"
        "assert issubclass(NoUsableCheckpoint, CheckpointError)\n"
        "assert not hasattr(package, 'Manager')\n"
    )
    subprocess.run([sys.executable, "-S", "-c", code], cwd=ROOT, check=True)
