"""The folder `training_state/` of a checkpoint: what RLlib does not save, in arrays and JSON.

training_state/state.json            counters, KL coefficients, random streams, schedules
training_state/worlds_<runner>.npz   the worlds of one runner, in mid-episode
training_state/opponents.npz         the earlier policies that are opponents (see `OpponentsState`)
training_state/episodes.npz          the window behind the reported means
training_state/history.json          rows and hash of the history (see `HistoryRecord`)
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from trainer.checkpoints.errors import CheckpointError
from trainer.checkpoints.safe_io import safe_json
from trainer.checkpoints.safe_io.plain_values import finite, mapping, sequence, whole
from trainer.config.types import TEAMS
from trainer.ppo.progress import COUNTERS
from trainer.run.saved_state.opponents_state import (
    LARGEST_DEVIATION,
    LARGEST_RATING,
    OPPONENTS,
    OPPONENTS_FILE,
    OpponentsState,
)
from trainer.run.saved_state.plain_arrays import MAX_FILE, read_npz
from trainer.run.saved_state.schedule_checks import check_schedule_state

STATE_FILE = "state.json"
EPISODES_FILE = "episodes.npz"
FORMAT = 1
_MAX_TEXT = 500
_MAX_BYTES = 8 * 2**20  # 1024 runners with some 400 bytes each, and learners with 20 KB
_MAX_RUNNERS = 1_025
_MAX_LEARNERS = 256
_ROOM = 2**20  # bytes, for the headers
_MAX_WORLDS = 2**29  # bytes of all runners together: a world has some hundred


@dataclass(frozen=True)
class TrainingState:
    """Everything needed to resume exactly, in addition to RLlib's own files.

    Attributes:
        worlds: arrays by runner index.
        values: plain values of runners and learners (see `TeamPPO.get_training_state`).
        progress: counters (see `Progress.counters`).
        episodes: arrays of the episode window; none in `without_worlds`.
        schedules: state of the schedules (see `Scheduler.state`); None in older checkpoints.
        ratings: of the policies by team, mean and deviation; none before the first evaluation.
        opponents: the earlier policies; None if there are none. `read` leaves them out, since it
            does not know their networks.
    """

    worlds: dict[str, dict[str, np.ndarray]]
    values: dict[str, Any]
    progress: dict[str, Any]
    episodes: dict[str, np.ndarray]
    schedules: dict[str, Any] | None = None
    ratings: dict[str, list[float]] = field(default_factory=dict)
    opponents: OpponentsState | None = None

    def without_worlds(self) -> TrainingState:
        """The same without worlds and episodes; new worlds are drawn from the saved streams."""
        return replace(self, worlds={}, episodes={}, values=self._with_runners(started=False))

    def without_streams(self) -> TrainingState:
        """The same without random streams: sampling and shuffling start anew from the seed."""
        learners = [{**learner, "generators": None} for learner in self.values["learners"]]
        values = {**self._with_runners(random=None), "learners": learners}
        opponents = None if self.opponents is None else self.opponents.without_stream()
        return replace(self, values=values, opponents=opponents)

    def _with_runners(self, **changes: Any) -> dict[str, Any]:
        runners = {key: {**runner, **changes} for key, runner in self.values["runners"].items()}
        return {**self.values, "runners": runners}

    def write(self, folder: Path) -> None:
        """Writes the files that `read` reads.

        Raises:
            CheckpointError: the worlds are too large to be read back.
        """
        folder.mkdir(parents=True, exist_ok=True)
        sizes = [
            sum(np.asarray(a).nbytes for a in arrays.values()) for arrays in self.worlds.values()
        ]
        for size, most in ((max(sizes, default=0), MAX_FILE), (sum(sizes), _MAX_WORLDS)):
            if size + _ROOM > most:
                raise CheckpointError(
                    f"cannot save: the state of the worlds has {size} bytes, more than {most}; "
                    "lower ray.num_envs_per_env_runner, or keep less in get_state"
                )
        for index, arrays in self.worlds.items():
            _save_arrays(folder / f"worlds_{index}.npz", arrays)
        _save_arrays(folder / EPISODES_FILE, self.episodes)
        state = {
            "format": FORMAT,
            "runners_with_worlds": sorted(self.worlds),
            "progress": self.progress,
            "schedules": self.schedules,
            "ratings": self.ratings,
            **self.values,
        }
        if self.opponents is not None:
            _save_arrays(folder / OPPONENTS_FILE, self.opponents.arrays())
            state[OPPONENTS] = self.opponents.values()
        (folder / STATE_FILE).write_text(json.dumps(state, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path, values: dict[str, Any]) -> TrainingState:
        """The state that `write` saved; `values` are those of `read_values`.

        Raises OSError or ValueError. `check_training_state` checks whether the values make sense.
        """
        return cls(
            worlds=_read_worlds(folder, values["runners_with_worlds"]),
            values={"runners": values["runners"], "learners": values["learners"]},
            progress=values["progress"],
            episodes=read_npz(folder / EPISODES_FILE),
            schedules=values.get("schedules"),
            ratings=values.get("ratings", {}),
        )


def read_values(folder: Path, teams: tuple[str, ...] = TEAMS) -> dict[str, Any]:
    """The plain values of the folder, without its arrays. Raises OSError or ValueError."""
    try:
        state = safe_json.read(folder / STATE_FILE, _MAX_BYTES)
        if state.get("format") != FORMAT:
            given = safe_json.shown(state.get("format"))
            raise ValueError(f"format {given}; this version reads {FORMAT}")
        _check_counters(state, teams)
    except ValueError as error:
        raise ValueError(f"{STATE_FILE}: {error}") from None
    return state


def _read_worlds(folder: Path, runners: list[str]) -> dict[str, dict[str, np.ndarray]]:
    paths = {index: folder / f"worlds_{index}.npz" for index in runners}
    if (total := sum(path.stat().st_size for path in paths.values())) > _MAX_WORLDS:
        raise ValueError(f"the worlds have {total} bytes, more than {_MAX_WORLDS}")
    return {index: read_npz(path) for index, path in paths.items()}


def _check_counters(state: dict[str, Any], teams: tuple[str, ...]) -> None:
    progress = mapping(state.get("progress"), "progress")
    for name in COUNTERS:
        if name == "time_total_s":
            finite(progress.get(name), name, 0.0)
        else:
            whole(progress.get(name), name)
    for policy_id, text in mapping(progress.get("collapsed", {}), "collapsed").items():
        if not isinstance(text, str) or len(text) > _MAX_TEXT or not text.isprintable():
            raise ValueError(f"collapsed.{safe_json.shown(policy_id)} is no line of text")
    if state.get("schedules") is not None:
        check_schedule_state(state["schedules"], progress["iteration"], teams)
    for team, rating in mapping(state.get("ratings", {}), "ratings").items():
        where = f"ratings.{safe_json.shown(team)}"
        if team not in teams or len(sequence(rating, where)) != 2:
            raise ValueError(f"{where} is no mean and deviation of a team")
        finite(rating[0], where, -LARGEST_RATING, LARGEST_RATING)
        finite(rating[1], where, 0.0, LARGEST_DEVIATION)
    runners = mapping(state.get("runners"), "runners")
    for index in runners:
        if not (index.isdecimal() and len(index) < 6):
            raise ValueError(f"{safe_json.shown(index)} is no number of a runner")
    if len(runners) > _MAX_RUNNERS:
        raise ValueError(f"{len(runners)} runners are more than {_MAX_RUNNERS}")
    seen: set[str] = set()
    for index in sequence(state.get("runners_with_worlds"), "runners_with_worlds"):
        if not isinstance(index, str) or index not in runners:
            raise ValueError(f"worlds of an unknown runner {safe_json.shown(index)}")
        if index in seen:
            raise ValueError(f"worlds of runner {index} twice")
        seen.add(index)
    if not 1 <= (count := len(sequence(state.get("learners"), "learners"))) <= _MAX_LEARNERS:
        raise ValueError(f"there are {count} learners" if count else "there is no learner")


def _save_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    with path.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
