"""Hide-and-seek as a `BatchEnv`: checks what comes in, then hands it to the kernels."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import numba
import numpy as np

from envs.batch_env import BatchEnv, CompiledSteps, ObsBuffers, TeamArrays
from envs.hide_and_seek.checks import check_array, check_buffers, check_state, describe_action
from envs.hide_and_seek.config import HideAndSeekConfig, ResolvedConfig
from envs.hide_and_seek.kernels import step as kernels
from envs.hide_and_seek.kernels.rollout import Rollout, compiled_step, team_of
from envs.hide_and_seek.kernels.state import (
    Objects,
    TeamView,
    World,
    allocate_objects,
    allocate_scratch,
    allocate_world,
    view_of,
)
from envs.hide_and_seek.layouts import build_layouts, has_distances, with_distances
from envs.hide_and_seek.rerun import WorldRerun
from envs.hide_and_seek.restarts import Restarts
from envs.hide_and_seek.rules import make_pay, make_rules
from envs.hide_and_seek.spaces import NUM_HEADS, STAT_NAMES


class HideAndSeekBatchEnv(BatchEnv):
    """N worlds of hide-and-seek.

    Attributes:
        config: the game as it is played now, with every None resolved.
        layouts: the arenas the worlds draw from.
        world: the state arrays, read freely (to draw a picture, say), write through `set_state`.
    """

    def __init__(self, config: HideAndSeekConfig, num_envs: int, *, autoreset: bool = True) -> None:
        """Builds the arenas; `reset` or `set_state` must follow before the first step.

        Args:
            config: the game.
            num_envs: N, at least 1.
            autoreset: whether a finished world starts its next episode inside `step`. Without,
                it stays at its end until `next_episodes`, so that the end can be looked at.

        Raises:
            ValueError: num_envs is below 1.
        """
        if num_envs < 1:
            raise ValueError(f"num_envs must be at least 1, got {num_envs}")
        self.num_envs = num_envs
        self.autoreset = autoreset
        game = config.resolved().spec
        self.teams, self.stat_names = game.teams, game.stat_names
        agents = sum(spec.num_agents for spec in game.teams)
        # Beside the world and not in it: an array more there would cost the kernels their speed.
        self._moved = np.zeros((num_envs, len(game.teams)), np.float32)
        self.episode_stats = np.zeros((num_envs, len(STAT_NAMES)), np.float32)
        self.layouts = build_layouts(
            *(config.levels, config.num_layouts, config.layout_seed),
            *(config.num_boxes, config.num_ramps),
        )
        self._use_rules(config.resolved())
        self.world = allocate_world(num_envs, agents)
        self.objects = allocate_objects(num_envs, agents)
        self._scratch = allocate_scratch(num_envs, agents, self.layouts.walls.shape[2])
        self._restarts = None
        if config.restart_share > 0.0:
            slots = (config.restart_share, config.restart_slots)
            self._restarts = Restarts.allocate(*slots, num_envs, agents)
        self._started = False

    def set_parameters(self, values: Mapping[str, float]) -> dict[str, float]:
        """See `BatchEnv.set_parameters`; the names are those of the config's `parameters`.

        A length counts from a world's next episode on, all else from the next step. The weight of
        the shaping is part of the potential, so a change leaves the shaping's sum over an episode
        as it should be; the first weight above 0 builds the distance tables (some 30 ms a layout).
        """
        old, new = self.config, self.config.with_parameters(values)
        self._use_rules(new)
        return {name: value for name, value in old.parameters.items() if name != "prep_share"}

    def _use_rules(self, config: ResolvedConfig) -> None:
        if config.shaping_beta > 0.0 and not has_distances(self.layouts):
            self.layouts = with_distances(self.layouts)
        self.config, self.rules, self.pay = config, make_rules(config), make_pay(config)

    def reset(self, seeds: np.ndarray, out: Mapping[str, ObsBuffers]) -> None:
        """See `BatchEnv.reset`."""
        check_array("seeds", seeds, (self.num_envs,), np.uint64)
        seeker_view, hider_view = self._views(out)
        self._moved[:] = 0.0
        kernels.seed_worlds(self.world.stream, seeds)
        self._begin(np.ones(self.num_envs, np.bool_), seeker_view, hider_view, anew=True)
        self._started = True

    def next_episodes(self, out: Mapping[str, ObsBuffers]) -> None:
        """Starts the next episode in every world, each from its own stream, as `step` would."""
        self._check_started()
        seeker_view, hider_view = self._views(out)
        self._moved[:] = 0.0
        self._begin(np.ones(self.num_envs, np.bool_), seeker_view, hider_view)

    def step(
        self,
        actions: Mapping[str, np.ndarray],
        out: Mapping[str, ObsBuffers],
        rewards: Mapping[str, np.ndarray],
        terminated: np.ndarray,
        truncated: np.ndarray | None = None,
    ) -> None:
        """See `BatchEnv.step`; the game shows its time limit, so it never truncates."""
        if truncated is not None:
            truncated[:] = False
        self._check_started()
        self._take_actions(actions)
        seeker_view, hider_view = self._views(out)
        for spec in self.teams:
            if spec.name not in rewards:
                raise ValueError(f"rewards lack the team {spec.name!r}")
            shape = (self.num_envs, spec.num_agents)
            check_array(f"rewards[{spec.name!r}]", rewards[spec.name], shape, np.float32)
        check_array("terminated", terminated, (self.num_envs,), np.bool_)
        paid = self._pays_for_moving()
        before = self.world.pos.copy() if paid else self.world.pos
        at_once = self.autoreset and not self._is_followed()
        bad = kernels.step_worlds(
            self.world,
            self.objects,
            self._scratch,
            self.layouts,
            self.rules,
            self.pay,
            at_once,
            seeker_view,
            hider_view,
            rewards["seeker"],
            rewards["hider"],
            terminated,
            self.episode_stats,
        )
        if bad >= 0:
            raise ValueError(describe_action(self._scratch.actions, int(bad), self.teams))
        if paid:
            self._pay_for_moving(before, rewards, terminated)
        if self._restarts is not None:
            self._restarts.note(self.world, self.objects, terminated, self.episode_stats)
        if self.autoreset and not at_once and terminated.any():
            self._begin(terminated, seeker_view, hider_view)

    def _begin(
        self, starting: np.ndarray, seekers: TeamView, hiders: TeamView, *, anew: bool = False
    ) -> None:
        """Starts the next episode in some worlds; `anew`: nothing has been played before."""
        self._write(starting, seekers, hiders)
        if self._restarts is None:
            return
        if anew:
            self._restarts.clear(self.world, self.objects)
        levels = self.layouts.level
        restarted = self._restarts.begin(self.world, self.objects, levels, starting)
        if restarted.any():
            self._write(np.zeros_like(starting), seekers, hiders, others=restarted)

    def _write(
        self,
        starting: np.ndarray,
        seekers: TeamView,
        hiders: TeamView,
        others: np.ndarray | None = None,
    ) -> None:
        """Writes what is seen where an episode is starting, and in some others."""
        others = np.zeros_like(starting) if others is None else others
        kernels.observe_worlds(
            *(self.world, self.objects, starting, others, self.layouts, self.rules),
            *(seekers, hiders, self._scratch),
        )

    def _pay_for_moving(
        self, before: np.ndarray, rewards: Mapping[str, np.ndarray], dones: np.ndarray
    ) -> None:
        kernels.pay_for_moving(
            self.world.pos,
            before,
            self.rules.num_seekers,
            self.pay.moving,
            *(dones, rewards["seeker"], rewards["hider"]),
            *(self._moved, self.episode_stats),
        )

    def part(self, worlds: slice) -> HideAndSeekBatchEnv:
        """See `BatchEnv.part`."""
        part = copy.copy(self)
        part.world = World(*(array[worlds] for array in self.world))
        part.objects = Objects(*(array[worlds] for array in self.objects))
        part.num_envs = len(part.world.time)
        part.episode_stats = self.episode_stats[worlds]
        part._moved = self._moved[worlds]
        part._restarts = None if self._restarts is None else self._restarts.part(worlds)
        part._scratch = allocate_scratch(
            part.num_envs, self.world.pos.shape[1], self.layouts.walls.shape[2]
        )
        return part

    def compiled(
        self, rollout: Mapping[str, TeamArrays], dones: np.ndarray, worlds: slice
    ) -> CompiledSteps | None:
        """See `BatchEnv.compiled`; with pay for moving or restarts, `step` has to be called."""
        self._check_started()
        if self._is_followed():
            return None
        state = Rollout(
            *(self.world, self.objects, self.layouts, self.rules, self.pay, self.autoreset),
            *(team_of(rollout["seeker"]), team_of(rollout["hider"]), dones),
            *(self.episode_stats, worlds.start, self._scratch),
        )
        return CompiledSteps(compiled_step(numba.typeof(state)), state)

    def rerun(self, world: int) -> WorldRerun:
        """See `BatchEnv.rerun`."""
        return WorldRerun(self, world)

    def _is_followed(self) -> bool:
        """Whether something is done after each step, before finished worlds go on."""
        return self._restarts is not None or self._pays_for_moving()

    def _pays_for_moving(self) -> bool:
        return self.pay.moving != 0.0 or bool(self._moved.any())

    def observe(self, out: Mapping[str, ObsBuffers]) -> None:
        """See `BatchEnv.observe`."""
        self._check_started()
        seeker_view, hider_view = self._views(out)
        everywhere = np.ones(self.num_envs, np.bool_)
        self._write(~everywhere, seeker_view, hider_view, others=everywhere)

    def get_state(self) -> dict[str, np.ndarray]:
        """See `BatchEnv.get_state`."""
        self._check_started()
        return {name: array.copy() for name, array in self._arrays().items()}

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        """See `BatchEnv.set_state`. Layouts and rules are the config's, which must be the same.

        What an older state does not have yet (`checks.ADDED`) is as in a world without objects.
        """
        arrays = self._arrays()
        check_state(arrays, state, self.config)
        fresh = allocate_objects(self.num_envs, self.world.pos.shape[1])._asdict()
        for name, array in arrays.items():
            array[...] = fresh.get(name, 0)
            if name in state:
                array[..., : np.shape(state[name])[-1]] = state[name]
        self._started = True

    def _arrays(self) -> dict[str, np.ndarray]:
        """All that a state consists of."""
        beside = {"moving_return": self._moved, "episode_stats": self.episode_stats}
        visited = {} if self._restarts is None else self._restarts.arrays()
        return self.world._asdict() | self.objects._asdict() | beside | visited

    def _check_started(self) -> None:
        if not self._started:
            raise RuntimeError("the worlds have not started: call reset() or set_state() first")

    def _views(self, out: Mapping[str, ObsBuffers]) -> tuple[TeamView, TeamView]:
        """Checks both teams' buffers and wraps them for the kernels."""
        for spec in self.teams:
            if spec.name not in out:
                raise ValueError(f"out lacks the team {spec.name!r}; it has {sorted(out)}")
            check_buffers(out[spec.name], spec, self.num_envs)
        return view_of(out["seeker"]), view_of(out["hider"])

    def _take_actions(self, actions: Mapping[str, np.ndarray]) -> None:
        """Copies both teams' actions side by side; their range is checked in the kernel."""
        first = 0
        for spec in self.teams:
            if spec.name not in actions:
                raise ValueError(
                    f"actions lack the team {spec.name!r}; they have {sorted(actions)}"
                )
            given = np.asarray(actions[spec.name])
            shape = (self.num_envs, spec.num_agents, NUM_HEADS)
            if given.shape != shape:
                raise ValueError(
                    f"actions[{spec.name!r}] must have shape {shape}, got {given.shape}"
                )
            if given.dtype.kind not in "iu":
                if given.dtype.kind == "f" and not np.all(np.isfinite(given)):
                    raise ValueError(f"actions[{spec.name!r}] hold a NaN or an infinite number")
                raise ValueError(f"actions[{spec.name!r}] must be integers, got {given.dtype}")
            self._scratch.actions[:, first : first + spec.num_agents] = given
            first += spec.num_agents
