"""The configuration of a resumed run: a three-way merge, key by key.

1. A value that is given now (by `--set` or another flag) counts.
2. Else the configuration file counts where the user has edited it since the run was started, or
   where another file is named.
3. Else the run keeps its own value, as the checkpoint has it.

A schedule is one value: it is taken as a whole or not at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any, Literal

from trainer.checkpoints.safe_io.redaction import is_redacted, redacted_values
from trainer.config.config_file import ConfigFile
from trainer.config.loading import checked, override_path
from trainer.config.paths import KeyPath, has_path, nested, overlap, values_by_path
from trainer.config.schema import Config, ConfigGroups
from trainer.config.types import TEAMS, WHOLE_GAME, ConfigError
from trainer.schedules.scheduler import TEAM_SETTINGS

Side = Literal["checkpoint", "file"]

GIVEN = "given now"
# Where a run lives, how it is started and what a resume does with its schedules is never taken from
# a checkpoint.
_NEVER_KEPT: tuple[KeyPath, ...] = (
    ("ppo", "checkpoint_dir"),
    ("initialization",),
    ("schedules", "mode"),
)
_NO_CREDENTIALS = (
    "as in {}: the run's own has credentials, which are not kept; give it again by --set"
)
# A checkpoint may be anybody's: it must not choose whom this machine asks, nor where outside of the
# run's folder it writes.
_OF_THE_MACHINE: tuple[KeyPath, ...] = (
    ("ray", "address"),
    ("tracking", "mlflow_uri"),
    ("tracking", "tensorboard_dir"),
    ("tracking", "sessions", "uri"),
)
_NOT_TRUSTED = "as in {}: a checkpoint's own is not used; give it by --set"
_LR_TYPE: KeyPath = ("ppo", "lr_schedule_type")
_NO_ARGUMENTS: Mapping[KeyPath, Any] = {("ppo", "lr_schedule_kwargs"): {}}  # of a team: None
_CURRICULUM: KeyPath = ("env", "curriculum")
_RIVALS = {"prep_share": "prep_steps", "prep_steps": "prep_share"}


@dataclass(frozen=True)
class Merge:
    """The configuration of a resumed run, and where its values come from.

    Attributes:
        config: the configuration in force from now on.
        reasons: by dotted key, why it does not have the run's own value.
        kept: by dotted key, the file's value where it differs from the run's own, which is kept.
    """

    config: Config
    reasons: Mapping[str, str]
    kept: Mapping[str, Any]


def merge(
    saved: Config,
    file: ConfigFile,
    original: ConfigFile | None,
    overrides: Sequence[str],
    side: Side | None = None,
) -> Merge:
    """Merges a checkpoint's configuration, the current file and the values given now.

    Args:
        saved: the checkpoint's configuration.
        file: the current configuration file.
        original: the file as it was when the run was started; None: unknown, as if it were `file`.
        overrides: the values given now, each `group.key=value`.
        side: take all values that are not given from the checkpoint or from the file.

    Raises:
        ConfigError: the values do not fit together.
    """
    return _Merging(saved, file, original, overrides, side).merged()


@dataclass
class _Merging:
    """A merge in progress: first each value by itself, then what follows for the schedules.

    None stands for a schedule that is absent, and for the null of any other key.
    """

    saved: Config
    file: ConfigFile
    original: ConfigFile | None
    overrides: Sequence[str]
    side: Side | None
    reasons: dict[str, str] = field(default_factory=dict)
    values: dict[KeyPath, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.own = values_by_path(self.saved.to_dict())
        self.in_file = self._values_of(self.file)
        original = self._comparable_original()
        self.in_original = self.in_file if original is None else original

    def merged(self) -> Merge:
        for path in {**self.own, **self.in_file, **self.in_original}:
            self._choose_side(path)
        self._take_given_values()
        self._keep_lr_arguments_with_their_type()
        for name in TEAM_SETTINGS:
            self._end_schedules_of(name)
        self._end_schedules_of_the_game()
        source = f"the run's own configuration with what is {GIVEN} or edited in {self.file.name}"
        config = Config.from_dict(self._nested_values(), source)
        return Merge(config, self.reasons, self._kept())

    def _kept(self) -> dict[str, Any]:
        if self.file.path is None:
            return {}
        return {
            ".".join(path): self.in_file.get(path)
            for path in self.own
            if self.values.get(path) == self.own.get(path) != self.in_file.get(path)
            and has_path(self.file.values, path)
            and not _is_never_kept(path)
            and not self._is_given(path)
        }

    def _values_of(self, file: ConfigFile) -> dict[KeyPath, Any]:
        """All values of a file. Settings of the game that do not fit together by themselves are
        those of the run with what the file says (ConfigError)."""
        try:
            return values_by_path(Config.from_dict(file.values, file.name).to_dict())
        except ConfigError as error:
            if self.side == "file" or error.keys != (WHOLE_GAME,):
                raise
        game = self.saved.to_dict()["env"] | file.values["env"]
        return values_by_path(Config.from_dict({**file.values, "env": game}, file.name).to_dict())

    def _comparable_original(self) -> dict[KeyPath, Any] | None:
        """The original file's values; None where no edit of it can be detected.

        Either file may be missing, or the original one may not be valid any more.
        """
        if self.original is None or self.file.path is None:
            return None
        try:
            return self._values_of(self.original)
        except ConfigError:
            return None

    def _nested_values(self) -> dict[str, Any]:
        absent = {p for p, value in self.values.items() if value is None and p[0] == "schedules"}
        return nested({p: value for p, value in self.values.items() if p not in absent})

    def _choose_side(self, path: KeyPath) -> None:
        own, file = self.own.get(path), self.in_file.get(path)
        if _is_never_kept(path):
            self.values[path] = file
        elif is_redacted(own):
            lost = "" if redacted_values(file) == own else _NO_CREDENTIALS.format(self.file.name)
            self._set(path, file, lost)
        elif path in _OF_THE_MACHINE and not _stays_inside(path, own):
            self._set(path, file, _NOT_TRUSTED.format(self.file.name))
        elif self._is_from_file(path):
            word = "in" if self.side == "file" or self._is_another_file else "edited in"
            self._set(path, file, f"{word} {self.file.name}")
        else:
            self._set(path, own)

    def _take_given_values(self) -> None:
        groups = checked(ConfigGroups, self._nested_values(), self.overrides, GIVEN)
        given = values_by_path(groups.to_dict())
        for path in {**self.values, **given}:
            if self._is_given(path):
                self._set(path, given.get(path), GIVEN)

    def _is_given(self, path: KeyPath) -> bool:
        return any(overlap(override_path(item), path) for item in self.overrides)

    @property
    def _is_another_file(self) -> bool:
        original = self.original
        return original is not None and self.file.named and not self.file.is_same_file(original)

    def _is_from_file(self, path: KeyPath) -> bool:
        if self.side is not None:
            return self.side == "file"
        if self._is_another_file:
            return has_path(self.file.values, path)
        before, now = (redacted_values(v.get(path)) for v in (self.in_original, self.in_file))
        return bool(before != now)

    def _set(self, path: KeyPath, value: Any, reason: str = "") -> None:
        self.values[path] = value
        key = ".".join(path)
        self.reasons.pop(key, None)
        if reason and value != self.own.get(path):
            self.reasons[key] = reason

    def _keep_lr_arguments_with_their_type(self) -> None:
        """Takes a new type of lr schedule without the arguments of the old one."""
        for path in [path for path in self.values if path[-1] == "lr_schedule_type"]:
            arguments = (*path[:-1], "lr_schedule_kwargs")
            reason = self.reasons.get(".".join(path))
            if reason is None or ".".join(arguments) in self.reasons:
                continue
            source = _NO_ARGUMENTS if reason == GIVEN else self.in_file
            self._set(arguments, source.get(arguments), reason)

    def _end_schedules_of(self, name: str) -> None:
        """Ends a schedule that only the run has where a new number or schedule takes its place."""
        forms: list[KeyPath] = [("schedules", name), *([_LR_TYPE] if name == "lr" else [])]
        for both in forms:
            others = [form for form in forms if form != both]
            ending = {team: self._reason_to_end(team, name, others) for team in TEAMS}
            for team in TEAMS:
                self._end(_of_team(both, team), ending[team])
            reason = next(filter(None, ending.values()), "")
            if not reason or not self._only_the_run_has(both):
                continue
            for team in TEAMS:  # the other team keeps it
                if not ending[team] and self.values.get(_of_team(both, team)) is None:
                    former = f"as {'.'.join(both)} was"
                    for path in _with_arguments(both):
                        self._set(_of_team(path, team), self.values[path], former)
            self._end(both, reason)

    def _reason_to_end(self, team: str, name: str, others: list[KeyPath]) -> str:
        numbers = [("ppo", team, name), ("ppo", name)]
        number = next((path for path in numbers if self.values.get(path) is not None), numbers[1])
        before = next((self.own[path] for path in numbers if self.own.get(path) is not None), None)
        if self.values.get(number) != before:
            return self._new(number) or f"{'.'.join(numbers[0])} is not given any more"
        return self._new(*(path for both in others for path in (_of_team(both, team), both)))

    def _end_schedules_of_the_game(self) -> None:
        for path in [path for path in self.values if path[:2] == ("schedules", "env")]:
            name = path[2]
            rival = ("schedules", "env", _RIVALS.get(name, ""))
            self._end(path, self._new(("env", name), rival))
            if name == "stage" and not self._leaves_the_stage_alone():
                self._end(path, self._changed(_CURRICULUM))

    def _leaves_the_stage_alone(self) -> bool:
        """Whether there is a curriculum with a stage that nothing but a schedule moves."""
        curriculum = self.values.get(_CURRICULUM)
        return curriculum is not None and curriculum.get("promote") is None

    def _changed(self, path: KeyPath) -> str:
        """The reason for a value that is not the run's own; empty: it is."""
        key = ".".join(path)
        return f"{key} is {self.reasons[key]}" if key in self.reasons else ""

    def _new(self, *paths: KeyPath) -> str:
        """The reason for the first value that is not the run's own, nor absent; empty if none."""
        given = (path for path in paths if self.values.get(path) is not None)
        return next(filter(None, map(self._changed, given)), "")

    def _only_the_run_has(self, path: KeyPath) -> bool:
        """Whether a schedule is neither in the file nor among the values given now."""
        value = self.values.get(path)
        new = ".".join(path) in self.reasons or self._is_given(path)
        return value is not None and not new and self.in_file.get(path) != value

    def _end(self, path: KeyPath, reason: str) -> None:
        """Ends a schedule that only the run has, if there is a reason."""
        if reason and self._only_the_run_has(path):
            for part in _with_arguments(path):
                self._set(part, _NO_ARGUMENTS.get(part), f"ended: {reason}")


def _of_team(path: KeyPath, team: str) -> KeyPath:
    return (path[0], team, *path[1:])


def _with_arguments(path: KeyPath) -> list[KeyPath]:
    kind = path[-1] == "lr_schedule_type"
    return [path, (*path[:-1], "lr_schedule_kwargs")] if kind else [path]


def _stays_inside(path: KeyPath, value: Any) -> bool:
    """Whether a place is below the working directory, or none."""
    if value is None:
        return True
    place = str(value).removeprefix("sqlite:///")
    folder = PurePath(place)
    is_address = path == ("ray", "address") or "://" in place
    return not is_address and not folder.is_absolute() and ".." not in folder.parts


def _is_never_kept(path: KeyPath) -> bool:
    return any(path[: len(group)] == group for group in _NEVER_KEPT)
