"""The temporary folders of Ray that killed runs leave behind."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from trainer.checkpoints.process_owner import Owner
from trainer.cluster import ray_session
from trainer.project import PROJECT_ROOT


@pytest.fixture
def caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache and a temporary folder of the test's own."""
    (tmp_path / "cache").mkdir()
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(ray_session, "cache_dir", lambda: tmp_path / "cache")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    return tmp_path


def killed(folder: Path) -> int:
    """The number of a process that owned `folder` and has been killed."""
    code = (
        "import os, signal, sys; from datetime import datetime; from pathlib import Path\n"
        "from trainer.checkpoints.process_owner import Owner\n"
        "folder = Path(sys.argv[1].replace('PID', str(os.getpid())))\n"
        "folder.mkdir(parents=True)\n"
        "record = Owner.this_process(datetime.now()).encode()\n"
        "(folder / 'owner.json').write_text(record)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(folder)], cwd=PROJECT_ROOT)
    assert process.wait(timeout=60) == -9
    return process.pid


def test_folders_of_killed_runs_go_and_those_of_living_ones_stay(caches: Path) -> None:
    pid = killed(caches / "cache" / "ray" / "PID")
    killed(caches / "tmp" / "ray-abc")
    before_records = caches / "cache" / "ray" / str(2**22 + 1)  # above any process number
    before_records.mkdir()
    living = caches / "tmp" / "ray-def"
    living.mkdir()
    (living / "owner.json").write_text(Owner.this_process(datetime.now()).encode())
    strangers = caches / "tmp" / "ray-of-somebody"
    strangers.mkdir()
    assert (caches / "cache" / "ray" / str(pid)).is_dir()
    ray_session.remove_leftovers()
    assert list((caches / "cache" / "ray").iterdir()) == []
    assert sorted((caches / "tmp").iterdir()) == [living, strangers]
