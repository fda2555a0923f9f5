"""What a checkpoint of a run consists of."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from envs.hide_and_seek.curriculum import Curriculum
from trainer.checkpoints import layout, metadata
from trainer.checkpoints.manager import CheckpointManager
from trainer.checkpoints.safe_io import safe_yaml
from trainer.checkpoints.safe_io.redaction import redacted_values
from trainer.checkpoints.staging import StagedCheckpoint
from trainer.config.device import device_of
from trainer.config.engine import engine_of
from trainer.config.schema import Config
from trainer.ppo.policy_files import save_policy
from trainer.reporting.history.record import RECORD_PART, HistoryRecord
from trainer.reporting.metrics import Row
from trainer.run.identity import RunIdentity, RunOrigin
from trainer.run.restore import training_state
from trainer.schedules.scheduler import STAGE

if TYPE_CHECKING:
    from trainer.ppo.algorithm import TeamPPO


@dataclass(frozen=True)
class Snapshot:
    """The parts of a checkpoint, written as the training is at that moment.

    Attributes:
        trainer: writes RLlib's own files; its networks, counters and streams are further parts.
        config: the resolved configuration.
        identity: of the run.
        origin: holds the configuration file that is recorded.
    """

    trainer: TeamPPO
    config: Config
    identity: RunIdentity
    origin: RunOrigin

    def stage(
        self,
        manager: CheckpointManager,
        row: Row,
        record: HistoryRecord,
        *,
        final: bool = False,
    ) -> StagedCheckpoint:
        """Writes a checkpoint that only its commit makes visible.

        Args:
            manager: stages it.
            row: the metrics row of the iteration.
            record: of the history up to there.
            final: whether it is tagged as the end of the planned run.

        Raises:
            CheckpointWriteFailed: the disk refuses it.
        """
        progress, game = self.trainer.progress, self.config.played
        rewards = (f"{team}_reward" for team in game.team_sizes)
        keys = dict.fromkeys((*metadata.METRIC_KEYS, *rewards, *game.metrics))
        return manager.stage(
            self.trainer,
            iteration=int(row["iteration"]),
            metadata={
                **{key: row[key] for key in keys if key in row},
                **{key: row[key] for key in row if is_measured(row, key)},
                metadata.AVERAGED: len(progress.window),
                "warnings": progress.collapse.warnings,
                "seed": self.config.train.seed,
                "torch_threads": self.config.train.threads,
                "engine": engine_of(self.config),
                "device": device_of(self.config),
                "critic": {team: self.config.ppo.team(team).critic for team in game.team_sizes},
                **self._stage(),
                **self.identity.metadata(),
            },
            writers={
                layout.POLICIES: self._write_policies,
                layout.TRAINING_STATE: training_state(self.trainer).write,
                RECORD_PART: record.write,
                layout.CONFIG: self._write_config,
                layout.CONFIG_FILE: self.origin.config_file.write,
            },
            tags=("final",) if final else (),
        )

    def _stage(self) -> dict[str, Any]:
        """The stage of the curriculum that comes next, and its level; empty: there is none."""
        curriculum: Curriculum | None = getattr(self.config.played, "curriculum", None)
        if curriculum is None:
            return {}
        stage = round(self.trainer.schedules.values()[STAGE])
        return {"stage": stage, "level": curriculum.levels[stage]}

    def _write_policies(self, folder: Path) -> None:
        for policy_id, network in self.trainer.networks().items():
            save_policy(network, folder / policy_id)

    def _write_config(self, path: Path) -> None:
        path.write_text(safe_yaml.dump(shown_config(self.config)), encoding="utf-8")


def is_measured(row: Row, key: str) -> bool:
    """Whether a number of a row is one that an evaluation of its policies has given."""
    return key.startswith(metadata.EVALUATION) and not math.isnan(row[key])


def shown_config(config: Config) -> dict[str, Any]:
    """The configuration without the credentials that a URL may hold."""
    values: dict[str, Any] = redacted_values(config.to_dict())
    return values
