"""The earlier policies that a warm start takes along, as opponents of the new run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from trainer.checkpoints import layout
from trainer.checkpoints.safe_io import safe_json
from trainer.checkpoints.safe_io.plain_values import COUNT, whole
from trainer.errors import InvalidState
from trainer.opponents.pool import PoolState
from trainer.ppo import opponent_play
from trainer.ppo.policy_files import read_spec
from trainer.run.saved_state.read_opponents import read_opponents
from trainer.run.saved_state.training_state import read_values

if TYPE_CHECKING:
    from trainer.ppo.algorithm import TeamPPO


def load_pools(sources: Mapping[str, Path], teams: Sequence[str]) -> dict[str, PoolState]:
    """The pools of checkpoints, by team; a checkpoint may have none.

    Their members are from before the new run, so they get iterations below 0: the newest one that
    there can be has -1.

    Args:
        sources: by policy, checkpoints that `load_networks` has taken its network from.
        teams: of the game.

    Raises:
        InvalidState: a file holds values that no training has written.
    """
    pools = {}
    for policy_id, path in sources.items():
        folder = path / layout.TRAINING_STATE
        if not folder.exists():  # policies alone
            continue
        try:
            values = read_values(folder, tuple(teams))
            networks = {t: read_spec(path / layout.POLICIES / f"{t}_policy") for t in teams}
            saved = read_opponents(folder, values, networks)
            if saved is not None:
                team, now = policy_id.removesuffix("_policy"), values["progress"]["iteration"]
                pools[team] = _earlier(saved.pools[team], now)
        except (OSError, ValueError, KeyError) as error:
            raise InvalidState(f"{path}: {safe_json.first_line(error)}") from None
    return pools


def _earlier(state: PoolState, now: int) -> PoolState:
    """The same members, numbered from an iteration backwards (ValueError: beyond what counts)."""
    shifted = [
        whole(m["iteration"] - now - 1, "opponents: iteration", -COUNT) for m in state.values
    ]
    members = zip(state.values, shifted, strict=True)
    return state._replace(values=[{**m, "iteration": iteration} for m, iteration in members])


def take_along(trainer: TeamPPO, pools: Mapping[str, PoolState]) -> list[str]:
    """Gives a new run these pools; a line for those that hold somebody."""
    opponent_play.fill_pools(trainer, pools)
    counts = {team: len(trainer.opponents[team].members) for team in pools}
    told = [f"{count} of the {team}s" for team, count in counts.items() if count]
    return [f"earlier policies as opponents: {' and '.join(told)}"] if told else []
