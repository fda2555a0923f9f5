"""Compare this trainer with others on the same game, networks, batch and PPO settings.

    python -m benchmarks.peers                    all peers, three rounds (about 8 minutes)
    python -m benchmarks.peers --only sb3 jax     some of them
    python -m benchmarks.peers --quick            one round of two iterations: a first look
    python -m benchmarks.peers --prepare          only make the environments (some GB of downloads)

Each peer gets a virtual environment of its own in .cache/peers, from requirements that are pinned
beside it in benchmarks/peers, and runs in a fresh process. Beside every run of a peer this trainer
runs with both its engines; a ratio is this trainer's speed over the peer's in such a pair. Read
the ratios: the speed of a machine that others share drifts. Agent-steps are those of both teams,
frozen agents' no-ops included, sampled and learned from as each trainer does it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.peers.contenders import ENGINES, PEERS, Peer
from benchmarks.peers.environments import prepare, python_of
from trainer.project import PROJECT_ROOT

ROUNDS, ITERATIONS = 3, 4


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
        "--iterations",
        type=int,
        default=ITERATIONS,
        help=f"measured per run; default: {ITERATIONS}",
    )
    parser.add_argument("--quick", action="store_true", help="one round of two iterations")
    parser.add_argument("--prepare", action="store_true", help="make the environments and stop")
    return parser


def measure(python: Path | str, module: str, words: Iterable[str]) -> dict[str, Any]:
    """One contender in a fresh process: agent_steps, seconds and version."""
    done = subprocess.run(
        [str(python), "-m", f"benchmarks.peers.{module}", *words],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{module} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def measure_peer(peer: Peer, iterations: int) -> dict[str, Any]:
    words = ("--iterations", str(iterations), *peer.words)
    return measure(python_of(peer), peer.library, words)


def measure_engine(engine: str, iterations: int) -> dict[str, Any]:
    words = ("--iterations", str(iterations), "--engine", engine)
    return measure(sys.executable, "ours", words)


def compare(
    peer: Peer,
    rounds: int,
    of_peer: Callable[[Peer], dict[str, Any]],
    of_engine: Callable[[str], dict[str, Any]],
) -> dict[str, Any]:
    """Rates of the peer and of this trainer's engines, taken in turn, and the ratios of pairs."""
    rates: dict[str, list[float]] = {name: [] for name in (peer.name, *ENGINES)}
    version = ""
    for _ in range(rounds):
        taken = {engine: of_engine(engine) for engine in ENGINES}
        taken[peer.name] = of_peer(peer)
        version = taken[peer.name]["version"]
        for name, measured in taken.items():
            rates[name].append(measured["agent_steps"] / measured["seconds"])
    return {
        "version": version,
        "agent_steps_per_s": rates,
        "ratios": {
            engine: [a / b for a, b in zip(rates[engine], rates[peer.name], strict=True)]
            for engine in ENGINES
        },
    }


def spread(values: Sequence[float], digits: int = 0) -> str:
    """Median (least-most)."""
    middle, low, high = statistics.median(values), min(values), max(values)
    return f"{middle:,.{digits}f} ({low:,.{digits}f}-{high:,.{digits}f})"


def table(found: dict[str, dict[str, Any]]) -> str:
    """A Markdown table of all that was measured, this trainer's engines first."""
    lines = [
        "| Trainer | Version | Agent-steps/s, median (min-max) | fused / it | torch / it |",
        "|---|---|---|---|---|",
    ]
    for engine in ENGINES:
        rates = [rate for each in found.values() for rate in each["agent_steps_per_s"][engine]]
        lines.append(f"| this trainer, `train.engine: {engine}` | | {spread(rates)} | | |")
    for peer in PEERS:
        if peer.name in found:
            one = found[peer.name]
            cells = [peer.title, one["version"], spread(one["agent_steps_per_s"][peer.name])]
            cells += [spread(one["ratios"][engine], 1) for engine in ENGINES]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def processor() -> str:
    """The processor's name where Linux tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def main() -> None:
    args = build_parser().parse_args()
    chosen = [peer for peer in PEERS if peer.name in args.only]
    for peer in chosen:
        prepare(peer)
    if args.prepare:
        return
    rounds, iterations = (1, 2) if args.quick else (args.rounds, args.iterations)
    when = datetime.now()
    machine = f"{os.cpu_count()} cores, {processor()}"
    print(f"{when:%Y-%m-%d %H:%M}, {machine}, Python {platform.python_version()}", flush=True)
    found = {}
    for peer in chosen:
        print(f"  {peer.name} ...", flush=True)
        found[peer.name] = compare(
            peer,
            rounds,
            lambda other: measure_peer(other, iterations),
            lambda engine: measure_engine(engine, iterations),
        )
    print(f"\n{table(found)}\n\nwhat differs:")
    for peer in chosen:
        print(f"  {peer.name:<10} {peer.differs}")
    path = PROJECT_ROOT / "benchmarks" / "results" / f"peers-{when:%Y%m%d-%H%M%S}.json"
    path.parent.mkdir(exist_ok=True)
    document = {"date": when.isoformat(timespec="seconds"), "machine": machine, "peers": found}
    path.write_text(json.dumps(document, indent=2) + "\n")
    print(f"\nwritten to {path.relative_to(PROJECT_ROOT)}")


if __name__ == "__main__":
    main()
