"""this trainer against stock RLlib, bare torch, its own kernels and an earlier commit of itself"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.earlier import COMMIT
from benchmarks.rounds import Contender, Runs, figures, rates, ratios, summary, take_turns
from benchmarks.session import Session
from benchmarks.table import Row, table

STOCK_CHOICES = ((0, 16), (0, 64), (1, 64), (2, 16), (2, 64))
"""(runners, envs per runner) that stock RLlib may be best at."""
BEST_KNOWN = (2, 64)

_QUICK_LIMIT_S = 220.0
_EARLIER_ITERATIONS = 6  # its own program counts iterations, not seconds


def contender(name: str, label: str, *words: str) -> Contender:
    return Contender(name, label, ("-m", "benchmarks.contenders", *words))


def measure(results: dict[str, Any], session: Session) -> None:
    """Fills results with the answers of all rounds."""
    runs: Runs = results.setdefault("runs", {})
    best = BEST_KNOWN if session.quick else best_of_stock(results)
    results["stock"] = f"{best[0]} runners x {best[1]} worlds"
    rounds, limit_s = (2, _QUICK_LIMIT_S) if session.quick else (5, float("inf"))
    contenders = plan(best, "3" if session.quick else "8")
    tree = session.earlier()
    if isinstance(tree, Path):
        words = ("-m", "benchmarks.contenders", "ours", "--iterations", str(_EARLIER_ITERATIONS))
        contenders.append(Contender("earlier", f"this trainer at {COMMIT}", words, tree))
    else:
        results["left_out"] = {COMMIT: tree}
    take_turns(contenders, rounds, runs, limit_s)


def plan(stock: tuple[int, int], seconds: str) -> list[Contender]:
    """The contenders of a round that are in this tree."""
    runners, envs = map(str, stock)
    measured = ("--seconds", seconds)
    fused, torch = ("--set", "train.engine=fused"), ("--set", "train.engine=torch")
    return [
        contender("fused", "this trainer, fused engine", "ours", *fused, *measured),
        contender(
            *("stock", f"stock RLlib, {runners} x {envs}", "stock", *measured),
            *("--runners", runners, "--envs", envs),
        ),
        contender("torch", "this trainer, torch engine", "ours", *torch, *measured),
        contender("floor", "bare torch", "floor", *measured),
        contender("kernels", "the fused kernels alone", "kernels", *fused, *measured),
        contender("peak", "the cores' peak", "peak", "--seconds", "2"),
    ]


def best_of_stock(results: dict[str, Any]) -> tuple[int, int]:
    """The choice with which stock RLlib is fastest, each tried for one iteration."""
    tried: Runs = results.setdefault("stock_choices", {})
    choices = {f"{runners}x{envs}": (runners, envs) for runners, envs in STOCK_CHOICES}
    words = {
        name: ("stock", "--runners", str(r), "--envs", str(e), "--seconds", "1")
        for name, (r, e) in choices.items()
    }
    trials = [contender(name, f"trying stock RLlib, {name}", *words[name]) for name in choices]
    take_turns(trials, 1, tried)
    found = {name: rate for name in choices for rate in rates(tried, name) if rate is not None}
    return choices[max(found, key=lambda name: found[name])] if found else BEST_KNOWN


def share_of_peak(runs: Runs, name: str) -> list[float | None]:
    """The multiply-adds of a contender as a share of what the cores can do, in each round.

    Whole training does the same arithmetic per agent-step as its kernels alone.
    """
    shares: list[float | None] = []
    for run, kernels, peak in zip(
        *(runs.get(each, []) for each in (name, "kernels", "peak")), strict=False
    ):
        if run is None or kernels is None or peak is None:
            shares.append(None)
            continue
        work = kernels["multiply_adds"] / kernels["agent_steps"]
        rate = run["agent_steps"] / run["seconds"]
        shares.append(work * rate / peak["multiply_adds_per_s"])
    return shares


def report(results: dict[str, Any]) -> str:
    """The tables; adds what they sum up to the results."""
    runs: Runs = results["runs"]
    speed = {name: rates(runs, name) for name in runs if name != "peak"}

    def over(above: str, below: str) -> list[float]:
        return ratios(speed.get(above, []), speed.get(below, []))

    compared = {
        "fused/earlier": over("fused", "earlier"),
        "fused/stock": over("fused", "stock"),
        "torch/floor": over("torch", "floor"),
        "fused/kernels": over("fused", "kernels"),
        "torch/earlier": over("torch", "earlier"),
        "torch/stock": over("torch", "stock"),
        "fused/floor": over("fused", "floor"),
    }
    gflops = figures(runs, "peak", lambda run: 2e-9 * run["multiply_adds_per_s"])
    shares = {name: share_of_peak(runs, name) for name in ("kernels", "fused")}
    results["rates"] = speed
    results["ratios"] = compared
    results["peak_gflops"], results["share_of_peak"] = gflops, shares
    results["summary"] = summary({**speed, **compared})
    best = results.get("stock", "")
    parts = [
        table(
            "Whole training, agent-steps/s",
            [
                Row("(a) this trainer, fused engine", speed.get("fused", [])),
                Row("    this trainer, torch engine", speed.get("torch", [])),
                Row(f"(b) stock RLlib, {best}", speed.get("stock", [])),
                Row("(c) bare torch: no game, no framework", speed.get("floor", [])),
                Row("(d) the fused kernels alone: no game, no RLlib", speed.get("kernels", [])),
                Row(f"(e) this trainer at {COMMIT}", speed.get("earlier", [])),
            ],
        ),
        table(
            "Ratios, taken within each round",
            [
                Row(f"fused / {COMMIT}   (a)/(e)", compared["fused/earlier"], 2, 3.0),
                Row("fused / stock RLlib   (a)/(b)", compared["fused/stock"], 1, 40.0),
                Row("torch / bare torch", compared["torch/floor"], 2, 0.9),
                Row("fused / its kernels alone   (a)/(d)", compared["fused/kernels"], 2, 0.85),
                Row(f"torch / {COMMIT}", compared["torch/earlier"], 2),
                Row("torch / stock RLlib", compared["torch/stock"], 1),
                Row("fused / bare torch   (a)/(c)", compared["fused/floor"], 2),
            ],
        ),
        table(
            "Arithmetic of the networks' products, float32",
            [
                Row("the cores' peak, all at once, GFLOP/s", gflops, 0),
                Row("the fused kernels alone, share of it", shares["kernels"], 2),
                Row("whole training, fused engine, share of it", shares["fused"], 2),
            ],
        ),
    ]
    parts += [f"left out: {name}: {why}" for name, why in results.get("left_out", {}).items()]
    return "\n\n".join(parts)
