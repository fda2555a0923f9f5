"""Ships the policies of a checkpoint with the project: `demo_model.py --shipped` plays them.

python -m trainer.commands.demo.ship ./checkpoints_Q/checkpoint_000300

They replace the earlier ones in `trainer/shipped`. What is shipped is a checkpoint without what
only a resume needs: it can be played and be the source of a warm start. It says nothing of the
machine that it was trained on.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from trainer.checkpoints import atomic, layout, manifest, metadata
from trainer.checkpoints.safe_io import safe_yaml
from trainer.commands.command_parser import CommandParser, add_debug
from trainer.commands.players.shelf import Shelf
from trainer.commands.run_command import run_command
from trainer.config.initialization import InitializationGroup
from trainer.config.run_groups import TrackingGroup
from trainer.config.schema import Config
from trainer.config.types import TEAMS
from trainer.errors import UsageError
from trainer.project import DEFAULT_CHECKPOINT_DIR, SHIPPED, is_checkout
from trainer.reporting.formatting import size
from trainer.run.saved_run import SavedRun
from trainer.shown_commands import shown_path

LIMIT = 1_000_000  # bytes of all files together: they are in every clone and every wheel
_TOLD = (
    *("timestamp", "git_commit", "versions", "engine", "critic", "level"),
    *("tags", "warnings", "best_by"),
)
"""Of the metadata, besides numbers: what names neither a place nor a run."""


def ship(checkpoint: Path, target: Path = SHIPPED) -> Path:
    """Replaces the shipped policies by those of a checkpoint; after an error nothing has changed.

    Args:
        checkpoint: a checkpoint folder.
        target: the folder that will hold nothing but it.

    Returns:
        The new checkpoint in `target`.

    Raises:
        CheckpointCorrupted: a file differs from the manifest.
        NoUsableCheckpoint, IncompatibleCheckpoint, ConfigError: this game cannot be played with it.
        UsageError: it is too large.
    """
    from trainer.commands.demo.lineup import make_lineup  # torch: only here

    saved = SavedRun.open(checkpoint)
    make_lineup(Shelf(str(saved.path.parent)), saved.path, {})  # refuses what cannot be played
    staged = atomic.temporary_sibling(target)
    try:
        _write(saved, staged / layout.checkpoint_name(saved.iteration))
        if target.exists():
            shutil.rmtree(target)
        staged.rename(target)
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    return target / layout.checkpoint_name(saved.iteration)


def _write(saved: SavedRun, folder: Path) -> None:
    """Writes the shipped form of a checkpoint."""
    for team in TEAMS:
        policy = Path(layout.POLICIES, f"{team}_policy")
        (folder / policy).mkdir(parents=True)
        for name in layout.POLICY_FILES:
            shutil.copyfile(saved.path / policy / name, folder / policy / name)
    config = safe_yaml.dump(without_places(saved.config).to_dict())
    (folder / layout.CONFIG).write_text(config, encoding="utf-8")
    about = metadata.encode(without_origin(saved.metadata, folder.name))
    (folder / layout.METADATA).write_text(about, encoding="utf-8")
    manifest.write(folder)
    manifest.verify(folder)
    found = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    if found > LIMIT:
        raise UsageError(
            f"{saved.path} takes {size(found)} without what a resume needs, and at most "
            f"{size(LIMIT)} are shipped; train smaller networks (ppo.hiddens)"
        )


def without_places(config: Config) -> Config:
    """A configuration without folders, addresses and names of its machine."""
    ppo = config.ppo.model_copy(update={"checkpoint_dir": DEFAULT_CHECKPOINT_DIR})
    ray = config.ray.model_copy(update={"address": None})
    own = {"tracking": TrackingGroup(), "initialization": InitializationGroup()}
    return config.model_copy(update={"ppo": ppo, "ray": ray, **own})


def without_origin(values: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The metadata of a checkpoint without its run, its parents and their places.

    Args:
        values: as they were saved.
        name: of the new checkpoint folder.
    """
    kept = {k: v for k, v in values.items() if k in _TOLD or metadata.is_number(v)}
    return dict.fromkeys(metadata.KEYS) | kept | {"checkpoint_path": name}


def build_parser() -> argparse.ArgumentParser:
    parser = CommandParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("selector", metavar="CHECKPOINT", help="a selector, for example a path")
    parser.add_argument("--checkpoint-dir", metavar="DIR", help="folder of the checkpoints")
    add_debug(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """The program: ships what the command line names and returns the exit code."""
    return run_command(_run, argv)


def _run(argv: Sequence[str]) -> int:
    args = build_parser().parse_args(argv)
    if not is_checkout():
        raise UsageError("policies are shipped from a checkout, not from an installed package")
    shipped = ship(Shelf(args.checkpoint_dir).find(args.selector), SHIPPED)
    total = manifest.verify(shipped).size_bytes
    print(f"shipped: {shown_path(shipped)}, {size(total)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
