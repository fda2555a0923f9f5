"""Which configuration a run that goes on has: a three-way merge, key by key.

1. What is given now (`--set` and the other flags) counts.
2. Else the configuration file, where the user has edited it since the run was started, or where
   another file is named.
3. Else the run keeps its own value, as the checkpoint has it.

A schedule is one value: it is taken as a whole or not at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any, Literal

from trainer.checkpoints.safe_io.redaction import is_redacted, redacted_values
from trainer.config.loading import overridden, override_path
from trainer.config.record import ConfigFile
from trainer.config.schema import Config, ConfigGroups
from trainer.config.types import TEAMS, ConfigError
from trainer.schedules.scheduler import TEAM_SETTINGS

Path = tuple[str, ...]
Side = Literal["checkpoint", "file"]

GIVEN = "given now"
_MISSING: Any = object()
_NOT_KEPT = "as in {}: the run's own has credentials, which are not kept; give it again by --set"
# Where the run lives and how it is started are said anew each time, and so is what a resume does
# with its schedules.
_SAID_ANEW = (("ppo", "checkpoint_dir"), ("initialization",), ("schedules", "mode"))
# What a checkpoint, which may be anybody's, must not choose: whom this machine asks, and where
# outside of the run's folder it writes. The run's own counts where it stays inside.
_OF_THE_MACHINE = (
    ("ray", "address"),
    ("tracking", "mlflow_uri"),
    ("tracking", "tensorboard_dir"),
)
_NOT_TRUSTED = "as in {}: a checkpoint's own is not used; give it by --set"
_LR_TYPE = (("ppo", "lr_schedule_type"),)
_RIVALS = {"prep_share": "prep_steps", "prep_steps": "prep_share"}


@dataclass(frozen=True)
class Merge:
    """The configuration of a run that goes on, and where its values come from.

    Attributes:
        config: what is in force from now on.
        saved: what the checkpoint has.
        reasons: why a dotted key does not have the run's own value.
        kept: dotted keys at which the file differs from the run, which keeps its own value, with
            the value of the file.
    """

    config: Config
    saved: Config
    reasons: Mapping[str, str]
    kept: Mapping[str, Any]


def merge(
    saved: Config,
    file: ConfigFile,
    then: ConfigFile | None,
    overrides: Sequence[str],
    side: Side | None = None,
) -> Merge:
    """Merge the configuration of a checkpoint, the file of today and what is given now.

    Args:
        saved: the checkpoint's.
        file: the file of today.
        then: the file as it was when the run was started; None: not known, as if it were the same.
        overrides: what is given now, each `group.key=value`.
        side: let the checkpoint or the file count wherever nothing is given.

    Raises:
        ConfigError: the values do not go together.
    """
    return _Merging(saved, file, then, overrides, side).merged()


def paths_of(values: Mapping[str, Any], prefix: Path = ()) -> dict[Path, Any]:
    """Nested values by path; a schedule and the arguments of one are a value each."""
    found: dict[Path, Any] = {}
    for key, value in values.items():
        path = (*prefix, key)
        if isinstance(value, Mapping) and "type" not in value and key != "lr_schedule_kwargs":
            found |= paths_of(value, path)
        else:
            found[path] = value
    return found


@dataclass
class _Merging:
    """One merge under way: first every value by itself, then what follows for schedules."""

    saved: Config
    file: ConfigFile
    then: ConfigFile | None
    overrides: Sequence[str]
    side: Side | None
    reasons: dict[str, str] = field(default_factory=dict)
    values: dict[Path, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        before = self._before()
        self.own = paths_of(self.saved.to_dict())
        self.in_file = paths_of(Config.from_dict(self.file.values, self.file.name).to_dict())
        self.in_file_then = self.in_file if before is None else paths_of(before.to_dict())

    def merged(self) -> Merge:
        for path in {**self.own, **self.in_file, **self.in_file_then}:
            self._choose_side(path)
        self._take_what_is_given()
        self._keep_lr_arguments_with_their_type()
        for name in TEAM_SETTINGS:
            self._end_schedules_of(name)
        self._end_schedules_of_the_game()
        source = f"the run's own configuration with what is {GIVEN} or edited in {self.file.name}"
        config = Config.from_dict(_nested(self.values), source)
        return Merge(config, self.saved, self.reasons, self._kept())

    def _kept(self) -> dict[str, Any]:
        if self.file.path is None:
            return {}
        return {
            ".".join(path): self.in_file.get(path)
            for path in {**self.in_file, **self.own}
            if self.values.get(path) == self.own.get(path) != self.in_file.get(path)
            and _mentions(self.file.values, path)
            and not _is_said_anew(path)
            and not self._is_given(path)
        }

    def _before(self) -> Config | None:
        """The file of then; None where nothing can have been edited since.

        There was no such file, or there is none now, or what it said makes no sense today.
        """
        if self.then is None or self.file.path is None:
            return None
        try:
            return Config.from_dict(self.then.values)
        except ConfigError:
            return None

    def _choose_side(self, path: Path) -> None:
        if _is_said_anew(path):
            self.values[path] = self.in_file.get(path, _MISSING)
        elif is_redacted(self.own.get(path)):
            file, known = self.in_file.get(path, _MISSING), self.own.get(path)
            lost = "" if redacted_values(file) == known else _NOT_KEPT.format(self.file.name)
            self._set(path, file, lost)
        elif path in _OF_THE_MACHINE and not _stays_inside(path, self.own.get(path)):
            file = self.in_file.get(path, _MISSING)
            self._set(path, file, _NOT_TRUSTED.format(self.file.name))
        elif self._is_from_file(path):
            word = "in" if self.side == "file" or self._is_another_file else "edited in"
            self._set(path, self.in_file.get(path, _MISSING), f"{word} {self.file.name}")
        else:
            self._set(path, self.own.get(path, _MISSING))

    def _take_what_is_given(self) -> None:
        values = ConfigGroups.from_dict(
            overridden(_nested(self.values), self.overrides), source=GIVEN
        )
        now = paths_of(values.to_dict())
        for path in {**self.values, **now}:
            if self._is_given(path):
                self._set(path, now.get(path, _MISSING), GIVEN)

    def _is_given(self, path: Path) -> bool:
        keys = map(override_path, self.overrides)
        return any(all(a == b for a, b in zip(key, path, strict=False)) for key in keys)

    @property
    def _is_another_file(self) -> bool:
        return self.then is not None and self.file.named and not self.file.is_same_file(self.then)

    def _is_from_file(self, path: Path) -> bool:
        if self.side is not None:
            return self.side == "file"
        if self._is_another_file:
            return _mentions(self.file.values, path)
        then = redacted_values(self.in_file_then.get(path))
        return bool(redacted_values(self.in_file.get(path)) != then)

    def _set(self, path: Path, value: Any, reason: str = "") -> None:
        self.values[path] = value
        key = ".".join(path)
        self.reasons.pop(key, None)
        if reason and value != self.own.get(path, _MISSING):
            self.reasons[key] = reason

    def _keep_lr_arguments_with_their_type(self) -> None:
        """Arguments of another type of schedule make no sense to a new one."""
        for path in [path for path in self.values if path[-1] == "lr_schedule_type"]:
            arguments = (*path[:-1], "lr_schedule_kwargs")
            reason, is_own = self.reasons.get(".".join(path)), ".".join(arguments)
            if reason is None or is_own in self.reasons:
                continue
            absent: Any = {} if len(path) == 2 else None
            value = absent if reason == GIVEN else self.in_file.get(arguments, _MISSING)
            self._set(arguments, value, reason)

    def _end_schedules_of(self, name: str) -> None:
        """A number, or another kind of schedule, that is new ends one that only the run has."""
        forms: list[Path] = [("schedules", name), *_LR_TYPE[: name == "lr"]]
        for both in forms:
            others = [form for form in forms if form != both]
            ending = {team: self._reason_to_end(team, name, others) for team in TEAMS}
            for team in TEAMS:
                if ending[team]:
                    self._end(_of_team(both, team), ending[team])
            reason = next(filter(None, ending.values()), "")
            if not reason or not self._only_the_run_has(both):
                continue
            for team in TEAMS:  # the other team keeps it
                if not ending[team] and self.values.get(_of_team(both, team)) is None:
                    for path in _with_arguments(both):
                        value, told = self.values[path], f"as {'.'.join(both)} was"
                        self._set(_of_team(path, team), value, told)
            self._end(both, reason)

    def _reason_to_end(self, team: str, name: str, others: list[Path]) -> str:
        plain = [("ppo", team, name), ("ppo", name)]
        number = next((path for path in plain if self.values.get(path) is not None), plain[1])
        was = next((self.own[path] for path in plain if self.own.get(path) is not None), None)
        if self.values.get(number) != was:
            return self._new(number) or f"{'.'.join(plain[0])} is not given any more"
        rivals = [path for both in others for path in (_of_team(both, team), both)]
        return next(filter(None, map(self._new, rivals)), "")

    def _end_schedules_of_the_game(self) -> None:
        for path in [path for path in self.values if path[:2] == ("schedules", "env")]:
            name = path[2]
            rival = ("schedules", "env", _RIVALS[name]) if name in _RIVALS else path
            new = self._new(("env", name)) or (self._new(rival) if rival != path else "")
            if new:
                self._end(path, new)

    def _new(self, path: Path) -> str:
        """What to call a value that is not the run's own; empty if it is, or is absent."""
        key = ".".join(path)
        absent = self.values.get(path) in (None, _MISSING)
        return "" if absent or key not in self.reasons else f"{key} is {self.reasons[key]}"

    def _only_the_run_has(self, path: Path) -> bool:
        """Whether a schedule is there, and neither the file nor what is given now says so."""
        value = self.values.get(path, _MISSING)
        said = ".".join(path) in self.reasons or self._is_given(path)
        return value not in (None, _MISSING) and not said and self.in_file.get(path) != value

    def _end(self, path: Path, reason: str) -> None:
        if self._only_the_run_has(path):
            for part in _with_arguments(path):
                absent: dict[Path, Any] = {
                    ("schedules", "env"): _MISSING,
                    ("ppo", "lr_schedule_kwargs"): {},
                }
                self._set(part, absent.get(part[:2]), f"ended: {reason}")


def _of_team(path: Path, team: str) -> Path:
    return (path[0], team, *path[1:])


def _with_arguments(path: Path) -> list[Path]:
    kind = path[-1] == "lr_schedule_type"
    return [path, (*path[:-1], "lr_schedule_kwargs")] if kind else [path]


def _stays_inside(path: Path, value: Any) -> bool:
    """Whether a place is below the working directory, or none."""
    if value is None:
        return True
    place = str(value).removeprefix("sqlite:///")
    folder = PurePath(place)
    is_address = path == ("ray", "address") or "://" in place
    return not is_address and not folder.is_absolute() and ".." not in folder.parts


def _is_said_anew(path: Path) -> bool:
    return any(path[: len(group)] == group for group in _SAID_ANEW)


def _mentions(values: Mapping[str, Any], path: Path) -> bool:
    """Whether nested values have something at a path."""
    found: Any = values
    for key in path:
        if not isinstance(found, Mapping):
            return True
        if key not in found:
            return False
        found = found[key]
    return True


def _nested(values: Mapping[Path, Any]) -> dict[str, Any]:
    """Nested values from those by path."""
    found: dict[str, Any] = {}
    for path, value in values.items():
        if value is _MISSING:
            continue
        group = found
        for key in path[:-1]:
            group = group.setdefault(key, {})
        group[path[-1]] = value
    return found
