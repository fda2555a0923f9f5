"""make_bucket.py makes a bucket in a real S3 server, and says why it cannot."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from typing import Any

import pytest

from tests.checkpoints.object_store import KEYS, filesystem, free_port
from tests.deploy.manifests import DEPLOY, MINIO, containers, load

SCRIPT = DEPLOY / "make_bucket.py"


def made(*words: str, port: int | None = None) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
    own = {} if port is None else {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"}
    return subprocess.run(
        [sys.executable, str(SCRIPT), *words],
        env=clean | KEYS | own,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_bucket_of_the_manifests_is_made_once_and_kept(s3: int) -> None:
    (command,) = (c["command"] for i in load(MINIO) for c in containers(i) if "command" in c)
    assert command[:2] == ["python", "/app/deploy/make_bucket.py"]
    for _ in range(2):
        done = made(*command[2:], port=s3)
        assert done.returncode == 0, done.stderr
        with filesystem(s3).open_output_stream("hide-and-seek/kept") as stream:
            stream.write(b"1")
    assert filesystem(s3).get_file_info("hide-and-seek/kept").size == 1


def test_what_is_wrong_is_said_in_a_line() -> None:
    for words in ((), ("--help",), ("one", "two")):
        assert made(*words).stderr == "usage: python make_bucket.py BUCKET\n"
    assert "AWS_ENDPOINT_URL is not set" in made("hide-and-seek").stderr


def test_a_store_that_is_not_there_is_given_up(
    s3_keys: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    make_bucket: Any = runpy.run_path(str(SCRIPT))["make_bucket"]
    with pytest.raises(OSError, match="hide-and-seek"):
        make_bucket("hide-and-seek", wait_s=0)
