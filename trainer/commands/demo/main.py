"""Watch trained policies and scripted players play, and measure how well they do. Needs no Ray."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from trainer.commands.command_parser import CommandParser, add_debug, add_overrides
from trainer.commands.players.arguments import add_actions, add_seed, at_least_one
from trainer.commands.players.names import listing
from trainer.commands.run_command import run_command
from trainer.project import add_version

RENDER_MODES = ("human", "ansi", "rgb_array", "none")
DEFAULT_FPS = 12.0
MAX_FPS = 1000.0

EPILOG = f"""\
examples:
  python demo_model.py                                 choose a checkpoint, watch five episodes
  python demo_model.py --shipped                       trained agents at once, no training
  python demo_model.py --checkpoint best --episodes 20
  python demo_model.py --checkpoint 50 --record game.gif
  python demo_model.py --checkpoint latest --hider random --episodes 1000 --render none
  python demo_model.py --checkpoint latest --hider random --episodes 1000 --json
  python demo_model.py --seeker chaser --hider blocker --set env.level=L1

A selector is latest, best, final, an iteration number, a path, or a name given
by `python -m trainer.checkpoints tag`. Without one a terminal shows a list to
choose from; elsewhere the latest is taken. --shipped needs no training: --seeker
or --hider may still name a checkpoint of your own, to play against.

scripted players, for --seeker and --hider, and what they do:
{listing()}
Where neither team is played by a checkpoint and none is given, the game is that of
config.yaml.

The same seed and players give the same games, actions included, in every
render mode: episode 3 of five is also episode 3 of a thousand.

keys in the window:
  space  pause                  n       next episode (the rest still counts)
  right  one step               + -     faster, slower
  r      record a GIF, on/off   q, Esc  leave
Ctrl-C leaves with the statistics so far.

exit codes: 0 done, 1 error, 2 usage or configuration, 3 no usable checkpoint,
130 after Ctrl-C"""


def main(argv: Sequence[str] | None = None) -> int:
    """The program: plays as the command line says and returns the exit code."""
    return run_command(_run, argv, needs_output=True)


def build_parser() -> argparse.ArgumentParser:
    parser = CommandParser(
        description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("selector", nargs="?", metavar="CHECKPOINT", help="as --checkpoint")
    parser.add_argument(
        "--checkpoint", metavar="SEL", help="whose policies play, in whose game (a selector)"
    )
    parser.add_argument("--checkpoint-dir", metavar="DIR", help="folder of the checkpoints")
    parser.add_argument(
        "--shipped", action="store_true", help="play the policies that come with the project"
    )
    _add_match_arguments(parser)
    _add_picture_arguments(parser)
    parser.add_argument(
        "--json", action="store_true", help="play unseen and print the statistics as JSON"
    )
    add_version(parser)
    add_debug(parser)
    return parser


def _add_match_arguments(parser: argparse.ArgumentParser) -> None:
    match = parser.add_argument_group("match")
    match.add_argument(
        "--episodes",
        type=at_least_one,
        default=5,
        metavar="N",
        help="how many to play (default: 5)",
    )
    add_seed(match)
    match.add_argument(
        "--seeker",
        metavar="PLAYER",
        help="who plays the seekers: another checkpoint, random, or a scripted player",
    )
    match.add_argument(
        "--hider",
        metavar="PLAYER",
        help="who plays the hiders: another checkpoint, random, or a scripted player",
    )
    add_actions(match)
    add_overrides(match, "change the game, for example --set env.level=L1", "env.KEY=VALUE")


def _add_picture_arguments(parser: argparse.ArgumentParser) -> None:
    picture = parser.add_argument_group("picture")
    picture.add_argument(
        "--render",
        choices=RENDER_MODES,
        help="human: a window (default, with a display); ansi: text (default on a terminal without "
        "a display); rgb_array: drawn, not shown; none: statistics only, fast (default otherwise)",
    )
    picture.add_argument(
        "--record", metavar="FILE.gif", help="write what is played as an animated GIF"
    )
    picture.add_argument(
        "--fps",
        type=_fps,
        default=DEFAULT_FPS,
        metavar="N",
        help=f"steps per second in pictures (default: {DEFAULT_FPS:g})",
    )
    picture.add_argument(
        "--yes", "--force", action="store_true", help="let --record replace an existing file"
    )


def _fps(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.0 < value <= MAX_FPS:
        raise argparse.ArgumentTypeError(f"must be above 0 and at most {MAX_FPS:g}, not {text}")
    return value


def _run(argv: Sequence[str]) -> int:
    parser = build_parser()
    args = parser.parse_args(argv)
    if args.selector is not None and args.checkpoint is not None:
        parser.error(f"two checkpoints given: {args.selector} and {args.checkpoint}")
    args.checkpoint = args.selector or args.checkpoint
    if args.shipped and (args.checkpoint is not None or args.checkpoint_dir is not None):
        parser.error("--shipped plays its own checkpoint: give no other, and no --checkpoint-dir")
    from trainer.commands.demo.run import run_demo

    return run_demo(args)
