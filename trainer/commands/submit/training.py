"""The arguments of a job's training, checked before they travel."""

from __future__ import annotations

import argparse
import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from trainer.checkpoints.open_store import open_store
from trainer.checkpoints.safe_io.redaction import has_credentials, redacted
from trainer.checkpoints.selectors import KEYWORDS
from trainer.commands.players.names import SHIPPED_WORD
from trainer.commands.submit.package import Package
from trainer.commands.train.configuration import given
from trainer.commands.train.main import build_parser
from trainer.commands.train.start import AUTO
from trainer.config.run_groups import SessionsGroup
from trainer.config.schema import ConfigGroups
from trainer.errors import UsageError
from trainer.project import profiles
from trainer.shown_commands import RESTORE_VARIABLE, WORKERS_VARIABLE

_VARIABLES = (RESTORE_VARIABLE, WORKERS_VARIABLE)  # that options are read from as well
_NONE_SHIPPED = (
    "no checkpoints are shipped with it; put them into object storage and give the URL, or give "
    "the absolute path that the head sees"
)


@dataclass(frozen=True)
class Job:
    """Where a training will run.

    Attributes:
        folder: working directory of the job: what is shipped, or None if nothing is.
        package: its files; None if nothing is shipped.
        variables: the environment of the job.
        shares_files: whether the head may see the files of this machine.
    """

    folder: Path
    package: Package | None
    variables: Mapping[str, str]
    shares_files: bool


def check_training(words: Sequence[str], job: Job) -> list[str]:
    """Checks `words` as `main.py` will do in the job; returns warnings. Nothing is written.

    Raises:
        SystemExit: an option is wrong; the message has been printed.
        UsageError, ConfigError: a value is wrong, or cannot work on the cluster.
    """
    program = [word for word in words[:1] if word.startswith("python")]
    script = [word for word in words[len(program) :][:1] if PurePath(word).suffix == ".py"]
    if program or script:
        raise UsageError(
            "after -- stand the options of main.py alone: leave out "
            + " and ".join([*program, *script])
        )
    restored = f"{RESTORE_VARIABLE}={job.variables.get(RESTORE_VARIABLE, '')}"
    for word in (*words, restored):
        if has_credentials(word):
            raise UsageError(
                f"{redacted(word)}: Ray shows the command and the environment of a job to "
                "everybody; give credentials to the pods or nodes, or, hidden at least here, by "
                "--env AWS_ACCESS_KEY_ID --env AWS_SECRET_ACCESS_KEY"
            )
    parser = build_parser()
    parser.prog = "main.py"  # whose options they are
    args = parser.parse_args(words)
    here = {name for name in _VARIABLES if os.environ.get(name)}
    left = [
        f"{name} of this shell does not travel with the job; --env {name} gives it to it"
        for name in sorted(here - {*job.variables})
    ]
    with _as_in(job):
        _check_config_file(args, job)
        asked = given(args)
        starts_anew = args.fresh or not _named_checkpoint(args, job)
        groups = asked.config() if starts_anew else asked.groups()
        place = _place(args, groups, job)
        return [
            *left,
            *_about_the_start(args, groups, place, job),
            *_about_the_folder(place, job),
            *_about_the_sessions(groups.tracking.sessions, job),
        ]


@contextlib.contextmanager
def _as_in(job: Job) -> Iterator[None]:
    """The working directory and the environment of the job, as far as its options read them."""
    before = {name: os.environ.pop(name) for name in _VARIABLES if name in os.environ}
    os.environ.update({name: job.variables[name] for name in _VARIABLES if name in job.variables})
    try:
        with contextlib.chdir(job.folder):
            yield
    finally:
        for name in _VARIABLES:
            os.environ.pop(name, None)
        os.environ.update(before)


def _check_config_file(args: argparse.Namespace, job: Job) -> None:
    if args.config is None or job.package is None:
        return
    path = Path(args.config)
    if args.config in profiles() and not path.is_file():
        return
    if path.is_file() and not job.package.holds(path):
        raise UsageError(
            f"--config {args.config}: the file is not among those that are shipped; it has to lie "
            "in --working-dir, and not in a folder that is left out"
        )


def _about_the_folder(place: str, job: Job) -> list[str]:
    """A warning if checkpoints would be lost with the job's copy of the code."""
    _check_place("ppo.checkpoint_dir", place)
    return _lost(f"checkpoints in {place}", place, "--checkpoint-dir", job)


def _about_the_sessions(settings: SessionsGroup, job: Job) -> list[str]:
    """The same of session records, whose URL the configuration has checked."""
    if settings.every is None:
        return []
    what = f"session records in {settings.uri}"
    return _lost(what, settings.uri, "tracking.sessions.uri", job)


def _lost(what: str, place: str, option: str, job: Job) -> list[str]:
    if not _is_in_the_copy(place, job):
        return []
    return [
        f"{what} lie in the job's own copy of the project, which Ray may delete "
        f"after the job: give {option} an s3:// or gs:// URL, or the path of a volume that stays"
    ]


def _about_the_start(
    args: argparse.Namespace, groups: ConfigGroups, place: str, job: Job
) -> list[str]:
    """What is wrong with the checkpoint that the job is to begin with."""
    found = []
    for source, selector in _checkpoints(args, groups, job).items():
        text = selector.strip()
        if "://" in text:
            _check_place(source, text)
            continue
        if not text or text in (AUTO, SHIPPED_WORD):
            continue
        path = Path(text).expanduser()
        # Also a name that was given to a checkpoint; all these are looked for in the run's folder.
        if (
            text in KEYWORDS
            or text.isdecimal()
            or (not path.is_absolute() and len(path.parts) == 1)
        ):
            home = groups.ppo.checkpoint_dir if source == "--warmstart" else place
            if _is_in_the_copy(home, job) and not _shipped(Path(home), job):
                raise UsageError(
                    f"{source} = {text} is looked for in {home}, which means the job's copy of the "
                    f"project, and {_NONE_SHIPPED}"
                )
            continue
        if path.is_absolute():
            if not (job.shares_files and path.exists()):
                found.append(
                    f"{source} = {text} has to exist on the node that runs the job: the head sees "
                    "no files of this machine; object storage (s3://...) is seen from everywhere"
                )
        elif job.package is not None and not _shipped(path, job):
            raise UsageError(
                f"{source} = {text}: a relative path means the job's copy of the project, and "
                f"{_NONE_SHIPPED}"
            )
    return found


def _is_in_the_copy(place: str, job: Job) -> bool:
    return "://" not in place and not Path(place).is_absolute() and job.package is not None


def _shipped(path: Path, job: Job) -> bool:
    inside = os.path.normpath(path) + "/"
    return job.package is not None and any(name.startswith(inside) for name in job.package.files)


def _check_place(source: str, text: str) -> None:
    try:
        open_store(text)
    except ValueError as error:
        raise UsageError(f"{source}: {error}") from None


def _named_checkpoint(args: argparse.Namespace, job: Job) -> bool:
    """Whether the run may begin with a checkpoint, whose values this machine does not know."""
    typed = (args.checkpoint, args.resume, args.continue_run_id)
    return any(typed) or bool(job.variables.get(RESTORE_VARIABLE, "").strip())


def _place(args: argparse.Namespace, groups: ConfigGroups, job: Job) -> str:
    """Where the run saves: unless it is told, beside a checkpoint that it goes on from."""
    if args.checkpoint_dir:
        return str(args.checkpoint_dir)
    named = _checkpoints(args, groups, job)
    urls = [text for key, text in named.items() if "://" in text and key != "--warmstart"]
    return urls[0] if urls and args.resume != AUTO else str(groups.ppo.checkpoint_dir)


def _checkpoints(args: argparse.Namespace, groups: ConfigGroups, job: Job) -> dict[str, str]:
    """What the run is to begin with, by where that is said."""
    typed = {"the checkpoint": args.checkpoint, "--resume": args.resume}
    typed["--warmstart"] = args.warmstart
    found = {source: str(text) for source, text in typed.items() if text}
    variable = job.variables.get(RESTORE_VARIABLE, "")
    if variable and (not found or args.resume == AUTO) and not args.fresh:
        found[f"--env {RESTORE_VARIABLE}"] = variable
    elif not found and groups.initialization.mode == "resume":
        found["initialization.resume.checkpoint"] = groups.initialization.resume.checkpoint
    return found
