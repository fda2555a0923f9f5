"""Runs one contender in this process and prints what it has measured as one JSON line.

python -m benchmarks.contenders ours --set train.engine=fused
python -m benchmarks.contenders stock --runners 2 --envs 16
python -m benchmarks.contenders floor --game tag
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import Any

from benchmarks.workload import GAMES, config_of

NAMES = ("ours", "stock", "floor", "kernels", "peak", "costs")


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """What a contender has measured; each is imported only when it is asked for."""
    config = config_of(args.game, *args.set)
    if args.contender == "peak":
        from benchmarks.contenders.peak import peak

        return {"multiply_adds_per_s": peak(config.train.threads, args.seconds)}
    if args.contender == "costs":
        from benchmarks.contenders.costs import costs

        return costs(config, args.seconds)
    if args.contender == "stock":
        from benchmarks.contenders.stock import stock

        return asdict(stock(config, args.seconds, args.runners, args.envs))
    if args.contender == "floor":
        from benchmarks.contenders.floor import floor as contender
    elif args.contender == "kernels":
        from benchmarks.contenders.kernels import kernels as contender
    else:
        from benchmarks.contenders.ours import ours as contender
    return asdict(contender(config, args.seconds))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("contender", choices=NAMES)
    parser.add_argument("--seconds", type=float, default=5.0, help="measured, after a warm-up")
    parser.add_argument("--game", choices=GAMES, default=GAMES[0])
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--runners", type=int, default=2, help="of stock RLlib")
    parser.add_argument("--envs", type=int, default=64, help="worlds of each of its runners")
    print(json.dumps(measure(parser.parse_args())), flush=True)


if __name__ == "__main__":
    main()
