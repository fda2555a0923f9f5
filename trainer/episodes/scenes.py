"""The pictures of a recorded episode: its frames laid into a world, without playing anything."""

from __future__ import annotations

import numpy as np
from pydantic import ValidationError

from envs.hide_and_seek.batch_env import HideAndSeekBatchEnv
from envs.hide_and_seek.config import ResolvedConfig
from envs.hide_and_seek.rerun import empty_frame, put_frame
from envs.hide_and_seek.setting_types import MAX_STEPS
from envs.render.scene import Scene, build_scene
from trainer.checkpoints.safe_io.safe_json import first_line
from trainer.episodes.record import GAME, NotARecord, Record, first_problem
from trainer.episodes.trace import decode

_NOT_DRAWN = {"restart_share": 0.0, "shaping_beta": 0.0}  # both only cost time here
_DRAWN = ("vision_angle", "vision_range")  # the parameters that a picture shows


class RecordedScenes:
    """The scenes of an episode.

    Attributes:
        steps: T; scene 0 is the beginning, scene T the end.
    """

    def __init__(self, record: Record) -> None:
        """Reads the trace.

        Raises:
            NotARecord: there is none, it is damaged, or it is of another game.
        """
        if record.trace is None:
            raise NotARecord(f"it has no trace: {record.why_no_trace}")
        if record.game != GAME:
            raise NotARecord(f"only {GAME} can be drawn")
        try:
            self._config = ResolvedConfig.model_validate({**record.settings, **_NOT_DRAWN})
            agents = self._config.num_seekers + self._config.num_hiders
            self._frames = decode(record.trace, empty_frame(agents), MAX_STEPS)
        except ValidationError as error:
            raise first_problem(error, "settings") from None
        except ValueError as error:
            raise NotARecord(first_line(error)) from None
        self.steps = len(self._frames["time"]) - 1
        self._ends = np.cumsum([stretch.steps for stretch in record.stretches])
        self._stretches = record.stretches
        self._env = HideAndSeekBatchEnv(self._config, 1)

    def scene(self, step: int) -> Scene:
        """The world after so many steps, from 0 to T.

        Raises:
            NotARecord: no world can be like that.
        """
        last = len(self._stretches) - 1
        stretch = self._stretches[min(int(np.searchsorted(self._ends, step)), last)]
        seen = {name: stretch.parameters[name] for name in _DRAWN if name in stretch.parameters}
        try:
            self._env.set_parameters(seen)
            put_frame(self._env, {name: array[step] for name, array in self._frames.items()})
        except ValueError as error:
            raise NotARecord(f"frame {step}: {first_line(error)}") from None
        return build_scene(self._env)
