"""What a run begins with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from trainer.config.record import ConfigFile


@dataclass(frozen=True)
class RunStart:
    """What a run begins with; nothing at all for a fresh one.

    Attributes:
        restore_path: the checkpoint to go on from.
        warmstart: for a new run, the checkpoint whose network a policy starts with.
        mlflow_run_id: the MLflow run to go on with; None: the checkpoint's, or a new one.
        config_file: the configuration file, to be recorded; by default that there is none.
        carry_schedules: whether schedules that only the checkpoint knows go on; not where the
            configuration has them already.
        damaged: newer checkpoints that could not be gone on from; they move out of the way.
    """

    restore_path: Path | None = None
    warmstart: Mapping[str, Path] = field(default_factory=dict)
    mlflow_run_id: str | None = None
    config_file: ConfigFile = ConfigFile(named=True)  # noqa: RUF009 - immutable
    carry_schedules: bool = True
    damaged: tuple[Path, ...] = ()

    @property
    def sources(self) -> list[Path]:
        """Every checkpoint that the run builds on."""
        found = [self.restore_path] if self.restore_path is not None else []
        return [*found, *dict.fromkeys(self.warmstart.values())]
