"""What a run begins with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class RunStart:
    """What a run begins with; nothing at all for a fresh one.

    Attributes:
        restore_path: the checkpoint to go on from.
        warmstart: for a new run, the checkpoint whose network a policy starts with.
        mlflow_run_id: the MLflow run to go on with; None: the checkpoint's, or a new one.
    """

    restore_path: Path | None = None
    warmstart: Mapping[str, Path] = field(default_factory=dict)
    mlflow_run_id: str | None = None

    @property
    def sources(self) -> list[Path]:
        """Every checkpoint that the run builds on."""
        found = [self.restore_path] if self.restore_path is not None else []
        return [*found, *dict.fromkeys(self.warmstart.values())]
