"""the game alone on one core, every observation written, level by level"""

from __future__ import annotations

from operator import itemgetter
from pathlib import Path
from typing import Any

from benchmarks.earlier import COMMIT
from benchmarks.rounds import Contender, Runs, figures, ratios, take_turns
from benchmarks.session import Session
from benchmarks.table import Row, table
from trainer.project import PROJECT_ROOT

_SCRIPT = PROJECT_ROOT / "benchmarks" / "contenders" / "game.py"
_TARGETS = {"L3": 3e6}
_FASTER = 2.5


def measure(results: dict[str, Any], session: Session) -> None:
    """Fills results with the answers of all rounds."""
    runs: Runs = results.setdefault("runs", {})
    words = ("-P", str(_SCRIPT), "0.3" if session.quick else "1")
    contenders = [Contender("now", "the game", words)]
    tree = session.earlier()
    if isinstance(tree, Path):
        contenders.append(Contender("earlier", f"the game at {COMMIT}", words, tree))
    else:
        results["left_out"] = {COMMIT: tree}
    take_turns(contenders, 2 if session.quick else 5, runs)


def report(results: dict[str, Any]) -> str:
    """The table; adds the ratios to the results."""
    runs: Runs = results["runs"]
    levels = sorted({level for answers in runs.values() for run in answers for level in run or ()})
    rates = {
        name: {level: figures(runs, name, itemgetter(level)) for level in levels} for name in runs
    }
    now, earlier = rates.get("now", {}), rates.get("earlier", {})
    compared = {level: ratios(now.get(level, []), earlier.get(level, [])) for level in levels}
    results["ratios"] = compared
    rows = [Row(level, now.get(level, []), target=_TARGETS.get(level)) for level in levels]
    if earlier:
        rows += [Row(f"{level} at {COMMIT}", earlier[level]) for level in levels]
        rows += [Row(f"{level}, ratio", compared[level], 2, _FASTER) for level in levels]
    left_out = [f"left out: {name}: {why}" for name, why in results.get("left_out", {}).items()]
    title = "The game alone, one core, 512 worlds, agent-steps/s"
    return "\n\n".join([table(title, rows), *left_out])
