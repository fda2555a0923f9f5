"""A virtual environment for each peer, made once from its pinned requirements."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.peers.catalog import HERE, Peer
from trainer.project import PROJECT_ROOT

FOLDER = PROJECT_ROOT / ".cache" / "peers"
STAMP = ".made-from"

# setup.py of PufferLib 3.0.0 forgets this name when its bundled games are left out.
_PUFFERLIB_REPAIR = "import builtins\n\nbuiltins.c_extension_paths = []\n"


def python_of(peer: Peer) -> Path:
    """The interpreter of a peer's environment."""
    return FOLDER / peer.library / "bin" / "python"


def stamp_of(peer: Peer) -> str:
    """What an environment is made from: its requirements and the Python version."""
    files = [HERE / "requirements-game.txt", peer.requirements, peer.build_requirements]
    text = b"".join(path.read_bytes() for path in files if path.is_file())
    return hashlib.sha256(text + sys.version.encode()).hexdigest()


def prepare(peer: Peer) -> None:
    """Makes the peer's environment, unless it is there and its requirements are the same.

    Raises:
        subprocess.CalledProcessError: pip failed; it has printed why.
    """
    home = FOLDER / peer.library
    stamp = home / STAMP
    if stamp.is_file() and stamp.read_text() == stamp_of(peer):
        return
    print(f"making {home.relative_to(PROJECT_ROOT)} (once, some minutes) ...", flush=True)
    shutil.rmtree(home, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
    _pip(peer, "-r", str(peer.requirements))
    if peer.build_requirements.is_file():
        _build(peer)
    stamp.write_text(stamp_of(peer))


def _build(peer: Peer) -> None:
    """Builds against the torch that is installed, without the library's own, looser requirements.

    The search path leaves out a CUDA compiler: with the CPU build of torch it would be in the way.
    """
    home = FOLDER / peer.library
    (library,) = (home / "lib").glob("python*/site-packages")
    repair = library / "sitecustomize.py"
    repair.write_text(_PUFFERLIB_REPAIR)
    path = os.pathsep.join([str(home / "bin"), "/usr/bin", "/bin"])
    words = ("--no-deps", "--no-build-isolation", "-r", str(peer.build_requirements))
    _pip(peer, *words, NO_OCEAN="1", PATH=path)
    repair.unlink()


def _pip(peer: Peer, *words: str, **variables: str) -> None:
    command = [str(python_of(peer)), "-m", "pip", "install", "--quiet"]
    command += ["--disable-pip-version-check", *words]
    subprocess.run(command, check=True, env=os.environ | variables)
