"""compose.yaml is well formed, and its services fit each other."""

from __future__ import annotations

import json
import re
import shlex

import pytest

from tests.deploy import compose
from tests.deploy.manifests import DEPLOY, RAYCLUSTER, RAYJOB, load
from trainer.config.schema import Config
from trainer.run.memory_check import rollout_bytes


def test_the_file_has_the_fields_of_the_format() -> None:
    compose.File.model_validate(compose.read())


def test_what_services_name_is_there() -> None:
    found = compose.services()
    volumes = set(compose.read()["volumes"])
    for service in found.values():
        assert set(service.get("depends_on", {})) <= set(found)
        assert {v.partition(":")[0] for v in service.get("volumes", ())} <= volumes
        if "build" in service:
            context = (DEPLOY / service["build"]["context"]).resolve()
            assert (context / service["build"]["dockerfile"]).samefile(DEPLOY / "Dockerfile")
        for name in service.get("env_file", ()):
            assert (DEPLOY / f"{name}.example").is_file()


def test_the_head_takes_no_runner_and_workers_find_it() -> None:
    found = compose.services()
    head, worker = (shlex.split(found[name]["command"]) for name in ("head", "worker"))
    assert {"ray", "start", "--head", "--num-cpus=0", "--port=6379"} <= set(head)
    assert {"--address=head:6379", "--num-cpus=1"} <= set(worker)
    assert not found["worker"]["env_file"]


@pytest.mark.parametrize(("name", "runners"), [("head", 25), ("worker", 2)])
def test_an_object_store_fits_into_shared_memory_and_rollouts_into_it(
    name: str, runners: int
) -> None:
    service = compose.services()[name]
    (store,) = re.findall(r"--object-store-memory=(\d+)", service["command"])
    (gigabytes,) = re.findall(r"(\d+)gb", service["shm_size"])
    # Of a worker two: the next may come before Ray has let go of the last.
    assert runners * rollout_bytes(Config()) < int(store) < 0.95 * int(gigabytes) * 2**30
    if name == "head":
        (job,), (cluster,) = load(RAYJOB), load(RAYCLUSTER)
        for spec in (job["spec"]["rayClusterSpec"], cluster["spec"]):
            head = spec["headGroupSpec"]
            (container,) = head["template"]["spec"]["containers"]
            memory = int(container["resources"]["limits"]["memory"].removesuffix("Gi")) * 2**30
            asked = int(head["rayStartParams"]["object-store-memory"])
            # The batch itself, once more outside the store, and the program.
            assert asked == int(store)
            assert asked + 25 * rollout_bytes(Config()) + 2 * 2**30 < memory


def test_only_this_machine_reaches_the_dashboard() -> None:
    published = [p for service in compose.services().values() for p in service.get("ports", ())]
    assert published == ["127.0.0.1:8265:8265"]


def test_the_job_hands_on_what_the_shell_has_set() -> None:
    words = shlex.split(compose.services()["train"]["command"])
    environment = json.loads(words[words.index("--runtime-env-json") + 1])["env_vars"]
    assert environment == {
        "RESTORE_CHECKPOINT": "${RESTORE_CHECKPOINT:-}",
        "RAY_WORKERS": "${RAY_WORKERS:-2}",
    }
