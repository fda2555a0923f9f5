"""Compares this trainer with others on the same game, networks, batch and PPO settings.

    python -m benchmarks.peers                    all peers, three rounds (about 8 minutes)
    python -m benchmarks.peers --only sb3 jax     some of them
    python -m benchmarks.peers --quick            one short round: a first look
    python -m benchmarks.peers --prepare          only make the environments (some GB of downloads)

Each peer gets a virtual environment of its own in .cache/peers, from requirements that are pinned
beside it in benchmarks/peers, and runs in a fresh process. A round is one run of this trainer with
each of its engines and one of every peer; a ratio is this trainer's speed over a peer's within a
round. Read the ratios: the speed of a machine that others share drifts. Agent-steps are those of
both teams, frozen agents' no-ops included. Leave the machine alone meanwhile. The table goes to
the console, every single value to a JSON file in benchmarks/results/. Ctrl-C keeps what is there.
"""

from __future__ import annotations

import argparse
import json
import shlex
import signal
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.children import answer
from benchmarks.machine import circumstances, in_words
from benchmarks.peers.catalog import ENGINES, PEERS, Peer
from benchmarks.peers.environments import prepare, python_of
from benchmarks.progress import clear, say
from benchmarks.rounds import Contender, Runs, rates, ratios, spread, take_turns
from trainer.project import PROJECT_ROOT

ROUNDS, SECONDS = 3, 6.0
RESULTS = PROJECT_ROOT / "benchmarks" / "results"


@dataclass(frozen=True)
class PeerContender(Contender):
    """A peer with its own Python, in a folder where it may leave what it likes."""

    python: Path = Path(sys.executable)

    def run(self) -> dict[str, Any]:
        """See `Contender.run`."""
        with tempfile.TemporaryDirectory() as scratch:
            words = [str(self.python), *self.words]
            return answer(words, Path(scratch), {"PYTHONPATH": str(PROJECT_ROOT)})


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.peers",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="peers, and what differs from this trainer:\n"
        + "\n".join(f"  {peer.name:<10} {peer.title}: {peer.differs}" for peer in PEERS),
    )
    names = [peer.name for peer in PEERS]
    parser.add_argument(
        "--only", nargs="+", metavar="NAME", choices=names, default=names, help=", ".join(names)
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"default: {ROUNDS}")
    parser.add_argument(
        "--seconds", type=float, default=SECONDS, help=f"measured per run; default: {SECONDS:g}"
    )
    parser.add_argument("--quick", action="store_true", help="one round of 2 seconds each")
    parser.add_argument("--prepare", action="store_true", help="make the environments and stop")
    return parser


def contenders(peers: Sequence[Peer], seconds: float) -> list[Contender]:
    """A round: this trainer with each engine, and the peers."""
    measured = ("--seconds", str(seconds))
    ours = ("-m", "benchmarks.contenders", "ours", *measured, "--set")
    return [
        *(
            Contender(engine, f"this trainer, {engine} engine", (*ours, f"train.engine={engine}"))
            for engine in ENGINES
        ),
        *(
            PeerContender(
                peer.name,
                peer.title,
                ("-m", f"benchmarks.peers.{peer.library}", *measured, *peer.words),
                python=python_of(peer),
            )
            for peer in peers
        ),
    ]


def cell(values: Sequence[float | None], digits: int = 0) -> str:
    """Median (least-most)."""
    found = spread(values)
    if found is None:
        return "-"
    middle, low, high = (f"{found[key]:,.{digits}f}" for key in ("median", "min", "max"))
    return f"{middle} ({low}-{high})"


def table(runs: Runs) -> str:
    """A Markdown table, this trainer's engines first."""
    lines = [
        "| Trainer | Version | Agent-steps/s, median (min-max) | fused / it | torch / it |",
        "|---|---|---|---|---|",
    ]
    speed = {name: rates(runs, name) for name in runs}
    for engine in ENGINES:
        every = cell(speed.get(engine, []))
        lines.append(f"| this trainer, `train.engine: {engine}` | | {every} | | |")
    for peer in PEERS:
        if peer.name in runs:
            mine = speed[peer.name]
            version = next((run["version"] for run in runs[peer.name] if run), "-")
            over = [cell(ratios(speed[engine], mine), 1) for engine in ENGINES]
            lines.append(f"| {' | '.join([peer.title, version, cell(mine), *over])} |")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    args = build_parser().parse_args(argv)
    chosen = [peer for peer in PEERS if peer.name in args.only]
    for peer in chosen:
        prepare(peer)
    if args.prepare:
        return 0
    rounds, seconds = (1, 2.0) if args.quick else (args.rounds, args.seconds)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.default_int_handler)  # all keep what was measured
    when = datetime.now()
    place = circumstances(when)
    print(in_words(place), flush=True)
    runs: Runs = {}
    try:
        take_turns(contenders(chosen, seconds), rounds, runs)
    except KeyboardInterrupt:
        say("stopped; the table shows what was measured until then", stays=True)
    clear()
    print(table(runs))
    arguments = sys.argv[1:] if argv is None else argv
    document = {
        **place,
        "command": shlex.join(["python", "-m", "benchmarks.peers", *arguments]),
        "runs": runs,
    }
    path = RESULTS / f"{when:%Y%m%d-%H%M%S}-peers.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(document, indent=2) + "\n")
    print(f"\nwritten to {path.relative_to(PROJECT_ROOT)}")
    return int(any(run is None for each in runs.values() for run in each))


if __name__ == "__main__":
    sys.exit(main())
