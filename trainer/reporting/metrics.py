"""Names and meaning of the metrics of an iteration.

A row is a flat `dict[str, float | int]`; the same row goes to the history, TensorBoard, the
console and the figure. A metric that is not known yet is nan. Imports neither Ray nor torch.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from trainer.checkpoints.metadata import SCORE, evaluation_key

Row = dict[str, float | int]

DEFAULT_TEAMS = ("seeker", "hider")

TEAM_COLORS: dict[str, str] = {"seeker": "#E4572E", "hider": "#2E86AB"}
"""One color per team wherever it is drawn: vermilion against blue, apart for every kind of color
blindness (a red-green pair would not be)."""
_OTHER_COLORS = ("#8E6C8A", "#C9A227", "#3B8E5A", "#5C5C5C")

COUNTERS: dict[str, str] = {
    "iteration": "training iterations done since the very first start",
    "env_steps": "world steps over the whole life of the run (a step moves every agent of a world)",
    "agent_steps": "agent steps over the whole life of the run",
    "episodes_completed": "episodes finished over the whole life of the run",
    "episodes_this_iter": "episodes finished in this iteration",
    "runners_missing": "env runners without whose samples this iteration did; 0 but for failures",
}
MEANS: dict[str, str] = {
    "reward_mean": "mean return of an episode, per hider (in another game: per team)",
    "episode_len_mean": "mean length of an episode, in steps",
}
HIDE_AND_SEEK: dict[str, str] = {
    "seen_fraction": "share of the steps after the preparation in which a hider was seen, 0-1",
    "first_seen_step": "steps of seeking before a hider was first seen; all of them if never",
    "perfect_hide": "share of the episodes in which no hider was ever seen, 0-1",
}
STAGES: dict[str, str] = {
    "hider_box_prep": "meters that the hiders moved boxes in the preparation, per episode",
    "hider_box_main": "meters that the hiders moved boxes after it",
    "seeker_box_main": "meters that the seekers moved boxes",
    "hider_ramp_prep": "meters that the hiders moved ramps in the preparation",
    "hider_ramp_main": "meters that the hiders moved ramps after it",
    "seeker_ramp_main": "meters that the seekers moved ramps",
    "hider_locks_prep": "boxes and ramps that the hiders locked in the preparation, per episode",
    "hider_locks_main": "boxes and ramps that the hiders locked after it",
    "seeker_locks_main": "boxes and ramps that the seekers locked",
    "hider_crossings": "obstacles that hiders crossed from a ramp, per episode",
    "seeker_crossings": "obstacles that seekers crossed from a ramp, per episode",
    "door_blocked": "share of the doors that boxes blocked at the end of the preparation, 0-1",
    "sealed": "share of the episodes in which no seeker had a way to a hider then, 0-1",
    "sealed_at_end": "the same at the end of the episode, 0-1",
}
"""What is measured at levels with objects, of those that they have: see docs/game.md."""
CURRICULUM: dict[str, str] = {
    "level": "number of an episode's level in the curriculum, counted from 0: mean",
}
NEWEST = "newest/"
"""Begins the metrics of a curriculum that are means over its present level's episodes alone."""
GAME = MEANS | HIDE_AND_SEEK | CURRICULUM
RANDOM_RATING = 25.0
"""The rating (openskill's mu) that random players have for ever; policies begin with it too."""
OF_EVALUATION: dict[str, str] = {
    SCORE: "how well both teams play: mean of both teams' own, 0-1",
    "evaluation/seeker": "share of the seeking steps in which a hider is seen, mean over the "
    "seekers' fixed opponents (random and scripted), 0-1",
    "evaluation/hider": "share of the seeking steps in which no hider is seen, mean over the "
    "hiders' fixed opponents, 0-1",
    "evaluation/seeker_rating": f"openskill mu of the seekers; random players have "
    f"{RANDOM_RATING:g}",
    "evaluation/hider_rating": f"openskill mu of the hiders; random players have {RANDOM_RATING:g}",
}
_SHARE = {
    "seeker": "share of the seeking steps in which the seekers see a hider",
    "hider": "share of the seeking steps in which the hiders are unseen",
}
EVALUATION_S = "time/evaluation_s"
TEAM: dict[str, str] = {
    "kl": "KL divergence between the policy before and after the update, in nats",
    "kl_coeff": "weight of the KL penalty",
    "entropy": "entropy of the action distribution over all heads, in nats",
    "policy_loss": "clipped surrogate loss",
    "vf_loss": "value loss",
    "vf_explained_var": "share of the variance of the returns that the value function explains",
    "grad_norm": "global norm of the gradient before clipping",
    "clip_fraction": "share of the samples whose probability ratio left the clip range, 0-1",
    "trained": "1 if the team learned in this iteration, 0 if it was not its turn",
    "lr": "learning rate when the iteration began",
    "entropy_coeff": "weight of the entropy bonus when the iteration began",
    "clip_param": "clipping of the probability ratio when the iteration began",
    "vf_loss_coeff": "weight of the value loss when the iteration began",
    "kl_target": "KL per update that the penalty aims at when the iteration began",
}
TIME: dict[str, str] = {
    "time/sample_s": "seconds spent collecting experience in this iteration",
    "time/learn_s": "seconds spent in the update",
    "time/other_s": "seconds spent on everything else",
    "time/save_s": "seconds for which saving held training up in this iteration",
    "time/iteration_s": "seconds of the whole iteration",
    "time/total_s": "seconds of training over the whole life of the run",
    "agent_steps_per_s": "agent steps per second of this iteration",
}


def describe_evaluation(opponents: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """Every key of an evaluation, in order, with its meaning and unit.

    `opponents` are the names of a team's opponents, `past` among them if it plays its past; with no
    team at all nothing is evaluated.
    """
    if not opponents:
        return {}
    each = {
        evaluation_key(team, name): f"{_SHARE.get(team, team)} against {name}, 0-1"
        for team, names in opponents.items()
        for name in names
    }
    return {**OF_EVALUATION, **each, EVALUATION_S: "seconds spent in the games of an evaluation"}


OPPONENTS = "opponents/"
"""Begins the metrics of the games against earlier policies."""


def wins_key(team: str) -> str:
    """The key of the games that a team has won against earlier policies of the other."""
    return f"{OPPONENTS}{team}_wins"


def describe_opponents(teams: Iterable[str]) -> dict[str, str]:
    """The metrics that a row adds where earlier policies play (`opponents.share`)."""
    return {
        wins_key(team): f"share of the newest games against earlier policies of the "
        f"other team that the {team}s win, 0-1"
        for team in teams
    }


def describe_metrics(
    teams: Sequence[str] = DEFAULT_TEAMS,
    game: Iterable[str] = HIDE_AND_SEEK,
    opponents: Mapping[str, Iterable[str]] | None = None,
) -> dict[str, str]:
    """Every key of a row, in order, with its meaning and unit.

    `game` are the metrics of the game alone, `opponents` as in `describe_evaluation`.
    """
    known = HIDE_AND_SEEK | STAGES | CURRICULUM
    own = {key: known.get(key, "mean over the finished episodes") for key in game}
    if not CURRICULUM.keys().isdisjoint(own):
        means = {key: text for key, text in own.items() if key not in CURRICULUM}
        own |= {f"{NEWEST}{key}": f"{text}; of the present level" for key, text in means.items()}
    rewards = {f"{t}_reward": f"mean return of an episode, per {t}, without shaping" for t in teams}
    per_team = {f"{t}/{key}": f"{t}: {text}" for t in teams for key, text in TEAM.items()}
    evaluation = describe_evaluation(opponents or {})
    return {**COUNTERS, **MEANS, **own, **rewards, **per_team, **evaluation, **TIME}


def empty_row(
    teams: Sequence[str] = DEFAULT_TEAMS,
    game: Iterable[str] = HIDE_AND_SEEK,
    opponents: Mapping[str, Iterable[str]] | None = None,
) -> Row:
    """A row with every key, counters 0 and everything else nan: what is not measured stays nan."""
    described = describe_metrics(teams, game, opponents)
    return {key: 0 if key in COUNTERS else math.nan for key in described}


def teams_of(keys: Iterable[str]) -> tuple[str, ...]:
    """The teams in a row or a history (those with a `<team>/kl`), in order."""
    return tuple(key.removesuffix("/kl") for key in keys if key.endswith("/kl"))


def team_color(team: str, index: int = 0) -> str:
    """Hex color of a team; teams without an agreed color take one by their index."""
    return TEAM_COLORS.get(team, _OTHER_COLORS[index % len(_OTHER_COLORS)])
