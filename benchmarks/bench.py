"""Measure speed, start-up, the cost of saving and memory; prints tables and writes one JSON file.

    python -m benchmarks.bench                      everything (about 40 minutes on two cores)
    python -m benchmarks.bench --only speed kernel  some sections
    python -m benchmarks.bench --quick              one round, few iterations: a first look

Timings of different contenders are taken in turn, so that a machine whose speed drifts treats them
alike; read the ratios, not the single numbers.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from unittest import mock

from benchmarks.processes import command, memory_of, seconds
from benchmarks.workload import Measurement
from trainer.checkpoints import layout, manifest
from trainer.checkpoints.manager import CheckpointManager
from trainer.project import PROJECT_ROOT
from trainer.reporting.history.rows import read_rows

STOCK_CHOICES = ((0, 16), (0, 64), (1, 64), (2, 16), (2, 64))  # (runners, envs per runner)


def spread(values: Sequence[float]) -> dict[str, float]:
    return {"min": min(values), "median": statistics.median(values), "max": max(values)}


def show(name: str, figures: dict[str, float], unit: str, digits: int = 0) -> None:
    numbers = "".join(f"{figures[key]:>12,.{digits}f}" for key in ("min", "median", "max"))
    print(f"  {name:<44}{numbers}  {unit}", flush=True)


def heading(text: str) -> None:
    print(f"\n{text}\n  {'':<44}{'min':>12}{'median':>12}{'max':>12}", flush=True)


def contender(*words: str) -> Measurement:
    """One contender in a fresh process."""
    done = subprocess.run(
        command("-m", "benchmarks.contenders", *words),
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(words)} failed:\n{done.stderr[-2000:]}")
    return Measurement(**json.loads(done.stdout.splitlines()[-1]))


def bench_speed(quick: bool) -> dict[str, Any]:
    """Ours against stock RLlib at its best and against bare torch."""
    rounds, ours_iterations, stock_iterations = (1, 4, 1) if quick else (5, 15, 2)
    heading("Training, agent-steps/s (sampling and learning, 1 warm-up)")
    tried = {}
    for runners, envs in [] if quick else STOCK_CHOICES:
        trial = ("stock", "--runners", str(runners), "--envs", str(envs), "--iterations", "1")
        tried[runners, envs] = contender(*trial).rate
        print(f"    tried stock, {runners} runners x {envs} envs: {tried[runners, envs]:,.0f}")
    best = max(tried, key=lambda choice: tried[choice], default=STOCK_CHOICES[-1])
    plans: dict[str, tuple[str, ...]] = {
        "ours": ("ours", "--iterations", str(ours_iterations)),
        "floor": ("floor", "--iterations", str(ours_iterations)),
        "stock": (
            *("stock", "--runners", str(best[0]), "--envs", str(best[1])),
            *("--iterations", str(stock_iterations)),
        ),
    }
    rates: dict[str, list[float]] = {name: [] for name in plans}
    for _ in range(rounds):
        for name, words in plans.items():
            rates[name].append(contender(*words).rate)
    show("(a) this trainer", spread(rates["ours"]), "agent-steps/s")
    show(f"(b) stock RLlib, {best[0]} x {best[1]}", spread(rates["stock"]), "agent-steps/s")
    show("(c) bare torch, no game", spread(rates["floor"]), "agent-steps/s")
    ratios = {
        f"ours/{other}": [a / b for a, b in zip(rates["ours"], rates[other], strict=True)]
        for other in ("stock", "floor")
    }
    show("(a)/(b), target >= 6", spread(ratios["ours/stock"]), "", 2)
    show("(a)/(c), target >= 0.8", spread(ratios["ours/floor"]), "", 2)
    return {
        "agent_steps_per_s": {name: spread(values) for name, values in rates.items()},
        "ratios": {name: spread(values) for name, values in ratios.items()},
        "stock_choices": {f"{r}x{e}": rate for (r, e), rate in tried.items()},
        "stock_best": f"{best[0]}x{best[1]}",
    }


def bench_kernel(quick: bool) -> dict[str, Any]:
    """The game alone on one core, every observation written."""
    import numpy as np

    from envs.batch_env import ObsBuffers
    from envs.hide_and_seek.batch_env import HideAndSeekBatchEnv
    from envs.hide_and_seek.config import LEVELS, HideAndSeekConfig

    heading("Game kernel, one core, 512 worlds (target >= 1.5 M agent-steps/s)")
    results = {}
    for level in LEVELS:
        env = HideAndSeekBatchEnv(HideAndSeekConfig(level=level), 512)
        out = {spec.name: ObsBuffers.allocate(spec, 512) for spec in env.teams}
        rewards = {s.name: np.zeros((512, s.num_agents), np.float32) for s in env.teams}
        dones = np.zeros(512, np.bool_)
        env.reset(np.arange(512, dtype=np.uint64), out)
        rng = np.random.default_rng(0)
        steps = 100 if quick else 400
        script = [
            {s.name: rng.integers(0, s.nvec, (512, s.num_agents, len(s.nvec))) for s in env.teams}
            for _ in range(steps)
        ]
        agents = sum(spec.num_agents for spec in env.teams)
        rates = []
        for _ in range(6):
            started = time.perf_counter()
            for actions in script:
                env.step(actions, out, rewards, dones)
            rates.append(steps * 512 * agents / (time.perf_counter() - started))
        results[level] = spread(rates[1:])
        show(f"{level}, {agents} agents", results[level], "agent-steps/s")
    return results


def bench_startup(quick: bool) -> dict[str, Any]:
    """Help texts, and the listing of 1,000 checkpoints."""
    heading("Whole processes, seconds")
    count = 3 if quick else 7
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        make_listing(Path(folder), 1000)
        for name, words in {
            "main.py --help (target < 0.5)": ("main.py", "--help"),
            "list_checkpoints.py, 1,000 (target < 1)": ("list_checkpoints.py", folder),
            "list_checkpoints.py -d, 1,000": ("list_checkpoints.py", folder, "--detailed"),
        }.items():
            results[name] = spread([seconds(command(*words)) for _ in range(count + 1)][1:])
            show(name, results[name], "s", 3)
    return results


def make_listing(folder: Path, count: int) -> None:
    """Checkpoints that are small but whole.

    One is saved, the others are copies of it: a thousand saves, each forced to the disk, would take
    minutes in which the machine does nothing.
    """

    class Empty:
        def save_to_path(self, path: str) -> None:
            (Path(path) / "note").write_text("made by the benchmark\n")

    manager = CheckpointManager(folder, keep_last_n=0)
    rewards = {"reward_mean": 1.0, "seeker_reward": -1.0, "hider_reward": 1.0}
    first = Path(manager.save(Empty(), iteration=1, metadata=rewards))
    known = json.loads((first / layout.METADATA).read_text())
    for iteration in range(2, count + 1):
        copy = first.with_name(layout.checkpoint_name(iteration))
        shutil.copytree(first, copy)
        metadata = {**known, "iteration": iteration, "checkpoint_path": str(copy)}
        (copy / layout.METADATA).write_text(json.dumps(metadata))
        (copy / layout.MANIFEST).unlink()
        with mock.patch("os.fsync"):
            manifest.write(copy)
    if len(manager.list_checkpoints()) != count:
        raise RuntimeError("not all of the benchmark's checkpoints are listed")


def bench_saving(quick: bool) -> dict[str, Any]:
    """What a save holds up, against a save that training would wait for."""
    from benchmarks.saving import blocking_and_whole

    heading("One save of the default configuration, seconds")
    measured = blocking_and_whole(6 if quick else 21)[1:]  # the first one imports the plotting
    held_up, whole = zip(*measured, strict=True)
    show("training is held up for", spread(held_up), "s", 3)
    show("the whole save, one thing after the other", spread(whole), "s", 3)
    ratios = spread([a / b for a, b in measured])
    show("ratio (target < 0.20)", ratios, "", 3)
    return {"held_up_s": spread(held_up), "whole_s": spread(whole), "ratio": ratios}


def bench_run(quick: bool) -> dict[str, Any]:
    """A default run in a process of its own: the share that saving takes, and its memory."""
    iterations = 15 if quick else 500
    print(f"\nA default run of {iterations} iterations", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        words = ("--iterations", str(iterations), "--quiet", "--checkpoint-dir", folder)
        trace = memory_of(
            command("main.py", *words, "--set", f"tracking.tensorboard_dir={folder}/runs")
        )
        rows = read_rows(Path(folder) / "metrics_history.jsonl")
    total = sum(row["time/iteration_s"] for row in rows)
    share = sum(row["time/save_s"] for row in rows) / total
    rate = rows[-1]["agent_steps"] / total
    early, late = trace.mean(0.2, 0.4), trace.mean(0.8, 1.0)
    print(f"  training held up by saving (target < 1%)  {100 * share:.2f}% of its time")
    print(f"  peak memory of all processes (target < 2000)  {trace.peak:,.0f} MB")
    print(f"  mean memory at 20-40% and 80-100% of the run  {early:,.0f} and {late:,.0f} MB")
    print(f"  training, everything included  {rate:,.0f} agent-steps/s", flush=True)
    return {
        "iterations": iterations,
        "save_share": share,
        "peak_mb": trace.peak,
        "early_mb": early,
        "late_mb": late,
        "agent_steps_per_s": rate,
    }


SECTIONS: dict[str, Callable[[bool], dict[str, Any]]] = {
    "startup": bench_startup,
    "kernel": bench_kernel,
    "speed": bench_speed,
    "saving": bench_saving,
    "run": bench_run,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    parser.add_argument("--quick", action="store_true")
    args = parser.parse_args()
    when = datetime.now()
    machine = f"{os.cpu_count()} cores, {platform.processor() or platform.machine()}"
    print(f"{when:%Y-%m-%d %H:%M}, {machine}, Python {platform.python_version()}")
    results = {name: SECTIONS[name](args.quick) for name in args.only}
    path = PROJECT_ROOT / "benchmarks" / "results" / f"{when:%Y%m%d-%H%M%S}.json"
    path.parent.mkdir(exist_ok=True)
    document = {"date": when.isoformat(timespec="seconds"), "machine": machine, **results}
    path.write_text(json.dumps(document, indent=2) + "\n")
    print(f"\nwritten to {path.relative_to(PROJECT_ROOT)}")


if __name__ == "__main__":
    main()
