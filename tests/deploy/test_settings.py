"""Versions, variables and arguments in deploy/ are those of the program."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml
from numba.core import config as numba_config

from tests.deploy import compose, dockerfile
from tests.deploy.manifests import MANIFESTS, RAYCLUSTER, RAYJOB, ROOT, containers, load
from trainer.cluster.environment import QUIET
from trainer.commands.train.main import build_parser
from trainer.config.loading import apply_overrides
from trainer.config.schema import Config
from trainer.project import VERSION

IMAGE = f"hide-and-seek-trainer:{VERSION}"
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
OTHERS = {
    # The SDK of Amazon in pyarrow
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"),
    *("MINIO_ROOT_USER", "MINIO_ROOT_PASSWORD"),
    *("PIP_DISABLE_PIP_VERSION_CHECK", "PIP_NO_CACHE_DIR", "PYTHONUNBUFFERED", "HOME"),
}
"""Variables of other programs, as their manuals name them."""


def pinned(package: str) -> str:
    """The version of a package in requirements.txt."""
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    (version,) = re.findall(rf"(?m)^{package}(?:\[[a-z,]+\])?==(\S+)$", text)
    return str(version)


def test_ray_is_that_of_the_requirements() -> None:
    (job,), (cluster,) = load(RAYJOB), load(RAYCLUSTER)
    versions = {job["spec"]["rayClusterSpec"]["rayVersion"], cluster["spec"]["rayVersion"]}
    assert versions == {pinned("ray")}


def test_python_is_one_that_the_project_is_checked_with() -> None:
    bases = [step.words for step in dockerfile.steps() if step.word == "FROM"]
    (image,) = (word for words in bases for word in words if word.startswith("python:"))
    found = re.fullmatch(r"python:((\d+\.\d+)\.\d+)-slim-[a-z]+", image)
    assert found
    assert found[2] == PYPROJECT["tool"]["mypy"]["python_version"]
    assert PYPROJECT["project"]["requires-python"] == f">={found[2]}"


def images() -> list[str]:
    found = [c["image"] for path in MANIFESTS for i in load(path) for c in containers(i)]
    return [*found, *(service["image"] for service in compose.services().values())]


def test_every_image_is_of_one_version() -> None:
    assert {name for name in images() if name.startswith("hide-and-seek")} == {IMAGE}
    assert [name for name in images() if ":" not in name or name.endswith(":latest")] == []
    bases = [step.words for step in dockerfile.steps() if step.word == "FROM"]
    stages = {words[-1] for words in bases}
    for words in bases:
        (base,) = (w for w in words[:-2] if not w.startswith("--"))
        assert base in stages or ":" in base
    assert f"--tag {IMAGE}" in dockerfile.DOCKERFILE.read_text(encoding="utf-8")


def variables() -> Iterator[tuple[str, str]]:
    """Every variable that deploy/ sets, with its place."""
    yield from ((name, "Dockerfile") for name in dockerfile.environment())
    for path in MANIFESTS:
        for item in load(path):
            for container in containers(item):
                yield from ((variable["name"], path.name) for variable in container.get("env", ()))
            runtime = item.get("spec", {}).get("runtimeEnvYAML")
            if runtime:
                yield from ((name, path.name) for name in yaml.safe_load(runtime)["env_vars"])
    for path in sorted(ROOT.glob("deploy/store/*/kustomization.yaml")):
        for (item,) in (load(path),):
            literals = [text for made in item["configMapGenerator"] for text in made["literals"]]
            yield from ((text.partition("=")[0], path.parent.name) for text in literals)
    for path in sorted(ROOT.glob("deploy/**/credentials.env.example")):
        for line in path.read_text(encoding="utf-8").splitlines():
            if not line.startswith("#"):
                yield line.partition("=")[0], path.parent.name
    for name, service in compose.services().items():
        yield from ((variable, name) for variable in service.get("environment", {}))


def mentioned(folder: Path, names: set[str]) -> set[str]:
    """Those of the names that a source in the folder has as a text."""
    sources = (path.read_text(encoding="utf-8", errors="ignore") for path in folder.rglob("*.py"))
    found: set[str] = set()
    for text in sources:
        found |= {name for name in names - found if f'"{name}"' in text or f"'{name}'" in text}
    return found


def test_every_variable_is_read_by_somebody() -> None:
    names = {name for name, _ in variables()}
    assert {"RESTORE_CHECKPOINT", "RAY_WORKERS", "AWS_ENDPOINT_URL", "NUMBA_CPU_NAME"} <= names
    spec = find_spec("ray")
    assert spec is not None
    assert spec.submodule_search_locations
    ray = Path(spec.submodule_search_locations[0])
    known = OTHERS | mentioned(ROOT / "trainer", names)
    known |= mentioned(ray / "_common", names) | mentioned(ray / "dashboard", names)
    known |= {n for n in names if hasattr(numba_config, n.removeprefix("NUMBA_")) and "NUMBA" in n}
    unknown = sorted({(name, place) for name, place in variables() if name not in known})
    assert unknown == []


def entrypoints() -> list[str]:
    (job,) = load(RAYJOB)
    shell = compose.services()["train"]["command"]
    return [job["spec"]["entrypoint"], shell.partition(" -- ")[2]]


@pytest.mark.parametrize("entrypoint", entrypoints(), ids=["rayjob", "compose"])
def test_the_entrypoint_is_taken_by_the_program(entrypoint: str) -> None:
    # KubeRay hands it through a shell, and Ray through a second one: no quotes survive.
    assert re.fullmatch(r"[\w ./:=-]+", entrypoint.strip())
    python, script, *words = shlex.split(entrypoint)
    assert (python, script) == ("python", "/app/main.py")
    args = build_parser().parse_args(words)
    config = apply_overrides(Config().model_dump(mode="json", by_alias=True), args.overrides)
    assert args.checkpoint_dir.startswith("s3://hide-and-seek/")
    assert config.tracking.tensorboard_dir is None  # a pod's disk is nobody's


def test_the_learner_has_the_cores_of_the_head() -> None:
    (job,) = load(RAYJOB)
    words = shlex.split(job["spec"]["entrypoint"])[2:]
    overrides = build_parser().parse_args(words).overrides
    head, *_ = containers(job)
    assert f"train.torch_threads={head['resources']['limits']['cpu']}" in overrides


def test_the_environment_of_the_job_does_not_clash_with_the_program() -> None:
    from ray.runtime_env import RuntimeEnv

    (job,) = load(RAYJOB)
    given = yaml.safe_load(job["spec"]["runtimeEnvYAML"])
    RuntimeEnv(**given)  # refuses what Ray does not know
    # A variable that both the job and ray.init name is an error of Ray's.
    assert not {*given["env_vars"]} & {*QUIET, "PYTHONPATH"}
