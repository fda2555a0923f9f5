"""How long a save holds up the training, against how long all of it takes."""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory


def blocking_and_whole(rounds: int) -> list[tuple[float, float]]:
    """Seconds of a save of the default configuration: what training waits for, and all of it.

    The second is what a save in the training thread would take: capture, hashing, forcing to the
    disk, commit, pruning, history and plot, one after the other.
    """
    from trainer.config.schema import Config
    from trainer.ppo_trainer import create_ppo_trainer
    from trainer.reporting.console.make_console import make_console
    from trainer.run.identity import RunOrigin
    from trainer.run.metrics_row import metrics_row
    from trainer.run.recorder import RunRecorder

    measured = []
    with TemporaryDirectory() as folder, Path("/dev/null").open("w") as nowhere:
        values = {
            "ppo": {"checkpoint_dir": f"{folder}/checkpoints"},
            "tracking": {"tensorboard_dir": None},
        }
        trainer, config = create_ppo_trainer(Config.from_dict(values))
        console = make_console(quiet=True, stream=nowhere)
        with RunRecorder(trainer, config, console, RunOrigin()) as recorder:
            for _ in range(rounds):
                trainer.train()
                row = metrics_row(trainer.progress, trainer.last, recorder.lap(), config.played)
                recorder.write(row)
                started = time.perf_counter()
                recorder.save(row)
                held_up = time.perf_counter() - started
                recorder.saver.settle()
                measured.append((held_up, time.perf_counter() - started))
        trainer.stop()
    return measured
