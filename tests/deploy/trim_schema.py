"""Makes kuberay_schema.json, what KubeRay's own schema says of the fields that deploy/ uses.

    python -m tests.deploy.trim_schema v1.7.0 ray.io_rayjobs.yaml

The file is KubeRay's, of its release, from ray-operator/config/crd/bases/. Run it again after a
field is used that was not, or for another release. The whole file has 25,000 lines, most of them
Kubernetes' own fields of a pod.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml

from tests.deploy.manifests import MINIO, RAYCLUSTER, RAYJOB, load, pods

SCHEMA = Path(__file__).with_name("kuberay_schema.json")
_KEPT = ("type", "enum", "pattern", "minimum", "maximum", "minItems", "required", "anyOf")


def trimmed(schema: dict[str, Any], used: list[Any]) -> dict[str, Any]:
    """The part of a schema that values meet; a field that none of them has is left out.

    Args:
        schema: of Kubernetes' kind: JSON schema with extensions.
        used: all values that stand in its place.
    """
    kept = {key: schema[key] for key in _KEPT if key in schema}
    if "properties" in schema:
        values = [value for value in used if isinstance(value, dict)]
        names = sorted({name for value in values for name in value})
        unknown = [name for name in names if name not in schema["properties"]]
        if unknown:
            raise SystemExit(f"KubeRay does not know {', '.join(unknown)}")
        kept["properties"] = {
            name: trimmed(
                schema["properties"][name], [value[name] for value in values if name in value]
            )
            for name in names
        }
        kept["additionalProperties"] = False
    elif isinstance(schema.get("additionalProperties"), dict):
        inner = [item for value in used if isinstance(value, dict) for item in value.values()]
        kept["additionalProperties"] = trimmed(schema["additionalProperties"], inner)
    if "items" in schema:
        inner = [item for value in used if isinstance(value, list) for item in value]
        kept["items"] = trimmed(schema["items"], inner)
    return kept


def main(release: str, file: str) -> None:
    """Writes the schema of a RayJob, which has that of a RayCluster and of a pod in it."""
    definition = yaml.safe_load(Path(file).read_text(encoding="utf-8"))["spec"]
    (version,) = (item for item in definition["versions"] if item["name"] == "v1")
    (job,) = load(RAYJOB)
    (cluster,) = load(RAYCLUSTER)
    groups = [{"template": pod} for item in load(MINIO) for pod in pods(item)]
    used = [job["spec"], *({"rayClusterSpec": spec} for spec in (cluster["spec"],))]
    used.append({"rayClusterSpec": {"workerGroupSpecs": groups}})
    spec = trimmed(version["schema"]["openAPIV3Schema"]["properties"]["spec"], used)
    source = (
        f"https://github.com/ray-project/kuberay/blob/{release}/ray-operator/config/crd/bases/"
        "ray.io_rayjobs.yaml, trimmed by tests/deploy/trim_schema.py"
    )
    text = json.dumps({"source": source, "RayJob": spec}, indent=1, sort_keys=True)
    SCHEMA.write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
