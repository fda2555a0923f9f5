"""sweep.json: the runs of a sweep and how each has ended, so that it can be continued.

The file is replaced as a whole. What a run has reached is read from its own folder: after a kill
the file says less than that.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from trainer.checkpoints import atomic, index, layout
from trainer.checkpoints.checkpoint_info import CheckpointInfo
from trainer.checkpoints.safe_io import plain_values, safe_json
from trainer.commands.sweep.axes import Choice, identity
from trainer.commands.sweep.names import PATTERN, run_name
from trainer.commands.sweep.plan import Base, Planned, base_text
from trainer.config.loading import read_values
from trainer.errors import UsageError
from trainer.shown_commands import shown_path

NAME = "sweep.json"
CONFIG = "sweep_config.yaml"
TENSORBOARD = "tensorboard"
LOG = "log.txt"
_LOCK = ".sweep.lock"
_FORMAT = 1

WAITING, RUNNING, FINISHED, FAILED, CUT = "waiting", "running", "finished", "failed", "cut short"
STATES = (WAITING, RUNNING, FINISHED, FAILED, CUT)


@dataclass(frozen=True)
class Run:
    """A run of a sweep.

    Attributes:
        name: of the run and its folder.
        values: what it has of its own, by key, as text in YAML.
        iterations: at which it ends, or is expected to.
        threads: that it takes, from its first start on: results may depend on them.
        state: how it ended, or last began.
        error: of a failed one, the last error it told.
    """

    name: str
    values: Choice
    iterations: int
    threads: int
    state: str = WAITING
    error: str = ""


@dataclass
class Sweep:
    """A folder of runs, which this process is the only one to write to.

    Attributes:
        folder: of the sweep.
        runs: all of them, by name, in the order in which they were asked for.
    """

    folder: Path
    runs: dict[str, Run] = field(default_factory=dict)

    def home(self, run: Run) -> Path:
        """The folder of a run."""
        return self.folder / run.name

    def checkpoints(self, run: Run) -> Path:
        """Where a run saves."""
        return self.home(run) / "checkpoints"

    def log(self, run: Run) -> Path:
        """What a run prints."""
        return self.home(run) / LOG

    def set(self, run: Run, state: str, error: str = "") -> None:
        """Notes how a run stands, at once on the disk too."""
        self.runs[run.name] = replace(self.runs[run.name], state=state, error=error)
        self.save()

    def save(self) -> None:
        """Replaces sweep.json."""
        document = {"format": _FORMAT, "runs": [asdict(run) for run in self.runs.values()]}
        text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
        atomic.write_text(self.folder / NAME, text)

    def add(self, planned: Sequence[Planned], keys: Sequence[str], jobs: int) -> list[Run]:
        """The runs that a command asks for: those there are, and new ones for the others.

        Args:
            planned: the runs.
            keys: those that the name of a new one tells, besides all that tell it from the runs
                there are.
            jobs: runs at a time, which share the cores.
        """
        known = {identity(run.values): run for run in self.runs.values()}
        there = [{identity({key: run.values[key]}) for key in run.values} for run in known.values()]
        asked = []
        for item in planned:
            run = known.get(identity(item.choice))
            if run is None:
                threads = item.threads or max(1, item.cores // jobs)
                values = {key: identity({key: text}) for key, text in item.choice.items()}
                told = [k for k in values if k in keys or any(values[k] not in t for t in there)]
                name = run_name(item.choice, told, {*self.runs, TENSORBOARD, CONFIG, NAME})
                run = Run(name, dict(item.choice), item.iterations, threads)
                self.runs[name] = run
            asked.append(run)
        return asked

    def settle(self) -> None:
        """Corrects what a kill has left: each run stands where its checkpoints say."""
        for run in [*self.runs.values()]:
            state = run.state
            if self.is_done(run):
                state = FINISHED
            elif state in (RUNNING, FINISHED):
                state = CUT if self.reached(run) else WAITING
            if state != run.state:
                self.runs[run.name] = replace(run, state=state, error="")

    def is_done(self, run: Run) -> bool:
        """Whether a run's newest checkpoint is that of its planned end."""
        latest = _latest(self.checkpoints(run))
        return latest is not None and layout.FINAL_TAG in latest.tags

    def reached(self, run: Run) -> int:
        """The iteration of a run's newest checkpoint; 0: it has none."""
        latest = _latest(self.checkpoints(run))
        return 0 if latest is None else latest.iteration

    def warnings(self, run: Run) -> tuple[str, ...]:
        """What the run's newest checkpoint says of policies that have collapsed."""
        latest = _latest(self.checkpoints(run))
        return () if latest is None else latest.warnings


def read_sweep(folder: Path, base: Base) -> Sweep:
    """The sweep in a folder, a new one if there is none; nothing is written.

    Raises:
        UsageError: there is something else, or a sweep of another configuration.
    """
    try:
        found = safe_json.read(folder / NAME)
    except FileNotFoundError:
        if folder.is_dir() and any(p.name not in (_LOCK, CONFIG) for p in folder.iterdir()):
            raise UsageError(
                f"{shown_path(folder)} is not empty and no sweep; name another folder with --out"
            ) from None
        return Sweep(folder)
    except NotADirectoryError:
        raise UsageError(
            f"{shown_path(folder)}: a file is in the way; name another --out"
        ) from None
    except (OSError, ValueError) as error:
        raise UsageError(f"{shown_path(folder / NAME)}: {error}") from None
    changes = base.differences(read_values(folder / CONFIG))
    if changes:
        more = f" and {len(changes) - 3} more" if len(changes) > 3 else ""
        raise UsageError(
            f"{shown_path(folder)} is a sweep of another configuration ({'; '.join(changes[:3])}"
            f"{more}); its runs could not be compared: name another folder with --out"
        )
    try:
        return Sweep(folder, {run.name: run for run in _runs(found)})
    except ValueError as error:
        raise UsageError(f"{shown_path(folder / NAME)}: {error}") from None


def check_writable(folder: Path) -> None:
    """Checks that a sweep could be written to a folder, by making another one beside or in it.

    Raises:
        UsageError: it could not.
    """
    there = next(path for path in (folder, *folder.absolute().parents) if path.is_dir())
    try:
        with tempfile.TemporaryDirectory(dir=there, prefix=".sweep-"):
            return
    except OSError as error:
        raise _unwritable(folder, error) from None


def _unwritable(folder: Path, error: OSError) -> UsageError:
    return UsageError(f"cannot write into {shown_path(folder)}: {error.strerror}")


@contextlib.contextmanager
def writing(folder: Path, base: Base) -> Iterator[Sweep]:
    """The sweep in a folder, which is made, as its only writer within the context.

    Raises:
        UsageError: there is another writer, the folder cannot be written, or as `read_sweep`.
    """
    from filelock import FileLock, Timeout

    read_sweep(folder, base)  # nothing is left in a folder that is none
    try:
        folder.mkdir(parents=True, exist_ok=True)
        held = FileLock(folder / _LOCK, timeout=0, is_singleton=False).acquire()
    except Timeout:
        raise UsageError(
            f"{shown_path(folder)} is being run by another process; wait for it, or name another "
            "folder with --out"
        ) from None
    except OSError as error:
        raise _unwritable(folder, error) from None
    with held:
        sweep = read_sweep(folder, base)
        if not sweep.runs:
            atomic.write_text(folder / CONFIG, base_text(base))
        yield sweep


def _runs(found: dict[str, Any]) -> Iterator[Run]:
    if found.get("format") != _FORMAT:
        raise ValueError(f"format = {safe_json.shown(found.get('format'))}, not {_FORMAT}")
    names = tuple(Run.__dataclass_fields__)
    taken = {TENSORBOARD, CONFIG, NAME}
    for item in plain_values.sequence(found.get("runs"), "runs"):
        item = plain_values.mapping(item, "a run", names)
        values = plain_values.mapping(item["values"], "values")
        texts = (item["name"], item["state"], item["error"], *values, *values.values())
        if not all(isinstance(text, str) for text in texts):
            raise ValueError("a run holds something else than texts")
        if not PATTERN.fullmatch(item["name"]) or item["state"] not in STATES:
            raise ValueError(f"{safe_json.shown(item['name'])} is no run")
        if item["name"] in taken:
            raise ValueError(f"{safe_json.shown(item['name'])} is the name of something else too")
        taken.add(item["name"])
        for key, text in values.items():
            try:
                identity({key: text})
            except ValueError as error:
                raise ValueError(
                    f"{item['name']}: {safe_json.shown(key)} = {safe_json.shown(text)}: {error}"
                ) from None
        plain_values.whole(item["iterations"], "iterations", 1)
        plain_values.whole(item["threads"], "threads", 1)
        yield Run(**item)


def _latest(folder: Path) -> CheckpointInfo | None:
    try:
        return index.load(folder).latest
    except OSError:
        return None
