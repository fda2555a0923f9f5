"""Train on a Ray cluster: submit main.py as a job, and look after the jobs."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Sequence

from trainer.checkpoints.safe_io.did_you_mean import nearest
from trainer.commands.command_parser import CommandParser, add_debug
from trainer.commands.run_command import run_command
from trainer.commands.train.main import build_parser
from trainer.project import add_version
from trainer.shown_commands import DEFAULT_STOP_WAIT

PROGRAM = "python -m trainer.submit"
EPILOG = """\
There are four more forms:
  python -m trainer.submit status JOB             how far it is, its last checkpoint
  python -m trainer.submit logs JOB [--follow]    what it has printed
  python -m trainer.submit stop JOB               let it save a checkpoint and end
  python -m trainer.submit list                   every job of the cluster

examples:
  python -m trainer.submit --address http://HOST:8265 -- --resume auto --iterations 500 \\
      --checkpoint-dir s3://bucket/runs/a --set ray.num_env_runners=25
  python -m trainer.submit --env RESTORE_CHECKPOINT=s3://bucket/runs/a/checkpoint_000150 \\
      --env RAY_WORKERS=25 -- --iterations 100 --checkpoint-dir s3://bucket/runs/b
  python -m trainer.submit list --json

What stands after -- are options of main.py; they are checked before anything is sent. The
project's code travels with the job, without checkpoints, tests, documents and hidden files.
With --resume auto the same command continues the run, also as a retry. Without --address it is
RAY_API_SERVER_ADDRESS, then RAY_ADDRESS, then http://127.0.0.1:8265. Ctrl-C stops following and
asks whether to stop the job too; without a terminal the job goes on.

exit codes: 0 the job succeeded, 1 it failed or the cluster does not answer, 2 usage or
configuration, 130 after Ctrl-C, 143 the job was stopped"""
SHORT = (
    "exit codes: 0 done, 1 error or the job failed, 2 usage, 130 after Ctrl-C, 143 it was stopped"
)
FORMS = {
    "status": "how far a job is, with its last checkpoint",
    "logs": "what a job has printed",
    "stop": "let a job save a checkpoint and end",
    "list": "every job of the cluster, the newest first",
}
SUBMIT = "submit"


def main(argv: Sequence[str] | None = None) -> int:
    """The program: submits a job or does what its form says; returns the exit code."""
    return run_command(_run, argv, needs_output=True)


def parse_args(argv: Sequence[str]) -> argparse.Namespace:
    """The parsed command line; `form` is one of FORMS or SUBMIT, `training` what follows --."""
    words, parser = list(argv), submit_parser()
    place = words.index("--") if "--" in words else len(words)
    own, others = _own_words(parser, words[:place])
    if others and others[0] in FORMS:
        return form_parser(others[0]).parse_args([*own, *others[1:], *words[place:]])
    if others:
        _refuse(parser, own, [*others, *words[place + 1 :]])
    args = parser.parse_args(own)
    args.training = words[place + 1 :]
    return args


def _own_words(parser: CommandParser, words: Sequence[str]) -> tuple[list[str], list[str]]:
    """The options of `submit` itself with their values, and all the other words."""
    own, others, left = list[str](), list[str](), list(words)
    while left:
        word = left.pop(0)
        takes = parser.values_of(word)
        (others if takes is None else own).append(word)
        if takes and left:
            own.append(left.pop(0))
    return own, others


def _refuse(parser: CommandParser, own: Sequence[str], others: Sequence[str]) -> None:
    """Tells what was meant by words that are none of `submit`; returns if that is not known."""
    first = others[0]
    if not first.startswith("-") and (near := nearest(first, FORMS)) is not None:
        parser.error(f"no such form: {first}; did you mean {near!r}?")
    trains = build_parser()
    if first.startswith("-") and all(trains.values_of(word) is None for word in others):
        parser.parse_args([*own, *others])
    line = shlex.join([*own, "--", *others])
    parser.error(f"options of main.py stand after --; here it is: {PROGRAM} {line}")


class _Parser(CommandParser):
    """A parser that would submit what is for `main.py`."""

    def training_command(self) -> str:
        return f"{PROGRAM} --"


def submit_parser() -> CommandParser:
    parser = _Parser(
        prog=PROGRAM,
        usage="%(prog)s [options] [-- options of main.py]",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(form=SUBMIT)
    _add_address(parser)
    parser.add_argument(
        "--env",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a variable of the job's environment; NAME alone takes the value of this shell; may "
        "be repeated",
    )
    parser.add_argument(
        "--working-dir", metavar="DIR", help="folder that travels with the job (the project)"
    )
    parser.add_argument(
        "--exclude",
        action="append",
        default=[],
        metavar="PATTERN",
        help="leave files or folders of it out, by path or name; may be repeated",
    )
    parser.add_argument("--name", metavar="NAME", help="what the job is called in lists")
    parser.add_argument(
        "--submission-id",
        type=_id,
        metavar="ID",
        help="id of the job, new on the cluster (Ray makes one up)",
    )
    parser.add_argument(
        "--stop-wait",
        type=_seconds,
        default=DEFAULT_STOP_WAIT,
        metavar="S",
        help="seconds that a stopped job has to save its checkpoint before it is killed "
        "(%(default)s)",
    )
    parser.add_argument("--no-follow", action="store_true", help="submit, and do not show its log")
    parser.add_argument(
        "--dry-run", action="store_true", help="check and show what would be submitted"
    )
    add_version(parser)
    add_debug(parser)
    return parser


def form_parser(form: str) -> CommandParser:
    parser = _Parser(prog=f"{PROGRAM} {form}", description=FORMS[form], epilog=SHORT)
    parser.set_defaults(form=form)
    if form != "list":
        parser.add_argument(
            "job", metavar="JOB", help="submission id or name, as `list` shows them"
        )
    _add_address(parser)
    if form == "logs":
        parser.add_argument("--follow", action="store_true", help="until the job ends or Ctrl-C")
    else:
        parser.add_argument("--json", action="store_true", help="machine-readable")
    add_debug(parser)
    return parser


def _add_address(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--address",
        metavar="URL",
        help="of Ray's dashboard, http://HOST:8265 (RAY_API_SERVER_ADDRESS, then RAY_ADDRESS, then "
        "http://127.0.0.1:8265)",
    )


def _run(argv: Sequence[str]) -> int:
    args = parse_args(argv)
    if args.form == SUBMIT:
        from trainer.commands.submit.submission import submit

        return submit(args)
    from trainer.commands.submit import forms

    return forms.run(args)


def _id(text: str) -> str:
    if re.fullmatch(r"[\w.-]+", text, re.ASCII) is None:
        raise argparse.ArgumentTypeError(
            f"expected letters, digits, '_', '-' and '.', for it becomes a part of URLs: {text!r}"
        )
    return text


def _seconds(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= 3600:
        raise argparse.ArgumentTypeError(f"expected 1 to 3600 seconds, not {text!r}")
    return int(text)
