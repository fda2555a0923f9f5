"""State -> shapes: everything to draw of one world, in meters, without any drawing.

Points are (x, y) in the arena's frame, y upwards. Every picture, moving or still, starts here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from envs.hide_and_seek.batch_env import HideAndSeekBatchEnv
from envs.hide_and_seek.kernels.constants import ARENA, NUM_HEADINGS, RADIUS
from envs.hide_and_seek.layouts import walls_of
from envs.render.visibility import visible_polygon

Rect = tuple[float, float, float, float]


@dataclass(frozen=True)
class AgentShape:
    """One agent: its position, its state and the area it sees."""

    name: str
    team: str  # "seeker" or "hider"
    x: float
    y: float
    angle: float  # radians
    frozen: bool
    seen: bool  # a hider in some seeker's sight
    cone: np.ndarray  # [P, 2] float64, the ground it sees; empty when it is blind


@dataclass(frozen=True)
class Scene:
    """One world at one moment."""

    side: float  # of the arena, meters
    radius: float  # of an agent
    walls: tuple[Rect, ...]  # (x0, y0, x1, y1)
    agents: tuple[AgentShape, ...]
    links: tuple[tuple[int, int], ...]  # (seeker, hider it sees), places in `agents`
    time: int  # steps played
    prep_steps: int
    episode_steps: int
    seen_steps: int  # main-phase steps with a hider seen

    @property
    def preparing(self) -> bool:
        """Whether the seekers are still frozen and blind."""
        return self.time < self.prep_steps

    @property
    def seen_fraction(self) -> float:
        """Share of the main phase so far in which a hider was seen; nan before it begins."""
        played = self.time - self.prep_steps
        return self.seen_steps / played if played > 0 else float("nan")


def build_scene(env: HideAndSeekBatchEnv, world: int = 0) -> Scene:
    """What there is to draw of one world of a running environment.

    Raises:
        IndexError: there is no such world.
    """
    if not 0 <= world < env.num_envs:
        raise IndexError(f"world must be from 0 to {env.num_envs - 1}, got {world}")
    state, config = env.world, env.config
    layout = int(state.layout[world])
    rects = walls_of(env.layouts, layout).astype(np.float64)
    corners = np.concatenate([rects[:, :2] - rects[:, 2:], rects[:, :2] + rects[:, 2:]], axis=1)
    corners = np.clip(corners, 0.0, float(ARENA))  # joints reach half a wall beyond the border
    sees = state.sees[world]
    split = env.rules.num_seekers
    preparing = int(state.time[world]) < int(state.prep_steps[world])
    agents = []
    names = [(spec.name, name) for spec in env.teams for name in spec.agents]
    for a, (team, name) in enumerate(names):
        x, y = (float(v) for v in state.pos[world, a])
        angle = float(state.heading[world, a]) * 2.0 * np.pi / NUM_HEADINGS
        frozen = team == "seeker" and preparing
        cone = np.empty((0, 2))
        if not frozen:
            half = np.radians(config.vision_angle) / 2.0
            cone = visible_polygon(x, y, angle, half, config.vision_range, corners, float(ARENA))
        seen = team == "hider" and bool(sees[:split, a].any())
        agents.append(AgentShape(name, team, x, y, angle, frozen, seen, cone))
    links = tuple((int(i), int(j) + split) for i, j in np.argwhere(sees[:split, split:]))
    return Scene(
        side=float(ARENA),
        radius=float(RADIUS),
        walls=tuple((float(a), float(b), float(c), float(d)) for a, b, c, d in corners),
        agents=tuple(agents),
        links=links,
        time=int(state.time[world]),
        prep_steps=int(state.prep_steps[world]),
        episode_steps=int(state.episode_steps[world]),
        seen_steps=int(state.seen_steps[world]),
    )
