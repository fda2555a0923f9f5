"""What Kubernetes and KubeRay take: each kind that deploy/ uses, and no fields but these."""

from __future__ import annotations

import json
from typing import Any

from tests.deploy.trim_schema import SCHEMA

RAYJOB: dict[str, Any] = json.loads(SCHEMA.read_text(encoding="utf-8"))["RayJob"]
RAYCLUSTER: dict[str, Any] = RAYJOB["properties"]["rayClusterSpec"]
POD: dict[str, Any] = RAYCLUSTER["properties"]["workerGroupSpecs"]["items"]["properties"][
    "template"
]
_TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}
_COUNT = {"type": "integer", "minimum": 0}


def closed(required: str = "", **properties: Any) -> dict[str, Any]:
    """An object with these fields and no others; `required` names some of them."""
    return {
        "type": "object",
        "properties": properties,
        "required": required.split(),
        "additionalProperties": False,
    }


_META = closed("name", name={"type": "string", "pattern": "^[a-z0-9-]{1,63}$"}, labels=_TEXTS)
_PORT = closed(
    "name port targetPort", name={"type": "string"}, port=_COUNT, targetPort={"type": "integer"}
)
_DISK = closed(
    "accessModes resources",
    accessModes={"type": "array", "items": {"enum": ["ReadWriteOnce", "ReadWriteMany"]}},
    resources=closed("requests", requests=closed("storage", storage={"type": "string"})),
)
_DEPLOYMENT = closed(
    "selector template",
    replicas=_COUNT,
    strategy=closed("type", type={"enum": ["Recreate", "RollingUpdate"]}),
    selector=closed("matchLabels", matchLabels=_TEXTS),
    template=POD,
)
_JOB = closed("template", backoffLimit=_COUNT, ttlSecondsAfterFinished=_COUNT, template=POD)
_SERVICE = closed("selector ports", selector=_TEXTS, ports={"type": "array", "items": _PORT})


def _kind(version: str, kind: str, **body: Any) -> dict[str, Any]:
    return closed(
        " ".join(("apiVersion", "kind", "metadata", *body)),
        apiVersion={"const": version},
        kind={"const": kind},
        metadata=_META,
        **body,
    )


KINDS = {
    "RayJob": _kind("ray.io/v1", "RayJob", spec=RAYJOB),
    "RayCluster": _kind("ray.io/v1", "RayCluster", spec=RAYCLUSTER),
    "Deployment": _kind("apps/v1", "Deployment", spec=_DEPLOYMENT),
    "Job": _kind("batch/v1", "Job", spec=_JOB),
    "Service": _kind("v1", "Service", spec=_SERVICE),
    "PersistentVolumeClaim": _kind("v1", "PersistentVolumeClaim", spec=_DISK),
    "ConfigMap": _kind("v1", "ConfigMap", data=_TEXTS),
    "Secret": closed(
        "apiVersion kind metadata data",
        apiVersion={"const": "v1"},
        kind={"const": "Secret"},
        metadata=_META,
        type={"const": "Opaque"},
        data=_TEXTS,
    ),
}
