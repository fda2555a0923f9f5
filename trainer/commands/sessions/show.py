"""show: one recorded episode, its numbers and its picture."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from trainer.checkpoints.safe_io.safe_json import shown_line
from trainer.commands.checkpoint_tools.json_output import print_json
from trainer.commands.sessions.reading import NoRecords, read_one
from trainer.commands.target_file import check_target
from trainer.episodes.record import NotARecord, Record
from trainer.errors import UsageError
from trainer.reporting.formatting import number, plural
from trainer.reporting.progress_line import Progress
from trainer.reporting.terminal import Style, shows_color
from trainer.shown_commands import module_command

_FPS = 12.0
_SIZE = 480  # pixels, the width
_HOLD = 1.2  # seconds that the end stays longer
_SAMPLES = 8  # moments from which the colors are chosen


def run_show(args: argparse.Namespace) -> int:
    """Shows the record that the command line names; returns the exit code."""
    target = None
    if args.gif is not None:
        target = check_target("--gif", args.gif, (".gif",), overwrite=args.yes)
    address, record = read_one(args.where)
    if args.json:
        print_json(record.model_dump(mode="json"))
    else:
        print(*_lines(address, record), sep="\n")
    drawn = args.step is not None or target is not None
    if record.trace is None or (args.json and not drawn):
        if drawn:
            raise NoRecords(f"{address} has no trace: {record.why_no_trace}")
        return 0
    try:
        _draw(record, address, args, target)
    except NotARecord as error:
        raise NoRecords(f"{address} cannot be drawn: {error}") from None
    return 0


def _lines(address: str, record: Record) -> list[str]:
    """What the record says, a line each."""
    style = Style.of(sys.stdout)
    place = record.level or record.game
    if record.arena is not None:
        place += f", arena {record.arena}"
    began, ended = record.stretches[0], record.stretches[-1]
    span = f"{began.iteration}" if began is ended else f"{began.iteration} to {ended.iteration}"
    about = {
        "record": address,
        "run": f"{record.run}, seed {record.seed}, worker {record.worker}, world {record.world}",
        "played": f"{place}, in iteration {span}; written {record.written}",
    }
    for policy, digest in ended.policies.items():
        about[policy] = f"weights {digest[:12]}"
    met = {f"{t} of iteration {n}" for s in record.stretches for t, n in s.opponents.items()}
    if met:
        about["earlier policies"] = ", ".join(sorted(met))
    for team, sums in record.rewards.items():
        about[f"{team} rewards"] = "  ".join("-" if v is None else number(v) for v in sums)
    if record.trace is None:
        about["no trace"] = record.why_no_trace
    known = {k: v for k, v in record.statistics.items() if v}
    zero = [name for name, value in record.statistics.items() if value == 0]
    about |= {name: number(value) for name, value in known.items()}
    if zero:
        about["these are 0"] = ", ".join(zero)
    width = max(map(len, about))
    return [
        f"{style.paint(shown_line(k).ljust(width), '2')}  {shown_line(v)}" for k, v in about.items()
    ]


def _draw(record: Record, address: str, args: argparse.Namespace, target: Path | None) -> None:
    # Here and not above: the numbers alone need no game.
    from envs.render.ansi import draw_text
    from trainer.episodes.scenes import RecordedScenes

    progress = Progress(sys.stderr)
    progress.show("building the arena ...")
    scenes = RecordedScenes(record)
    progress.clear()
    if args.step is not None and not 0 <= args.step <= scenes.steps:
        raise UsageError(f"--step must be from 0 to {scenes.steps}, got {args.step}")
    if not args.json:
        step = scenes.steps if args.step is None else args.step
        print("", draw_text(scenes.scene(step), shows_color(sys.stdout)), sep="\n")
        if target is None:
            ways = module_command("trainer.sessions", ["show", address, "--gif", "episode.gif"])
            print(f"the whole episode, {plural(scenes.steps, 'step')}: {ways}")
    if target is None:
        return
    from envs.render import palette
    from envs.render.gif import GifWriter
    from envs.render.raster import draw_image

    picks = np.linspace(0, scenes.steps, _SAMPLES).astype(int)
    sample = [draw_image(scenes.scene(int(step)), _SIZE) for step in picks]
    try:
        writer = GifWriter(target, _FPS, sample, palette.EXACT)
        try:
            for step in range(scenes.steps + 1):
                progress.show(f"drawn {step:,} of {scenes.steps:,} steps")
                picture = draw_image(scenes.scene(step), _SIZE)
                writer.add(picture, _HOLD if step == scenes.steps else 0.0)
            writer.close()
        finally:
            writer.discard()
            progress.clear()
    except OSError as error:
        raise UsageError(f"--gif {args.gif} cannot be written: {error.strerror}") from None
    print(f"drawn: {args.gif}", file=sys.stderr if args.json else sys.stdout)
