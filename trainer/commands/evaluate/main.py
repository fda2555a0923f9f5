"""Compare checkpoints and scripted players: every seeker plays every hider. Needs no Ray."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from trainer.commands.command_parser import CommandParser, add_debug, add_overrides
from trainer.commands.players.arguments import add_actions, add_games, add_seed
from trainer.commands.players.names import listing
from trainer.commands.run_command import run_command
from trainer.errors import UsageError
from trainer.project import add_version
from trainer.shown_commands import module_command

PROGRAM = "python -m trainer.evaluate"
EXPLOIT = "exploit"
DEFAULT_GAMES = 256

EPILOG = f"""\
There is a second form, which looks for the weakness of one policy:
  python -m trainer.evaluate exploit CHECKPOINT --team hider --minutes 5
(python -m trainer.evaluate exploit --help)

examples:
  python -m trainer.evaluate 100 200 latest random
  python -m trainer.evaluate best shipped random chaser blocker --games 1000
  python -m trainer.evaluate latest ./checkpoints_L1/checkpoint_000300 --set env.level=L1
  python -m trainer.evaluate 50 100 150 200 random --out progress.png
  python -m trainer.evaluate latest random --json > table.json

A player is a checkpoint (latest, best, final, an iteration number, a path or a
name given by `python -m trainer.checkpoints tag`), shipped (the policies that come
with the project), random, or a scripted player:
{listing()}
Checkpoints and random play both teams. The game is that of the first checkpoint,
without one that of config.yaml. Networks may be of any size, as long as they take
this game's observations.

The same seed and players give the same games, whoever else is in the table.
Ctrl-C leaves with what has been played so far.

exit codes: 0 done, 1 error, 2 usage or configuration, 3 no usable checkpoint,
130 after Ctrl-C"""


def main(argv: Sequence[str] | None = None) -> int:
    """The program: does what the command line says and returns the exit code."""
    return run_command(_run, argv, needs_output=True)


def parse_args(argv: Sequence[str]) -> argparse.Namespace:
    """The parsed command line of either form; `form` is "table" or "exploit"."""
    if argv[:1] == [EXPLOIT]:
        from trainer.commands.evaluate.exploit_parser import build_parser

        return build_parser(f"{PROGRAM} {EXPLOIT}").parse_args(argv[1:])
    for place, word in enumerate(argv):
        if word == EXPLOIT and not argv[place - 1].startswith("-"):  # no value of an option
            words = [EXPLOIT, *argv[:place], *argv[place + 1 :]]
            words += [] if "--team" in argv else ["--team", "hider"]
            first = module_command("trainer.evaluate", words)
            raise UsageError(f"{EXPLOIT} comes first: {first}")
    return table_parser().parse_args(argv)


def table_parser() -> argparse.ArgumentParser:
    parser = CommandParser(
        prog=PROGRAM,
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(form="table")
    parser.add_argument("players", nargs="+", metavar="PLAYER", help="who plays; see below")
    parser.add_argument("--checkpoint-dir", metavar="DIR", help="folder of the checkpoints")
    add_games(parser, DEFAULT_GAMES, "how many each pairing plays")
    add_seed(parser)
    add_actions(parser)
    add_overrides(parser, "change the game, for example --set env.level=L1", "env.KEY=VALUE")
    parser.add_argument("--out", metavar="FILE.png", help="draw the table as a picture too")
    parser.add_argument("--yes", action="store_true", help="let --out replace an existing file")
    parser.add_argument("--json", action="store_true", help="print the table as JSON")
    add_version(parser)
    add_debug(parser)
    return parser


def _run(argv: Sequence[str]) -> int:
    args = parse_args(argv)
    if args.form == EXPLOIT:
        from trainer.commands.evaluate.exploit import run_exploit

        return run_exploit(args)
    from trainer.commands.evaluate.run import run_table

    return run_table(args)
