"""A real shell for the blocks of a document, whose `python` needs no start of its own.

`python` in that shell is a small client: it hands its arguments, folder, environment and streams to
a process that has imported everything, which forks (`tests.scripts.fork_server`).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.docs.documents import ROOT, Block
from tests.scripts.conftest import Desk
from trainer.config.loading import read_values

# Every number of the documents stays as it is printed; an iteration takes milliseconds.
_SMALL: dict[str, dict[str, Any]] = {
    "env": {"num_layouts": 4, "episode_steps": 10, "prep_steps": 2},
    "ppo": {
        "num_iterations": 300,
        "num_epochs": 1,
        "rollout_length": 10,
        "minibatch_size": 40,
        "hiddens": [8],
        "checkpoint_freq": 50,
        "keep_last_n": 2,
    },
    "ray": {"num_envs_per_env_runner": 4},
}

_CLIENT = f"""\
#!{sys.executable} -ISE
import os, sys
sys.path.insert(0, {str(ROOT)!r})
from tests.scripts.forked import Process
sys.exit(Process(sys.argv[1:], os.getcwd(), os.environ, range(3)).wait())
"""

# What belongs to the user's machine is checked as text only, see `test_names`.
_PREAMBLE = """\
set -eo pipefail
make() { :; }
pip() { :; }
source() { :; }
"""


def new_desk(folder: Path) -> Desk:
    """A working folder with the project's config.yaml, its runs made very small."""
    desk = Desk(folder)
    values = read_values(ROOT / "config.yaml")
    for group, small in _SMALL.items():
        values[group] |= small
    (desk.work / "config.yaml").write_text(json.dumps(values))
    return desk


def python_for_shells(folder: Path) -> dict[str, str]:
    """The environment variables under which `python` is the client, written to a folder."""
    (folder / "python").write_text(_CLIENT)
    (folder / "python").chmod(0o755)
    return {"PATH": f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin"}


def run_blocks(
    blocks: Sequence[Block], desk: Desk, variables: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    """Runs shell and Python blocks one after the other, in one shell."""
    lines = [_PREAMBLE]
    for block in (block for block in blocks if not block.is_output):
        lines.append(f"echo '# line {block.line}' >&2\n")
        if block.language == "python":
            name = f"example_at_line_{block.line}.py"
            (desk.work / name).write_text(block.text)
            lines.append(f"python {name}\n")
        else:
            lines.append(block.text)
    return subprocess.run(
        ["bash", "-c", "".join(lines)],
        cwd=desk.work,
        env=desk.environment() | variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=290,
        check=False,
    )
