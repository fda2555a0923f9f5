"""`ScriptedPlayer`: a team of every world, played by rules."""

from __future__ import annotations

from collections.abc import Callable
from weakref import WeakKeyDictionary

import numpy as np

from envs.hide_and_seek.batch_env import HideAndSeekBatchEnv
from envs.hide_and_seek.kernels.state import Objects, World
from envs.hide_and_seek.players.state import (
    KEPT,
    Maps,
    Memory,
    Plan,
    allocate_maps,
    allocate_memory,
    allocate_plan,
)
from envs.hide_and_seek.spaces import NOOP


class ScriptedPlayer:
    """Chooses the actions of a team in all worlds.

    What it does in a world depends on that world and the seed alone, not on the worlds beside it.
    It remembers things from one step of an episode to the next, so it has to be asked at every
    step; several environments can be played at the same time.

    Attributes:
        team: which it plays, "seeker" or "hider".
    """

    def __init__(
        self, team: str, play: Callable[..., None], *, option: bool = False, seed: int = 0
    ) -> None:
        """Use `catalog.make_player`.

        Args:
            team: which it is to play.
            play: compiled; (world, objects, layouts, rules, memory, maps, plan, option, actions),
                fills actions [N, A, H].
            option: handed to `play`.
            seed: of its own random choices.
        """
        self.team = team
        self._play, self._option = play, option
        self._salt = np.uint64(2 * seed + (team == "hider"))
        self._rooms: WeakKeyDictionary[HideAndSeekBatchEnv, tuple[Memory, Maps, Plan]]
        self._rooms = WeakKeyDictionary()

    def act(self, env: HideAndSeekBatchEnv, worlds: slice = slice(None)) -> np.ndarray:
        """Chooses for the worlds as they are now; outside of `worlds` it does nothing.

        Returns:
            [N, agents of the team, H] int64, as `HideAndSeekBatchEnv.step` takes them.
        """
        world, layouts = env.world, env.layouts
        if env not in self._rooms:
            doors = layouts.doors.shape[1]
            memory = allocate_memory(env.num_envs, world.heading.shape[1], doors)
            maps = allocate_maps(layouts.walls.shape[2])
            self._rooms[env] = memory, maps, allocate_plan(doors)
        memory, maps, plan = self._rooms[env]
        _forget(memory, world.time == 0, world.stream ^ self._salt)
        agents = next(spec.num_agents for spec in env.teams if spec.name == self.team)
        actions = np.tile(np.array(NOOP), (env.num_envs, agents, 1))
        self._play(
            World(*(array[worlds] for array in world)),
            *(Objects(*(array[worlds] for array in env.objects)), layouts, env.rules),
            *(Memory(*(array[worlds] for array in memory)), maps, plan, self._option),
            actions[worlds],
        )
        return actions


def _forget(memory: Memory, worlds: np.ndarray, streams: np.ndarray) -> None:
    """Begins anew in some worlds ([N] bool), with random streams [N]."""
    fresh = allocate_memory(1, memory.goal.shape[1], memory.door_box.shape[1])
    for name, array, empty in zip(Memory._fields, memory, fresh, strict=True):
        if name not in KEPT:
            array[worlds] = empty[0]
    memory.stream[worlds, 0] = streams[worlds]
