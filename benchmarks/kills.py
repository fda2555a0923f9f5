"""Kill a training at random moments, again and again, and see that nothing is lost.

python -m benchmarks.kills --kills 200

Every process is killed with SIGKILL at a random moment, from its first second on; the next one
resumes by itself. After each kill: every committed checkpoint is whole, and the newest one is not
older than before. In the end the run must have come to the same bits as one that nobody disturbed,
and nothing may be left lying about.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import statistics
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from trainer.checkpoints.manager import CheckpointManager
from trainer.reporting.history.metrics_history import HISTORY_NAME
from trainer.reporting.history.rows import read_rows

SETTINGS = (
    "ray.num_envs_per_env_runner=32",
    "ppo.rollout_length=32",
    "ppo.minibatch_size=512",
    "ppo.checkpoint_freq=5",
    "ppo.kl_coeff=0.2",
    "ppo.normalize_obs=true",
    "schedules.entropy_coeff={type: exponential, end: 0.001}",
    "schedules.env.vision_angle={type: linear, start: 300, end: 100}",
    "schedules.total_iterations=2000",
    "train.alternate.every=3",
    "tracking.tensorboard_dir=null",
)
FREQ = 5


@dataclass(frozen=True)
class Outcome:
    """What came of it all.

    Attributes:
        kills: processes killed.
        lost: per kill, iterations done but not committed.
        iterations: of the whole run in the end.
    """

    kills: int
    lost: list[int]
    iterations: int


class Lost(AssertionError):  # noqa: N818 - reads as the state it reports
    """Something was lost, or left lying about."""


def disturb(folder: Path, kills: int, seed: int, longest: float = 4.0) -> Outcome:
    """Trains in `folder` through `kills` kills, each within `longest` seconds of its start.

    Raises:
        Lost: naming what.
    """
    draw, lost, newest = random.Random(seed), [], 0
    checkpoints = folder / "disturbed"
    for number in range(kills):
        child = start(checkpoints, until=1_000_000)
        time.sleep(draw.uniform(0.0, longest))
        kill(child)
        before, newest = newest, max(committed(checkpoints), default=0)
        if newest < before:
            raise Lost(f"kill {number}: checkpoint {before} is gone, the newest is {newest}")
        lost.append(last_row(checkpoints) - newest)
        if lost[-1] >= 2 * FREQ:
            raise Lost(f"kill {number}: {lost[-1]} iterations were done but not committed")
        if (number + 1) % 20 == 0:
            print(f"{number + 1} of {kills} kills, iteration {newest}", flush=True)
    iterations = newest + 2 * FREQ
    wait(start(checkpoints, until=iterations))
    wait(start(folder / "straight", until=iterations))
    compare(checkpoints, folder / "straight", iterations)
    debris = [p.name for p in checkpoints.iterdir() if p.name.startswith((".tmp", ".writer"))]
    if debris:
        raise Lost(f"left lying about: {', '.join(debris)}")
    return Outcome(kills, lost, iterations)


def start(checkpoints: Path, until: int) -> int:
    """A training in a process of its own; without importing everything anew each time."""
    words = [word for item in SETTINGS for word in ("--set", item)]
    words += ["--checkpoint-dir", str(checkpoints), "--until", str(until), "--quiet"]
    if CheckpointManager(checkpoints).list_checkpoints():
        words += ["--resume", "latest"]
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        with (checkpoints.parent / "output.txt").open("a") as output:
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
            from trainer.commands.train.main import main

            code = main(words)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    if os.WIFEXITED(status):
        raise Lost(f"a training ended by itself, with exit code {os.WEXITSTATUS(status)}")


def wait(pid: int) -> None:
    _, status = os.waitpid(pid, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        raise Lost(f"an undisturbed training ended with {os.waitstatus_to_exitcode(status)}")


def committed(checkpoints: Path) -> list[int]:
    """The iterations committed; each is verified."""
    manager = CheckpointManager(checkpoints)
    found = manager.list_checkpoints()
    for info in found:
        manager.verify(info["checkpoint_path"])
    return [info["iteration"] for info in found]


def last_row(checkpoints: Path) -> int:
    path = checkpoints / HISTORY_NAME
    rows = read_rows(path) if path.exists() else []
    return int(rows[-1]["iteration"]) if rows else 0


def compare(one: Path, other: Path, iteration: int) -> None:
    """Two runs must be the same: weights, worlds, and history but for the clock."""
    for path in _parts(one, iteration):
        same = other / path.relative_to(one)
        if path.read_bytes() != same.read_bytes():
            raise Lost(f"{path} differs from {same}")
    rows = [
        [{k: v for k, v in row.items() if "time/" not in k and "_per_s" not in k} for row in rows]
        for rows in (read_rows(folder / HISTORY_NAME) for folder in (one, other))
    ]
    if repr(rows[0]) != repr(rows[1]):
        raise Lost("the histories differ")


def _parts(folder: Path, iteration: int) -> Iterator[Path]:
    checkpoint = CheckpointManager(folder).get_checkpoint_by_iteration(iteration)
    assert checkpoint is not None
    yield from Path(checkpoint).glob("policies/*/weights.safetensors")
    yield from Path(checkpoint).glob("training_state/*.npz")


def main_(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=200, metavar="N")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    import trainer.ppo_trainer  # noqa: F401 - once, for all the processes that are forked

    started = time.monotonic()
    with TemporaryDirectory() as folder:
        try:
            outcome = disturb(Path(folder), args.kills, args.seed)
        except Lost as lost:
            print(f"LOST: {lost}\n{(Path(folder) / 'output.txt').read_text()[-2000:]}")
            return 1
    print(
        f"{outcome.kills} kills in {time.monotonic() - started:.0f} s: nothing lost; iteration "
        f"{outcome.iterations} reached, bit for bit as undisturbed.\n"
        f"Done but not committed at a kill, with a checkpoint every {FREQ}: "
        f"median {statistics.median(outcome.lost):.0f}, most {max(outcome.lost)} iterations"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main_(sys.argv[1:]))
