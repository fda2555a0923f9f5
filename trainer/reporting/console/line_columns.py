"""The columns of a training's lines, with their headings."""

from __future__ import annotations

import math
from collections.abc import Mapping

from trainer.checkpoints.metadata import EVALUATION, SCORE
from trainer.reporting.formatting import count, duration, percent
from trainer.reporting.metrics import DEFAULT_TEAMS, teams_of, wins_key


def fixed(value: float, width: int, digits: int) -> str:
    """A number right-aligned in `width` characters, with fewer digits if they do not fit."""
    if not math.isfinite(value):
        return f"{'-':>{width}}"
    for left in range(digits, -1, -1):
        text = f"{value:.{left}f}"
        if len(text) <= max(width, 1) or width == 0:
            return f"{text:>{width}}"
    return f"{value:>{width}.1e}"


def divergence(row: Mapping[str, float | int], team: str, width: int, digits: int) -> str:
    """The KL of a team; of one that did not learn, as it was not its turn: `waits`."""
    if row.get(f"{team}/trained") == 0:
        return f"{'waits':>{width}}"
    return fixed(row.get(f"{team}/kl", math.nan), width, digits)


Group = tuple[str, list[tuple[str, str]]]  # name and (heading, text) of each column, equally wide


def columns(
    row: Mapping[str, float | int],
    evaluation: Mapping[str, float | int],
    counted: tuple[str, int, int],
    eta: float,
) -> list[Group]:
    """The groups of columns of a line.

    Args:
        row: of the iteration.
        evaluation: the iteration of the last evaluation and what it measured; empty: none yet.
        counted: what is counted, how far training is and how far it goes.
        eta: seconds that are left.
    """

    def number(key: str, heading: str, width: int, digits: int) -> tuple[str, str]:
        return f"{heading:>{width}}", fixed(row.get(key, math.nan), width, digits)

    name, done, total = counted
    width = max(len(name), 2 * len(str(total)) + 1)
    progress = f"{done}/{total}"
    first = [(f"{name:>{width}}", f"{progress:>{width}}")]
    if name != "iteration":
        first.insert(0, number("iteration", "iteration", 9, 0))
    teams = [
        (
            team,
            [
                number(f"{team}_reward", "reward", 8, 2),
                (f"{'KL':>8}", divergence(row, team, 8, 6)),
                number(f"{team}/entropy", "entropy", 7, 4),
                *_wins(row, team),
            ],
        )
        for team in teams_of(row)
    ]
    objects = _objects(row)
    speed = count(row.get("agent_steps_per_s", math.nan))
    return [
        ("", first),
        (
            "episodes",
            [
                number("episodes_completed", "completed", 9, 0),
                number("episodes_this_iter", "new", 5, 0),
            ],
        ),
        (
            "mean",
            [number("reward_mean", "reward", 8, 2), number("episode_len_mean", "length", 7, 1)],
        ),
        *teams,
        *([("objects", objects)] if objects else []),
        *([("last evaluation", _evaluation(evaluation))] if SCORE in row else []),
        ("", [("agent-steps/s", f"{speed:>13}"), (f"{'ETA':>9}", f"{duration(eta):>9}")]),
    ]


def _wins(row: Mapping[str, float | int], team: str) -> list[tuple[str, str]]:
    """The share of games that a team wins against earlier policies; nothing without opponents."""
    key = wins_key(team)
    return [(f"{'vs past':>7}", f"{percent(row[key]):>7}")] if key in row else []


def _objects(row: Mapping[str, float | int]) -> list[tuple[str, str]]:
    """What the hiders did with boxes in the preparation, and who crossed obstacles; or nothing."""
    shown = {
        "hider_box_prep": ("boxes m", lambda value: fixed(value, 0, 2)),
        "hider_locks_prep": ("locks", lambda value: fixed(value, 0, 2)),
        "door_blocked": ("doors", percent),
        "sealed": ("sealed", percent),
        "seeker_crossings": ("crossed", lambda value: fixed(value, 0, 2)),
    }
    return [
        (heading, f"{text(row[key]):>{len(heading)}}")
        for key, (heading, text) in shown.items()
        if key in row
    ]


def _evaluation(evaluation: Mapping[str, float | int]) -> list[tuple[str, str]]:
    """The iteration of the last evaluation, and the score of both teams and of each."""
    keys = {"at": "iteration", "score": SCORE}
    keys |= {team: f"{EVALUATION}{team}" for team in DEFAULT_TEAMS}

    def cell(heading: str, key: str) -> tuple[str, str]:
        width = max(6, len(heading))
        digits = 0 if key == "iteration" else 3
        return f"{heading:>{width}}", fixed(evaluation.get(key, math.nan), width, digits)

    return [cell(heading, key) for heading, key in keys.items()]


def header(groups: list[Group]) -> list[str]:
    """Two lines: the groups, and the columns under them."""
    headings = ["  ".join(heading for heading, _ in group) for _, group in groups]
    names = [f"{name:^{len(heading)}}" for (name, _), heading in zip(groups, headings, strict=True)]
    return [" | ".join(names).rstrip(), " | ".join(headings)]
