"""The parser of every command line; for an unknown option it suggests the one that was meant.

Standard library only: --help is instant.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from shlex import quote
from typing import Any, NoReturn

from trainer.checkpoints.safe_io.did_you_mean import did_you_mean, nearest
from trainer.checkpoints.safe_io.safe_json import shown_line
from trainer.config import synonyms
from trainer.errors import EXIT_USAGE
from trainer.project import profiles
from trainer.shown_commands import script_command, with_installed_names

_ALIKE = 0.75  # from here on an option counts as misspelled
_LEAST_PREFIX = 3


def add_overrides(
    parser: argparse._ActionsContainer, meaning: str, metavar: str = "KEY=VALUE"
) -> None:
    """Adds `--set KEY=VALUE`, any number of times; they come as `overrides`."""
    parser.add_argument(
        "--set",
        dest="overrides",
        action="append",
        default=[],
        metavar=metavar,
        help=f"{meaning}; may be repeated",
    )


def add_config(parser: argparse._ActionsContainer) -> None:
    """Adds `--config FILE`, which also takes the name of a profile."""
    parser.add_argument(
        "--config",
        metavar="FILE",
        help="configuration: a file, or a profile that comes with the project: "
        f"{', '.join(profiles())} (default: config.yaml)",
    )


def add_debug(parser: argparse._ActionsContainer) -> None:
    """Adds `--debug`, which `run_command` heeds."""
    parser.add_argument("--debug", action="store_true", help="show a traceback on errors")


class CommandParser(argparse.ArgumentParser):
    """A parser that takes options only in full and suggests one for a misspelled or foreign one.

    Errors are one line and exit code 2.
    """

    def __init__(self, *args: Any, trains: bool = False, **kwargs: Any) -> None:
        """As `argparse.ArgumentParser`.

        Args:
            args, kwargs: see there.
            trains: whether the script trains, and so takes the options that configure a training.
        """
        super().__init__(*args, **{"allow_abbrev": False, **kwargs})
        self.trains = trains

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """As in argparse, but an unknown option is an error that suggests what to type."""
        words = list(sys.argv[1:] if args is None else args)
        if not any(isinstance(action, argparse._SubParsersAction) for action in self._actions):
            strange = self._strange_options(words)
            if strange and not {"-h", "--help"} & set(words):
                self.error(self._answer(strange))
        return super().parse_known_args(words, namespace)

    def format_help(self) -> str:
        """As in argparse, with the commands of an installed package."""
        return with_installed_names(super().format_help())

    def error(self, message: str) -> NoReturn:
        """Prints one line and exits with EXIT_USAGE."""
        self.exit(EXIT_USAGE, f"error: {shown_line(with_installed_names(message))}\n")

    def values_of(self, word: str) -> int | None:
        """How many words behind an option are its value, 0 or 1; None: it is no option of this."""
        option, equals, _ = word.partition("=")
        action = self._option_string_actions.get(option)
        return None if action is None else int(action.nargs != 0 and not equals)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """As in argparse, but the error of a mistyped choice suggests the one that was meant."""
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as error:
            error.message += did_you_mean(str(value), action.choices or (), otherwise="")
            raise

    def _strange_options(self, words: Sequence[str]) -> list[tuple[str, str | None]]:
        """The unknown options, each with its value if it has one."""
        known = self._option_string_actions
        found: list[tuple[str, str | None]] = []
        for place, word in enumerate(words):
            if word == "--":
                break
            option, equals, value = word.partition("=")
            short = not word.startswith("--")
            if option in known or not _is_option(word) or (short and word[:2] in known):
                continue
            after = words[place + 1] if place + 1 < len(words) else "--"
            given = value if equals else None if _is_option(after) else after
            found.append((option, given))
        return found

    def _answer(self, strange: Sequence[tuple[str, str | None]]) -> str:
        """One line with the options to type instead."""
        lines: list[str] = []
        remarks: list[str] = []
        schedules: dict[str, synonyms.Values] = {}
        for option, value in strange:
            own = None if self.trains and _is_term(option) else self._misspelled(option)
            if own is not None:
                lines.append(" ".join(filter(None, [own, self._value_of(own, value)])))
            elif (text := synonyms.sentence_of(option)) is not None:
                remarks.append(f"{option}: {text}")
            elif (part := synonyms.part_of_schedule(option)) is not None:
                schedules.setdefault(part[0], {})[part[1]] = value or part[1].upper()
            elif (line := self._foreign(option, value)) is not None:
                lines.append(line)
        lines += [f"--set {quote(synonyms.schedule_text(k, v))}" for k, v in schedules.items()]
        names = ", ".join(dict.fromkeys(option for option, _ in strange))
        answer = f"no such option: {names}"
        if lines:
            line = " ".join(dict.fromkeys(lines))
            answer += f"; here it is: {self._with_script(line)}"
        if not lines and not remarks:
            remarks.append(f"{self.prog} --help lists those there are")
        return "; ".join([answer, *dict.fromkeys(remarks)])

    def _foreign(self, option: str, value: str | None) -> str | None:
        """The options that mean here what an option of another trainer means; None if unknown."""
        term = synonyms.normal(option)
        if term in ("init_mode", "training_mode", "start_mode"):
            kind = (value or "").replace("_", "").replace("-", "").lower()
            ways = {"resume": "--resume latest", "continue": "--resume latest"}
            return ways.get(kind, "--warmstart SEL" if "warm" in kind else "--fresh")
        key = _key_of(option)
        if key is None:
            return None
        own = synonyms.OPTIONS.get(key)
        placeholder = key.rpartition(".")[2].upper()
        shown = placeholder if value is None else value
        return f"{own} {quote(shown)}" if own else f"--set {quote(f'{key}={shown}')}"

    def _with_script(self, line: str) -> str:
        """The options, behind the name of another script where this one does not take them."""
        takes = all(
            word in self._option_string_actions
            for word in line.split()
            if word.startswith("--") and word != "--set"
        )
        asks_training = "--set" in line.split() and not self.trains
        return line if takes and not asks_training else f"{self.training_command()} {line}"

    def training_command(self) -> str:
        """What stands before options that this script does not take, for they configure a run."""
        return script_command("main.py", [])

    def _value_of(self, own: str, value: str | None) -> str:
        """The value given to a misspelled option, if the right one takes a value."""
        if self._option_string_actions[own].nargs == 0:
            return ""
        return quote("VALUE" if value is None else value)

    def _misspelled(self, option: str) -> str | None:
        """The option of this script that is most like a misspelled one, if any is."""
        options = {
            name.removeprefix("--"): name
            for name in self._option_string_actions
            if name.startswith("--")
        }
        word = synonyms.normal(option).replace("_", "-")
        longer = [name for name in options if name.startswith(word)]
        if longer and len(word) >= _LEAST_PREFIX:
            return options[min(longer, key=len)]
        near = nearest(word, options, _ALIKE)
        return None if near is None else options[near]


def _is_option(word: str) -> bool:
    """Whether a word is an option and no value: -5 is a number, - is standard input."""
    return len(word) > 1 and word[0] == "-" and not word[1].isdigit() and word[1] != "."


def _is_term(option: str) -> bool:
    """Whether an option names a setting, of this trainer or another."""
    known = (_key_of, synonyms.sentence_of, synonyms.part_of_schedule)
    return any(look_up(option) is not None for look_up in known)


def _key_of(option: str) -> str | None:
    """The key of the configuration that an option stands for: a field's term or a key's own name.

    Also in full, as in `--ppo.lr`.
    """
    if (key := synonyms.key_of(option)) is not None:
        return key
    from trainer.config.schema import known_keys  # late: only a mistake costs this time

    name = synonyms.normal(option)
    return next((key for key in known_keys() if name in (key, key.rpartition(".")[2])), None)
