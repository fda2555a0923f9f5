"""export: one policy of a checkpoint as a file that other programs run without this project."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from trainer.checkpoints import manifest
from trainer.checkpoints.errors import CheckpointError
from trainer.checkpoints.safe_io.did_you_mean import did_you_mean
from trainer.commands.checkpoint_tools.json_output import print_json
from trainer.commands.checkpoint_tools.open_manager import SELECTORS, open_manager
from trainer.errors import UsageError

HELP = "write a policy as a torch.export program or as ONNX"
SUFFIXES = {"pt2": ".pt2", "onnx": ".onnx"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the checkpoint, the policy, the format and the file."""
    parser.add_argument("selector", metavar="CHECKPOINT", help=SELECTORS)
    parser.add_argument("--policy", required=True, metavar="ID", help="for example seeker_policy")
    parser.add_argument("--format", choices=SUFFIXES, default="pt2", help="(%(default)s)")
    parser.add_argument("--out", metavar="FILE", help="(CHECKPOINT_POLICY.pt2 or .onnx)")


def run(args: argparse.Namespace) -> int:
    """Verifies the checkpoint, exports the policy and prints the path; returns the exit code."""
    folder = open_manager(args.checkpoint_dir).open(args.selector)
    policies = manifest.verify(folder).policies
    if args.policy not in policies:
        meant = did_you_mean(args.policy, policies)
        raise UsageError(f"{folder.name} has no policy {args.policy!r}{meant}")
    out = Path(args.out or f"{folder.name}_{args.policy}{SUFFIXES[args.format]}").expanduser()
    if os.path.lexists(out):
        raise UsageError(f"{out} exists, and nothing is overwritten; give another --out")
    if not out.parent.is_dir():
        raise UsageError(f"no such folder: {out.parent}; make it first, or give another --out")
    try:
        from trainer.ppo.export import export_policy  # torch: only here

        written = export_policy(folder, args.policy, out, args.format)
    except OSError as error:
        raise CheckpointError(f"cannot write {out}: {error.strerror or error}") from error
    except (ValueError, RuntimeError, ImportError) as error:
        raise CheckpointError(str(error)) from error
    if args.json:
        print_json({"path": str(written), "format": args.format, "policy": args.policy})
    else:
        print(f"wrote {written}")
    return 0
