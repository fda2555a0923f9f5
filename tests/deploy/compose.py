"""compose.yaml with its anchors resolved, and what the format takes of the fields used there."""

from __future__ import annotations

from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

from tests.deploy.manifests import DEPLOY

COMPOSE = DEPLOY / "compose.yaml"
SOURCE = "https://github.com/compose-spec/compose-spec, schema/compose-spec.json"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Build(_Strict):
    context: str
    dockerfile: str


class Healthcheck(_Strict):
    test: list[str]
    interval: str
    timeout: str
    retries: int


class Dependency(_Strict):
    condition: Literal["service_started", "service_healthy", "service_completed_successfully"]


class Service(_Strict):
    image: str
    build: Build | None = None
    entrypoint: list[str] | None = None
    command: str | list[str] | None = None
    environment: dict[str, str] = Field(default_factory=dict)
    env_file: list[str] = Field(default_factory=list)
    ports: list[str] = Field(default_factory=list)
    volumes: list[str] = Field(default_factory=list)
    profiles: list[str] = Field(default_factory=list)
    security_opt: list[str] = Field(default_factory=list)
    cap_drop: list[str] = Field(default_factory=list)
    depends_on: dict[str, Dependency] = Field(default_factory=dict)
    healthcheck: Healthcheck | None = None
    restart: Literal["no", "always", "on-failure", "unless-stopped"] | None = None
    scale: int | None = None
    shm_size: str | None = None
    stop_grace_period: str | None = None


class File(_Strict):
    name: str
    services: dict[str, Service]
    volumes: dict[str, None]


def read() -> dict[str, Any]:
    """The file without its extension fields (x-...)."""
    found = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
    return {key: value for key, value in found.items() if not key.startswith("x-")}


def services() -> dict[str, dict[str, Any]]:
    """The services by name."""
    found: dict[str, dict[str, Any]] = read()["services"]
    return found
