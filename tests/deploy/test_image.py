"""The image: what it holds is there and enough, and nobody is root in it. None is built here."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.deploy import dockerfile
from tests.deploy.manifests import ROOT

SMALL = (
    *("--set", "ray.num_envs_per_env_runner=8"),
    *("--set", "ppo.rollout_length=32"),
    *("--set", "ppo.minibatch_size=256"),
    *("--set", "tracking.tensorboard_dir=null"),
)
# Runs a script as `python SCRIPT` would, then tells where the project's modules came from.
RUN = """
import runpy, sys
script, *sys.argv[1:] = sys.argv[1:]
sys.argv[0] = script
sys.path[0] = script.rpartition("/")[0]
try:
    runpy.run_path(script, run_name="__main__")
finally:
    ours = [m for n, m in sys.modules.items() if n.partition(".")[0] in ("envs", "trainer")]
    print("FROM", *sorted({m.__file__ for m in ours if m.__file__}), sep="\\n")
"""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program's folder as the image has it, somewhere else."""
    return dockerfile.unpack(tmp_path_factory.mktemp("image"))


def run(
    app: Path, *words: str, before: Sequence[str] = (), **variables: str
) -> subprocess.CompletedProcess[str]:
    """Runs a program of the image in a new folder beside it, with the variables of the image."""
    work = app.parent / "work"
    work.mkdir(exist_ok=True)
    own = {name: value for name, value in dockerfile.environment().items() if "NUMBA" in name}
    own |= {"HOME": str(work), **variables}
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "RAY_"))}
    return subprocess.run(
        [*before, sys.executable, *words],
        cwd=work,
        env=kept | own,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_what_is_copied_is_there_and_is_sent() -> None:
    for step in dockerfile.steps():
        if step.word == "COPY" and not step.text.startswith("--from"):
            for source in step.words[:-1]:
                assert (ROOT / source).exists(), source
                assert dockerfile.sent(source), f"{source} is kept out by Dockerfile.dockerignore"


def test_nothing_else_is_sent() -> None:
    lines = dockerfile.IGNORED.read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    copied = [w for s in dockerfile.steps() if s.word == "COPY" for w in s.words[:-1]]
    assert {line[1:] for line in rules if line.startswith("!")} == {
        source for source in copied if not source.startswith(("--from", "/"))
    }


def test_the_packages_are_those_of_the_requirements() -> None:
    installs = [step.text for step in dockerfile.steps() if "pip install" in step.text]
    assert len(installs) == 1
    files = re.findall(r"--requirement /requirements/(\S+)", installs[0])
    assert files == ["requirements.txt", "requirements-cluster.txt"]
    assert not re.search(
        r"\b(apt-get|curl|wget|git)\b", " ".join(s.text for s in dockerfile.steps())
    )


def test_nobody_is_root() -> None:
    users = [step.text for step in dockerfile.last_stage() if step.word == "USER"]
    assert users[-1].isdecimal()  # a name could not be checked against runAsNonRoot
    assert int(users[-1]) > 0
    after = dockerfile.last_stage()
    position = max(i for i, step in enumerate(after) if step.word == "USER")
    assert [step.word for step in after[position + 1 :] if step.word in ("RUN", "COPY")] == []


def test_no_credentials_are_in_the_image() -> None:
    assert not [name for name in dockerfile.environment() if re.search("KEY|SECRET|TOKEN", name)]
    assert not [step for step in dockerfile.steps() if step.word == "ARG"]


def test_the_program_trains_with_nothing_but_the_image(app: Path) -> None:
    # Uncompiled, for the compiler alone takes minutes; the slow test has it compiled.
    done = run(
        app,
        *("-c", RUN, str(app / "main.py"), "--fresh", "--iterations", "1", *SMALL),
        *("--set", "evaluation.every=null", "--set", "env.num_layouts=2"),
        *("--set", "ray.num_envs_per_env_runner=2", "--set", "ppo.minibatch_size=64"),
        NUMBA_DISABLE_JIT="1",
    )
    assert done.returncode == 0, done.stderr
    assert (app.parent / "work" / "checkpoints" / "checkpoint_000001").is_dir()
    modules = done.stdout.partition("FROM\n")[2].splitlines()
    assert len(modules) > 50
    assert [name for name in modules if not name.startswith(f"{app}/")] == []


@pytest.mark.parametrize("script", ["main", "continue_training", "list_checkpoints", "demo_model"])
def test_every_program_of_the_image_starts(app: Path, script: str) -> None:
    done = run(app, str(app / f"{script}.py"), "--help")
    assert done.returncode == 0, done.stderr


@pytest.fixture
def without_network() -> list[str]:
    """What runs a command without any network but its own loopback."""
    command = ["unshare", "--map-root-user", "--net"]
    if shutil.which("unshare") is None or subprocess.run([*command, "true"]).returncode:
        pytest.skip("unshare cannot take the network away here: util-linux and user namespaces")
    return command


@pytest.mark.slow
@pytest.mark.timeout(900)  # to compile them takes two minutes of a core
def test_the_kernels_of_the_image_serve_without_compiler_and_network(
    app: Path, without_network: list[str]
) -> None:
    script = app / "deploy" / "compile_kernels.sh"
    variables = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    own = {n: v for n, v in dockerfile.environment().items() if n.startswith("NUMBA")}
    own |= {"APP": str(app), **variables}
    subprocess.run(["bash", str(script)], env={**os.environ, **own}, check=True)
    for path in app.rglob("*.py"):  # as the layers of an image do, which keep whole seconds
        os.utime(path, (946684800, 946684800))
    for level in ("L0", "L1", "L3", "Q"):
        words = ("--checkpoint-dir", level, "--set", f"env.level={level}", "--iterations", "1")
        done = run(app, str(app / "main.py"), *words, *SMALL, before=without_network)
        assert done.returncode == 0, done.stderr
        assert "compiling" not in done.stdout
