"""The folder `training_state/` of a checkpoint: what RLlib does not keep, as arrays and JSON, no
pickle.

training_state/state.json            counters, KL coefficients, random streams, schedules
training_state/worlds_<runner>.npz   the worlds of one runner, in mid-episode
training_state/episodes.npz          the window behind the reported means
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

TRAINING_STATE = "training_state"
STATE_FILE = "state.json"
EPISODES_FILE = "episodes.npz"
FORMAT = 1


@dataclass
class TrainingState:
    """Everything needed to continue exactly, besides RLlib's own files.

    Attributes:
        worlds: arrays by runner index.
        values: plain values of runners and learners (see `HideAndSeekPPO.get_training_state`).
        progress: counters (see `Progress.counters`).
        episodes: arrays of the episode window; none after `drop_worlds`.
        schedules: state of the schedules (see `RunSchedules.state`); None in older checkpoints.
    """

    worlds: dict[str, dict[str, np.ndarray]]
    values: dict[str, Any]
    progress: dict[str, Any]
    episodes: dict[str, np.ndarray]
    schedules: dict[str, Any] | None = None

    def drop_worlds(self) -> None:
        """Forget the worlds and their episodes, but not the streams that new worlds come from."""
        self.worlds = {}
        self.episodes = {}
        for runner in self.values["runners"].values():
            runner["started"] = False

    def drop_streams(self) -> None:
        """Forget the random streams: sampling and shuffling start anew from the seed."""
        for runner in self.values["runners"].values():
            runner["random"] = None
        for learner in self.values["learners"]:
            learner["generators"] = None

    def write(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for index, arrays in self.worlds.items():
            _save_arrays(folder / f"worlds_{index}.npz", arrays)
        _save_arrays(folder / EPISODES_FILE, self.episodes)
        state = {
            "format": FORMAT,
            "runners_with_worlds": sorted(self.worlds),
            "progress": self.progress,
            "schedules": self.schedules,
            **self.values,
        }
        (folder / STATE_FILE).write_text(json.dumps(state, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> TrainingState:
        """Raises OSError, ValueError or KeyError where the folder is not what `write` made."""
        state = read_values(folder)
        return cls(
            worlds={
                index: _load_arrays(folder / f"worlds_{index}.npz")
                for index in state["runners_with_worlds"]
            },
            values={"runners": state["runners"], "learners": state["learners"]},
            progress=state["progress"],
            episodes=_load_arrays(folder / EPISODES_FILE),
            schedules=state.get("schedules"),
        )


def read_values(folder: Path) -> dict[str, Any]:
    """The plain values of the folder alone. Raises OSError, ValueError or KeyError."""
    state: dict[str, Any] = json.loads((folder / STATE_FILE).read_text(encoding="utf-8"))
    if state["format"] != FORMAT:
        raise ValueError(f"{STATE_FILE}: format {state['format']}; this version reads {FORMAT}")
    return state


def _save_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    with path.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]


def _load_arrays(path: Path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}
