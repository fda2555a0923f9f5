"""speed and memory by worlds, agents, hidden layers, runners and learners; with a figure"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks.growth_figure import draw
from benchmarks.machine import processor
from benchmarks.progress import clear, say
from benchmarks.rounds import Contender, Runs, take_turns
from benchmarks.sections.training import contender
from benchmarks.session import Session
from benchmarks.table import grid
from trainer.config.usable_cores import usable_cores
from trainer.shown_commands import shown_path

ENGINES = ("fused", "torch")


@dataclass(frozen=True)
class Axis:
    """One setting that is varied, everything else as in the default configuration.

    Attributes:
        name: in results and tables.
        values: of the setting.
        default: the one of the default configuration, among them.
        settings: `--set` of a value, with {} for it.
        engines: that can do it.
        sign: how a value is written, with {} for it.
    """

    name: str
    values: tuple[int, ...]
    default: int
    settings: tuple[str, ...]
    engines: tuple[str, ...] = ENGINES
    sign: str = "{}"


AXES = (
    Axis("worlds", tuple(2**k for k in range(6, 14)), 512, ("ray.num_envs_per_env_runner={}",)),
    Axis("agents", (1, 2, 3), 1, ("env.num_seekers={}", "env.num_hiders={}"), sign="{0} v {0}"),
    Axis("hidden", (32, 64, 128, 256), 64, ("ppo.hiddens=[{0}, {0}]",), sign="{0}-{0}"),
    Axis("runners", (0, 1, 2), 0, ("ray.num_env_runners={}",)),
    Axis("learners", (0, 1, 2), 0, ("ray.num_learners={}",), ("torch",)),
)


def points(axis: Axis, seconds: str) -> Iterator[Contender]:
    """Every value with every engine; the engines one right after the other."""
    for value in axis.values:
        for engine in axis.engines:
            settings = [f"train.engine={engine}", *(s.format(value) for s in axis.settings)]
            words = [word for setting in settings for word in ("--set", setting)]
            label = f"{axis.name} {axis.sign.format(value)}, {engine} engine"
            name = f"{engine} {axis.name} {value}"
            yield contender(name, label, "ours", *words, "--seconds", seconds)


def measure(results: dict[str, Any], session: Session) -> None:
    """Fills results with one answer per point; its laps are the single values."""
    runs: Runs = results.setdefault("runs", {})
    results["figure"] = str(session.figure.with_suffix(".png"))
    for axis in AXES:
        take_turns(list(points(axis, "1" if session.quick else "3")), 1, runs)


def speeds(runs: Runs, axis: Axis, engine: str) -> dict[int, list[float]]:
    """agent-steps/s of every measured iteration, by value of the setting."""
    found = {}
    for value in axis.values:
        for run in runs.get(f"{engine} {axis.name} {value}", []):
            if run is not None:
                steps = run["agent_steps"] / len(run["laps"])
                found[value] = [steps / lap for lap in run["laps"]]
    return found


def memory(runs: Runs, engine: str) -> dict[int, list[float]]:
    """Peak MB by number of worlds, of a process that samples and learns."""
    return {
        worlds: [run["peak_mb"]]
        for worlds in AXES[0].values
        for run in runs.get(f"{engine} worlds {worlds}", [])
        if run is not None
    }


def kb_per_world(peaks: dict[int, list[float]]) -> float | None:
    """What each world takes: from the largest number of worlds and the one at an eighth of it."""
    most = max(peaks, default=0)
    few = most // 8
    if few not in peaks:
        return None
    return 1024 * (peaks[most][0] - peaks[few][0]) / (most - few)


def report(results: dict[str, Any]) -> str:
    """The tables, and the figure beside the results."""
    runs: Runs = results["runs"]
    curves = {
        (axis.name, engine): speeds(runs, axis, engine) for axis in AXES for engine in ENGINES
    }
    tables = []
    for axis in AXES:
        rows = {
            axis.sign.format(value): [median(curves[axis.name, e].get(value)) for e in ENGINES]
            for value in axis.values
        }
        title = f"By {axis.name}, agent-steps/s, medians of iterations"
        tables.append(grid(title, ENGINES, rows))
    peaks = {engine: memory(runs, engine) for engine in ENGINES}
    each = {engine: kb_per_world(found) for engine, found in peaks.items()}
    results["kb_per_world"] = each
    tables.append(grid("Memory", ENGINES, {"KB per world": [each[e] for e in ENGINES]}))
    if any(curves.values()):
        say("drawing the figure")
        draw(results["figure"], AXES, curves, peaks, f"{usable_cores()} cores of {processor()}")
        clear()
        tables.append(f"figure: {shown_path(results['figure'])}")
    return "\n\n".join(tables)


def median(values: list[float] | None) -> float | None:
    return statistics.median(values) if values else None
