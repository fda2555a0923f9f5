"""Options of `main.py` and `continue_training.py`; argparse only: --help is instant."""

from __future__ import annotations

import argparse
import json
import os

from trainer.errors import UsageError
from trainer.project import add_version

WORKERS_VARIABLE = "RAY_WORKERS"


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """The options that `main.py` and `continue_training.py` share."""
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
    parser.add_argument("--config", metavar="FILE", help="configuration (default: config.yaml)")
    parser.add_argument(
        "--set",
        dest="overrides",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="override one key, for example --set ppo.lr=0.001; may be repeated",
    )
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
        help="how a resumed run goes on with its schedules: from where they stood (the default), "
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
    parser.add_argument("--yes", action="store_true", help="do not ask (main.py never does)")
    add_version(parser)
    parser.add_argument("--debug", action="store_true", help="show a traceback on errors")


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
    return overrides


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, not {value}")
    return value
