"""Options of `main.py` and `continue_training.py`; argparse only: --help is instant."""

from __future__ import annotations

import argparse
import json
import os

from trainer.checkpoints.safe_io.redaction import has_credentials
from trainer.commands.command_parser import add_config, add_debug, add_overrides
from trainer.errors import UsageError
from trainer.project import add_version
from trainer.shown_commands import WORKERS_VARIABLE


def add_run_arguments(parser: argparse.ArgumentParser, *, asks: bool = False) -> None:
    """The options that `main.py` and `continue_training.py` share; only the latter `asks`."""
    how_far = parser.add_mutually_exclusive_group()
    how_far.add_argument(
        "--iterations",
        type=_positive,
        metavar="N",
        help="train N more iterations; of a new run all of it, so that its schedules end there",
    )
    how_far.add_argument(
        "--until", type=_positive, metavar="N", help="train up to iteration N, within the plan"
    )
    how_far.add_argument(
        "--until-episodes",
        type=_positive,
        metavar="N",
        help="train until N episodes have finished, over the whole life of the run "
        "(ppo.num_episodes)",
    )
    how_far.add_argument(
        "--until-steps",
        type=_positive,
        metavar="N",
        help="train up to N environment steps, over the whole life of the run; one moves all "
        "agents of one world (ppo.num_env_steps)",
    )
    how_far.add_argument(
        "--alternations",
        type=_positive,
        metavar="N",
        help="as --iterations, for N turns of both teams: 2 N train.alternate.every iterations; "
        "alternating training is turned on with turns of 10 if it is off",
    )
    add_config(parser)
    add_overrides(parser, "override one key, for example --set ppo.lr=0.001")
    parser.add_argument(
        "--config-from",
        choices=("checkpoint", "file"),
        help="a resumed run keeps its own values but for what was edited in its configuration "
        "file since; this ignores the edits, or takes everything from the file",
    )
    parser.add_argument("--seed", type=int, metavar="N", help="same as --set train.seed=N")
    parser.add_argument(
        "--run-name",
        "--mlflow-run-name",
        metavar="NAME",
        help="what the run is called in its checkpoints, in TensorBoard and in MLflow; a resumed "
        "run keeps its name, and gets curves of its own under another one",
    )
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument(
        "--schedule-mode",
        "--continue-schedule-mode",
        choices=("extend", "constant", "restart"),
        help="how a resumed run continues its schedules: from where they stood (the default), "
        "at the values they had reached, or anew",
    )
    mode.add_argument(
        "--restart-entropy-on-continue",
        dest="schedule_mode",
        action="store_const",
        const="restart",
        help="same as --schedule-mode restart",
    )
    parser.add_argument(
        "--checkpoint-dir", metavar="DIR", help="folder of the checkpoints (ppo.checkpoint_dir)"
    )
    parser.add_argument("--quiet", action="store_true", help="no line per iteration")
    yes = "do not ask" if asks else "no effect here; main.py never asks"
    parser.add_argument("--yes", action="store_true", help=yes)
    add_version(parser)
    add_debug(parser)


def overrides_of(args: argparse.Namespace) -> list[str]:
    """Everything that a command sets over the configuration file, each `group.key=value`.

    Also the number of processes in the environment variable RAY_WORKERS.

    Raises:
        UsageError: that variable is no number.
    """
    workers = os.environ.get(WORKERS_VARIABLE, "").strip()
    if workers and not workers.isdecimal():
        raise UsageError(
            f"{WORKERS_VARIABLE} = {workers!r} in the environment: expected a number of processes "
            "(ray.num_env_runners)"
        )
    overrides = [f"ray.num_env_runners={workers}"] if workers else []
    overrides += args.overrides
    if args.seed is not None:
        overrides.append(f"train.seed={args.seed}")
    if args.schedule_mode is not None:
        overrides.append(f"schedules.mode={args.schedule_mode}")
    if args.run_name is not None:
        overrides.append(f"tracking.run_name={json.dumps(args.run_name)}")
    for name, budget in (("episodes", args.until_episodes), ("env_steps", args.until_steps)):
        if budget is not None:
            overrides += ["ppo.num_episodes=null", "ppo.num_env_steps=null"]
            overrides.append(f"ppo.num_{name}={budget}")
    return overrides


def flags_of(args: argparse.Namespace) -> list[str]:
    """The options with values of the run, as they have to be typed again.

    Without those whose value holds credentials.
    """
    named = {
        "--config": args.config,
        "--config-from": args.config_from,
        "--seed": args.seed,
        "--run-name": args.run_name,
        "--schedule-mode": args.schedule_mode,
        "--until-episodes": args.until_episodes,
        "--until-steps": args.until_steps,
        "--checkpoint-dir": args.checkpoint_dir,
    }
    pairs = [(flag, str(value)) for flag, value in named.items() if value is not None]
    pairs += [("--set", item) for item in args.overrides]
    return [word for pair in pairs if not has_credentials(pair[1]) for word in pair]


def length_of(args: argparse.Namespace) -> list[str]:
    """The option with the length of the run, as it has to be typed again; empty: not given."""
    named = ("iterations", "until", "until_episodes", "until_steps", "alternations")
    given = ((f"--{name.replace('_', '-')}", getattr(args, name)) for name in named)
    return [word for flag, value in given if value is not None for word in (flag, str(value))]


def _positive(text: str) -> int:
    """A whole number, also written as 2e6 or 2_000_000."""
    try:
        value = float(text) if "e" in text.lower() else int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a whole number, not {text!r}") from None
    if value > 1e15 or value != int(value):
        raise argparse.ArgumentTypeError(f"expected a whole number up to 1e15, not {text}")
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, not {text}")
    return int(value)
