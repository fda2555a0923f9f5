"""Measures the speed, memory and cost of saving of this trainer against others and against itself.

    make bench                                  everything: about 35 minutes on two free cores
    make bench ARGS=--quick                     the main ratios, within 5 minutes
    make bench ARGS="--only training game"      some sections
    python -m benchmarks.bench --only tag       the same without make

Contenders run in processes of their own and in turn, round after round, so that a machine whose
speed drifts treats them alike: read the ratios, not the single numbers. Leave the machine alone
meanwhile. Tables go to the console, every single value to a JSON file in benchmarks/results/.
Ctrl-C ends it and keeps what was measured.
"""

from __future__ import annotations

import argparse
import json
import shlex
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from benchmarks.machine import circumstances, in_words
from benchmarks.progress import clear, say
from benchmarks.sections import (
    cluster,
    evaluation,
    game,
    growth,
    run,
    saving,
    startup,
    tag,
    training,
)
from benchmarks.session import Session
from trainer.project import PROJECT_ROOT
from trainer.shown_commands import shown_path

QUICK = ("training", "game")
RESULTS = PROJECT_ROOT / "benchmarks" / "results"


class Section(Protocol):
    """A module of `benchmarks.sections`; the first line of its text says what it measures."""

    __doc__: str | None

    def measure(self, results: dict[str, Any], session: Session) -> None:
        """Fills results as they come, so that they are there whenever this ends."""

    def report(self, results: dict[str, Any]) -> str:
        """The tables, of whatever results there are."""


SECTIONS: dict[str, Section] = {
    "training": training,
    "game": game,
    "tag": tag,
    "growth": growth,
    "cluster": cluster,
    "startup": startup,
    "saving": saving,
    "evaluation": evaluation,
    "run": run,
}


def build_parser() -> argparse.ArgumentParser:
    about = "\n".join(f"  {name:<10}{section.__doc__}" for name, section in SECTIONS.items())
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.bench",
        description=f"{__doc__}\nSections:\n{about}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--only", nargs="+", choices=SECTIONS, metavar="SECTION", help="measure these sections"
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help=f"few and short rounds; without --only: {' and '.join(QUICK)}",
    )
    return parser


def measure_all(document: dict[str, Any], names: Sequence[str], session: Session) -> int:
    """Measures the sections one after the other and prints their tables; the exit code."""
    code = 0
    for name in names:
        say(f"{name}: {SECTIONS[name].__doc__}", stays=True)
        results: dict[str, Any] = document["sections"].setdefault(name, {})
        started = time.monotonic()
        try:
            SECTIONS[name].measure(results, session)
        except KeyboardInterrupt:
            code = 130
        results["took_s"] = round(time.monotonic() - started, 1)
        clear()
        try:
            print(f"\n{SECTIONS[name].report(results)}", flush=True)
        except KeyError:
            if not code:
                raise
            print(f"\n{name}: interrupted before there was anything to show", flush=True)
        if code:
            break
    return code or int(any_failed(document["sections"]))


def any_failed(sections: dict[str, Any]) -> bool:
    """Whether a contender has failed in some round."""
    return any(
        run is None
        for results in sections.values()
        for answers in results.get("runs", {}).values()
        for run in answers
    )


def interrupt(number: int, frame: Any) -> None:
    """Other requests to stop end it as Ctrl-C does."""
    raise KeyboardInterrupt


def main(argv: Sequence[str] | None = None) -> int:
    args = build_parser().parse_args(argv)
    names = args.only or (QUICK if args.quick else list(SECTIONS))
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    when = datetime.now()
    place = circumstances(when)
    print(in_words(place))
    stem = RESULTS / f"{when:%Y%m%d-%H%M%S}"
    RESULTS.mkdir(exist_ok=True)
    arguments = sys.argv[1:] if argv is None else argv
    document: dict[str, Any] = {
        **place,
        "command": shlex.join(["python", "-m", "benchmarks.bench", *arguments]),
        "complete": False,
        "sections": {},
    }
    code = 1
    try:
        with ExitStack() as cleanup:
            code = measure_all(document, names, Session(args.quick, stem, cleanup))
        document["complete"] = code == 0
    finally:
        write(stem.with_suffix(".json"), document)
    if code == 130:
        print("stopped; the tables show what was measured until then")
    elif code:
        print("a contender has failed (see above): its rounds are missing")
    return code


def write(path: Path, document: dict[str, Any]) -> None:
    path.write_text(json.dumps(document, indent=2) + "\n")
    print(f"\nevery value: {shown_path(path)}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
