"""The manifests of Kubernetes are what KubeRay and Kubernetes take, as files and rendered."""

from __future__ import annotations

import base64
import copy
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.deploy.manifests import (
    DEPLOY,
    KEYS,
    MANIFESTS,
    OVERLAYS,
    RAYCLUSTER,
    RAYJOB,
    ROOT,
    containers,
    copy_with_keys,
    load,
    no_kustomize,
    pods,
    render,
)
from tests.deploy.schemas import KINDS

needs_kubectl = pytest.mark.skipif(bool(LACK := no_kustomize()), reason=LACK)


def faults(item: dict[str, Any]) -> list[str]:
    """What the schema of its kind says against an object."""
    validator = jsonschema.Draft202012Validator(KINDS[item["kind"]])
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(item)]


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """Every overlay, after somebody has filled in the credentials."""
    home = copy_with_keys(tmp_path_factory.mktemp("rendered"))
    found = {}
    for name in OVERLAYS:
        done = render(home / "overlays" / name)
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""  # kustomize tells of what it will no longer take
        found[name] = list(yaml.safe_load_all(done.stdout))
    return found


def job() -> dict[str, Any]:
    (found,) = load(RAYJOB)
    return found


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_the_files_fit_the_schema(path: Path) -> None:
    assert [fault for item in load(path) for fault in faults(item)] == []


def test_unknown_fields_and_wrong_values_are_found() -> None:
    def broken(change: Any) -> list[str]:
        item = copy.deepcopy(job())
        change(item["spec"], item["spec"]["rayClusterSpec"])
        return faults(item)

    assert broken(lambda spec, cluster: None) == []
    assert broken(lambda spec, cluster: spec.update(backOffLimit=3))
    assert broken(lambda spec, cluster: spec.update(backoffLimit="3"))
    assert broken(lambda spec, cluster: spec.update(submissionMode=1))
    assert broken(lambda spec, cluster: cluster.update(enableInTreeAutoscaler=True))
    assert broken(lambda spec, cluster: cluster["autoscalerOptions"].update(version="v3"))
    assert broken(lambda spec, cluster: cluster["headGroupSpec"].pop("template"))
    pod = "spec"
    assert broken(
        lambda spec, cluster: cluster["workerGroupSpecs"][0]["template"][pod].update(restart="x")
    )


@needs_kubectl
@pytest.mark.parametrize("name", OVERLAYS)
def test_the_overlays_fit_the_schema(name: str, rendered: dict[str, list[dict[str, Any]]]) -> None:
    items = rendered[name]
    assert [fault for item in items for fault in faults(item)] == []
    kind = {"job": "RayJob", "cluster": "RayCluster"}[name.partition("-")[0]]
    ray = [item for item in items if item["apiVersion"] == "ray.io/v1"]
    assert [item["kind"] for item in ray] == [kind]


@needs_kubectl
@pytest.mark.parametrize("name", OVERLAYS)
def test_what_the_pods_refer_to_is_in_the_overlay(
    name: str, rendered: dict[str, list[dict[str, Any]]]
) -> None:
    items = rendered[name]
    there = {(item["kind"], item["metadata"]["name"]): item for item in items}
    used = set()
    for item in items:
        for container in containers(item):
            for source in container.get("envFrom", ()):
                for field, kind in (("secretRef", "Secret"), ("configMapRef", "ConfigMap")):
                    if field in source:
                        used.add((kind, source[field]["name"]))
            for variable in container.get("env", ()):
                if "valueFrom" in variable:
                    reference = variable["valueFrom"]["secretKeyRef"]
                    assert reference["key"] in there["Secret", reference["name"]]["data"]
        for pod in pods(item):
            for volume in pod["spec"].get("volumes", ()):
                used.add(("PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]))
    assert used <= set(there)
    assert {pair for pair in used if pair[0] == "Secret"} == {
        ("Secret", "object-store-credentials")
    }
    data = there["Secret", "object-store-credentials"]["data"]
    assert {key: base64.b64decode(value).decode() for key, value in data.items()} == KEYS


@needs_kubectl
def test_an_overlay_without_credentials_is_not_rendered(tmp_path: Path) -> None:
    home = copy_with_keys(tmp_path)
    (home / "store" / "s3" / "credentials.env").unlink()
    done = render(home / "overlays" / "job-s3")
    assert done.returncode != 0
    assert "credentials.env" in done.stderr


@needs_kubectl
def test_the_image_of_all_pods_is_changed_in_one_place(tmp_path: Path) -> None:
    home = copy_with_keys(tmp_path)
    path = home / "overlays" / "job-minio" / "kustomization.yaml"
    text = path.read_text(encoding="utf-8")
    assert "# images:" in text
    path.write_text(text.replace("# images:", "images:").replace("#   ", "  "), encoding="utf-8")
    items = list(yaml.safe_load_all(render(path.parent).stdout))
    images = {container["image"] for item in items for container in containers(item)}
    assert len([name for name in images if name.startswith("registry.example.com/")]) == 1
    assert not [name for name in images if name.startswith("hide-and-seek")]


def test_no_credentials_are_committed() -> None:
    for example in DEPLOY.rglob("credentials.env.example"):
        lines = example.read_text(encoding="utf-8").splitlines()
        keys = [line for line in lines if not line.startswith("#")]
        assert sorted(keys) == sorted(f"{name}=" for name in KEYS)
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert "credentials.env" in ignored
    texts = [path.read_text(encoding="utf-8") for path in DEPLOY.rglob("*.yaml")]
    assert not [text for text in texts if re.search(r"(?m)^\s*(stringData|data):", text)]


def test_job_and_cluster_are_the_same_cluster() -> None:
    (cluster,) = load(RAYCLUSTER)
    assert job()["spec"]["rayClusterSpec"] == cluster["spec"]


def test_the_head_does_no_work_and_workers_scale() -> None:
    cluster = job()["spec"]["rayClusterSpec"]
    assert cluster["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    (group,) = cluster["workerGroupSpecs"]
    assert (group["minReplicas"], group["replicas"], group["maxReplicas"]) == (5, 5, 25)
    assert cluster["enableInTreeAutoscaling"] is True
    variables = yaml.safe_load(job()["spec"]["runtimeEnvYAML"])["env_vars"]
    runners = int(variables["RAY_WORKERS"]) // int(group["rayStartParams"]["num-cpus"])
    assert runners == group["replicas"]


def ray_pods() -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    for pod in pods(job()):
        yield pod["spec"], pod["spec"]["containers"][0]


def test_every_pod_of_ray_has_limits_probes_and_no_rights() -> None:
    for pod, container in ray_pods():
        assert pod["restartPolicy"] == "Never"  # the second autoscaler refuses every other one
        assert container["resources"]["requests"] == container["resources"]["limits"]
        assert {*container} >= {"livenessProbe", "readinessProbe"}
        for probe in (container["livenessProbe"], container["readinessProbe"]):
            assert probe["httpGet"] == {"path": "/api/healthz", "port": 52365}
    for item in [item for path in MANIFESTS for item in load(path)]:
        for pod in pods(item):
            assert pod["spec"]["securityContext"]["runAsNonRoot"] is True
        for container in containers(item):
            assert container["securityContext"]["allowPrivilegeEscalation"] is False
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_only_the_head_gets_the_keys_of_the_store() -> None:
    (head, worker) = (container for _, container in ray_pods())
    assert "envFrom" in head
    assert "envFrom" not in worker


def test_a_job_that_is_stopped_has_the_time_to_save() -> None:
    (pod, head), _ = ray_pods()
    (wait,) = (int(v["value"]) for v in head["env"] if v["name"] == "RAY_JOB_STOP_WAIT_TIME_S")
    assert 60 <= wait < pod["terminationGracePeriodSeconds"]


def test_a_finished_job_takes_its_cluster_down() -> None:
    spec = job()["spec"]
    assert spec["shutdownAfterJobFinishes"] is True
    assert spec["ttlSecondsAfterFinished"] > 0
    assert spec["activeDeadlineSeconds"] > 0
    assert spec["backoffLimit"] > 0
