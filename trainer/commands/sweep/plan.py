"""What a sweep consists of: the configuration that its runs share, and each run with its values.

Every combination is checked before anything starts. Imports neither Ray nor torch.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.checkpoints.safe_io import safe_yaml
from trainer.checkpoints.safe_io.plain_values import flatten
from trainer.checkpoints.safe_io.redaction import redacted_values
from trainer.commands.sweep.axes import Axis, Choice, grid, samples
from trainer.config.config_file import read_config_file
from trainer.config.loading import checked, overridden
from trainer.config.run_length import PLAN_KEY, planned_iterations
from trainer.config.schema import Config
from trainer.config.types import ConfigError
from trainer.errors import UsageError
from trainer.project import find_config
from trainer.shown_commands import shown_config

ROOT = "./sweeps"
_OWN = ("ppo.checkpoint_dir", "tracking.run_name", "tracking.tensorboard_dir")
"""What each run of a sweep has of its own, so that none is in another's way."""
THREADS = "train.torch_threads"


@dataclass(frozen=True)
class Base:
    """The configuration that the runs of a sweep share.

    Attributes:
        name: of the file without its suffix.
        shown: the file as it is given to `--config`; empty for the defaults.
        values: its values, with `--iterations` applied.
    """

    name: str
    shown: str
    values: Mapping[str, Any]

    def differences(self, other: Mapping[str, Any]) -> list[str]:
        """Each key with another value in `other`: `ppo.gamma: 0.99 there, 0.98 here`."""
        here, there = flatten(self.values), flatten(other)
        return [
            f"{key}: {there.get(key, 'not given')} there, {here.get(key, 'not given')} here"
            for key in dict.fromkeys((*there, *here))
            if (key in here) != (key in there) or here.get(key) != there.get(key)
        ]


@dataclass(frozen=True)
class Planned:
    """A run that a command asks for.

    Attributes:
        choice: its values, by key.
        iterations: at which it ends, or is expected to.
        threads: what its configuration says of them; None: it is the sweep that shares them out.
        cores: threads that it would take alone.
    """

    choice: Choice
    iterations: int
    threads: int | None
    cores: int


@dataclass(frozen=True)
class Plan:
    """A sweep as its command asks for it.

    Attributes:
        base: the shared configuration.
        axes: what varies, as given.
        runs: every run, checked.
    """

    base: Base
    axes: Sequence[Axis]
    runs: Sequence[Planned]
    sampled: int | None = None

    def default_folder(self) -> Path:
        """The same folder for the same command: named by the file and what varies."""
        asked = [[axis.key, list(axis.values), repr(axis.range)] for axis in self.axes]
        text = json.dumps([self.base.shown, asked, self.sampled])
        return Path(ROOT) / f"{self.base.name}_{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def read_base(named: str | None, iterations: int | None) -> Base:
    """The configuration file that a command names, or `config.yaml`, with the length it asks for.

    Raises:
        ConfigError: it cannot be used.
        UsageError: a sweep cannot use it.
    """
    file = read_config_file(find_config() if named is None else named, named=named is not None)
    shown = "" if file.path is None else shown_config(file.path)
    values: dict[str, Any] = {**file.values}
    config = Config.from_dict(values, shown or "defaults")
    if config.initialization.mode == "resume":
        raise UsageError(
            f"{shown}: initialization.mode = resume, but every run of a sweep is a new one"
        )
    if redacted_values(values) != values:
        raise UsageError(f"{shown} holds credentials, which a sweep would copy to its folder")
    if iterations is not None:
        length = (f"{PLAN_KEY}={iterations}", "ppo.num_episodes=null", "ppo.num_env_steps=null")
        values = overridden(values, length)
    name = "defaults" if file.path is None else file.path.stem
    return Base(name, shown, values)


def plan_sweep(base: Base, axes: Sequence[Axis], sampled: int | None = None, seed: int = 0) -> Plan:
    """Every run of a sweep, checked against the schema.

    Args:
        base: the shared configuration.
        axes: what varies.
        sampled: how many random combinations; None: all there are.
        seed: of these.

    Raises:
        ConfigError, UsageError: a combination cannot be used; the message names its `--set`.
    """
    for axis in axes:
        if axis.key in _OWN or axis.key.startswith("initialization.resume"):
            raise UsageError(f"--set {axis.key}: each run of a sweep has its own already")
    choices = grid(axes) if sampled is None else samples(axes, sampled, seed)
    return Plan(base, axes, tuple(_checked(base, choices)), sampled)


def overrides(choice: Choice) -> list[str]:
    """The values of a run as `--set` of `main.py` takes them."""
    return [f"{key}={text}" for key, text in choice.items()]


def _checked(base: Base, choices: Sequence[Choice]) -> Iterator[Planned]:
    for choice in choices:
        try:
            config = checked(Config, base.values, overrides(choice), base.shown or "defaults")
        except ConfigError as error:
            others = "" if error.keys else f" (with {' '.join(overrides(choice))})"
            raise UsageError(f"{error}{others}") from None
        if config.initialization.mode == "resume":
            raise UsageError("--set initialization.mode: every run of a sweep is a new one")
        threads = config.train.torch_threads
        own = threads if THREADS in choice else None
        yield Planned(choice, planned_iterations(config), own, config.train.threads)


def base_text(base: Base) -> str:
    """The text of the file that the runs are started with."""
    title = base.shown or "the defaults"
    values = safe_yaml.dump(dict(base.values)) if base.values else "{}\n"
    return f"# of this sweep: a copy of {title}, whatever becomes of that file\n{values}"
