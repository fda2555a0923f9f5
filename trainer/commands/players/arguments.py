"""Arguments of the commands that play games. Imports nothing heavy."""

from __future__ import annotations

import argparse

MAX_SEED = 2**63 - 1
MAX_GAMES = 100_000
"""Every game's figures are kept in memory, and so many give a win rate to 0.3 percent points."""


def add_seed(parser: argparse._ActionsContainer) -> None:
    """Adds `--seed`."""
    parser.add_argument(
        "--seed", type=seed, default=0, metavar="N", help="which games are played (default: 0)"
    )


def add_games(parser: argparse._ActionsContainer, default: int, meaning: str) -> None:
    """Adds `--games`."""
    parser.add_argument(
        "--games",
        type=games,
        default=default,
        metavar="N",
        help=f"{meaning} (default: {default}, at most {MAX_GAMES})",
    )


def add_actions(parser: argparse._ActionsContainer) -> None:
    """Adds `--deterministic` and `--explore`: how policies choose their actions."""
    how = parser.add_mutually_exclusive_group()
    how.add_argument(
        "--deterministic",
        action="store_true",
        help="play the most likely actions: the default, for it plays better",
    )
    how.add_argument(
        "--explore", action="store_true", help="draw the actions at random, as in training"
    )


def at_least_one(text: str) -> int:
    """A whole number of at least 1, as `type` of an argument."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1, not {text}")
    return int(text)


def games(text: str) -> int:
    """A number of games, as `type` of an argument."""
    if at_least_one(text) > MAX_GAMES:
        raise argparse.ArgumentTypeError(f"must be at most {MAX_GAMES}, not {text}")
    return int(text)


def seed(text: str) -> int:
    """A whole number from 0 to `MAX_SEED`, as `type` of an argument."""
    if not text.isdecimal() or int(text) > MAX_SEED:
        raise argparse.ArgumentTypeError(f"must be a whole number from 0 to 2^63 - 1, not {text}")
    return int(text)
