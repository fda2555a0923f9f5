"""A real shell for the blocks of a document, whose `python` needs no start of its own.

`python` in that shell is a small client: it hands its arguments, folder and environment to this
process, which runs them in a fork of one that has imported everything (`tests.scripts.forked`).
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socketserver
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.docs.documents import ROOT, Block
from tests.scripts import forked
from tests.scripts.conftest import Desk
from trainer.config.loading import read_values

# Every number of the documents stays as it is printed; an iteration takes milliseconds.
_SMALL: dict[str, dict[str, Any]] = {
    "env": {"num_layouts": 4, "episode_steps": 10, "prep_steps": 2},
    "ppo": {
        "num_iterations": 100,
        "num_epochs": 1,
        "rollout_length": 10,
        "minibatch_size": 40,
        "hiddens": [8],
        "checkpoint_freq": 50,
    },
    "ray": {"num_envs_per_env_runner": 4},
}

_CLIENT = f"""\
#!{sys.executable} -ISE
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as call:
    call.connect(os.environ["PYTHON_OF_THE_TESTS"])
    request = {{"words": sys.argv[1:], "cwd": os.getcwd(), "environment": dict(os.environ)}}
    call.sendall(json.dumps(request).encode())
    call.shutdown(socket.SHUT_WR)
    answer = json.loads(b"".join(iter(lambda: call.recv(65536), b"")))
sys.stdout.write(answer["out"])
sys.stderr.write(answer["err"])
sys.exit(answer["code"])
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


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        request = json.loads(self.rfile.read())
        answer = {"code": 1, "out": "", "err": ""}
        try:
            done = forked.run(
                request["words"], Path(request["cwd"]), request["environment"], timeout=200
            )
            answer = {"code": done.returncode, "out": done.stdout, "err": done.stderr}
        except BaseException as error:
            answer["err"] = f"{error}\n"
        self.wfile.write(json.dumps(answer).encode())


@contextlib.contextmanager
def python_for_shells() -> Iterator[dict[str, str]]:
    """The environment variables under which `python` is the client."""
    folder = Path(tempfile.mkdtemp(prefix="doc-"))  # the name of a socket must be short
    with socketserver.ThreadingUnixStreamServer(str(folder / "s"), _Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        (folder / "python").write_text(_CLIENT)
        (folder / "python").chmod(0o755)
        try:
            yield {
                "PYTHON_OF_THE_TESTS": str(folder / "s"),
                "PATH": f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin",
            }
        finally:
            server.shutdown()
            thread.join()
    shutil.rmtree(folder)


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
