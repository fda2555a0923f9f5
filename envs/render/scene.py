"""State -> shapes: everything to draw of one world, in meters, without any drawing.

Points are (x, y) in the arena's frame, y upwards. Every picture, moving or still, starts here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from envs.hide_and_seek.batch_env import HideAndSeekBatchEnv
from envs.hide_and_seek.kernels.constants import (
    ABUT,
    ARENA,
    HIDERS,
    NOBODY,
    NUM_HEADINGS,
    RADIUS,
    SEEKERS,
)
from envs.hide_and_seek.kernels.presence import is_there
from envs.hide_and_seek.layouts import walls_of
from envs.hide_and_seek.reach import blocked_doors, has_sealed, sheltered_cells, solids_of
from envs.hide_and_seek.spaces import BOX_SLOTS, NUM_OBJECTS
from envs.render.visibility import visible_polygon

Rect = tuple[float, float, float, float]
Team = Literal["seeker", "hider"]
Kind = Literal["cube", "plank", "ramp"]

SHELTER_CELLS = 60  # of the ground that no seeker gets to, along a side
_LOCKS: dict[int, Team | None] = {NOBODY: None, SEEKERS: "seeker", HIDERS: "hider"}


@dataclass(frozen=True)
class AgentShape:
    """One agent: its position, its state and the area it sees."""

    name: str
    team: Team
    x: float
    y: float
    angle: float  # radians
    frozen: bool
    seen: bool  # a hider in some seeker's sight
    up: bool  # has climbed a ramp and has not landed yet
    cone: np.ndarray  # [P, 2] float64, the ground it sees; empty when it is blind


@dataclass(frozen=True)
class ObjectShape:
    """A box or a ramp that is present."""

    kind: Kind
    rect: Rect  # x0, y0, x1, y1
    lock: Team | None  # who has locked it
    holder: int | None  # who holds it, a place in `Scene.agents`
    ways_up: tuple[tuple[int, int], ...]  # of a ramp at obstacles: towards them, as (1, 0)


@dataclass(frozen=True)
class DoorShape:
    """An opening in a wall."""

    rect: Rect  # x0, y0, x1, y1
    blocked: bool  # no agent fits through


@dataclass(frozen=True)
class Scene:
    """One world at one moment."""

    side: float  # of the arena, meters
    radius: float  # of an agent
    walls: tuple[Rect, ...]  # (x0, y0, x1, y1)
    doors: tuple[DoorShape, ...]
    objects: tuple[ObjectShape, ...]
    agents: tuple[AgentShape, ...]
    links: tuple[tuple[int, int], ...]  # (seeker, hider it sees), places in `agents`
    shelter: np.ndarray  # [C, 2] float64, middles of the cells that no seeker can get to
    sealed: bool  # no way leads from any seeker to any hider
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
    state, split = env.world, env.rules.num_seekers
    walls = walls_of(env.layouts, int(state.layout[world])).astype(np.float64)
    solids = solids_of(env, world).astype(np.float64)
    solids = solids[solids[:, 2] > 0.0]  # an absent box has no size
    seen = np.argwhere(state.sees[world, :split, split:])
    places = _places(env, world)
    return Scene(
        side=float(ARENA),
        radius=float(RADIUS),
        walls=tuple(_as_rect(wall) for wall in _corners(walls)),
        doors=_doors(env, world),
        objects=_objects(env, world, solids, places),
        agents=_agents(env, world, _corners(solids), places),
        links=tuple((places[int(i)], places[int(j) + split]) for i, j in seen),
        shelter=_shelter(env, world),
        # An arena without boxes is one piece.
        sealed=env.rules.has_objects and has_sealed(env, world),
        time=int(state.time[world]),
        prep_steps=int(state.prep_steps[world]),
        episode_steps=int(state.episode_steps[world]),
        seen_steps=int(state.seen_steps[world]),
    )


def _corners(rects: np.ndarray) -> np.ndarray:
    """Rectangles [R, 4] of middles and half sides as x0, y0, x1, y1, [R, 4], cut at the border."""
    corners = np.concatenate([rects[:, :2] - rects[:, 2:], rects[:, :2] + rects[:, 2:]], axis=1)
    return np.clip(corners, 0.0, float(ARENA))  # joints reach half a wall beyond the border


def _as_rect(corners: np.ndarray) -> Rect:
    x0, y0, x1, y1 = (float(v) for v in corners)
    return x0, y0, x1, y1


def _places(env: HideAndSeekBatchEnv, world: int) -> dict[int, int]:
    """The agents who take part, and the place of each in `Scene.agents`."""
    pos = env.world.pos[world]
    there = (a for a in range(len(pos)) if is_there(pos, a))
    return {a: place for place, a in enumerate(there)}


def _agents(
    env: HideAndSeekBatchEnv, world: int, solids: np.ndarray, there: Iterable[int]
) -> tuple[AgentShape, ...]:
    """Those who are there, seekers first; solids [S, 4] as corners cut off what they see."""
    state, config, split = env.world, env.config, env.rules.num_seekers
    preparing = bool(state.time[world] < state.prep_steps[world])
    half = np.radians(config.vision_angle) / 2.0
    names = [name for spec in env.teams for name in spec.agents]
    agents = []
    for a in there:
        name = names[a]
        team: Team = "seeker" if a < split else "hider"
        x, y = (float(v) for v in state.pos[world, a])
        angle = float(state.heading[world, a]) * 2.0 * np.pi / NUM_HEADINGS
        frozen = team == "seeker" and preparing
        cone = np.empty((0, 2))
        if not frozen:
            cone = visible_polygon(x, y, angle, half, config.vision_range, solids, float(ARENA))
        seen = team == "hider" and bool(state.sees[world, :split, a].any())
        up = bool(env.objects.climb[world, a] > 0)
        agents.append(AgentShape(name, team, x, y, angle, frozen, seen, up, cone))
    return tuple(agents)


def _objects(
    env: HideAndSeekBatchEnv, world: int, solids: np.ndarray, places: Mapping[int, int]
) -> tuple[ObjectShape, ...]:
    """The boxes and ramps that are present; solids [S, 4] as middles and half sides.

    places: of the agents, see `_places`.
    """
    shapes = []
    for k in range(NUM_OBJECTS):
        rect = env.objects.object_rect[world, k].astype(np.float64)
        if rect[2] <= 0.0:
            continue
        holders = np.flatnonzero(env.objects.holding[world] == k)
        holder = places[int(holders[0])] if len(holders) else None
        lock = _LOCKS[int(env.objects.lock_team[world, k])]
        corners = _as_rect(_corners(rect[None])[0])
        if k < BOX_SLOTS:
            cube = bool(rect[2] == rect[3])
            shapes.append(ObjectShape("cube" if cube else "plank", corners, lock, holder, ()))
        else:
            ways = _ways_up(rect, solids) if holder is None else ()
            shapes.append(ObjectShape("ramp", corners, lock, holder, ways))
    return tuple(shapes)


def _ways_up(ramp: np.ndarray, solids: np.ndarray) -> tuple[tuple[int, int], ...]:
    """The sides on which a ramp [4] stands at one of the solids [S, 4], as directions."""
    apart = solids[:, :2] - ramp[:2]
    gaps = np.abs(apart) - solids[:, 2:] - ramp[2:]
    ways = {
        (int(np.sign(x)), 0) if gap_x > gap_y else (0, int(np.sign(y)))
        for (x, y), (gap_x, gap_y) in zip(apart, gaps, strict=True)
        if max(gap_x, gap_y) <= ABUT
    }
    return tuple(sorted(ways))


def _doors(env: HideAndSeekBatchEnv, world: int) -> tuple[DoorShape, ...]:
    layout = int(env.world.layout[world])
    doors = env.layouts.doors[layout, : env.layouts.num_doors[layout]].astype(np.float64)
    blocked = blocked_doors(env, world) if env.rules.has_objects else np.zeros(len(doors), bool)
    return tuple(
        DoorShape(_as_rect(corners), bool(shut))
        for corners, shut in zip(_corners(doors), blocked, strict=True)
    )


def _shelter(env: HideAndSeekBatchEnv, world: int) -> np.ndarray:
    """The middles [C, 2] of the cells that no seeker can get to."""
    if not env.rules.has_objects:
        return np.empty((0, 2))
    rows, columns = np.nonzero(sheltered_cells(env, world, SHELTER_CELLS))
    return (np.stack([columns, rows], axis=1) + 0.5) * (float(ARENA) / SHELTER_CELLS)
