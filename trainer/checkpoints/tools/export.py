"""export: one policy of a checkpoint as a file that other programs run without this project."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from trainer.checkpoints import manifest, selectors
from trainer.checkpoints.errors import CheckpointError
from trainer.checkpoints.tools import outside, screen

HELP = "write a policy as a torch.export program or as ONNX"
SUFFIXES = {"pt2": ".pt2", "onnx": ".onnx"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The checkpoint, the policy, and where it goes."""
    parser.add_argument(
        "selector", metavar="CHECKPOINT", help="latest, best, an iteration, a name, a path"
    )
    parser.add_argument("--policy", required=True, metavar="ID", help="for example seeker_policy")
    parser.add_argument("--format", choices=SUFFIXES, default="pt2", help="(%(default)s)")
    parser.add_argument("--out", metavar="FILE", help="(CHECKPOINT_POLICY.pt2 or .onnx)")


def run(args: argparse.Namespace) -> int:
    """Verify the checkpoint, export, and print the path."""
    folder = screen.manager_of(args).resolve(args.selector)
    policies = manifest.verify(folder).policies
    if args.policy not in policies:
        meant = selectors.hint(args.policy, list(policies))
        raise screen.Misuse(f"{folder.name} has no policy {args.policy!r}{meant}")
    out = Path(args.out or f"{folder.name}_{args.policy}{SUFFIXES[args.format]}").expanduser()
    if os.path.lexists(out):
        raise screen.Misuse(f"{out} exists, and nothing is overwritten; give another --out")
    if not out.parent.is_dir():
        raise screen.Misuse(f"no such folder: {out.parent}; make it first, or give another --out")
    try:
        written = outside.exporter()(folder, args.policy, out, args.format)
    except (ValueError, RuntimeError, ImportError) as error:
        raise CheckpointError(str(error)) from error
    if args.json:
        screen.print_json({"path": str(written), "format": args.format, "policy": args.policy})
    else:
        print(f"wrote {written}")
    return screen.EXIT_OK
