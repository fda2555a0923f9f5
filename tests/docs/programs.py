"""The programs whose commands the documents show: their parsers and their options."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from tests.docs.documents import ROOT

OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]+")


def _main(argv: Sequence[str]) -> Any:
    from trainer.commands.train.main import build_parser

    return build_parser().parse_args(argv)


def _continue(argv: Sequence[str]) -> Any:
    from trainer.commands.train.continue_training import build_parser

    return build_parser().parse_args(argv)


def _demo(argv: Sequence[str]) -> Any:
    from trainer.commands.demo.main import build_parser

    return build_parser().parse_args(argv)


def _list(argv: Sequence[str]) -> Any:
    from trainer.commands.checkpoint_tools import list_checkpoints

    return list_checkpoints.parse_args(argv)


def _tools(argv: Sequence[str]) -> Any:
    from trainer.commands.checkpoint_tools.main import parse_args

    return _list(argv[1:]) if argv[:1] == ["list"] else parse_args(argv)


def _evaluate(argv: Sequence[str]) -> Any:
    from trainer.commands.evaluate.main import parse_args

    return parse_args(argv)


def _ship(argv: Sequence[str]) -> Any:
    from trainer.commands.demo.ship import build_parser

    return build_parser().parse_args(argv)


def _figure(argv: Sequence[str]) -> Any:
    from trainer.commands.schedule_figure import build_parser

    return build_parser().parse_args(argv)


def _sweep(argv: Sequence[str]) -> Any:
    from trainer.commands.sweep.main import build_parser

    return build_parser().parse_args(argv)


def _submit(argv: Sequence[str]) -> Any:
    from trainer.commands.submit.main import parse_args

    given = parse_args(argv)
    return _main(given.training) if given.form == "submit" else given


def _sessions(argv: Sequence[str]) -> Any:
    from trainer.commands.sessions.main import parse_args

    return parse_args(argv)


PROGRAMS: dict[str, Callable[[Sequence[str]], Any]] = {
    "main.py": _main,
    "continue_training.py": _continue,
    "demo_model.py": _demo,
    "list_checkpoints.py": _list,
    "-m trainer.checkpoints": _tools,
    "-m trainer.evaluate": _evaluate,
    "-m trainer.sweep": _sweep,
    "-m trainer.submit": _submit,
    "-m trainer.sessions": _sessions,
    "-m trainer.commands.schedule_figure": _figure,
    "-m trainer.commands.demo.ship": _ship,
}


@cache
def options() -> set[str]:
    """Every option of every program, from the help of each."""
    found = set()
    for program in PROGRAMS:
        names = [""]
        if program == "-m trainer.checkpoints":
            from trainer.commands.checkpoint_tools.main import COMMANDS

            names += COMMANDS
        if program == "-m trainer.evaluate":
            names.append("exploit")
        if program == "-m trainer.submit":
            names += ["status", "logs", "stop", "list"]
        if program == "-m trainer.sessions":
            names += ["list", "show", "stats"]
        for name in names:
            found |= set(OPTION.findall(help_of(program, name)))
    for path in (ROOT / "benchmarks").rglob("*.py"):
        found |= set(re.findall(r'"(--[a-z-]+)"', path.read_text(encoding="utf-8")))
    return found


def help_of(program: str, command: str) -> str:
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
        PROGRAMS[program]([*([command] if command else []), "--help"])
    return out.getvalue()
