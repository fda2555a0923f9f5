"""Starts from visited states: a share of the episodes begins in the middle of an earlier one.

Rare situations, such as a shelter that is nearly closed, are then played far more often than from
the usual starts (Salimans and Chen 2018, https://arxiv.org/abs/1812.03381). Chen et al. 2023
(https://arxiv.org/abs/2310.04796) draw visited states in zero-sum games by how unsure the value
functions are of them. Here the game has no value function, so it goes by a stand-in: how evenly
the steps from a state to the end of its episode fall into seen and unseen ones. With the share p of
those with a hider seen, a state is worth 4 p (1 - p): nothing where the outcome is settled, 1 where
it is open. Each episode that begins from a state moves its p halfway to what came of it, so a
state that has been learned loses its worth and its place.

Each world has its own few slots, filled with states of its own episodes and drawn from its own
random stream: it plays alike beside any number of others. In each episode one state is put aside,
at a random step of its first part; at the end it takes the slot of least worth if it is worth more.
A slot is drawn in proportion to its worth, among those of the level that the episode would have
had, so the shares of a curriculum's levels stay. All of it is part of the worlds' state.

An episode that began so is not like the others, so its statistics are nan: they count in no mean.

This runs outside of the kernels, so a game with restarts is not played by compiled rollouts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from envs.hide_and_seek.kernels.random_stream import next_unit
from envs.hide_and_seek.kernels.state import Objects, World, allocate_objects, allocate_world

KEPT = (
    *("pos", "vel", "heading", "time", "prep_steps", "episode_steps", "layout"),
    *("seen_steps", "first_seen"),
    *("object_rect", "lock_team", "holding", "grip", "climb", "crossed"),
)
"""What a visited state consists of; what is seen follows from it, and returns begin at 0."""
VISITED = "visited_"
"""Begins the names of the arrays in a state."""

_LEARNED = 0.5  # how far one more outcome moves the mean
_DRAWS = 3  # for each episode that begins


@dataclass(frozen=True)
class Restarts:
    """The visited states of N worlds, S slots each.

    Attributes:
        share: of the episodes that begin from one, where there is any.
        states: by name of `KEPT`, [N, S + 1, ...]; the last is put aside in the present episode.
        worth: [N, S] float32, from 0 (also of a slot that is not filled) to 1.
        seen: [N, S] float32, the share of the steps from there in which a hider was seen.
        keep_at: [N] int32, the step of the present episode at which its state is put aside;
            -1 = none is.
        slot: [N] int32, from which the present episode began; -1 = as usual.
    """

    share: float
    states: Mapping[str, np.ndarray]
    worth: np.ndarray
    seen: np.ndarray
    keep_at: np.ndarray
    slot: np.ndarray

    @classmethod
    def allocate(cls, share: float, slots: int, num_envs: int, num_agents: int) -> Restarts:
        """No states yet; `clear` and `begin` must follow."""
        worlds = allocate_world(1, num_agents)._asdict() | allocate_objects(1, num_agents)._asdict()
        return cls(
            share,
            {
                name: np.repeat(worlds[name][None], slots + 1, 1).repeat(num_envs, 0)
                for name in KEPT
            },
            worth=np.zeros((num_envs, slots), np.float32),
            seen=np.zeros((num_envs, slots), np.float32),
            keep_at=np.full(num_envs, -1, np.int32),
            slot=np.full(num_envs, -1, np.int32),
        )

    def part(self, worlds: slice) -> Restarts:
        """Those of some worlds, on the same memory."""
        states = {name: array[worlds] for name, array in self.states.items()}
        rest = (self.worth, self.seen, self.keep_at, self.slot)
        return Restarts(self.share, states, *(array[worlds] for array in rest))

    def arrays(self) -> dict[str, np.ndarray]:
        """All that the future depends on, by name in a state of the worlds."""
        found = {f"{VISITED}{name}": array for name, array in self.states.items()}
        return found | {
            f"{VISITED}worth": self.worth,
            f"{VISITED}seen": self.seen,
            "keep_at": self.keep_at,
            "restart_slot": self.slot,
        }

    def clear(self, world: World, objects: Objects) -> None:
        """Forgets all states; the slots hold those of the worlds now, which are worth nothing."""
        for name, array in _present(world, objects).items():
            self.states[name][:] = array[:, None]
        for array in (self.worth, self.seen):
            array[:] = 0.0

    def begin(
        self, world: World, objects: Objects, levels: np.ndarray, starting: np.ndarray
    ) -> np.ndarray:
        """Puts some of the worlds that have just started into visited states; [N] bool, which.

        What is seen in them has to be found again.

        Args:
            levels: [L], the level of each layout.
            starting: [N] bool, the worlds whose episode has just been started.
        """
        rows = np.flatnonzero(starting)
        draws = np.array([[next_unit(world.stream, n) for _ in range(_DRAWS)] for n in rows])
        draws = draws.reshape(-1, _DRAWS).astype(np.float64)
        own = levels[self.states["layout"][rows, :-1]] == levels[world.layout[rows], None]
        sums = np.where(own, self.worth[rows], 0.0).cumsum(axis=1, dtype=np.float64)
        slots = (sums <= draws[:, 1:2] * sums[:, -1:]).sum(axis=1)
        again = (draws[:, 0] < self.share) & (sums[:, -1] > 0.0)
        self.slot[rows] = np.where(again, slots, -1)
        for name, array in _present(world, objects).items():
            array[rows[again]] = self.states[name][rows[again], slots[again]]
        time, prep, steps = world.time[rows], world.prep_steps[rows], world.episode_steps[rows]
        room = prep + (steps - prep) // 2 - time  # at least half of the seeking is to be left
        at = time + 1 + (draws[:, 2] * room).astype(np.int32)
        self.keep_at[rows] = np.where(room > 0, at, -1)
        restarted = np.zeros_like(starting)
        restarted[rows[again]] = True
        return restarted

    def note(self, world: World, objects: Objects, dones: np.ndarray, stats: np.ndarray) -> None:
        """Takes note of a step: puts states aside, and files them where an episode has ended.

        Args:
            dones: [N] bool, the worlds whose episode has ended, and not begun again.
            stats: [N, S], their statistics.
        """
        rows = np.flatnonzero(world.time == self.keep_at)
        if len(rows):
            for name, array in _present(world, objects).items():
                self.states[name][rows, -1] = array[rows]
        ended = np.flatnonzero(dones)
        if not len(ended):
            return
        rows = ended[self.slot[ended] >= 0]
        stats[rows] = np.nan
        slots = self.slot[rows]
        moved = (self._seen_since(world, rows, slots) - self.seen[rows, slots]) * _LEARNED
        self._rate(rows, slots, self.seen[rows, slots] + moved)
        rows = ended[self.keep_at[ended] >= 0]
        seen = self._seen_since(world, rows, np.full(len(rows), -1))
        slots = self.worth[rows].argmin(axis=1)
        better = _worth(seen) > self.worth[rows, slots]
        rows, slots = rows[better], slots[better]
        for array in self.states.values():
            array[rows, slots] = array[rows, -1]
        self._rate(rows, slots, seen[better])

    def _seen_since(self, world: World, rows: np.ndarray, slots: np.ndarray) -> np.ndarray:
        """The share of the seeking steps from a visited state to the end with a hider seen."""
        before, prep = self.states["time"][rows, slots], self.states["prep_steps"][rows, slots]
        steps = world.episode_steps[rows] - np.maximum(before, prep)
        return (world.seen_steps[rows] - self.states["seen_steps"][rows, slots]) / steps

    def _rate(self, rows: np.ndarray, slots: np.ndarray, seen: np.ndarray) -> None:
        self.seen[rows, slots] = seen
        self.worth[rows, slots] = _worth(seen)


def _present(world: World, objects: Objects) -> dict[str, np.ndarray]:
    """What is kept of the worlds, as it is now."""
    arrays = world._asdict() | objects._asdict()
    return {name: arrays[name] for name in KEPT}


def _worth(seen: np.ndarray) -> np.ndarray:
    return 4.0 * seen * (1.0 - seen)
