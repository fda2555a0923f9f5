"""The manifests of deploy/, as they lie there and as kustomize renders them."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
RAYJOB = DEPLOY / "job" / "rayjob.yaml"
RAYCLUSTER = DEPLOY / "cluster" / "raycluster.yaml"
MINIO = DEPLOY / "store" / "minio" / "minio.yaml"
MANIFESTS = (RAYJOB, RAYCLUSTER, MINIO)
OVERLAYS = sorted(path.name for path in (DEPLOY / "overlays").iterdir())
KEYS = {"AWS_ACCESS_KEY_ID": "a-key", "AWS_SECRET_ACCESS_KEY": "a-secret-of-the-test"}


def load(path: Path) -> list[dict[str, Any]]:
    """The documents of a file."""
    return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))


def copy_with_keys(target: Path) -> Path:
    """A copy of deploy/ in which somebody has filled in the credentials."""
    copy = target / "deploy"
    ignored = shutil.ignore_patterns("credentials.env")
    shutil.copytree(DEPLOY, copy, ignore=ignored)
    lines = "".join(f"{name}={value}\n" for name, value in KEYS.items())
    for example in copy.rglob("credentials.env.example"):
        example.with_name("credentials.env").write_text(lines, encoding="utf-8")
    return copy


def no_kustomize() -> str:
    """Why nothing can render the overlays here; empty: kubectl can."""
    if shutil.which("kubectl") is None:
        return "kubectl is not installed: nothing renders the overlays of deploy/"
    command = ["kubectl", "version", "--client", "--output=json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        found = json.loads(done.stdout)["kustomizeVersion"]
        major = int(found.lstrip("v").partition(".")[0])
    except (ValueError, KeyError):  # before kubectl 1.24 it does not say, and is too old
        return "kubectl is too old to render the overlays of deploy/: 1.24 is needed"
    return "" if major >= 4 else f"kustomize {found} is too old to render the overlays of deploy/"


def render(folder: Path) -> subprocess.CompletedProcess[str]:
    """What `kubectl kustomize` makes of a folder."""
    return subprocess.run(
        ["kubectl", "kustomize", str(folder)], capture_output=True, text=True, check=False
    )


def pods(item: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every pod template that an object of Kubernetes or KubeRay holds."""
    spec = item.get("spec", {})
    cluster = spec if item["kind"] == "RayCluster" else spec.get("rayClusterSpec", {})
    if cluster:
        yield cluster["headGroupSpec"]["template"]
        yield from (group["template"] for group in cluster["workerGroupSpecs"])
    elif "template" in spec:
        yield spec["template"]


def containers(item: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The containers of all its pods."""
    for pod in pods(item):
        yield from pod["spec"]["containers"]
