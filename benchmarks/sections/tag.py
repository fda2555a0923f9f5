"""another game: tag, 2 against 2, which has few inputs"""

from __future__ import annotations

from typing import Any

from benchmarks.rounds import Runs, rates, ratios, summary, take_turns
from benchmarks.sections.training import contender, share_of_peak
from benchmarks.session import Session
from benchmarks.table import Row, table

_GAME = ("--game", "tag")


def measure(results: dict[str, Any], session: Session) -> None:
    """Fills results with the answers of all rounds."""
    measured = (*_GAME, "--seconds", "2" if session.quick else "6")
    fused, torch = ("--set", "train.engine=fused"), ("--set", "train.engine=torch")
    contenders = [
        contender("fused", "tag, fused engine", "ours", *fused, *measured),
        contender("torch", "tag, torch engine", "ours", *torch, *measured),
        contender("floor", "tag, bare torch", "floor", *measured),
        contender("kernels", "tag, the fused kernels alone", "kernels", *fused, *measured),
        contender("peak", "the cores' peak", "peak", "--seconds", "2"),
    ]
    take_turns(contenders, 1 if session.quick else 5, results.setdefault("runs", {}))


def report(results: dict[str, Any]) -> str:
    """The table; adds what it sums up to the results."""
    runs: Runs = results["runs"]
    speed = {name: rates(runs, name) for name in runs if name != "peak"}
    over_floor = ratios(speed.get("fused", []), speed.get("floor", []))
    over_kernels = ratios(speed.get("fused", []), speed.get("kernels", []))
    results["ratios"] = {"fused/floor": over_floor, "fused/kernels": over_kernels}
    results["share_of_peak"] = share_of_peak(runs, "kernels")
    results["summary"] = summary(speed)
    rows = [
        Row("this trainer, fused engine", speed.get("fused", []), target=800_000),
        Row("this trainer, torch engine", speed.get("torch", [])),
        Row("bare torch: no game, no framework", speed.get("floor", [])),
        Row("the fused kernels alone: no game, no RLlib", speed.get("kernels", [])),
        Row("fused / bare torch", over_floor, 2),
        Row("fused / its kernels alone", over_kernels, 2),
        Row("the kernels' share of the cores' peak", results["share_of_peak"], 2),
    ]
    return table("Tag, 2 v 2, 32 inputs, agent-steps/s", rows)
